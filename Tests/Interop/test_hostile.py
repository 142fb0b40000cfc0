"""Floods, slow peers and guessing: others do not notice, and what it costs is bounded."""

import http.client
import re
import socket
import ssl
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from actors import Registry, World, unique
from certificates import Authority
from checks import granted
from crowd import Crowd, address, may_open
from raw import connect, form_post, listen, request, talk
from server import FromAddress, Legate

LIVE = request("GET /health/live HTTP/1.1")
FORM = "Content-Type: application/x-www-form-urlencoded"


class Honest:
    """Clients that ask for tokens all the time, each on a connection that it keeps."""

    def __init__(self, world: World, clients: int = 3):
        self.latencies: list[float] = []
        self.failures: list[str] = []
        self._world, self._stop = world, threading.Event()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(clients)]

    def _work(self) -> None:
        legate, client = self._world.legate, self._world.cb
        form = {"grant_type": "client_credentials", "resource": self._world.r1.uri}
        with requests.Session() as session:
            session.trust_env = False
            while not self._stop.is_set():
                begun = time.monotonic()
                try:
                    answer = session.post(f"{legate.base}/token", form, auth=client.basic, timeout=10)
                    if answer.status_code != 200:
                        self.failures.append(f"{answer.status_code} {answer.text}")
                except requests.RequestException as error:
                    self.failures.append(repr(error))
                self.latencies.append(time.monotonic() - begun)
                time.sleep(0.02)

    def __enter__(self) -> "Honest":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(15)

    @property
    def p99(self) -> float:
        ordered = sorted(self.latencies)
        return ordered[int(len(ordered) * 0.99)]

    def assert_unharmed(self, most: float) -> None:
        assert not self.failures, self.failures[:3]
        assert len(self.latencies) >= 20 and self.p99 < most, f"p99 {self.p99:.2f} s of {len(self.latencies)}"


