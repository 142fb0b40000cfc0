"""HTTP by hand, for requests that no HTTP library would send."""

import socket
import time
from dataclasses import dataclass


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Conversation:
    """What came back on one connection, and whether the server closed it."""

    received: bytes
    closed: bool

    @property
    def answers(self) -> list[Answer]:
        found, rest = [], self.received
        while rest.startswith(b"HTTP/1."):
            head, separator, rest = rest.partition(b"\r\n\r\n")
            if not separator:
                break
            lines = head.decode("latin-1").split("\r\n")
            headers = {}
            for line in lines[1:]:
                name, _, value = line.partition(":")
                headers[name.strip().lower()] = value.strip()
            length = int(headers.get("content-length", "0"))
            found.append(Answer(int(lines[0].split()[1]), headers, rest[:length]))
            rest = rest[length:]
        return found

    @property
    def final(self) -> list[Answer]:
        """The answers without the 1xx ones."""
        return [answer for answer in self.answers if answer.status >= 200]

    @property
    def status(self) -> int | None:
        """The first final status; None when the server said nothing (it may close instead of answering)."""
        return self.final[0].status if self.final else None


def connect(port: int, timeout: float = 5) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=timeout)


def listen(connection: socket.socket, *, patience: float = 5, quiet: float = 0.4) -> Conversation:
    """Reads until the server closes, has been `quiet` for so long after an answer, or has used up our `patience`."""
    received, end = b"", time.monotonic() + patience
    while (left := end - time.monotonic()) > 0:
        connection.settimeout(min(left, quiet) if received else left)
        try:
            chunk = connection.recv(65536)
        except TimeoutError:
            break
        except OSError:
            return Conversation(received, True)
        if not chunk:
            return Conversation(received, True)
        received += chunk
    return Conversation(received, False)


def talk(port: int, *pieces: bytes, pause: float = 0, patience: float = 5, quiet: float = 0.4) -> Conversation:
    """Sends the pieces one after the other on one connection and reads what comes back."""
    with connect(port) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
                if pause:
                    time.sleep(pause)
        except OSError:
            pass  # The server has had enough; what it said, if anything, is still to be read.
        return listen(connection, patience=patience, quiet=quiet)


def request(line: str, *headers: str, body: bytes = b"", host: str | None = "127.0.0.1") -> bytes:
    """A request with exactly these header lines (and `Host`, unless it is None)."""
    lines = [line, *([f"Host: {host}"] if host is not None else []), *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def form_post(path: str, body: bytes, *headers: str) -> bytes:
    return request(
        f"POST {path} HTTP/1.1",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
        *headers,
        body=body,
    )
