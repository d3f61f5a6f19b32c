"""uvicorn's HTTP protocol with a bound on what surrounds a body.

The parser itself has none: a client could send headers without end into the memory of the process, before any of the
application's own limits is asked.
"""

from typing import Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MAX_HEAD_BYTES: Final = 128 * 1024
_BODY: Final = b"The request line and headers are too large."
_ANSWER: Final = b"\r\n".join(
    (
        b"HTTP/1.1 431 Request Header Fields Too Large",
        b"content-type: text/plain; charset=utf-8",
        b"content-length: %d" % len(_BODY),
        b"connection: close",
        b"",
        _BODY,
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
                self.transport.write(_ANSWER)
            self.transport.close()
