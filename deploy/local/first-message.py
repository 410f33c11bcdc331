#!/usr/bin/env python3
"""Sends one message and prints the streamed answer: what `make up` ends with. Standard library only.

usage: first-message.py MESSAGE   (PARLEY_URL and PARLEY_API_KEY in the environment)
"""

import json
import os
import signal
import sys
import urllib.error
import urllib.request

URL = os.environ["PARLEY_URL"]
HEADERS = {"Authorization": "Bearer " + os.environ["PARLEY_API_KEY"], "Content-Type": "application/json"}
SECONDS = 60


def post(path: str, body: dict) -> dict:
    request = urllib.request.Request(URL + path, json.dumps(body).encode(), HEADERS, method="POST")
    with urllib.request.urlopen(request, timeout=SECONDS) as response:
        return json.load(response)


def events(session: str):
    """The server-sent events of a session from its beginning on: (type, data)."""
    headers = HEADERS | {"Accept": "text/event-stream"}
    request = urllib.request.Request(f"{URL}/v1/session/{session}/stream?after=0", headers=headers)
    with urllib.request.urlopen(request, timeout=SECONDS) as response:
        kind, data = "message", []
        for raw in response:
            line = raw.decode().rstrip("\r\n")
            if line.startswith("event:"):
                kind = line[6:].strip()
            elif line.startswith("data:"):
                data.append(line[5:].lstrip())
            elif not line and data:
                yield kind, json.loads("\n".join(data))
                kind, data = "message", []


def give_up(*_) -> None:
    raise TimeoutError(f"no answer within {SECONDS} s")


def main() -> int:
    # The stream sends a sign of life now and then, so that a time limit for one read would never pass.
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(SECONDS)
    accepted = post("/v1/session/message", {"message": sys.argv[1]})
    print(f"    you: {sys.argv[1]}\n    parley: ", end="", flush=True)
    streamed = False
    for kind, data in events(accepted["session_id"]):
        if kind == "delta":
            streamed = True
            print(data["text"], end="", flush=True)
        elif kind == "message" and data.get("role", "assistant") == "assistant":
            print("" if streamed else data["message"])
            return 0
        elif kind in ("turn.failed", "turn.cancelled"):
            print(f"{kind}: {json.dumps(data)}")
            return 1
    print("the stream ended without an answer")
    return 1


try:
    sys.exit(main())
except urllib.error.HTTPError as error:
    sys.exit(f"HTTP {error.code}: {error.read().decode(errors='replace')}")
except OSError as error:
    sys.exit(f"{URL}: {error}")
