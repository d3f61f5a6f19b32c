"""Receives Puntual's webhooks, checks their signatures, and prints one line an event.

It needs Python 3.11 and nothing else, so that this file can be copied into any ERP. What it does is what every receiver
should do: check the signature over the exact bytes, refuse what is too old, take each event once, answer at once, and
work afterwards.

    python3 examples/erp_receiver.py --port 9000 --secret whsec_…
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import signal
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOLERANCE_SECONDS = 300
MAX_BODY_BYTES = 5_000_000
REMEMBERED_IDS = 100_000


def parse_secrets(text: str) -> list[bytes]:
    """Read the secrets of an endpoint: `whsec_…`, during a rotation two of them with a blank between.

    Raises:
        ValueError: there is none, or one is not a secret.
    """
    keys = []
    for secret in text.split():
        try:
            keys.append(base64.b64decode(secret.removeprefix("whsec_"), validate=True))
        except ValueError:
            # Without its cause, which would carry a part of the secret.
            raise ValueError("a secret is whsec_ and base64") from None
    if not keys or not all(keys):
        raise ValueError("there is no secret")
    return keys


def is_genuine(
    keys: list[bytes],
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: float,
    tolerance_seconds: int = TOLERANCE_SECONDS,
) -> bool:
    """Tell whether a request was signed with one of the keys, and recently (Standard Webhooks).

    Args:
        keys: the keys of the live secrets.
        headers: `webhook-id`, `webhook-timestamp` and `webhook-signature`, named in lower case.
        body: the bytes as they arrived: JSON that was read and written again has other bytes.
        now: seconds since 1970.
        tolerance_seconds: how far the request's time may lie from `now`, so that an old one cannot be played back.
    """
    message_id, timestamp = headers.get("webhook-id") or "", headers.get("webhook-timestamp") or ""
    if not message_id or not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 13):
        return False
    if abs(now - int(timestamp)) > tolerance_seconds:
        return False
    signed = f"{message_id}.{timestamp}.".encode() + body
    given = [part.encode() for part in (headers.get("webhook-signature") or "").split(" ")]
    genuine = False
    for key in keys:
        expected = b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
        for signature in given:
            # All are compared, in constant time each, so that the time of the answer tells nothing.
            genuine |= hmac.compare_digest(expected, signature)
    return genuine


class Inbox:
    """Takes each genuine event once.

    An ERP keeps the ids in a table with a unique key, and writes the event in the same transaction: what it has
    answered with 2xx is its own to remember.
    """

    def __init__(self, keys: list[bytes], take: Callable[[dict[str, Any]], None]) -> None:
        self.keys = keys
        self.verified = self.refused = self.duplicates = 0
        self._take = take
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def receive(self, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, Any] | None]:
        """The status to answer with, and the event if it is genuine and new."""
        if not is_genuine(self.keys, headers, body, now=time.time()):
            with self._lock:
                self.refused += 1
            return 401, None
        try:
            event = json.loads(body)
        except ValueError:
            return 400, None
        with self._lock:
            self.verified += 1
            if headers["webhook-id"] in self._ids:
                self.duplicates += 1
                return 204, None
            self._ids[headers["webhook-id"]] = None
            if len(self._ids) > REMEMBERED_IDS:
                self._ids.popitem(last=False)
        return 204, event

    def work(self, event: dict[str, Any]) -> None:
        """Do what an event asks for, one at a time."""
        with self._lock:
            self._take(event)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: "Receiver"
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "erp", ""
    timeout = 30

    def do_POST(self) -> None:
        """Take one event."""
        length = self.headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()) or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            self._answer(413 if length else 411)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, event = self.server.inbox.receive(headers, self.rfile.read(int(length)))
        # Answered before the work begins: a slow answer counts as a failure, and the event would come again.
        self._answer(status)
        if event is not None:
            self.server.inbox.work(event)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the library's name
        """Stay silent: an event has a line of its own."""


class Receiver(ThreadingHTTPServer):
    """The server; port 0 takes a free one."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, inbox: Inbox, *, host: str = "127.0.0.1") -> None:
        self.inbox = inbox
        super().__init__((host, port), Handler)

    @property
    def url(self) -> str:
        """Where to send events."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  the library's signature
        """Say in one line what went wrong with a connection."""
        print(f"connection lost: {sys.exc_info()[1]!r}", file=sys.stderr)


def line(event: Mapping[str, Any]) -> str:
    """One readable line about an event."""
    data = event["data"]
    name = next((data[key] for key in ("number", "name", "external_id", "to", "url") if data.get(key)), "")
    money = next((data[key] for key in ("open_amount", "amount", "total_due") if data.get(key)), "")
    parts = [
        f"#{event['sequence']}",
        event["created_at"],
        event["type"],
        name,
        " ".join(part for part in (money, data.get("currency") or "") if part and money),
        data.get("status") or "",
    ]
    return "  ".join(str(part) for part in parts if part)


def main() -> int:
    """Listen until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Receives Puntual's webhooks and prints them.")
    parser.add_argument("--port", type=int, default=9000, help="where to listen (9000)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument(
        "--secret",
        default=os.environ.get("PUNTUAL_WEBHOOK_SECRET", ""),
        help="the endpoint's secret, whsec_…; or set PUNTUAL_WEBHOOK_SECRET",
    )
    options = parser.parse_args()
    try:
        keys = parse_secrets(options.secret)
    except ValueError as fault:
        parser.error(f"{fault}: give --secret or set PUNTUAL_WEBHOOK_SECRET to what POST /v1/webhook-endpoints showed")
    try:
        receiver = Receiver(options.port, Inbox(keys, lambda event: print(line(event), flush=True)), host=options.host)
    except OSError as refused:
        print(f"Port {options.port} cannot be used ({refused.strerror}): choose another with --port.", file=sys.stderr)
        return 1
    print(f"Listening on {receiver.url} (Ctrl-C stops)", flush=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        # From another thread: `shutdown` waits for the loop that this one runs.
        signal.signal(number, lambda *_: threading.Thread(target=receiver.shutdown).start())
    with receiver:
        receiver.serve_forever(poll_interval=0.1)
    inbox = receiver.inbox
    print(f"{inbox.verified} verified, {inbox.refused} refused, {inbox.duplicates} duplicates", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