def metric(legate: Legate, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", legate.get("/metrics").text, re.M)
    assert found, name
    return float(found[1])


# Slow peers and many of them


def test_HOST_05_five_hundred_slow_heads_and_nobody_notices(make_legate):
    legate = make_legate(flags=("--head-timeout", "5s")).start()
    world = World(Registry(legate))
    granted(world.cb.ask(resource=world.r1.uri))
    head = b"POST /token HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
    with Honest(world) as honest, Crowd(legate.port, 500, opening=head) as crowd:
        assert crowd.failed == 0
        for _ in range(14):
            crowd.look(1)
            crowd.say(b"x")
            if not crowd.open:
                break
    assert crowd.open == 0 and max(crowd.closed_after) < 13
    honest.assert_unharmed(1)
    assert metric(legate, "legate_http_connections_timed_out_total") >= 500


def test_HOST_05_the_same_over_tls(make_legate, tmp_path):
    """A handshake that never goes on, and one that never begins."""
    authority = Authority(tmp_path)
    flags = ("--head-timeout", "3s", *authority.flags)
    legate = make_legate(flags=flags, certificate_authority=authority.file).start()
    with Crowd(legate.port, 100, opening=b"\x16\x03\x01\x02\x00\x01") as crowd:
        with Crowd(legate.port, 100) as silent:
            for _ in range(12):
                crowd.look(0.5)
                silent.look(0.5)
                if not crowd.open and not silent.open:
                    break
            assert crowd.open == 0 and silent.open == 0
    legate.assert_alive()


def test_HOST_06_slow_bodies_are_told_so(legate):
    opening = request("POST /token HTTP/1.1", FORM, "Content-Length: 1000", body=b"grant_type=")
    with Crowd(legate.port, 50, opening=opening) as crowd:
        connections = list(crowd.received)
        for _ in range(10):
            crowd.look(2)
            crowd.say(b"x")
            if not crowd.open:
                break
        crowd.look(2)
    assert crowd.open == 0 and max(crowd.closed_after) < 20
    assert all(crowd.received[one].startswith(b"HTTP/1.1 408 ") for one in connections)


def test_HOST_08_ten_thousand_idle_connections_and_still_accepting(make_legate):
    legate = make_legate(flags=("--max-connections", "2000")).start()
    world = World(Registry(legate))
    granted(world.cb.ask(resource=world.r1.uri))
    count = may_open(10_000)
    before = legate.resident_megabytes
    with Honest(world) as honest, Crowd(legate.port, count, addresses=2000) as crowd:
        crowd.look(1)
        assert crowd.failed == 0
        assert crowd.open <= 2000
        assert metric(legate, "legate_http_connections") <= 2000
        assert metric(legate, "legate_http_connections_evicted_total") >= count - 2000
        assert metric(legate, "legate_http_connections_refused_total") == 0
        for _ in range(5):
            said = talk(legate.port, LIVE)
            assert said.status == 200
        grown = legate.resident_megabytes - before
    honest.assert_unharmed(2)
    assert grown < 60


def test_one_address_pushes_out_itself(make_legate):
    legate = make_legate(flags=("--max-connections", "400", "--max-connections-per-address", "100")).start()
    with Crowd(legate.port, 50, addresses=50) as others:
        with Crowd(legate.port, 1000, addresses=1) as crowd:
            crowd.look(0.5)
            others.look(0.5)
            # The last address of `others` is that of the crowd.
            assert others.open >= 49
            assert crowd.open <= 100
            legate.assert_alive()


def test_resting_connections_are_closed(make_legate):
    legate = make_legate(flags=("--idle-timeout", "1s")).start()
    with Crowd(legate.port, 20, opening=LIVE) as crowd:
        crowd.look(0.7)
        assert crowd.open == 20
        crowd.look(7)
        assert crowd.open == 0


def test_a_reader_who_takes_nothing_is_cut_off(legate):
    """Answers worth some megabytes are asked for, and none is read."""
    with socket.socket() as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.connect(("127.0.0.1", legate.port))
        asked, begun = 0, time.monotonic()
        lazy.settimeout(1)
        try:
            # Fifty are on their way at most: more would be refused as a flood.
            while time.monotonic() - begun < 5 and asked < 400:
                lazy.sendall(request("GET /metrics HTTP/1.1") * 10)
                asked += 10
                time.sleep(0.1)
        except OSError:
            pass
        legate.assert_alive()
        while time.monotonic() - begun < 50 and not _reset(lazy):
            time.sleep(1)
        assert _reset(lazy), "it is still being served"
    legate.assert_alive()


def _reset(connection: socket.socket) -> bool:
    """Whether the other side has closed the connection, however much of what it said is unread."""
    state = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    established = 1
    return state != established


# Limits, each answered as the protocol says, and the next request unharmed


@pytest.mark.parametrize(
    "hostile, statuses",
    [
        (form_post("/token", b"x=" + b"y" * 70_000), {413}),
        (request("GET /health/live HTTP/1.1", f"X-Long: {'v' * 17_000}"), {431}),
        (request("GET /health/live HTTP/1.1", *(f"X-{n}: v" for n in range(200))), {431}),
        (request("GET /health/live HTTP/1.1", f"X-Long: {'v' * 100_000}"), {431}),
        (request(f"GET /{'x' * 10_000} HTTP/1.1"), {414}),
        (request(f"GET /{'x' * 70_000} HTTP/1.1"), {414, 431}),
        (form_post("/token", b"&".join(b"p%d=x" % n for n in range(200))), {400}),
        (b"\x00\xff\x16\x03\x01" * 40, {400}),
        (b"GET /health/live HTTP/9.9\r\nHost: x\r\n\r\n", {400, 505}),
        (form_post("/events", b"{}"), {400, 415}),
    ],
    ids=[
        "body", "header", "many headers", "header of 100 KB", "target", "target of 70 KB", "parameters", "binary",
        "version", "event",
    ],
)  # fmt: skip
def test_HOST_09_each_limit_is_answered_and_the_next_connection_unharmed(legate, hostile, statuses):
    said = talk(legate.port, hostile)
    assert said.status in statuses, said.received[:300]
    assert len(said.final) == 1
    assert talk(legate.port, LIVE).status == 200


@pytest.mark.parametrize(
    "nested",
    [b"[" * 60_000, b'{"a":' * 10_000, b'{"name":' + b"[" * 33 + b"]" * 33 + b"}"],
    ids=["arrays", "objects", "closed again"],
)
def test_HOST_09_nesting_ends_where_json_is_parsed(own_legate, nested):
    """Of somebody who is known, for a stranger's JSON is not read."""
    headers = {"Authorization": f"Bearer {own_legate.operator_token()}", "Content-Type": "application/json"}
    answer = own_legate.request("POST", "/admin/clients", data=nested, headers=headers)
    assert answer.status_code == 400 and "too many levels" in answer.text, answer.text
    own_legate.assert_alive()


def test_HOST_01_the_refusal_of_a_large_body_always_arrives(legate):
    """Closing under unread bytes would take the answer with it."""
    for _ in range(20):
        said = talk(legate.port, form_post("/token", b"x=" + b"y" * 300_000))
        assert said.status == 413 and said.closed


def test_a_large_import_is_not_read_for_a_stranger(legate):
    """Sixteen megabytes are allowed there, for operators alone."""
    head = request("POST /vault/import HTTP/1.1", "Content-Type: application/json", "Content-Length: 16000000")
    begun = time.monotonic()
    said = talk(legate.port, head + b"{" * 1000)
    assert said.status == 401 and time.monotonic() - begun < 5


def test_pipelined_requests_are_bounded(legate):
    said = talk(legate.port, LIVE * 40, quiet=2)
    assert [answer.status for answer in said.final] == [200] * 40
    said = talk(legate.port, LIVE * 20_000, quiet=1)
    assert said.closed
    legate.assert_alive()


def test_HOST_12_resets_leave_nothing(own_legate):
    """Five hundred requests whose sender is gone before the answer."""
    message = form_post("/token", b"grant_type=client_credentials&client_id=nobody&client_secret=x")
    for _ in range(500):
        with connect(own_legate.port) as connection:
            connection.sendall(message)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    time.sleep(1)
    assert metric(own_legate, "legate_http_connections") < 10
    assert own_legate.fetch("/audit/verify")["valid"] is True


# Guessing


def guess(legate: Legate, source: str, client: str, secret: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", FromAddress(source))
        form = {"grant_type": "client_credentials"}
        return session.post(f"{legate.base}/token", form, auth=(client, secret), timeout=10)


def test_HOST_81_a_thousand_addresses_slow_each_other_and_lock_nobody_out(legate, registry, world):
    client = registry.agent(world.r1)
    granted(client.ask())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: guess(legate, address(n), client.id, "guess"), range(1000)))
    assert {answer.status_code for answer in answers} == {401, 429}
    slowed = [answer for answer in answers if answer.status_code == 429]
    assert len(slowed) > 500
    for answer in slowed:
        assert answer.headers["RateLimit-Policy"] == '"failed-authentication-client";q=100;w=60'
        rate = re.fullmatch(r'"failed-authentication-client";r=0;t=(\d+)', answer.headers["RateLimit"])
        assert rate and 1 <= int(rate[1]) <= 60 and int(answer.headers["Retry-After"]) >= int(rate[1])
    # From where it is known, and from where it has never been.
    granted(client.ask())
    granted(guess(legate, "127.77.0.1", client.id, client.secret))


