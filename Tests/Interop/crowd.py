"""Many connections at once, from many loopback addresses, driven by one thread."""

import resource
import selectors
import socket
import time


def may_open(count: int) -> int:
    """How many sockets of `count` this process may open, after asking for all it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return min(count, soft - 200)


def address(number: int) -> str:
    """One of some thousands of addresses of this machine; never that of the honest clients."""
    return f"127.{1 + number // 62_500 % 50}.{1 + number // 250 % 250}.{1 + number % 250}"


class Crowd:
    """Connections to one port, each with an opening; what comes back and who is cut off is noticed in `look`."""

    def __init__(self, port: int, count: int, *, opening: bytes = b"", addresses: int = 250):
        self.port, self.opening = port, opening
        self.received: dict[socket.socket, bytes] = {}
        self.closed_after: list[float] = []
        self.failed = 0
        self._selector = selectors.DefaultSelector()
        self._since: dict[socket.socket, float] = {}
        for number in range(count):
            self.join(address(number % addresses))
            if number % 50 == 49:
                self.look()

    def join(self, source: str) -> None:
        one = socket.socket()
        one.settimeout(5)
        try:
            one.bind((source, 0))
            one.connect(("127.0.0.1", self.port))
            if self.opening:
                one.sendall(self.opening)
        except OSError:
            self.failed += 1
            one.close()
            return
        one.setblocking(False)
        self._since[one] = time.monotonic()
        self.received[one] = b""
        self._selector.register(one, selectors.EVENT_READ)

    @property
    def open(self) -> int:
        return len(self._since)

    def say(self, text: bytes) -> None:
        """Everyone who is still there sends this."""
        for one in list(self._since):
            try:
                one.send(text)
            except BlockingIOError:
                pass
            except OSError:
                self._gone(one)

    def look(self, seconds: float = 0) -> None:
        """Takes what comes in, for so long."""
        end = time.monotonic() + seconds
        while True:
            ready = self._selector.select(max(0.0, end - time.monotonic()))
            for key, _ in ready:
                try:
                    chunk = key.fileobj.recv(65536)
                except BlockingIOError:
                    continue
                except OSError:
                    chunk = b""
                if chunk:
                    self.received[key.fileobj] += chunk
                else:
                    self._gone(key.fileobj)
            if time.monotonic() >= end:
                return

    def _gone(self, one: socket.socket) -> None:
        self.closed_after.append(time.monotonic() - self._since.pop(one))
        self._selector.unregister(one)
        one.close()

    def __enter__(self) -> "Crowd":
        return self

    def __exit__(self, *_: object) -> None:
        for one in list(self._since):
            self._selector.unregister(one)
            one.close()
        self._since.clear()
        self._selector.close()
