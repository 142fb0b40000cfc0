"""What honest clients notice of floods, of slow peers and of crowds that do nothing."""

import http.client
import re
import resource
import secrets
import selectors
import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode

import registry
from load import Side, wrk
from possession import SecureLegate, full_handshakes
from servers import BenchmarkFailed, Legate

MOST_P99_MS = 100.0
MOST_MEGABYTES = 150.0
LEAST_CORES = 0.9
"""What a flood has to cost the server to be one."""
LEAST_CORES_OF_HANDSHAKES = 0.5
"""The same of handshakes, which cost the clients on this machine as much."""
IDLE, SLOW = 10_000, 1_000
RESTED = 1_500
"""Of the idle ones, those that have had an answer."""
ADDRESSES = 500
HONEST_CLIENTS = 8
HONEST_PAUSE = 0.05
FORGED = 2_000
SHAKING_CLIENTS = 4


class Honest:
    """Clients that ask for a token now and then, each on a connection that it keeps, and reconnect as a library would."""

    def __init__(self, legate: Legate, agent: dict[str, str]):
        self.latencies: list[float] = []
        self.failures: list[str] = []
        self._legate, self._stop = legate, threading.Event()
        self._body = urlencode({"grant_type": "client_credentials", "resource": registry.RESOURCE, **agent})
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(HONEST_CLIENTS)]

    def _work(self) -> None:
        connection = self._legate.connect()
        while not self._stop.is_set():
            begun = time.perf_counter()
            try:
                connection.request(
                    "POST", "/token", self._body, {"Content-Type": "application/x-www-form-urlencoded"}
                )
                answer = connection.getresponse()
                text = answer.read()
                if answer.status != 200:
                    self.failures.append(f"{answer.status} {text.decode(errors='replace')}")
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
                connection = self._legate.connect()
            self.latencies.append((time.perf_counter() - begun) * 1000)
            time.sleep(HONEST_PAUSE)
        connection.close()

    def __enter__(self) -> "Honest":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    @property
    def p99_ms(self) -> float:
        if not self.latencies:
            raise BenchmarkFailed("no honest request was made")
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


class Crowd:
    """Connections from many addresses of this machine that stay open as long as the server lets them."""

    def __init__(self, port: int):
        self.port = port
        self._open: set[socket.socket] = set()
        self._selector = selectors.DefaultSelector()

    def join(self, count: int, opening: bytes = b"") -> None:
        for number in range(count):
            one = socket.socket()
            try:
                one.bind((f"127.{2 + number % ADDRESSES // 250}.1.{1 + number % 250}", 0))
                one.connect(("127.0.0.1", self.port))
                if opening:
                    one.sendall(opening)
            except OSError as error:
                one.close()
                raise BenchmarkFailed(f"connection {len(self._open):,} could not be made: {error}") from None
            one.setblocking(False)
            self._open.add(one)
            self._selector.register(one, selectors.EVENT_READ)
            if number % 100 == 99:
                self.look()

    def look(self) -> int:
        """Takes what came in; answers how many are still there."""
        for key, _ in self._selector.select(0):
            try:
                chunk = key.fileobj.recv(65536)
            except BlockingIOError:
                continue
            except OSError:
                chunk = b""
            if not chunk:
                self._selector.unregister(key.fileobj)
                self._open.discard(key.fileobj)
                key.fileobj.close()
        return len(self._open)

    def leave(self) -> None:
        for one in self._open:
            one.close()
        self._open.clear()
        self._selector.close()


class Patient(Legate):
    """Gives slow heads all the time there is, so that those of the first connection are here when the last comes."""

    def arguments(self) -> list[str]:
        return [*super().arguments(), "--head-timeout", "30s"]


def measure(bench) -> None:
    """Everything hostile; the figures go into the bench."""
    legate = Patient(bench.options.legate, bench.directory, "hostile")
    bench.servers.append(legate)
    legate.start()
    registry.register_resource(legate)
    agent = registry.register_agent(legate, "bench-honest", token_ttl=registry.LONGEST_LIFE)
    flood(bench, legate, agent)
    legate.stop()
    # Its own process: what the floods left in the allocator is not what connections cost.
    legate.start()
    crowd(bench, legate, agent)
    legate.stop()
    handshakes(bench)


def flood(bench, legate: Legate, agent: dict[str, str]) -> None:
    """Bad requests of several kinds, as fast as the server answers them, one kind after the other."""
    with Honest(legate, agent) as quiet:
        time.sleep(bench.options.seconds)
    bench.say(f"quiet: p99 {quiet.p99_ms:.1f} ms")
    for kind, side in floods(bench.directory, legate, agent).items():
        bench.say(f"a flood of {kind}")
        before, begun = legate.cpu_seconds(), time.perf_counter()
        with Honest(legate, agent) as honest, flooding(side, bench.options.seconds) as done:
            pass
        cores = (legate.cpu_seconds() - before) / (time.perf_counter() - begun)
        result = done[0]
        bench.say(f"{result['requests'] / result['seconds']:,.0f} bad requests/s, {cores:.2f} cores")
        judge(bench, kind, honest, cores, LEAST_CORES)
        legate.empty_log()


