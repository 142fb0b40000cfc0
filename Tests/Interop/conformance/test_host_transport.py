"""HOST, O.1: size, shape and transport."""

import json
import socket
import struct
import threading
import time

import pytest

from checks import granted
from raw import connect, form_post, listen, request, talk

FORM = "Content-Type: application/x-www-form-urlencoded"
LIVE = request("GET /health/live HTTP/1.1")


def good_body(world) -> bytes:
    return (
        f"grant_type=client_credentials&resource={world.r1.uri}&client_id={world.cb.id}&client_secret={world.cb.secret}"
    ).encode()


@pytest.fixture(autouse=True)
def alive(legate):
    yield
    legate.assert_alive()


# Bodies


def test_HOST_01_body_at_the_limit_is_read(legate, world):
    body = good_body(world) + b"&x="
    answer = legate.request(
        "POST",
        "/token",
        data=body + b"x" * (65536 - len(body)),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    granted(answer)


@pytest.mark.parametrize("size", [65537, 10_000_000])
def test_HOST_01_body_over_the_limit(legate, world, size):
    body = good_body(world) + b"&x="
    said = talk(legate.port, form_post("/token", body + b"x" * (size - len(body))))
    assert said.status == 413 or (said.closed and said.status is None)
    assert b"access_token" not in said.received


def test_HOST_01_gigabyte_announced_and_never_sent(legate):
    started = time.monotonic()
    said = talk(legate.port, request("POST /token HTTP/1.1", FORM, "Content-Length: 1073741824", body=b"grant_type="))
    assert said.status == 413 or said.closed
    assert time.monotonic() - started < 5


def test_HOST_01_admin_body_over_the_limit(legate):
    answer = legate.admin("POST", "/clients", {"name": "x" * 70_000})
    assert answer.status_code == 413


@pytest.mark.parametrize("chunk", [b"1\r\nx\r\n" * 200_000, (b"4000\r\n" + b"x" * 16384 + b"\r\n") * 8])
def test_HOST_02_chunks_without_end(legate, chunk):
    head = request("POST /token HTTP/1.1", FORM, "Transfer-Encoding: chunked")
    said = talk(legate.port, head, chunk)
    assert said.status in (400, 413) or (said.closed and said.status is None)


@pytest.mark.parametrize(
    "chunk",
    [b"zz\r\nxx\r\n0\r\n\r\n", b"-1\r\nx\r\n0\r\n\r\n", b"ffffffffffffffffff\r\nx\r\n0\r\n\r\n"],
    ids=["not hex", "negative", "beyond 64 bits"],
)
def test_HOST_02_malformed_chunks(legate, world, chunk):
    head = request("POST /token HTTP/1.1", FORM, "Transfer-Encoding: chunked")
    said = talk(legate.port, head, chunk)
    assert said.status == 400 or (said.closed and said.status is None)


def test_HOST_02_huge_chunk_extension(legate):
    head = request("POST /token HTTP/1.1", FORM, "Transfer-Encoding: chunked")
    said = talk(legate.port, head, b"1;" + b"x" * 1_000_000 + b"\r\na\r\n0\r\n\r\n")
    assert said.status != 200


def test_HOST_02_chunked_body_is_a_body(legate, world):
    body = good_body(world)
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:10], body[10:])) + b"0\r\n\r\n"
    said = talk(legate.port, request("POST /token HTTP/1.1", FORM, "Transfer-Encoding: chunked", body=chunks))
    assert said.status == 200


# Smuggling


SMUGGLED = b"GET /.well-known/jwks.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 5"),
        ("Content-Length: 5", f"Content-Length: {5 + len(SMUGGLED)}"),
        ("Content-Length: 5, 6",),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding : chunked",),
        ("Content-Length : 5",),
        ("Content-Length: +5",),
        ("Content-Length: 0x5",),
        ("Content-Length: -5",),
        ("X-Folded: a\r\n b", "Content-Length: 5"),
        ("Bad Name: x", "Content-Length: 5"),
    ],
    ids=[
        "length and encoding",
        "encoding and length",
        "two lengths",
        "list of lengths",
        "xchunked",
        "chunked not last",
        "space before colon",
        "space before colon of length",
        "plus",
        "hex",
        "negative",
        "folded",
        "space in name",
    ],
)
def test_HOST_04_ambiguous_framing_is_refused_and_the_connection_closed(legate, headers):
    head = request("POST /token HTTP/1.1", FORM, *headers)
    said = talk(legate.port, head + b"0\r\n\r\n" + SMUGGLED)
    assert said.closed, said.received[:300]
    assert b'"keys"' not in said.received, "the smuggled request was answered"
    assert said.status is None or said.status in (400, 413, 501), said.received[:300]
    assert len(said.final) <= 1


def test_HOST_04_same_length_twice(legate, world):
    body = good_body(world)
    said = talk(legate.port, form_post("/token", body, f"Content-Length: {len(body)}"))
    assert said.status in (200, 400) and len(said.final) == 1


def test_HOST_04_bare_line_feeds(legate):
    said = talk(legate.port, b"GET /health/live HTTP/1.1\nHost: 127.0.0.1\n\n" + SMUGGLED.replace(b"\r", b""))
    assert said.status is None or said.status in (200, 400)
    assert not [answer for answer in said.final if answer.status >= 500]


def test_HOST_04_pipelined_requests_are_answered_in_order(legate):
    said = talk(legate.port, LIVE + request("GET /nothing HTTP/1.1") + LIVE, quiet=2)
    assert [answer.status for answer in said.final] == [200, 404, 200]


# Slowness. Both kinds of sender are set going together, and looked at when the longest time-out has passed.


