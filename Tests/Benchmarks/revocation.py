"""How long a revoked token still works: from the answer of the revoking call to the first refusal, place by place.

Everything runs at once on this machine: Legate, a background of token requests, the followers of the feed, and the
prober, which asks each place in a tight loop over a kept connection. What is told is therefore an upper bound.
"""

import asyncio
import base64
import http.client
import json
import multiprocessing
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlencode

import fronts
import registry
from servers import BenchmarkFailed, Legate, Server

LOAD_CONNECTIONS = 4
GIVE_UP_SECONDS = 10
FEED_SCOPE = "revocations:read"


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@dataclass
class Place:
    """Somewhere a token is presented."""

    name: str
    port: int
    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    """More headers of each request."""
    introspects: bool = False
    """Whether the answer is RFC 7662's, with the token in the body."""
    credentials: dict[str, str] = field(default_factory=dict)
    may_be_unready: bool = False
    """Before the first token was accepted."""
    milliseconds: list[float] = field(default_factory=list)
    accepted_after: int = 0
    """How many requests that were sent after the revocation was acknowledged were still accepted."""
    connection: http.client.HTTPConnection | None = None

    def accepts(self, token: str) -> bool:
        for attempt in (1, 2):
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            try:
                if self.introspects:
                    self.connection.request(
                        self.method, self.path, urlencode({**self.credentials, "token": token}),
                        {"Content-Type": "application/x-www-form-urlencoded"},
                    )  # fmt: skip
                else:
                    headers = {**self.headers, "Authorization": f"Bearer {token}"}
                    self.connection.request(self.method, self.path, headers=headers)
                answer = self.connection.getresponse()
                body = answer.read()
                break
            except (http.client.HTTPException, ConnectionError):
                # A gateway may close a kept connection at any time.
                self.connection = None
                if attempt == 2:
                    raise
        if self.introspects:
            return json.loads(body)["active"]
        if answer.status >= 500 and not self.may_be_unready:
            raise BenchmarkFailed(f"{self.name} answered {answer.status}: {body[:200]!r}")
        return answer.status < 300

    def until_refused(self, token: str, acknowledged: float) -> None:
        while True:
            sent = time.monotonic()
            if not self.accepts(token):
                self.milliseconds.append((time.monotonic() - acknowledged) * 1000)
                return
            self.accepted_after += 1
            if sent - acknowledged > GIVE_UP_SECONDS:
                raise BenchmarkFailed(f"{self.name} accepts a token {GIVE_UP_SECONDS} s after it was revoked")

    def figures(self) -> dict:
        return {
            "place": self.name,
            "p50_ms": percentile(self.milliseconds, 0.5),
            "p99_ms": percentile(self.milliseconds, 0.99),
            "worst_ms": max(self.milliseconds),
            "accepted_after": self.accepted_after,
            "samples": len(self.milliseconds),
        }


class Load:
    """Token requests from other clients, for as long as the measurement lasts."""

    def __init__(self, legate: Legate, bodies, script):
        self.arguments = [
            "wrk", "-t1", f"-c{LOAD_CONNECTIONS}", "-d600s", "--timeout", "10s", "-s", str(script),
            legate.address + "/token",
        ]  # fmt: skip
        self.environment = {"PATH": "/usr/bin:/bin", "BENCH_METHOD": "POST", "BENCH_BODIES": str(bodies)}

    def __enter__(self) -> "Load":
        self.process = subprocess.Popen(self.arguments, env=self.environment, stdout=subprocess.DEVNULL)
        time.sleep(1)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()


# Followers


