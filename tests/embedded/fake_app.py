"""Stands in for `python -m app`: says what it was given, and behaves as the file `behave` beside it demands."""

import json
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

PLACE = Path(sys.argv[0]).parent


class Probe(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/readyz" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()


def main(arguments: list[str]) -> int:
    behaviour = (PLACE / "behave").read_text() if (PLACE / "behave").exists() else ""
    given = {name: os.environ.get(name) for name in ("DATABASE_URL", "REDIS_URL", "PUNTUAL_SECRET_KEY")}
    (PLACE / f"{arguments[0]}.json").write_text(json.dumps({"arguments": arguments, "environment": given}))
    if behaviour == f"{arguments[0]} fails":
        sys.stderr.write("the last words\n")
        return 3
    if arguments[0] == "tenants":
        demo = Path(arguments[arguments.index("--data-dir") + 1], "demo.json")
        demo.write_text(json.dumps({"tenant_id": "ten_1", "api_key": "key_123"}))
    if arguments[0] in {"serve", "worker"}:
        signal.signal(signal.SIGTERM, signal.SIG_IGN if behaviour == "stubborn" else lambda *_: sys.exit(0))
    if arguments[0] == "serve":
        HTTPServer(("127.0.0.1", int(arguments[arguments.index("--port") + 1])), Probe).serve_forever()
    if arguments[0] == "worker":
        time.sleep(60)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
