"""The data folder: private, locked by one process at a time, and the home of the engines' sockets."""

import contextlib
import fcntl
import json
import os
import re
import secrets
import shutil
import stat
import tempfile
from pathlib import Path

# The kernel's limit is 104 bytes on macOS and 108 on Linux; the longest name put into the folder is PostgreSQL's.
_LONGEST_SOCKET_PATH = 100
_LONGEST_SOCKET_NAME = "/pg/.s.PGSQL.5432"
# A comma separates hosts for asyncpg and folders for PostgreSQL, a colon separates host and port for SQLAlchemy.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._+=@-]+")
_TEMPORARY_PREFIX = "puntual-"


class EmbeddedError(RuntimeError):
    """An engine or its data folder cannot be used; the message says what to do."""


class AlreadyRunning(RuntimeError):  # noqa: N818  # named for what is so; nothing went wrong
    """Another process holds this data folder."""


class DataFolder:
    """Holds a data folder for this process; the operating system lets go of it when the process dies."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        self._lock: int | None = None

    def open(self, *, address: str = "") -> None:
        """Make the folder if need be, close it to others and lock it.

        Args:
            address: where the holder answers; told to whoever comes second.

        Raises:
            AlreadyRunning: another process holds the folder.
            EmbeddedError: the folder belongs to somebody else or is not ours to close.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._make_private()
            lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as refused:
            raise EmbeddedError(f"the data folder {self.path} cannot be used: {refused.strerror}") from refused
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _describe(os.pread(lock, 4096, 0))
            os.close(lock)
            raise AlreadyRunning(f"Puntual is already running on {self.path} ({holder}).") from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, json.dumps({"pid": os.getpid(), "address": address}).encode(), 0)
        self._lock = lock

    def close(self) -> None:
        """Let go of the folder; does nothing the second time."""
        if self._lock is not None:
            # The file stays: whoever opened it meanwhile would hold a lock on a file that nobody else sees.
            os.ftruncate(self._lock, 0)
            os.close(self._lock)
            self._lock = None

    @property
    def is_open(self) -> bool:
        """Whether this process holds the folder."""
        return self._lock is not None

    @property
    def _lock_path(self) -> Path:
        return self.path / "lock"

    def _make_private(self) -> None:
        state = self.path.stat()
        if state.st_uid != os.geteuid():
            raise EmbeddedError(
                f"the data folder {self.path} belongs to the user with id {state.st_uid}: run as that user, "
                "or choose another folder (make run DATA=…)"
            )
        if stat.S_IMODE(state.st_mode) & 0o077:
            # Closing somebody's home or /tmp because of a mistyped option would be a disaster.
            if not self._lock_path.exists() and any(self.path.iterdir()):
                raise EmbeddedError(f"{self.path} is neither empty nor a data folder of Puntual: choose another folder")
            self.path.chmod(0o700)

    # Sockets -----------------------------------------------------------------------------------------------------

    def last_sockets(self) -> Path:
        """Tell where the sockets of the previous holder were, so that what it left can be found."""
        try:
            remembered = Path((self.path / "sockets").read_text())
        except FileNotFoundError:
            return self._near
        return remembered if self._is_our_temporary(remembered) else self._near

    def make_sockets(self) -> Path:
        """Make a private folder for sockets whose path is short enough, and remember it for the next start."""
        self.remove_sockets()
        sockets = self._near
        if not _fits(sockets):
            base = Path(tempfile.gettempdir())
            sockets = (base if _fits(base / (_TEMPORARY_PREFIX + "0" * 16)) else Path("/tmp")) / (  # noqa: S108
                _TEMPORARY_PREFIX + secrets.token_hex(8)
            )
            # Before the folder exists: a crash in between must not leave one that nobody knows.
            (self.path / "sockets").write_text(str(sockets))
        sockets.mkdir(mode=0o700)
        return sockets

    def remove_sockets(self) -> None:
        """Remove the folder of the sockets, also one left by a process that was killed."""
        shutil.rmtree(self.last_sockets(), ignore_errors=True)
        shutil.rmtree(self._near, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            (self.path / "sockets").unlink()

    @property
    def _near(self) -> Path:
        return self.path / "run"

    def _is_our_temporary(self, path: Path) -> bool:
        # A file's content decides about a recursive removal, so it is believed only as far as we would have written it.
        if not path.is_absolute() or not re.fullmatch(_TEMPORARY_PREFIX + "[0-9a-f]{16}", path.name):
            return False
        try:
            state = path.lstat()
        except OSError:
            return False
        return stat.S_ISDIR(state.st_mode) and state.st_uid == os.geteuid()


def _fits(sockets: Path) -> bool:
    path = str(sockets)
    return bool(_PLAIN_PATH.fullmatch(path)) and len(os.fsencode(path + _LONGEST_SOCKET_NAME)) < _LONGEST_SOCKET_PATH


def _describe(holder: bytes) -> str:
    try:
        told = json.loads(holder)
        address = f", {told['address']}" if told["address"] else ""
        return f"process {told['pid']}{address}"
    except (ValueError, KeyError, TypeError):
        return "by a process that is just starting"
