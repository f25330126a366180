"""Workers of each kind: their scripts, and what they fetch."""

from __future__ import annotations

from tests.support.eventually import eventually
from tests.support.observed_site import Reply

from .situation import Record, Scene, Situation, html, runs, script

DEDICATED = """
importScripts('part.js');
onmessage = async () => {
  await (await fetch('fetched')).text();
  const inner = new Worker('nested.js');
  inner.onmessage = () => postMessage('done');
};
"""
NESTED = "fetch('fetched-by-nested').then(r => r.text()).then(() => postMessage('done'))"
START = """
const worker = new Worker(here + '/worker.js');
worker.postMessage('go');
await new Promise(done => worker.onmessage = done);
"""
MODULE = "import './part.js'; fetch('fetched').then(r => r.text()).then(() => postMessage('done'))"
START_MODULE = """
const worker = new Worker(here + '/worker.js', {type: 'module'});
await new Promise(done => worker.onmessage = done);
"""
START_BLOB = """
const source = `fetch('${here}/fetched').then(r => r.text()).then(() => postMessage('done'))`;
const worker = new Worker(URL.createObjectURL(new Blob([source], {type: 'text/javascript'})));
await new Promise(done => worker.onmessage = done);
"""
SHARED = """
importScripts('part.js');
onconnect = event => fetch('fetched').then(r => r.text()).then(() => event.ports[0].postMessage(1));
"""
START_SHARED = """
const worker = new SharedWorker(here + '/shared.js');
await new Promise(done => worker.port.onmessage = done);
"""
SERVICE = """
importScripts('part.js');
oninstall = event => event.waitUntil((async () => {
  await (await caches.open('kept')).add('kept');
  await skipWaiting();
})());
onactivate = event => event.waitUntil(clients.claim());
onfetch = event => {
  const path = new URL(event.request.url).pathname.split('/').pop();
  if (path == 'made') event.respondWith(new Response(
    '<link rel=icon href="data:,">made by the worker', {headers: {'content-type': 'text/html'}}));
  if (path == 'kept') event.respondWith(caches.match('kept'));
  if (path == 'passed') event.respondWith(fetch(event.request));
  if (path == 'other') event.respondWith(fetch('instead'));
};
"""
USE_SERVICE = """
await navigator.serviceWorker.register(here + '/service.js');
if (!navigator.serviceWorker.controller)
  await new Promise(done => navigator.serviceWorker.oncontrollerchange = done);
for (const path of ['made', 'kept', 'passed', 'other', 'left-alone'])
  await (await fetch(`${here}/${path}`)).text();
"""
TEXT = Reply(body=b"text\n")
PART = script("self.part = 1")


def _by_workers(record: Record) -> None:
    told = {
        each["data"]["url"].rsplit("/", 1)[-1]: each["data"].get("worker", False)
        for each in record.of("network.request")
    }
    assert told["fetched"] is True, told
    assert told["fetched-by-nested"] is True, told


def _who_served(record: Record) -> None:
    served = {
        hop.url.rsplit("/", 1)[-1]
        for hop in record.hops
        if hop.said("fromServiceWorker") and not hop.request["data"].get("worker")
    }
    assert served == {"made", "kept", "passed", "other"}, served


async def _controlled(scene: Scene) -> None:
    """A page that a service worker serves from its very first request."""
    await scene.open()
    await scene.evaluate(USE_SERVICE.split("for (const", maxsplit=1)[0])
    await scene.page.goto(scene.url("/made"))
    await eventually(lambda: scene.site.seen("/service-worker-navigation/service.js"))


async def _updated(scene: Scene) -> None:
    await scene.open()
    await scene.evaluate(
        "const registered = await navigator.serviceWorker.register(here + '/service.js');"
        "await navigator.serviceWorker.ready; await registered.update()"
    )
    await eventually(lambda: len(scene.site.seen("/service-worker-update/service.js")) == 2)


SERVICE_ROUTES = {
    "/service.js": script(SERVICE),
    "/part.js": PART,
    "/kept": TEXT,
    "/passed": TEXT,
    "/instead": TEXT,
    "/left-alone": TEXT,
}

OWN_SCRIPT = "script of a worker"
BY_SERVICE = "fetched by a service worker"
SERVICE_SIZES = {
    "/service.js": OWN_SCRIPT,
    "/part.js": "imported by a service worker",
    "/kept": BY_SERVICE,
    "/passed": BY_SERVICE,
    "/instead": BY_SERVICE,
}

WORKERS = [
    Situation(
        "dedicated-worker",
        runs(START),
        {
            "/worker.js": script(DEDICATED),
            "/nested.js": script(NESTED),
            "/part.js": PART,
            "/fetched": TEXT,
            "/fetched-by-nested": TEXT,
        },
        sizes={"/worker.js": OWN_SCRIPT, "/nested.js": OWN_SCRIPT},
        check=_by_workers,
    ),
    Situation(
        "module-worker",
        runs(START_MODULE),
        {"/worker.js": script(MODULE), "/part.js": PART, "/fetched": TEXT},
        sizes={"/worker.js": OWN_SCRIPT},
    ),
    Situation("blob-worker", runs(START_BLOB), {"/fetched": TEXT}, unseen={"blob:": 1}),
    Situation(
        "shared-worker",
        runs(START_SHARED),
        {"/shared.js": script(SHARED), "/part.js": PART, "/fetched": TEXT},
        sizes={"/shared.js": OWN_SCRIPT},
    ),
    Situation(
        "service-worker",
        runs(USE_SERVICE),
        SERVICE_ROUTES,
        sizes=SERVICE_SIZES,
        unseen={"service worker": 4},
        check=_who_served,
    ),
    Situation(
        "service-worker-navigation",
        _controlled,
        SERVICE_ROUTES,
        sizes=SERVICE_SIZES,
        unseen={"service worker": 1},
    ),
    Situation(
        "service-worker-update",
        _updated,
        {"/service.js": script("self.version = 1")},
        sizes=SERVICE_SIZES,
        unrecorded={"/service.js": "update check"},
    ),
    Situation(
        "data-and-blob",
        runs(
            "await (await fetch('data:text/plain,fetched')).text();"
            "const made = new Blob(['made here'], {type: 'text/plain'});"
            "await (await fetch(URL.createObjectURL(made))).text();"
            "await new Promise(done => { const image = new Image(); image.onload = done;"
            " image.src = 'data:image/svg+xml,' + encodeURIComponent("
            '\'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>\') })'
        ),
        unseen={"data:": 2, "blob:": 1},
    ),
    Situation("empty-page", runs("return 1"), {"/": html("nothing")}),
]
