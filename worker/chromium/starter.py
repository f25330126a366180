"""What a browser's process is before it is the browser: it gives up its user and its network, and becomes a program.

    python -I -S starter.py [--uid=61184] [--network=5] -- program argument …

Run by its path and with the standard library only: it starts with each browser, so it loads next to nothing, and it
needs leave for nothing once its user is given up. With `--network` it goes into a user and a network namespace of its
own, from which nothing leads out; a socket that listens there is sent back over that descriptor, which is kept open
for the program.

What fails is told on standard error, as FATAL; the exit code is then 125.
"""

from __future__ import annotations

import ctypes
import os
import sys
from _socket import (
    AF_INET,
    AF_NETLINK,
    SCM_RIGHTS,
    SOCK_DGRAM,
    SOCK_RAW,
    SOCK_STREAM,
    SOL_SOCKET,
    if_nameindex,
    socket,
)
from fcntl import ioctl
from resource import RLIMIT_NPROC, setrlimit

FAILED = 125
ADDRESS = ("127.0.0.1", 1080)
BACKLOG = 1024
PROCESSES = 8192  # and threads: a site has twenty or so

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 4, 38
SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK = 0x8914, 0x8916, 0x891C
IFF_UP = 0x1
IFF_NOARP = 0x80
NETLINK_ROUTE, RTM_NEWLINK = 0, 16
NLM_F_REQUEST_ACK_CREATE_EXCL = 0x1 | 0x4 | 0x400 | 0x200
IFLA_IFNAME, IFLA_LINKINFO, IFLA_INFO_KIND = 3, 18, 1

# Where a browser sees nothing but loopback it tells pages that it is offline. Any of these will do: it leads nowhere.
KINDS = (b"dummy", b"ifb", b"veth", b"bridge")
INTERFACE = b"wall0"
INTERFACE_ADDRESS = (192, 0, 2, 1)  # for documentation (RFC 5737): nobody's

libc = ctypes.CDLL(None, use_errno=True)


def main(arguments: list[str]) -> None:
    """Do as the arguments say; does not return."""
    cut = arguments.index("--")
    options = dict(option.split("=") for option in arguments[:cut])
    command = arguments[cut + 1 :]
    try:
        if "--uid" in options:
            become(int(options["--uid"]))
        check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        if "--network" in options:
            leave_the_network()
            hand_over(int(options["--network"]))
        os.execv(command[0], command)
    except OSError as error:
        os.write(2, f"FATAL: the browser could not be walled in: {error}\n".encode())
        os._exit(FAILED)


def become(uid: int) -> None:
    """Be that user, in its group alone, which has no more than so many processes."""
    setrlimit(RLIMIT_NPROC, (PROCESSES, PROCESSES))
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    check(libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))  # else /proc/self stays root's


def leave_the_network() -> None:
    """Go where there is a loopback and nothing else."""
    uid, gid = os.geteuid(), os.getegid()
    check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNET))
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "wb", buffering=0) as file:  # noqa: PTH123  # pathlib takes 10 ms to load
            file.write(line.encode())
    asked = socket(AF_INET, SOCK_DGRAM)
    if any(added(kind) for kind in KINDS):
        configure(asked, INTERFACE, SIOCSIFADDR, address(*INTERFACE_ADDRESS))
        configure(asked, INTERFACE, SIOCSIFNETMASK, address(255, 255, 255, 255))
    # Without neighbours no address waits to be found unique: nothing of the network changes under Chromium later.
    for _, name in if_nameindex():  # two ends, where it is a pair
        configure(asked, name.encode(), SIOCSIFFLAGS, number(IFF_UP | IFF_NOARP, 2))
    asked.close()


def configure(asked: socket, interface: bytes, what: int, value: bytes) -> None:
    """By a `struct ifreq`."""
    ioctl(asked.fileno(), what, (interface.ljust(16, b"\0") + value).ljust(40, b"\0"))


def address(*octets: int) -> bytes:
    """`struct sockaddr_in`."""
    return number(AF_INET, 2) + bytes([0, 0, *octets])


def added(kind: bytes) -> bool:
    """Whether this kernel made an interface of that kind."""
    link = attribute(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, kind))
    body = bytes(16) + attribute(IFLA_IFNAME, INTERFACE + b"\0") + link
    head = b"".join(
        (
            number(16 + len(body), 4),
            number(RTM_NEWLINK, 2),
            number(NLM_F_REQUEST_ACK_CREATE_EXCL, 2),
            number(1, 4),
            number(0, 4),
        )
    )
    kernel = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)
    kernel.send(head + body)
    answer = kernel.recv(4096)
    kernel.close()
    return answer[16:20] == bytes(4)  # struct nlmsgerr: no error


def attribute(kind: int, value: bytes) -> bytes:
    """`struct rtattr`, padded."""
    size = 4 + len(value)
    return (number(size, 2) + number(kind, 2) + value).ljust((size + 3) // 4 * 4, b"\0")


def number(value: int, size: int) -> bytes:
    """As this machine writes it."""
    return value.to_bytes(size, sys.byteorder)


def hand_over(descriptor: int) -> None:
    """Send back a socket that listens here."""
    listener = socket(AF_INET, SOCK_STREAM)
    listener.bind(ADDRESS)
    listener.listen(BACKLOG)
    channel = socket(fileno=descriptor)
    channel.sendmsg([b"L"], [(SOL_SOCKET, SCM_RIGHTS, number(listener.fileno(), 4))])
    channel.detach()
    listener.close()


def check(result: int) -> None:
    """Raise what a call of libc's failed with."""
    if result:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


if __name__ == "__main__":
    main(sys.argv[1:])
