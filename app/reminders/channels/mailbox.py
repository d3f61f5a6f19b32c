"""Writes messages into a folder, one .eml file per message key: for development, demonstrations and tests."""

import asyncio
import contextlib
import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from app.reminders.channels.base import Inquiry, Outcome, OutgoingMessage, SendResult

_SAFE_KEY: Final = re.compile(r"[A-Za-z0-9_=-][A-Za-z0-9._=-]{0,199}")


class MailboxChannel:
    """A channel whose provider is a folder; the same key is written once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, message: OutgoingMessage) -> SendResult:
        """Write the message, unless its key is there already."""
        if not _SAFE_KEY.fullmatch(message.message_key):
            return SendResult(Outcome.refused, None, "the message key cannot be a file name")
        if asyncio.get_running_loop().time() >= message.deadline:
            return SendResult(Outcome.not_sent, None, "permit expired")
        path = self._path(message.message_key)
        try:
            written = await asyncio.to_thread(_write_once, path, message.content)
        except OSError as error:
            return SendResult(Outcome.not_sent, None, f"mailbox: {type(error).__name__}")
        return SendResult(Outcome.accepted, path.name, "written" if written else "already written")

    async def look_up(self, inquiry: Inquiry) -> bool | None:
        """Tell by the file's existence."""
        if not _SAFE_KEY.fullmatch(inquiry.message_key):
            return False
        return await asyncio.to_thread(self._path(inquiry.message_key).exists)

    async def forget(self, message_keys: Iterable[str]) -> int:
        """Delete the messages with these keys; how many were there."""
        paths = [self._path(key) for key in message_keys if _SAFE_KEY.fullmatch(key)]
        return await asyncio.to_thread(_delete, paths)

    async def close(self) -> None:
        """Do nothing: every file is complete as soon as it has its name."""

    def _path(self, message_key: str) -> Path:
        return self._folder / f"{message_key}.eml"


def _write_once(path: Path, content: bytes) -> bool:
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # Two sends of one key carry the same bytes, so it does not matter which of them is the last to rename.
        temporary.replace(path)
    except BaseException:
        # Half a message must not stay under any name.
        temporary.unlink(missing_ok=True)
        raise
    return True


def _delete(paths: Iterable[Path]) -> int:
    deleted = 0
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
            deleted += 1
    return deleted
