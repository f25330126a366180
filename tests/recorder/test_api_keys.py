"""API keys over HTTP: made, shown once, rotated, revoked, and what each opens until when."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from recorder.keys import digest
from schemas.ids import DEFAULT_SPACE_ID, FIRST_KEY_ID
from schemas.times import milliseconds, rfc3339
from tests.support.eventually import eventually
from tests.support.recorder_keys import KEYS, WHOAMI, ask, bearer, make_key, status_of
from tests.support.recorder_running import KEY, Running
from tests.support.recorder_worker import FakeRun

DAY_MS = 86_400_000


def in_ms(left_ms: int) -> str:
    return rfc3339(time.time_ns() + left_ms * 1_000_000)


async def test_a_key_is_shown_once_and_only_its_hash_is_kept(recorder: Running) -> None:
    made = await make_key(recorder, name="ci", scopes=["read"])
    secret = made.pop("secret")
    assert secret.startswith("rr_")
    assert len(secret) == 46
    assert made == {
        "id": made["id"],
        "name": "ci",
        "spaceId": None,
        "scopes": ["read"],
        "status": "active",
        "createdAt": made["createdAt"],
        "expiresAt": None,
        "revokedAt": None,
        "rotates": None,
        "lastUsedAt": None,
    }
    assert await recorder.get(f"{KEYS}/{made['id']}") == made
    assert (await recorder.get(KEYS, limit=1))["data"] == [made]
    stored = [
        path.read_bytes()
        for path in Path(recorder.settings.database).parent.rglob("*")
        if path.is_file()
    ]
    assert any(digest(secret).encode() in each for each in stored)
    assert not any(secret.encode() in each for each in stored)


async def test_whoami_says_which_key_it_is(recorder: Running) -> None:
    made = await make_key(recorder, spaceId="default")
    who = (await ask(recorder, made["secret"])).json()
    assert (who["keyId"], who["defaultSpaceId"]) == (made["id"], DEFAULT_SPACE_ID)
    assert (await recorder.get(WHOAMI))["keyId"] == FIRST_KEY_ID


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "request.invalid"),
        ({"expiresAt": "tomorrow"}, "request.invalid"),
        ({"scopes": []}, "request.invalid"),
        ({"scopes": ["everything"]}, "request.invalid"),
        ({"scopes": ["ops"], "spaceId": "default"}, "request.invalid"),
        ({"name": ""}, "request.invalid"),
    ],
)
async def test_a_key_that_cannot_be(
    recorder: Running, wanted: dict[str, object], code: str
) -> None:
    answer = await recorder.post(KEYS, {"name": "k", **wanted}, status=400)
    assert answer["code"] == code


async def test_a_key_for_a_space_that_is_not_there(recorder: Running) -> None:
    answer = await recorder.post(KEYS, {"name": "k", "spaceId": "no-such"}, status=404)
    assert answer["code"] == "space.not_found"


async def test_a_key_makes_none_that_may_do_more(recorder: Running) -> None:
    """Neither by making nor by rotating one."""
    ops = await make_key(recorder, scopes=["ops", "read"])
    strong = await make_key(recorder, scopes=["control"])
    headers = bearer(ops["secret"])
    for path, body in (
        (KEYS, {"name": "k", "scopes": ["control"]}),
        (f"{KEYS}/{strong['id']}/rotate", {}),
    ):
        answer = await recorder.http.post(path, json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "auth.forbidden")
    good = await recorder.http.post(KEYS, json={"name": "k", "scopes": ["read"]}, headers=headers)
    assert good.status_code == 201


async def test_the_first_key_is_a_setting(recorder: Running) -> None:
    shown = await recorder.get(f"{KEYS}/{FIRST_KEY_ID}")
    assert (shown["scopes"], shown["createdAt"]) == (["control", "ingest", "ops", "read"], None)
    for method, path in (("DELETE", ""), ("POST", "/rotate")):
        answer = await recorder.ask(method, f"{KEYS}/{FIRST_KEY_ID}{path}", {}, 400)
        assert "RUNREEL_API_KEY" in answer["hint"]
    assert await status_of(recorder, KEY) == 200


async def test_an_unknown_key_is_not_found(recorder: Running) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/rotate")):
        answer = await recorder.ask(method, f"{KEYS}/no-such{path}", {}, 404)
        assert answer["code"] == "api_key.not_found"


async def test_a_rotated_key_opens_until_the_overlap_is_over(recorder: Running) -> None:
    old = await make_key(recorder, name="ci", scopes=["read"], expiresAt=in_ms(90 * DAY_MS))
    path = f"{KEYS}/{old['id']}"
    made = await recorder.post(f"{path}/rotate", {"overlapSeconds": 3600}, status=201)
    assert (made["name"], made["scopes"], made["rotates"]) == ("ci", ["read"], old["id"])
    lasts_ms = milliseconds(made["expiresAt"]) - milliseconds(made["createdAt"])
    assert abs(lasts_ms - 90 * DAY_MS) < 10_000
    left_ms = milliseconds((await recorder.get(path))["expiresAt"]) - time.time() * 1000
    assert 3_500_000 < left_ms <= 3_600_000
    assert await status_of(recorder, old["secret"]) == 200
    assert await status_of(recorder, made["secret"]) == 200

    again = await recorder.post(f"{path}/rotate", {"overlapSeconds": 0}, status=201)
    assert await status_of(recorder, old["secret"]) == 401
    assert await status_of(recorder, again["secret"]) == 200
    refused = await recorder.post(f"{path}/rotate", {}, status=409)
    assert refused["code"] == "api_key.not_active"


async def test_rotating_does_not_make_a_key_last_longer(recorder: Running) -> None:
    ends_at = in_ms(60_000)
    old = await make_key(recorder, expiresAt=ends_at)
    await recorder.post(f"{KEYS}/{old['id']}/rotate", {"overlapSeconds": 3600}, status=201)
    assert (await recorder.get(f"{KEYS}/{old['id']}"))["expiresAt"] == ends_at


async def test_what_a_key_makes_ends_with_it(recorder: Running) -> None:
    ends_at, later, earlier = in_ms(DAY_MS), in_ms(9 * DAY_MS), in_ms(DAY_MS // 2)
    maker = await make_key(recorder, scopes=["read", "ops"], expiresAt=ends_at)
    headers = bearer(maker["secret"])
    for wanted, given in ((None, ends_at), (later, ends_at), (earlier, earlier)):
        body = {"name": "k", "scopes": ["read"], "expiresAt": wanted}
        made = (await recorder.http.post(KEYS, json=body, headers=headers)).json()
        assert made["expiresAt"] == given
    for change in ({}, {"expiresAt": None}, {"expiresAt": later}):
        path = f"{KEYS}/{(await make_key(recorder, scopes=['read']))['id']}/rotate"
        answer = await recorder.http.post(path, json=change, headers=headers)
        assert answer.json()["expiresAt"] == ends_at


async def test_an_expired_key_says_so(recorder: Running) -> None:
    made = await make_key(recorder, expiresAt=in_ms(5_000))
    assert await status_of(recorder, made["secret"]) == 200

    async def is_refused() -> bool:
        return await status_of(recorder, made["secret"]) == 401

    await eventually(is_refused)
    answer = (await ask(recorder, made["secret"])).json()
    assert (answer["code"], answer["error"]) == ("auth.required", "This API key has expired.")
    assert (await recorder.get(f"{KEYS}/{made['id']}"))["status"] == "expired"


async def test_lists_go_by_space_and_by_page(recorder: Running) -> None:
    space = await recorder.post("/v1/spaces", {"name": "s"}, status=201)
    made = [await make_key(recorder, spaceId=space["id"]) for _ in range(3)]
    listed = await recorder.get(KEYS, spaceId=space["id"], limit=2)
    assert [key["id"] for key in listed["data"]] == [made[2]["id"], made[1]["id"]]
    rest = await recorder.get(KEYS, spaceId=space["id"], limit=2, cursor=listed["nextCursor"])
    assert ([key["id"] for key in rest["data"]], rest["nextCursor"]) == ([made[0]["id"]], None)
    assert (await recorder.http.get(KEYS, params={"cursor": "x"})).status_code == 400


async def test_last_use_is_shown(recorder: Running) -> None:
    made = await make_key(recorder)
    assert made["lastUsedAt"] is None
    await ask(recorder, made["secret"])
    used_at = (await recorder.get(f"{KEYS}/{made['id']}"))["lastUsedAt"]
    assert abs(milliseconds(used_at) - time.time() * 1000) < 30_000


async def test_a_key_that_may_only_look_gets_no_connect_url(
    recorder: Running, run: FakeRun
) -> None:
    path = f"/v1/runtimes/{run.runtime_id}"
    read = await make_key(recorder, scopes=["read"])
    control = await make_key(recorder)
    assert "connectUrl" not in (await ask(recorder, read["secret"], path)).json()
    shown = (await ask(recorder, control["secret"], path)).json()["connectUrl"]
    assert shown != (await recorder.get(path))["connectUrl"]
    assert control["id"].replace("-", "") in shown