def test_HOST_81_guesses_through_the_same_proxy_do_not_lock_a_known_client_out(legate, registry, world):
    client = registry.agent(world.r1)
    granted(client.ask())
    answers = [guess(legate, "127.0.0.1", client.id, "guess").status_code for _ in range(30)]
    assert answers[:10] == [401] * 10 and set(answers[10:]) == {429}
    granted(client.ask())


def test_HTTP_14_signatures_checked_in_vain_are_bounded_for_each_address(legate, world):
    good = world.cb.token(resource=world.r1.uri)
    path = f"/check?resource={requests.utils.quote(world.r1.uri, safe='')}"
    head, payload, signature = good.split(".")

    def ask(source: str, token: str) -> tuple[int, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", legate.port, timeout=10, source_address=(source, 0))
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders())

    forged = f"{head}.{payload}.{'A' * len(signature)}"
    source = "127.88.0.1"
    assert ask(source, good)[0] == 204
    connection = http.client.HTTPConnection("127.0.0.1", legate.port, timeout=10, source_address=(source, 0))
    for _ in range(4000):
        connection.request("GET", path, headers={"Authorization": f"Bearer {forged}"})
        answer = connection.getresponse()
        answer.read()
        if answer.status == 429:
            break
        assert answer.status == 401
    connection.close()
    assert answer.status == 429
    assert answer.headers["RateLimit-Policy"] == '"failed-signatures";q=1000;w=10'
    # What was verified before needs no check, and others have their own.
    assert ask(source, good)[0] == 204
    assert ask("127.88.0.2", forged)[0] == 401
    assert ask("127.88.0.2", world.cb.token(resource=world.r1.uri))[0] == 204
    # Legate's own APIs ask the same budget; there the answer is a problem.
    for path in ("/admin/clients", "/vault/secrets"):
        status, fields = ask(source, forged)
        assert status == 429 and int(fields["Retry-After"]) >= 1