def follow(port: int, authorization: str, count: int, ready, stop, results) -> None:
    """A process of its own: so many consumers of the feed; tells when each of them had each batch."""
    seen: list[tuple[int, float]] = []
    connected = 0

    async def one() -> None:
        nonlocal connected
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
        writer.write(
            f"GET /revocations HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\n"
            f"Authorization: {authorization}\r\n\r\n".encode()
        )
        await writer.drain()
        status = await reader.readline()
        if b" 200 " not in status:
            raise BenchmarkFailed(f"the feed answered {status!r}")
        last = -1
        while True:
            line = await reader.readline()
            if not line:
                raise BenchmarkFailed("the feed ended")
            if line.startswith(b": heartbeat"):
                if last < 0:
                    connected += 1
                    if connected == count:
                        ready.set()
            elif line.startswith(b"id: "):
                number = int(line[4:])
                if 0 <= last < number:
                    seen.append((number, time.monotonic()))
                last = number

    async def everyone() -> None:
        tasks = []
        for _ in range(count):
            tasks.append(asyncio.create_task(one()))
            if len(tasks) % 50 == 0:
                await asyncio.sleep(0.02)
        while not stop.is_set():
            await asyncio.sleep(0.05)
            for task in tasks:
                if task.done():
                    task.result()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(everyone())
    results.put(seen)


class Followers:
    """Many consumers at once."""

    def __init__(self, legate: Legate, credentials: dict[str, str], count: int):
        basic = base64.b64encode(f"{credentials['client_id']}:{credentials['client_secret']}".encode()).decode()
        context = multiprocessing.get_context("spawn")
        self.count = count
        self.ready, self.stop, self.results = context.Event(), context.Event(), context.Queue()
        self.process = context.Process(
            target=follow, args=(legate.port, f"Basic {basic}", count, self.ready, self.stop, self.results), daemon=True
        )

    def __enter__(self) -> "Followers":
        self.process.start()
        if not self.ready.wait(60):
            raise BenchmarkFailed(f"not all of {self.count} consumers were connected within 60 s")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        if self.process.is_alive():
            self.process.join(5)

    def latencies(self, acknowledged: dict[int, float]) -> list[float]:
        """Milliseconds from each acknowledgement to each consumer that had it."""
        # The last of them must have had time to read the last of it.
        time.sleep(3)
        self.stop.set()
        seen = self.results.get(timeout=30)
        self.process.join()
        found = [max(0.0, (at - acknowledged[number]) * 1000) for number, at in seen if number in acknowledged]
        expected = len(acknowledged) * self.count
        if len(found) < expected:
            raise BenchmarkFailed(f"{expected - len(found)} of {expected} tombstones did not reach their consumer")
        return found


