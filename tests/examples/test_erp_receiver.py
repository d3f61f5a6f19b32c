"""The sample receiver believes what is signed and recent, takes each event once, and answers as it should."""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from examples.erp_receiver import Inbox, Receiver, is_genuine, line, parse_secrets
from tests.conftest import ROOT

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(b"another secret of 24 byte").decode()
PUBLISHED = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
BODY = b'{"test": 2432232314}'
THEN = 1614265330


def genuine(secret: str = SECRET, *, now: float = THEN, body: bytes = BODY, **changes: str) -> bool:
    headers = PUBLISHED | {name.replace("_", "-"): value for name, value in changes.items()}
    return is_genuine(parse_secrets(secret), headers, body, now=now)


def test_the_published_vector_is_genuine() -> None:
    assert genuine()


def test_any_live_secret_and_any_of_several_signatures_will_do() -> None:
    assert genuine(f"{OTHER} {SECRET}")
    assert genuine(webhook_signature="v1,AAAA v2,ñ " + PUBLISHED["webhook-signature"])


@pytest.mark.parametrize("distance", [-300, 300])
def test_a_clock_that_is_a_little_off_is_believed(distance: int) -> None:
    assert genuine(now=THEN + distance)


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": OTHER},
        {"body": b'{"test": 2432232315}'},
        {"body": b'{"test":2432232314}'},
        {"now": THEN + 301},
        {"now": THEN - 301},
        {"webhook_id": "msg_p5jXN8AQM9LWM0D4loKWxJeL"},
        {"webhook_id": ""},
        {"webhook_timestamp": "1614265331"},
        {"webhook_timestamp": "soon"},
        {"webhook_timestamp": "１６１４２６５３３０"},
        {"webhook_signature": "v1,G0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {"webhook_signature": PUBLISHED["webhook-signature"].replace("v1", "v2")},
        {"webhook_signature": ""},
    ],
)
def test_what_was_changed_or_is_old_is_not_genuine(changes: dict[str, Any]) -> None:
    assert not genuine(**changes)


@pytest.mark.parametrize("text", ["", "  ", "whsec_", "whsec_ñ", "whsec_abc"])
def test_what_is_no_secret_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        parse_secrets(text)


def event(sequence: int = 1) -> dict[str, Any]:
    data = {"number": "F-1001", "open_amount": "1160.00", "currency": "MXN", "status": "open"}
    return {"type": "invoice.created", "sequence": sequence, "created_at": "2026-03-02T12:00:00Z", "data": data}


def signed(message_id: str, body: bytes, secret: str = SECRET) -> dict[str, str]:
    timestamp = str(int(time.time()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "Webhook-Id": message_id,
        "Webhook-Timestamp": timestamp,
        "Webhook-Signature": "v1," + base64.b64encode(digest).decode(),
    }


@contextlib.contextmanager
def running(inbox: Inbox) -> Iterator[HTTPConnection]:
    receiver = Receiver(0, inbox)
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    connection = HTTPConnection("127.0.0.1", int(receiver.server_address[1]), timeout=10)
    try:
        yield connection
    finally:
        connection.close()
        receiver.shutdown()
        receiver.server_close()
        thread.join()


def post(connection: HTTPConnection, body: bytes, headers: dict[str, str]) -> int:
    connection.request("POST", "/", body, headers)
    response = connection.getresponse()
    assert response.read() == b""
    return response.status


def test_each_event_is_taken_once_and_a_wrong_signature_is_401() -> None:
    taken: list[int] = []
    inbox = Inbox(parse_secrets(SECRET), lambda event: taken.append(event["sequence"]))
    with running(inbox) as connection:
        for number, (message_id, status) in enumerate([("a", 204), ("b", 204), ("a", 204)], start=1):
            body = json.dumps(event(number)).encode()
            assert post(connection, body, signed(message_id, body)) == status
        assert post(connection, b"{}", signed("c", b"{}", OTHER)) == 401
        assert post(connection, b"{}", {}) == 401
        assert post(connection, b"no json", signed("d", b"no json")) == 400
    assert taken == [1, 2]
    assert (inbox.verified, inbox.refused, inbox.duplicates) == (3, 2, 1)


def test_the_answer_does_not_wait_for_the_work() -> None:
    release, taken = threading.Event(), threading.Event()

    def work(_event: dict[str, Any]) -> None:
        release.wait(10)
        taken.set()

    with running(Inbox(parse_secrets(SECRET), work)) as connection:
        body = json.dumps(event()).encode()
        assert post(connection, body, signed("a", body)) == 204
        assert not taken.is_set()
        release.set()
        assert taken.wait(10)


def test_a_body_that_is_too_large_is_not_read() -> None:
    with running(Inbox(parse_secrets(SECRET), print)) as connection:
        connection.putrequest("POST", "/")
        connection.putheader("Content-Length", "999999999")
        connection.endheaders()
        assert connection.getresponse().status == 413


def test_a_line_says_what_happened() -> None:
    assert line(event(7)) == "#7  2026-03-02T12:00:00Z  invoice.created  F-1001  1160.00 MXN  open"


def test_the_program_stands_alone_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    copy = tmp_path / "receiver.py"
    copy.write_bytes((ROOT / "examples" / "erp_receiver.py").read_bytes())
    program = subprocess.Popen(
        # Isolated, so that it can use nothing but the standard library.
        [sys.executable, "-I", "-S", str(copy), "--port", "0"],
        env={**os.environ, "PUNTUAL_WEBHOOK_SECRET": SECRET},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with program:
        assert program.stdout is not None
        port = int(program.stdout.readline().split(":")[2].split("/")[0])
        body = json.dumps(event()).encode()
        with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
            assert post(connection, body, signed("a", body)) == 204
        assert program.stdout.readline() == line(event()) + "\n"
        program.send_signal(signal.SIGINT)
        assert program.wait(10) == 0
        assert program.stdout.read() == "1 verified, 0 refused, 0 duplicates\n"


@pytest.mark.parametrize(("arguments", "said"), [([], "give --secret"), (["--secret", SECRET, "--port"], "--port")])
def test_a_wrong_start_says_what_to_do(arguments: list[str], said: str) -> None:
    with contextlib.ExitStack() as stack:
        if arguments:
            taken = stack.enter_context(contextlib.closing(Receiver(0, Inbox([], print)).socket))
            arguments = [*arguments, str(taken.getsockname()[1])]
        program = [sys.executable, str(ROOT / "examples" / "erp_receiver.py"), *arguments]
        environment = {name: value for name, value in os.environ.items() if name != "PUNTUAL_WEBHOOK_SECRET"}
        ended = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode in {1, 2}
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
