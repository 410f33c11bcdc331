#!/usr/bin/env python3
"""A placeholder for a Parley service, for stack-test.sh only: serves what the scripts of the stack ask a service for."""

import http.server
import json
import os
import signal
import sys

EVENTS = [("delta", {"text": "2 + 2 "}), ("delta", {"text": "= 4"}), ("message", {"message": "2 + 2 = 4"})]


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status: int, body: str, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body.encode())

    def do_GET(self) -> None:
        if self.path == "/readyz":
            self.answer(200, "")
        elif self.headers.get("Authorization") != "Bearer pk_test":
            self.answer(401, "{}")
        elif "/stream" in self.path:
            text = "".join(f"event: {kind}\ndata: {json.dumps(data)}\n\n" for kind, data in EVENTS)
            self.answer(200, text, "text/event-stream")
        else:
            self.answer(200, "{}")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.answer(200, json.dumps({"session_id": "s", "event_id": "e"}))


signal.signal(signal.SIGTERM, signal.SIG_IGN if "PLACEHOLDER_STUBBORN" in os.environ else lambda *_: sys.exit(0))
address = ("127.0.0.1", int(os.environ["PARLEY_HTTP_PORT"]))
http.server.ThreadingHTTPServer(address, Handler).serve_forever()
