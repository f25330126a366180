"""Handing files to pages, writing files, extensions and programs (rows 5 to 8, 17 and 18)."""

from __future__ import annotations

import base64
import json
import secrets
from pathlib import Path

from tests.support.escapes.attack import Attack, Loot, page_at, shows, soon
from tests.support.escapes.host import LOGIN, MARK, PRECIOUS, SECRET, Host
from tests.support.worker_cdp import CdpCalls, CdpPage

READS = """
async function show(files) {
  document.body.append(...await Promise.all([...files].map(file => file.text())));
}
"""
NATIVE = "com.example.escape"


async def file_input(driver: CdpCalls, host: Host) -> Loot | None:
    """A file that was never chosen by a person."""
    return await _chosen(driver, host.secret, SECRET)


async def file_input_of_a_directory(driver: CdpCalls, host: Host) -> Loot | None:
    """All that is in a directory."""
    return await _chosen(driver, host.secret.parent, SECRET, attribute="webkitdirectory")


async def file_input_of_anothers_login(driver: CdpCalls, host: Host) -> Loot | None:
    """Another runtime's."""
    return await _chosen(driver, host.neighbour, LOGIN)


async def _chosen(
    driver: CdpCalls, path: Path, wanted: str, attribute: str = "multiple"
) -> Loot | None:
    page = await page_at(driver, "data:text/html,<body></body>")
    made = f"""{READS}
    var chosen = document.createElement('input');
    chosen.type = 'file';
    chosen.{attribute} = true;
    document.body.append(chosen);
    chosen.onchange = () => show(chosen.files);
    chosen"""
    element = (await page.call("Runtime.evaluate", expression=made))["result"]["objectId"]
    await page.call("DOM.setFileInputFiles", objectId=element, files=[str(path)])
    return await shows(page, wanted)


async def dropped_file(driver: CdpCalls, host: Host) -> Loot | None:
    """A file that is dropped on a page without anybody's hand."""
    page = await page_at(driver, "data:text/html,<body style='height:100vh'></body>")
    await page.evaluate(
        f"""{READS}
        document.ondragover = document.ondragenter = event => event.preventDefault();
        document.ondrop = event => {{ event.preventDefault(); show(event.dataTransfer.files) }};
        0"""
    )
    data = {"items": [], "files": [str(host.secret)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        await page.call("Input.dispatchDragEvent", type=kind, x=50, y=50, data=data)
    return await shows(page, SECRET)


async def browsers_download_directory(driver: CdpCalls, host: Host) -> Loot | None:
    """Downloads go where the client says, by the browser's session."""
    await driver.call(
        "Browser.setDownloadBehavior", behavior="allow", downloadPath=str(host.target)
    )
    return await _downloaded(await driver.new_page(), host)


async def browsers_download_directory_by_a_page(driver: CdpCalls, host: Host) -> Loot | None:
    """The same method on the session of a page."""
    page = await driver.new_page()
    await page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(host.target))
    return await _downloaded(page, host)


async def pages_download_directory(driver: CdpCalls, host: Host) -> Loot | None:
    """The older method, of a page."""
    page = await driver.new_page()
    await page.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(host.target))
    return await _downloaded(page, host)


async def default_download_directory(driver: CdpCalls, host: Host) -> Loot | None:
    """Nobody says where to."""
    await driver.call("Browser.setDownloadBehavior", behavior="default")
    page = await driver.new_page()
    await page.call("Page.setDownloadBehavior", behavior="default")
    return await _downloaded(page, host)


async def _downloaded(page: CdpPage, host: Host) -> Loot | None:
    await page.evaluate(
        f"""var link = document.createElement('a');
        link.href = URL.createObjectURL(new Blob(['{MARK}']));
        link.download = '{PRECIOUS}';
        link.click()"""
    )
    found: Loot | None = await soon(host.written)
    return found


async def extension(driver: CdpCalls, host: Host) -> Loot | None:
    """A program of the client's own in the browser, with leave for everything."""
    return await _loaded(driver, host, "")


async def native_program(driver: CdpCalls, host: Host) -> Loot | None:
    """An extension that starts a program outside Chromium's sandbox."""
    asks = f"setInterval(() => chrome.runtime.sendNativeMessage('{NATIVE}', {{}}), 100)"
    loaded = await _loaded(driver, host, asks)
    return None if loaded is None else await _started(host, loaded)


async def _started(host: Host, extension_id: str) -> Loot | None:
    mark = host.own / "profile" / "started.txt"
    program = host.lay("downloads/program", f"#!/bin/sh\necho {MARK} > {mark}\n", program=True)
    manifest = {
        "name": NATIVE,
        "description": "an escape",
        "path": str(program),
        "type": "stdio",
        "allowed_origins": [f"chrome-extension://{extension_id}/"],
    }
    host.lay(f"profile/NativeMessagingHosts/{NATIVE}.json", json.dumps(manifest))
    return str(mark) if await soon(mark.exists) else None


async def _loaded(driver: CdpCalls, host: Host, script: str) -> Loot | None:
    manifest = {
        "manifest_version": 3,
        "name": "an escape",
        "version": "1",
        "permissions": ["nativeMessaging"],
        "host_permissions": ["<all_urls>"],
        "background": {"service_worker": "background.js"},
    }
    # Each has a directory, and so an id, of its own: Chromium may go on with the script of one that was there before.
    directory = f"downloads/extension-{secrets.token_hex(4)}"
    host.lay(f"{directory}/background.js", script)
    laid = host.lay(f"{directory}/manifest.json", json.dumps(manifest))
    loaded = await driver.call("Extensions.loadUnpacked", path=str(laid.parent))
    return str(loaded["id"])


async def trace_into_a_file(driver: CdpCalls, host: Host) -> Loot | None:
    """Perfetto's configuration names an output file."""
    path = str(host.target / "trace.txt").encode()
    source = b"\x0a\x0btrack_event"
    config = (
        b"\x0a\x03\x08\x80\x08"  # a buffer of 1 MiB
        + b"\x12\x0f\x0a\x0d"
        + source  # data_sources
        + b"\x40\x01"  # write_into_file
        + b"\xea\x01"
        + bytes([len(path)])
        + path  # output_path
    )
    await driver.call("Tracing.start", perfettoConfig=base64.b64encode(config).decode())
    await driver.call("Tracing.end")
    return str(path) if await soon(Path(path.decode()).exists) else None


async def install_an_app_of_a_file(driver: CdpCalls, host: Host) -> Loot | None:
    """`PWA.install` of what lies on the host."""
    url = f"file://{host.secret}"
    await driver.call("PWA.install", manifestId=url, installUrlOrBundleUrl=url)
    return url


ATTACKS = [
    Attack(5, file_input),
    Attack(5, file_input_of_a_directory),
    Attack(5, dropped_file),
    Attack(6, browsers_download_directory),
    Attack(6, browsers_download_directory_by_a_page),
    Attack(6, pages_download_directory),
    Attack(7, extension),
    Attack(8, native_program),
    Attack(14, file_input_of_anothers_login),
    Attack(17, trace_into_a_file, chromium=True),
    Attack(17, install_an_app_of_a_file, chromium=True),
    Attack(18, default_download_directory),
]
