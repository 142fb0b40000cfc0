"""A receiver of pushed security events (RFC 8935) that answers what a test tells it to."""

import json
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

from jose import claims_of
from peer import Handler, Peer


@dataclass
class Push:
    path: str
    headers: dict[str, str]
    body: str
    at: float

    @property
    def claims(self) -> dict:
        return claims_of(self.body)


class Sink:
    """Each path has its script: a list of answers, the last of which is given for ever. The usual one is 202.

    An answer is a status, a status with a JSON document, "hang", or "redirect".
    """

    def __init__(self, port: int = 0) -> None:
        self.pushes: list[Push] = []
        self.scripts: dict[str, list] = {}
        self.ending = threading.Event()
        self._changed = threading.Condition()
        outer = self

        class Answering(Handler):
            def do_POST(self) -> None:
                try:
                    outer._answer(self)
                except OSError:
                    pass  # The caller did not wait.

            def do_GET(self) -> None:
                with outer._changed:
                    outer.pushes.append(Push("GET " + self.path, dict(self.headers), "", time.monotonic()))
                self.send_error(404)

        self._server = Peer(Answering, port)
        self.port = self._server.port

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def script(self, path: str, *answers) -> str:
        self.scripts[path] = list(answers)
        return self.url(path)

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", "0"))).decode()
        with self._changed:
            script = self.scripts.get(request.path, [202])
            answer = script.pop(0) if len(script) > 1 else script[0]
            self.pushes.append(Push(request.path, dict(request.headers), body, time.monotonic()))
            self._changed.notify_all()
        if answer == "hang":
            self.ending.wait(60)
            return
        status, document = answer if isinstance(answer, tuple) else (answer, None)
        if answer == "redirect":
            request.send_response(302)
            request.send_header("Location", self.url("/elsewhere"))
        else:
            request.send_response(status)
        data = json.dumps(document).encode() if document is not None else b""
        if document is not None:
            request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    def received(self, path: str) -> list[Push]:
        with self._changed:
            return [push for push in self.pushes if push.path == path]

    def wait(self, path: str, count: int = 1, timeout: float = 10) -> list[Push]:
        """Until so many pushes have come to a path."""
        with self._changed:
            arrived = self._changed.wait_for(
                lambda: sum(push.path == path for push in self.pushes) >= count, timeout=timeout
            )
        assert arrived, f"{len(self.received(path))} of {count} pushes to {path}"
        return self.received(path)

    def stop(self) -> None:
        self.ending.set()
        self._server.stop()
