"""What of the host a browser sees: bubblewrap's arguments, and the policy that Chromium finds in there. Pure.

A mount namespace with the system's programs and fonts, read-only, Chromium's own directory, and the browser's, at its
own path; a process namespace, and no names of the host. The network is `starter`'s.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

# Where Chromium, and other builds of it, look for a policy that is binding.
POLICIES = "/etc/chromium/policies/managed"
POLICIES_OF_OTHERS = (
    "/etc/opt/chrome/policies/managed",
    "/etc/opt/chrome_for_testing/policies/managed",
)
POLICY = {
    # No page of these, however its address is written, and whoever asks for it.
    "URLBlocklist": [
        "file://*",
        "view-source:*",
        "chrome://*",
        "chrome-untrusted://*",
        "devtools://*",
    ],
    "ExtensionInstallBlocklist": ["*"],
    "NativeMessagingBlocklist": ["*"],
    "NativeMessagingUserLevelHosts": False,
    "WebRtcIPHandling": "disable_non_proxied_udp",
    "DnsOverHttpsMode": "off",
}

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
# Libraries and fonts are found by these; who lives on this host is not among them.
FOUND_BY = (
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/ssl/certs",
    "/etc/vulkan",
    "/var/cache/fontconfig",
)

# What may be written there is memory of the host. Pages share theirs in /dev/shm.
MIB = 1024 * 1024
IN_MEMORY = {"/tmp": 64 * MIB, "/dev/shm": 1024 * MIB}

NAMESPACES = ("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")


def arguments(
    bubblewrap: str,
    *,
    binary: Path,
    directory: Path,
    laid: Path | None,
    policy: int,
    told_to: int,
    link_of: Callable[[str], str | None],
) -> list[str]:
    """What stands before Chromium's command line.

    `laid` is a directory that it may only read, `policy` a descriptor to read the policy from, `told_to` one to which
    bubblewrap writes the number of its child, `link_of` says what a path of the system is a link to, if it is one.
    """
    jail = [bubblewrap, "--die-with-parent", *NAMESPACES, "--hostname", "browser"]
    jail += ["--cap-drop", "ALL"]  # those that it has in here are for making it
    jail += ["--info-fd", str(told_to), "--proc", "/proc", "--dev", "/dev"]
    for path, size_bytes in IN_MEMORY.items():
        jail += ["--size", str(size_bytes), "--tmpfs", path]
    jail += ["--remount-ro", "/dev"]
    for path in SYSTEM:
        target = link_of(path)
        jail += ["--ro-bind-try", path, path] if target is None else ["--symlink", target, path]
    for path in FOUND_BY:
        jail += ["--ro-bind-try", path, path]
    jail += ["--ro-bind-data", str(policy), f"{POLICIES}/runreel.json"]
    for others in POLICIES_OF_OTHERS:
        jail += ["--symlink", POLICIES, others]
    if not binary.is_relative_to("/usr"):
        jail += ["--ro-bind", str(binary.parent), str(binary.parent)]
    jail += ["--bind", str(directory), str(directory)]
    if laid is not None:
        jail += ["--ro-bind", str(laid), str(laid)]
    jail += ["--remount-ro", "/"]
    return [*jail, "--chdir", str(directory), "--"]


def policy_text() -> str:
    """The policy's file."""
    return json.dumps(POLICY, indent=2) + "\n"
