"""A server that speaks the protocol of `/chat/completions` and `/completions`, and fails as a script says.

Replies are computed from the prompt, so what a client gets can be checked whatever the order of requests.
"""

from __future__ import annotations

import hashlib
import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Fault:
    """What happens in place of an answer.

    Attributes
    ----------
    status, headers, body
        Of the reply.
    cut
        The connection is closed in the middle of the body.
    hold
        Nothing is sent until the client goes away or the server ends.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b'{"error": {"message": "scripted"}}'
    cut: bool = False
    hold: bool = False


def shout(prompt: str) -> str:
    return f"{prompt.upper()}!"


def retell(prompt: str) -> str:
    """The words of the text in an order of their own; nothing for every eleventh prompt."""
    number = int(hashlib.md5(prompt.encode()).hexdigest(), 16)
    if number % 11 == 0:
        return "No."
    words = prompt.split("\n", 1)[1].split()
    return "Here is a paraphrase of the text:\n\n" + " ".join(random.Random(number).sample(words, len(words)))


class Server:
    """What the server was asked, and what it will do.

    Attributes
    ----------
    reply
        From the last message, or the text, to an answer.
    faults
        One for each of the next requests; None answers.
    counts
        Whether replies say how many tokens they took: words of the prompt and of the answer.
    """

    def __init__(self) -> None:
        self.reply: Callable[[str], str] = shout
        self.faults: list[Fault | None] = []
        self.counts = True
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.most_at_once = 0
        self.gate: threading.Event | None = None
        self.ended = threading.Event()
        self.base = ""
        self._at_once = 0
        self._lock = threading.Lock()

    def next_fault(self) -> Fault | None:
        with self._lock:
            return self.faults.pop(0) if self.faults else None

    @contextmanager
    def counted(self) -> Iterator[None]:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield
        finally:
            with self._lock:
                self._at_once -= 1


@contextmanager
def serving() -> Iterator[Server]:
    """A server on a free port of this machine."""
    script = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with script.counted():
                script.bodies.append(body)
                script.keys.append(self.headers.get("Authorization"))
                if script.gate is not None:
                    script.gate.wait()
                self._answer(script.next_fault(), body)

        def _answer(self, fault: Fault | None, body: dict[str, Any]) -> None:
            if fault is not None and fault.hold:
                self.close_connection = True
                script.ended.wait()
                return
            content = fault.body if fault is not None and not fault.cut else self._content(body)
            self.send_response(fault.status if fault is not None else 200)
            for name, value in (fault.headers if fault is not None else {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if fault is not None and fault.cut:
                self.wfile.write(content[: len(content) // 2])
                self.close_connection = True
            else:
                self.wfile.write(content)

        def _content(self, body: dict[str, Any]) -> bytes:
            is_chat = self.path == "/v1/chat/completions"
            prompt = body["messages"][-1]["content"] if is_chat else body["prompt"]
            text = script.reply(prompt)
            choice = {"message": {"role": "assistant", "content": text}} if is_chat else {"text": text}
            reply: dict[str, Any] = {"choices": [{**choice, "index": 0, "finish_reason": "stop"}]}
            if script.counts:
                reply["usage"] = {
                    "prompt_tokens": len(prompt.split()),
                    "completion_tokens": len(text.split()),
                }
            return json.dumps(reply).encode()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    script.base = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield script
    finally:
        script.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
