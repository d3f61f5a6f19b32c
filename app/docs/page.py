"""Serves `/docs` and its parts."""

import hashlib
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.responses import Response

STATIC = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".svg": "image/svg+xml"}
# Whatever the reader might want from elsewhere, the browser does not fetch. Its styles are written inline.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class _Part:
    """One file, read once and served with what it was made of as its tag."""

    def __init__(self, path: Path) -> None:
        self.body = path.read_bytes()
        self.tag = f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'
        self.media_type = _TYPES[path.suffix]

    def answer(self, request: Request) -> Response:
        """The file, or that it has not changed."""
        headers = {
            "ETag": self.tag,
            "Cache-Control": "no-cache",
            "Content-Security-Policy": _POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        }
        if request.headers.get("if-none-match") == self.tag:
            return Response(status_code=304, headers=headers)
        return Response(self.body, media_type=self.media_type, headers=headers)


def install(app: FastAPI) -> None:
    """Mount the page; it is no part of the API's document."""
    parts = {path.name: _Part(path) for path in STATIC.iterdir() if path.suffix in _TYPES}

    async def docs(request: Request) -> Response:
        return parts["index.html"].answer(request)

    async def part(request: Request) -> Response:
        found = parts.get(request.path_params["name"])
        return found.answer(request) if found else Response(status_code=404)

    app.add_route("/docs", docs, methods=["GET"], include_in_schema=False)
    app.add_route("/docs/{name}", part, methods=["GET"], include_in_schema=False)
