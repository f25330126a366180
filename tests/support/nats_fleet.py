"""The NATS server of a fleet as it is shipped, with users as `runreel nats users` writes them."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import trustme
from click.testing import CliRunner

from deploy.ops.nats import nats as command
from tests.support.nats_server import find_nats_server
from tests.support.ports import free_port

FILES = Path(__file__).resolve().parents[2] / "deploy" / "fleet"
READY_SECONDS = 60.0


def write_users(
    directory: Path,
    *servers: str,
    workers: Collection[str] = ("w1", "w2"),
    readers: Collection[str] = (),
    remove: Collection[str] = (),
) -> None:
    """By the command: `users.conf` and the URL of each user."""
    words = ["users", str(directory)]
    for option, values in (
        *(("--server", servers), ("--worker", workers)),
        *(("--reader", readers), ("--remove", remove)),
    ):
        words += [word for value in values for word in (option, value)]
    done = CliRunner().invoke(command, words, standalone_mode=False)
    assert done.exception is None, done.output


def copy_configurations(directory: Path) -> None:
    """As they are shipped, to where `users.conf` is to stand beside them."""
    for file in FILES.glob("nats*.conf"):
        shutil.copy(file, directory)


def write_certificate(directory: Path, *names: str) -> Mapping[str, str]:
    """For a server of these names, by an authority of its own; what a server's environment says of that."""
    authority = trustme.CA()
    certificate = authority.issue_cert(*names)
    files = {name: directory / f"{name}.pem" for name in ("certificate", "key", "ca")}
    certificate.cert_chain_pems[0].write_to_path(str(files["certificate"]))
    certificate.private_key_pem.write_to_path(str(files["key"]))
    authority.cert_pem.write_to_path(str(files["ca"]))
    return {f"NATS_{name.upper()}": str(file) for name, file in files.items()}


@asynccontextmanager
async def fleet_server(
    directory: Path, configuration: str = "nats.conf", **environment: str
) -> AsyncIterator[Mapping[str, str]]:
    """That server on loopback; the URL of each user. Spaces `s1` and `s2` have a reader."""
    copy_configurations(directory)
    port = free_port()
    scheme = "nats" if configuration == "nats.conf" else "tls"
    write_users(directory, f"{scheme}://127.0.0.1:{port}", readers=("s1", "s2"))
    told = {
        "NATS_NAME": "n1",
        "NATS_LISTEN": f"127.0.0.1:{port}",
        "NATS_STORE": str(directory / "store"),
        **environment,
    }
    with (directory / "nats.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(find_nats_server(), "--config", str(directory / configuration)),
            env=os.environ | told,
            stdout=log,
            stderr=log,
        )
    try:
        await _until_open(process, port)
        yield {file.stem: file.read_text().strip() for file in directory.glob("*.url")}
    finally:
        process.terminate()
        await process.wait()


async def _until_open(process: asyncio.subprocess.Process, port: int) -> None:
    async with asyncio.timeout(READY_SECONDS):
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return
    raise AssertionError("nats-server ended")