class SlowSender:
    """Sends a byte every two seconds, and remembers how long the server put up with it."""

    def __init__(self, port: int, opening: bytes):
        self._started = time.monotonic()
        self._connection = connect(port)
        self._connection.sendall(opening)
        self.cut_off_after: float | None = None
        self.received = b""
        self._thread = threading.Thread(target=self._drip, daemon=True)
        self._thread.start()

    def _drip(self) -> None:
        while time.monotonic() - self._started < 45:
            try:
                self._connection.sendall(b"x")
                self._connection.settimeout(2)
                chunk = self._connection.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                chunk = b""
            if chunk:
                self.received += chunk
                continue
            self.cut_off_after = time.monotonic() - self._started
            break
        self._connection.close()

    def wait(self) -> None:
        self._thread.join()


@pytest.fixture(scope="module")
def slow_senders(legate, world):
    headers = b"POST /token HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
    body = request("POST /token HTTP/1.1", FORM, "Content-Length: 1000", body=b"grant_type=")
    senders = {
        "header": [SlowSender(legate.port, headers) for _ in range(20)],
        "body": [SlowSender(legate.port, body) for _ in range(20)],
    }
    latencies = []
    for _ in range(20):
        started = time.monotonic()
        granted(world.cb.ask(resource=world.r1.uri))
        latencies.append(time.monotonic() - started)
        time.sleep(0.05)
    for sender in senders["header"] + senders["body"]:
        sender.wait()
    return senders, latencies


def test_HOST_05_slow_headers_are_cut_off(slow_senders):
    senders, latencies = slow_senders
    assert all(sender.cut_off_after is not None and sender.cut_off_after <= 35 for sender in senders["header"])
    assert max(latencies) < 2, "others noticed"


def test_HOST_06_slow_bodies_are_cut_off(slow_senders):
    senders, _ = slow_senders
    assert all(sender.cut_off_after is not None and sender.cut_off_after <= 40 for sender in senders["body"])
    for sender in senders["body"]:
        assert not sender.received or sender.received.startswith((b"HTTP/1.1 408", b"HTTP/1.1 400"))


def test_HOST_08_idle_connections(legate, world):
    idle = [connect(legate.port) for _ in range(300)]
    try:
        for _ in range(5):
            granted(world.cb.ask(resource=world.r1.uri))
    finally:
        for connection in idle:
            connection.close()


# Heads


def test_HOST_09_long_request_line(legate):
    said = talk(legate.port, request(f"GET /{'x' * 65536} HTTP/1.1"))
    assert said.status in (400, 414, 431) or (said.closed and said.status is None)


@pytest.mark.parametrize(
    "headers",
    [
        tuple(f"X-Header-{number}: {'v' * 20}" for number in range(1000)),
        (f"X-Long: {'v' * 1_000_000}",),
        (f"Authorization: Bearer {'v' * 20_000}",),
    ],
    ids=["a thousand", "a megabyte", "20 kilobytes"],
)
def test_HOST_09_large_headers(legate, headers):
    said = talk(legate.port, request("GET /admin/clients HTTP/1.1", *headers))
    assert said.status == 431 or (said.closed and said.status is None)


def test_HOST_12_half_closed_and_reset_connections(legate, world):
    body = good_body(world)
    with connect(legate.port) as connection:
        connection.sendall(form_post("/token", body))
        connection.shutdown(socket.SHUT_WR)
        said = listen(connection)
        assert said.status in (200, None)
    for _ in range(30):
        connection = connect(legate.port)
        connection.sendall(form_post("/token", body))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    granted(world.cb.ask(resource=world.r1.uri))
    assert legate.fetch("/audit/verify")["valid"] is True


def test_HOST_13_no_host(legate):
    assert talk(legate.port, request("GET /health/live HTTP/1.1", host=None)).status == 400


def test_HOST_13_two_hosts(legate):
    said = talk(legate.port, request("GET /health/live HTTP/1.1", "Host: evil.test"))
    assert said.status == 400


@pytest.mark.parametrize("host", ["127.0.0.1:99999", "user@127.0.0.1", "evil.test", "a b", ""])
def test_HOST_13_odd_hosts_change_nothing(legate, host):
    path = "/.well-known/oauth-authorization-server"
    said = talk(legate.port, request(f"GET {path} HTTP/1.1", host=host))
    assert said.status in (200, 400, 421)
    if said.status == 200:
        assert json.loads(said.final[0].body)["issuer"] == legate.issuer


def test_HOST_13_carriage_return_in_a_header(legate):
    said = talk(legate.port, b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\rX: y\r\n\r\n")
    assert said.status == 400 or (said.closed and said.status is None)


def test_HOST_13_absolute_form_for_another_host(legate):
    path = "/.well-known/oauth-authorization-server"
    said = talk(legate.port, request(f"GET http://evil.test{path} HTTP/1.1"))
    assert said.status in (200, 400, 404, 421)
    assert b"evil.test" not in said.received


@pytest.mark.parametrize(
    "path",
    ["/token/", "//token", "/token;x", "/%74oken", "/token%00", "/TOKEN", "/./token", "/x/../token", "/token%2f"],
)
def test_HOST_14_path_tricks(legate, world, path):
    said = talk(legate.port, form_post(path, good_body(world)))
    assert said.status in (400, 404) or (path == "/%74oken" and said.status == 200)
    assert "location" not in said.final[0].headers


@pytest.mark.parametrize(
    "path", ["/admin/clients/", "//admin/clients", "/admin//clients", "/ADMIN/clients", "/%61dmin/clients"]
)
def test_HOST_14_no_path_goes_round_the_guard(legate, path):
    said = talk(legate.port, request(f"GET {path} HTTP/1.1"))
    assert said.status in (400, 401, 404)
