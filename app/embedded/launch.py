"""Becomes an engine: takes on the engine's identity, ties its life to the supervisor's, then executes it.

Run as a script (`python -I -S launch.py ORDER COMMAND…`) and not as a `preexec_fn`: code between fork and exec is
unsafe as soon as the parent has threads. It needs the standard library only, so that it starts in a blink.
"""

import ctypes
import json
import os
import sys
from pathlib import Path

CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2

_PR_SET_PDEATHSIG = 1
_PR_SET_SECUREBITS = 28
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_CAPABILITY_VERSION_3 = 0x20080522
_CLONE_NEWUSER = 0x10000000


def main(arguments: list[str]) -> None:
    """Follow the order and replace this process by the command; only returns by raising.

    Args:
        arguments: a JSON object (`mode`, `uid`, `gid`, `reach`, `parent`, `signal`), then the command line.
    """
    order = json.loads(arguments[0])
    command = arguments[1:]
    if order["mode"] == "drop":
        _drop_to(order["uid"], order["gid"])
    elif order["mode"] == "namespace":
        _enter_namespace(order["uid"], order["gid"])
    for path in order["reach"]:
        os.scandir(path).close()
    # Only now: the kernel forgets the death signal when the user changes.
    _die_with(order["parent"], order["signal"])
    os.execv(command[0], command)  # noqa: S606  # our own command line, no shell


def _drop_to(uid: int, gid: int) -> None:
    """Become another user who may still look into private folders on the way to what it owns."""
    if sys.platform != "linux":
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        return
    permitted = permitted_capabilities()
    # Reading is enough to walk to folders of its own; Docker grants only the wider capability.
    capability = CAP_DAC_READ_SEARCH if permitted >> CAP_DAC_READ_SEARCH & 1 else CAP_DAC_OVERRIDE
    # Otherwise access(2), by which PostgreSQL looks at its own binary, ignores the capabilities of an ordinary user.
    _prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    mask = 1 << capability
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
    _check(_libc().capset(header, sets), "capset")
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability)


def _enter_namespace(uid: int, gid: int) -> None:
    """Stay who we are for the kernel, and look like an ordinary user to ourselves."""
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    _check(_libc().unshare(_CLONE_NEWUSER), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {outer_uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {outer_gid} 1")


def _die_with(parent: int, signal_number: int) -> None:
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent:
        # It died before we asked to be told.
        sys.exit("the supervisor is gone")


def permitted_capabilities() -> int:
    """Tell which capabilities this process may use, as a bit mask; 0 where there are none."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    for line in status.splitlines():
        if line.startswith("CapPrm:"):
            return int(line.split()[1], 16)
    return 0


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, *arguments: int) -> None:
    padded = [ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:4]]
    _check(_libc().prctl(option, *padded), "prctl")


def _check(result: int, name: str) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as refused:
        sys.exit(f"cannot start {sys.argv[2:3]}: {refused}")
