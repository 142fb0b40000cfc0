"""A key set on a local HTTP server that counts who came for it, and can misbehave on request."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

from peer import Handler, Peer


class KeyServer:
    """`serve(path, jwks)` publishes a key set; `behave(path, handler)` does anything else that HTTP allows."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.connections = 0
        self._handlers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.ending = threading.Event()
        outer = self

        class Answering(Handler):
            def do_GET(self) -> None:
                outer.requests[self.path] += 1
                handler = outer._handlers.get(self.path)
                try:
                    if handler:
                        handler(self)
                    else:
                        self.send_error(404)
                except OSError:
                    pass  # The caller hung up, as it should on most of what is served here.

        class Server(Peer):
            def verify_request(self, *connection: object) -> bool:
                outer.connections += 1
                return True

        self._server = Server(Answering)
        self.port = self._server.port

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def behave(self, path: str, handler: Callable[[BaseHTTPRequestHandler], None]) -> str:
        self._handlers[path] = handler
        return self.url(path)

    def serve(self, path: str, jwks: dict) -> str:
        return self.answer(path, json.dumps(jwks).encode())

    def answer(self, path: str, body: bytes, *, status: int = 200, content_type: str = "application/json") -> str:
        def handler(request: BaseHTTPRequestHandler) -> None:
            request.send_response(status)
            request.send_header("Content-Type", content_type)
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)

        return self.behave(path, handler)

    def redirect(self, path: str, target: str) -> str:
        def handler(request: BaseHTTPRequestHandler) -> None:
            request.send_response(302)
            request.send_header("Location", target)
            request.send_header("Content-Length", "0")
            request.end_headers()

        return self.behave(path, handler)

    def hang(self, path: str, *, after_headers: bool = False) -> str:
        """Says nothing, or only the headers and then a byte now and then, until the server is stopped."""

        def handler(request: BaseHTTPRequestHandler) -> None:
            if after_headers:
                request.send_response(200)
                request.send_header("Content-Type", "application/json")
                request.send_header("Content-Length", "1000")
                request.end_headers()
            for _ in range(120):
                if self.ending.wait(0.5):
                    return
                if after_headers:
                    request.wfile.write(b" ")
                    request.wfile.flush()

        return self.behave(path, handler)

    def stop(self) -> None:
        self.ending.set()
        self._server.stop()