def test_a_dead_token_does_not_fill_the_trail(legate, registry, world):
    client = registry.agent(world.r1)
    token = client.token(resource=world.r1.uri)
    assert legate.admin("POST", "/revocations", {"kind": "client", "id": client.id}).status_code in (200, 201)
    for _ in range(100):
        answer = legate.get("/check", params={"resource": world.r1.uri}, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401
    denied = legate.audit(client_id=client.id, decision="deny")
    assert 1 <= len(denied) <= 60


def test_two_hundred_thousand_invented_ids_would_not_matter(legate):
    """A part of them over HTTP; the whole number is in FailureThrottleTests."""
    before = legate.resident_megabytes
    connection = http.client.HTTPConnection("127.0.0.1", legate.port, timeout=10, source_address=("127.99.0.1", 0))
    for number in range(3000):
        form = f"grant_type=client_credentials&client_id=invented-{number}-{unique('x')}&client_secret=guess"
        connection.request("POST", "/token", form, {"Content-Type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status in (401, 429)
    connection.close()
    assert legate.resident_megabytes - before < 30


# The end


def test_a_resting_tls_connection_does_not_delay_the_end(make_legate, tmp_path):
    authority = Authority(tmp_path)
    legate = make_legate(flags=authority.flags, certificate_authority=authority.file).start()
    context = ssl.create_default_context(cafile=authority.file)
    with socket.create_connection(("127.0.0.1", legate.port)) as plain:
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
            secure.sendall(LIVE)
            assert secure.recv(4096).startswith(b"HTTP/1.1 200 ")
            begun = time.monotonic()
            assert legate.stop() == 0
            assert time.monotonic() - begun < 2


def test_a_slow_head_does_not_delay_the_end(make_legate):
    legate = make_legate().start()
    with Crowd(legate.port, 20, opening=b"POST /token HTTP/1.1\r\nHost: x\r\nX-Slow: ") as crowd, Crowd(legate.port, 20):
        crowd.look(0.3)
        begun = time.monotonic()
        assert legate.stop() == 0
        assert time.monotonic() - begun < 2


def test_a_request_under_way_is_answered_before_the_end(make_legate):
    legate = make_legate().start()
    with connect(legate.port) as connection:
        connection.sendall(request("POST /token HTTP/1.1", FORM, "Content-Length: 29", body=b"grant_type="))
        time.sleep(0.2)
        ending = threading.Thread(target=legate.stop)
        ending.start()
        time.sleep(0.3)
        connection.sendall(b"client_credentials")
        said = listen(connection)
        ending.join()
    assert said.status == 401
