"""uvicorn's HTTP protocol with a bound on what surrounds a body, and problem documents for what is not HTTP.

The parser itself has no bound: a client could send headers without end into the memory of the process, before any of
the application's own limits is asked.
"""

from http import HTTPStatus
from typing import Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.core.errors import ProblemError
from app.core.ids import new_id
from app.core.problems import problem_response
from app.domain.errors import Code

MAX_HEAD_BYTES: Final = 128 * 1024


def _answer(status: int, code: Code, detail: str) -> bytes:
    """A whole HTTP answer, for a request that the application never sees."""
    response = problem_response(ProblemError(status, code, detail), request_id=str(new_id()))
    headers = [*response.raw_headers, (b"connection", b"close")]
    return b"\r\n".join(
        (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode(),
            *(name + b": " + value for name, value in headers),
            b"",
            bytes(response.body),
        )
    )


class BoundedProtocol(HttpToolsProtocol):
    """Answers 431 and closes when a request's head, or what follows its body, grows past the bound."""

    # Bytes since a head was completed, a piece of a body came or a request ended.
    _idle_bytes: int = 0
    _got_on: bool = False
    _is_refused: bool = False

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._got_on = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body, which has its own limit."""
        self._got_on = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is there."""
        self._got_on = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Tell that this is not HTTP; the parser also gives up on a URL of more than 65,535 bytes."""
        del msg
        self.transport.write(
            _answer(400, Code.bad_request, "This is no valid HTTP request, or its URL is far too long.")
        )
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Parse, and end the connection once it only makes the process remember more."""
        if self._is_refused:
            return
        self._got_on = False
        super().data_received(data)
        self._idle_bytes = 0 if self._got_on else self._idle_bytes + len(data)
        if self._idle_bytes > MAX_HEAD_BYTES:
            self._is_refused = True
            # None before the first request, whatever its annotation says.
            cycle = cast("RequestResponseCycle | None", self.cycle)
            if cycle is None or cycle.response_complete:
                self.transport.write(
                    _answer(431, Code.payload_too_large, "The request line and headers are too large.")
                )
            self.transport.close()
