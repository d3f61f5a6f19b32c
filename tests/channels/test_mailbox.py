import asyncio
from pathlib import Path

import pytest

from app.reminders.channels.base import Channel, Inquiry, Outcome, OutgoingMessage
from app.reminders.channels.mailbox import MailboxChannel


def message(key: str, content: bytes = b"Subject: x\r\n\r\nhi\r\n", seconds: float = 2.0) -> OutgoingMessage:
    deadline = asyncio.get_running_loop().time() + seconds
    return OutgoingMessage(key, "a@x.example", "b@y.example", content, deadline)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def test_writes_each_key_once(tmp_path: Path) -> None:
    channel: Channel = MailboxChannel(tmp_path / "new" / "mail")
    assert await channel.look_up(Inquiry("k-1")) is False
    first = await channel.send(message("k-1", b"one"))
    second = await channel.send(message("k-1", b"two"))
    assert (first.outcome, first.provider_message_id) == (Outcome.accepted, "k-1.eml")
    assert second.outcome is Outcome.accepted
    assert await channel.look_up(Inquiry("k-1")) is True
    assert files(tmp_path / "new" / "mail") == {"k-1.eml": b"one"}
    await channel.close()


async def test_many_at_once(tmp_path: Path) -> None:
    channel = MailboxChannel(tmp_path)
    results = await asyncio.gather(*(channel.send(message(f"k{number % 20}")) for number in range(60)))
    assert {result.outcome for result in results} == {Outcome.accepted}
    assert len(files(tmp_path)) == 20


@pytest.mark.parametrize("key", ["../k", "", ".k", "a/b", "a\0b", "k" * 300])
async def test_keys_that_are_no_file_names(tmp_path: Path, key: str) -> None:
    channel = MailboxChannel(tmp_path / "mail")
    assert (await channel.send(message(key))).outcome is Outcome.refused
    assert await channel.look_up(Inquiry(key)) is False
    assert not files(tmp_path)


async def test_nothing_is_written_after_the_deadline(tmp_path: Path) -> None:
    result = await MailboxChannel(tmp_path).send(message("k", seconds=-0.001))
    assert (result.outcome, result.detail) == (Outcome.not_sent, "permit expired")
    assert not files(tmp_path)


async def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file")
    result = await MailboxChannel(tmp_path / "mail").send(message("k"))
    assert result.outcome is Outcome.not_sent
    assert str(tmp_path) not in result.detail