class Gateway(Server):
    """The example of a gateway on `LegateGateway`, following the feed."""

    def __init__(self, binary, directory, legate: Legate, credentials: dict[str, str]):
        super().__init__("gateway", directory / "gateway.log")
        self.binary, self.legate, self.credentials = binary, legate, credentials

    def launch(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    str(self.binary), "--issuer", self.legate.address, "--resource", fronts.RESOURCE,
                    "--listen", f"127.0.0.1:{self.port}",
                ],
                env={
                    "LEGATE_CLIENT_ID": self.credentials["client_id"],
                    "LEGATE_CLIENT_SECRET": self.credentials["client_secret"],
                },
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip


    def answers(self) -> bool:
        """Ready when it has read the issuer's keys and what is revoked."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/ready")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


# The measurement


class Revocations:
    def __init__(self, legate: Legate, agent: dict[str, str], say):
        self.legate = legate
        self.agent = agent
        self.say = say
        self.connection = http.client.HTTPConnection("127.0.0.1", legate.port, timeout=20)

    def revoke(self, jti: str) -> tuple[int, float]:
        """One revocation by its operator: its number in the feed, and when it was acknowledged."""
        self.connection.request(
            "POST", "/admin/revocations", json.dumps({"kind": "token", "id": jti}),
            {"Content-Type": "application/json", "Authorization": self.legate.operator_authorization()},
        )  # fmt: skip
        answer = self.connection.getresponse()
        body = answer.read()
        acknowledged = time.monotonic()
        if answer.status != 201:
            raise BenchmarkFailed(f"POST /admin/revocations: {answer.status} {body!r}")
        return json.loads(body)["seq"], acknowledged

    def token(self) -> str:
        return self.legate.token(**self.agent, resource=fronts.RESOURCE)

    def measure(self, count: int, places: list[Place]) -> dict[int, float]:
        """Revokes so many live tokens, one after the other, and asks every place until it refuses."""
        acknowledgements: dict[int, float] = {}
        for number in range(count):
            token = self.token()
            for place in places:
                place.may_be_unready = number == 0
                deadline = time.monotonic() + GIVE_UP_SECONDS
                while not place.accepts(token):
                    if time.monotonic() > deadline:
                        raise BenchmarkFailed(f"{place.name} refuses a live token")
                    time.sleep(0.02)
                place.may_be_unready = False
            sequence, acknowledged = self.revoke(jti_of(token))
            acknowledgements[sequence] = acknowledged
            with ThreadPoolExecutor(max(1, len(places))) as pool:
                for probe in [pool.submit(place.until_refused, token, acknowledged) for place in places]:
                    probe.result()
            if (number + 1) % 50 == 0:
                self.say(f"{number + 1} of {count} revocations")
        return acknowledgements


def jti_of(token: str) -> str:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["jti"]


# Much under one delegation


@dataclass
class Tree:
    delegation: str
    tokens: int


class Trees:
    """Delegations with tokens under them, the most of them five actors deep."""

    LEVELS = 5

    def __init__(self, legate: Legate):
        self.legate = legate
        registry.register_levels(legate, self.LEVELS)
        signer = registry.AssertionSigner("https://idp.example.org", legate.address)
        self.signer = signer
        legate.create(
            "issuers", {"name": "bench", "issuer": "https://idp.example.org", "jwks": signer.jwks}
        )
        grants = ["client_credentials", "token_exchange"]
        self.agents = [
            registry.register_agent(
                legate, f"bench-level-{level}", grants=grants, token_ttl=registry.LONGEST_LIFE,
                acts_as=registry.level(level), resources=[registry.level(level + 1)],
            )
            for level in range(self.LEVELS)
        ]  # fmt: skip
        self.users = 0

    def grow(self, tokens: int) -> Tree:
        """A delegation of a new user, with so many tokens: a chain of five, and the rest at its end."""
        self.users += 1
        subject = f"user-{self.users}"
        made = self.legate.create(
            "delegations",
            {
                "issuer": "bench", "subject": subject, "client_id": self.agents[0]["client_id"], "scopes": ["read"],
                "resources": [registry.level(level + 1) for level in range(self.LEVELS)],
            },
        )  # fmt: skip
        presented, kind = self.signer.user_token(subject), registry.JWT
        depth = min(tokens, self.LEVELS)
        for level in range(depth):
            body = registry.exchange_body(
                self.agents[level], presented, subject_token_type=kind, resource=registry.level(level + 1)
            )
            if level == depth - 1:
                break
            presented, kind = self.legate.post_form("/token", body)["access_token"], registry.ACCESS_TOKEN
        self.issue(body, tokens - depth + 1)
        return Tree(made["delegation_id"], tokens)

    def issue(self, body: str, count: int) -> None:
        with ThreadPoolExecutor(8) as pool:
            for part in [pool.submit(self.issue_some, body, len(range(n, count, 8))) for n in range(8)]:
                part.result()

    def issue_some(self, body: str, count: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.legate.port, timeout=30)
        for _ in range(count):
            connection.request("POST", "/token", body, {"Content-Type": "application/x-www-form-urlencoded"})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise BenchmarkFailed(f"exchange was refused: {answer.status} {text!r}")
        connection.close()

    def revoke(self, tree: Tree) -> float:
        """Seconds until the call is answered."""
        connection = http.client.HTTPConnection("127.0.0.1", self.legate.port, timeout=30)
        connection.connect()
        headers = {"Content-Type": "application/json", "Authorization": self.legate.operator_authorization()}
        begun = time.monotonic()
        connection.request(
            "POST", "/admin/revocations", json.dumps({"kind": "delegation", "id": tree.delegation}), headers
        )
        answer = connection.getresponse()
        answer.read()
        taken = time.monotonic() - begun
        connection.close()
        if answer.status != 201:
            raise BenchmarkFailed(f"revoking a delegation: {answer.status}")
        return taken