def judge(bench, kind: str, honest: Honest, cores: float, least: float) -> None:
    """What honest clients noticed of a flood. One that does not keep the server busy proves nothing."""
    if honest.failures:
        bench.say(f"{len(honest.failures)} honest requests failed: {honest.failures[0]}")
    valid = not honest.failures and cores >= least
    bench.judge(f"hostile: p99 of honest clients under a flood of {kind}", honest.p99_ms, MOST_P99_MS, "ms", valid)


def handshakes(bench) -> None:
    """Connections over TLS that are made and dropped, as fast as the server lets them."""
    legate = SecureLegate(bench.options.legate, bench.directory, "hostile-TLS")
    bench.servers.append(legate)
    legate.start()
    registry.register_resource(legate)
    agent = registry.register_agent(legate, "bench-honest", token_ttl=registry.LONGEST_LIFE)
    bench.say("a flood of handshakes")
    before, begun = legate.cpu_seconds(), time.perf_counter()
    with Honest(legate, agent) as honest:
        made = full_handshakes(legate, bench.options.seconds, SHAKING_CLIENTS)
    seconds = time.perf_counter() - begun
    cores = (legate.cpu_seconds() - before) / seconds
    bench.say(f"{made / seconds:,.0f} handshakes/s, {cores:.2f} cores")
    judge(bench, "handshakes", honest, cores, LEAST_CORES_OF_HANDSHAKES)
    legate.stop()


def floods(directory: Path, legate: Legate, agent: dict[str, str]) -> dict[str, Side]:
    def file(name: str, lines: list[str]) -> Path:
        path = directory / name
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    def invented(number: int) -> str:
        return urlencode(
            {"grant_type": "client_credentials", "client_id": f"invented-{number}", "client_secret": "guess"}
        )

    token = legate.token(**agent, resource=registry.RESOURCE)
    head, payload, signature = token.split(".")
    check = f"/check?resource={quote(registry.RESOURCE, safe='')}"
    guesses = [
        urlencode({**agent, "grant_type": "client_credentials", "client_secret": secrets.token_urlsafe(16)})
        for _ in range(FORGED)
    ]
    # By another key than the client's, who has proved itself from here: nobody's signatures are looked at for longer.
    signer, forger = (registry.AssertionSigner("bench-forged", legate.address) for _ in range(2))
    legate.create("clients", registry.agent("bench-forged", auth="private_key_jwt", jwks=signer.jwks))
    legate.post_form("/token", signer.bodies(1)[0])
    nonsense = ["x=%zz", "grant_type=%ff", "&".join(f"p{n}=x" for n in range(200)), "a" * 20_000]
    return {
        # The first, because an assertion is good for minutes only.
        "forged assertions": Side(legate, "/token", bodies=file("assertions", forger.bodies(FORGED))),
        "invented clients": Side(legate, "/token", bodies=file("invented", [invented(n) for n in range(FORGED)])),
        "guessed secrets": Side(legate, "/token", bodies=file("guesses", guesses)),
        "forged tokens": Side(
            legate, check, method="GET", authorization=lambda: f"Bearer {head}.{payload}.{'A' * len(signature)}"
        ),
        "broken forms": Side(legate, "/token", bodies=file("nonsense", nonsense)),
        "unknown paths": Side(legate, "/nothing/at/all", method="GET"),
    }


@contextmanager
def flooding(side: Side, seconds: int):
    results: list[dict] = []
    thread = threading.Thread(target=lambda: results.append(wrk(side, seconds)))
    thread.start()
    try:
        yield results
    finally:
        thread.join()
    if not results:
        raise BenchmarkFailed("the flood broke off")


def crowd(bench, legate: Legate, agent: dict[str, str]) -> None:
    """Idle and slow connections at once, and honest clients between them."""
    idle, slow = bench.options.idle, bench.options.idle * SLOW // IDLE
    open_files(idle + slow + 500)
    with Honest(legate, agent):
        time.sleep(2)
    before = legate.resident_megabytes()
    bench.say(f"{idle:,} idle and {slow:,} slow connections")
    people = Crowd(legate.port)
    rested = idle * RESTED // IDLE
    try:
        with Honest(legate, agent) as honest:
            people.join(rested, b"GET /health/live HTTP/1.1\r\nHost: bench\r\n\r\n")
            people.join(idle - rested)
            people.join(slow, b"POST /token HTTP/1.1\r\nHost: bench\r\nX-Slow: ")
            time.sleep(1)
            here, known = people.look(), connections(legate)
            grown = legate.resident_megabytes() - before
            time.sleep(bench.options.seconds)
    finally:
        people.leave()
    bench.say(f"{here:,} were open at once, {known:,.0f} by the server's count")
    # Connections that were sent away cost nothing, and then the figure is of fewer.
    valid = here >= idle + slow and not honest.failures
    label = f"hostile: growth of resident memory by {idle:,} idle and {slow:,} slow connections"
    bench.judge(label, grown, MOST_MEGABYTES, "MB", valid)
    bench.judge("hostile: honest requests that failed between them", len(honest.failures), 0, "")
    bench.judge("hostile: p99 of honest clients between them", honest.p99_ms, MOST_P99_MS, "ms", valid)


def connections(legate: Legate) -> float:
    _, page = legate.request("GET", "/metrics")
    found = re.search(rb"^legate_http_connections (\S+)$", page, re.M)
    if found is None:
        raise BenchmarkFailed("the metrics do not tell the connections")
    return float(found[1])


def open_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise BenchmarkFailed(f"{count:,} open files are needed, and the limit is {hard:,}: ulimit -Hn")
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
