"""Who runs PostgreSQL: it refuses root, and nothing may be loosened to let another user in."""

import os
import pwd
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.embedded.folder import EmbeddedError
from app.embedded.launch import permitted_capabilities

# chown, dac_override, kill, setgid, setuid, setpcap: to hand over a folder, become its owner and signal that one later.
_NEEDED_TO_DROP = sum(1 << capability for capability in (0, 1, 5, 6, 7, 8))

_REFUSED = (
    "PostgreSQL does not run as root, and this machine lets root start it neither as an unprivileged user nor in a "
    "user namespace ({reason}). Run Puntual as an ordinary user, or set DATABASE_URL to a PostgreSQL of your own."
)


@dataclass(frozen=True, slots=True)
class Identity:
    """The user a process becomes, and who must own its files on the host."""

    mode: Literal["self", "drop", "namespace"]
    uid: int = -1
    gid: int = -1

    @property
    def owner(self) -> tuple[int, int]:
        """User and group id, as the host sees them, of the files this identity makes."""
        return (self.uid, self.gid) if self.mode == "drop" else (os.geteuid(), os.getegid())

    def own(self, *roots: Path) -> None:
        """Hand folders of ours over to this identity, with all they hold.

        Args:
            roots: folders inside the data folder.
        """
        uid, gid = self.owner
        for root in roots:
            if root.stat().st_uid != uid:
                for path in _tree(root):
                    os.chown(path, uid, gid, follow_symlinks=False)


SELF = Identity("self")


def choose(probe: Callable[[Identity], str]) -> Identity:
    """Find the identity to run PostgreSQL under.

    Args:
        probe: tries an identity out; returns why it does not work, or nothing.

    Returns:
        Ourselves, unless we are root.

    Raises:
        EmbeddedError: we are root and no other identity works.
    """
    if os.geteuid() != 0:
        return SELF
    reasons = []
    for identity in _others_for_root():
        reason = probe(identity)
        if not reason:
            return identity
        reasons.append(reason)
    raise EmbeddedError(_REFUSED.format(reason="; ".join(reasons) or "no user 'nobody' and no user namespaces"))


def _others_for_root() -> Iterator[Identity]:
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        # initdb looks up the name of whoever runs it.
        return
    if sys.platform != "linux" or permitted_capabilities() & _NEEDED_TO_DROP == _NEEDED_TO_DROP:
        yield Identity("drop", nobody.pw_uid, nobody.pw_gid)
    if sys.platform == "linux":
        yield Identity("namespace", nobody.pw_uid, nobody.pw_gid)


def _tree(root: Path) -> Iterator[Path]:
    for folder, _, files in os.walk(root):
        yield Path(folder)
        yield from (Path(folder, file) for file in files)
