"""Honest clients who go on whatever happens, and remember every word that they were told.

What was acknowledged must be true for ever: a revoked token is dead, a spent assertion is spent, a used proof is used,
an issued token and a released secret have their audit records. What failed was never acknowledged, and is only counted.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import requests

from actors import JWT, JWT_BEARER, Client, Registry, World
from custody import Custody
from dpop import Holder, gateway_basic
from jose import Key, claims_of
from long.faults import Server
from server import ANSWER_TIMEOUT, FromAddress


@dataclass
class Told:
    """What clients were told, and what should never have been."""

    tokens: list[str] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    ended: list[tuple[str, str]] = field(default_factory=list)
    assertions: list[dict] = field(default_factory=list)
    # DPoP proofs that were accepted: each with its token, or with None at the token endpoint.
    proofs: list[tuple[str | None, str]] = field(default_factory=list)
    # How often one of them was refused when it came again.
    replays: int = 0
    # Tokens with which a secret was read.
    read: list[str] = field(default_factory=list)
    # Where a wrong acceptance was seen, and how.
    wrong: list[str] = field(default_factory=list)
    # When a request of an honest client failed, and how.
    failures: list[tuple[float, str]] = field(default_factory=list)
    done: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def failures_between(self, start: float, end: float) -> list[str]:
        return [what for when, what in self.failures if start <= when <= end]


class Refused(Exception):
    """An honest request that was not granted."""

    def __init__(self, what: str, answer: requests.Response):
        super().__init__(f"{what}: {answer.status_code} {answer.text[:160]}")


class Crowd:
    # Between two requests of one client, in seconds.
    PAUSE = 0.02

    def __init__(self, server: Server):
        self.server = server
        self.told = Told()
        self.world = World(Registry(server))
        self.custody = Custody(server)
        world = self.world
        self.gateway = world.registry.gateway(world.r1)
        self.signer = world.registry.agent(world.r1, key=Key.make("ES256"))
        self.holder = Holder(world.registry.agent(world.r1, dpop_bound=True))
        self.reader = self.custody.agent()
        self.custody.create("soak/key", "the value of a secret", self.reader)
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []
        self.user = world.user()
        # Has seen every assertion, and asks from another machine.
        self._thief = requests.Session()
        self._thief.trust_env = False
        self._thief.mount("http://", FromAddress("127.0.0.9"))

    # Their life

    def start(self) -> None:
        jobs: list[Callable[[], None]] = [
            self.issue, self.exchange, self.introspect, self.revoke, self.revoke, self.read, self.assertion,
            self.end_delegation, self.call_bound, self.try_the_dead, self.try_the_dead, self.try_the_spent,
            self.replay_a_proof, self.replay_a_proof,
        ]  # fmt: skip
        for job in jobs:
            self._threads.append(threading.Thread(target=self._repeat, args=(job,), daemon=True))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(timeout=60)
            assert not thread.is_alive(), "a request was never answered"

    def _repeat(self, job: Callable[[], None]) -> None:
        while not self._ending.wait(self.PAUSE):
            try:
                job()
                self.told.done += 1
            except (requests.RequestException, Refused, AssertionError, KeyError) as failure:
                what = f"{job.__name__}: {type(failure).__name__} {str(failure)[:300]}"
                with self.told.lock:
                    self.told.failures.append((time.monotonic(), what))
                self._ending.wait(0.2)

    # What they do

    def _token(self, client: Client, **form: str) -> str:
        answer = client.ask(resource=self.world.r1.uri, **form)
        return self._granted("a token", answer)

    def _granted(self, what: str, answer: requests.Response) -> str:
        if answer.status_code != 200:
            raise Refused(what, answer)
        token = answer.json()["access_token"]
        with self.told.lock:
            self.told.tokens.append(token)
        return token

    def _check(self, token: str) -> int:
        return self._ask_gateway({"Authorization": f"Bearer {token}"}).status_code

    def _ask_gateway(self, credentials: dict[str, str]) -> requests.Response:
        headers = {**credentials, "Legate-Gateway-Authorization": gateway_basic(self.gateway)}
        return self.server.get("/check", params={"resource": self.world.r1.name}, headers=headers)

    def issue(self) -> None:
        self._token(self.world.cb)

    def exchange(self) -> None:
        now = self.server.now()
        subject = self.user.id_token(iat=now, exp=now + 600)
        form = {"resource": self.world.r1.uri}
        self._granted("an exchange", self.world.ag1.exchange(subject, JWT, **form))

    def introspect(self) -> None:
        token = self._token(self.world.cb)
        before = self.server.clock.offset
        answer = self.world.rs1.introspect(token)
        if answer.status_code != 200:
            raise Refused("introspection", answer)
        status = self._check(token)
        # Somebody may have set the clock in between.
        if before == self.server.clock.offset and (answer.json()["active"] is not True or status != 204):
            raise Refused("a live token", answer)

    def revoke(self) -> None:
        token = self._token(self.world.ag1)
        answer = self.world.ag1.revoke(token)
        if answer.status_code != 200:
            raise Refused("a revocation", answer)
        with self.told.lock:
            self.told.revoked.append(token)
        self._must_be_dead(token, "just revoked")

    def read(self) -> None:
        token = self._granted("a token", self.reader.ask(resource=self.custody.resource))
        answer = self.custody.call("GET", "values/soak/key", token=token)
        if answer.status_code != 200:
            raise Refused("a secret", answer)
        with self.told.lock:
            self.told.read.append(token)

    def assertion(self) -> None:
        now = self.server.now()
        form = {
            "grant_type": "client_credentials",
            "resource": self.world.r1.uri,
            "client_assertion_type": JWT_BEARER,
            "client_assertion": self.signer.assertion(iat=now, exp=now + 240),
        }
        self._granted("a token for an assertion", self.server.post("/token", form))
        with self.told.lock:
            self.told.assertions.append(form)

    def call_bound(self) -> None:
        """A token for a key, and a call with it."""
        answer = self._prove(None)
        token = self._granted("a bound token", answer)
        answer = self._prove(token)
        if answer.status_code != 204:
            raise Refused("a bound call", answer)

    def _prove(self, token: str | None) -> requests.Response:
        """A request with a proof, which is tried again with a nonce when the server wants one."""
        answer = None
        for _ in range(2):
            method, url = ("GET", self.world.r1.uri) if token else ("POST", self.holder.url("/token"))
            proof = self.holder.proof(method, url, token, iat=self.server.now())
            answer = self._send(token, proof)
            if answer.status_code in (200, 204):
                with self.told.lock:
                    self.told.proofs.append((token, proof))
            if not self.holder.learn(answer):
                break
        return answer

    def _send(self, token: str | None, proof: str) -> requests.Response:
        if token is None:
            return self.holder.post(proof, resource=self.world.r1.uri)
        return self._ask_gateway({"Authorization": f"DPoP {token}", "DPoP": proof})

    def end_delegation(self) -> None:
        now = self.server.now()
        user = self.world.user()
        subject = user.id_token(iat=now, exp=now + 600)
        form = {"resource": self.world.r1.uri}
        token = self._granted("an exchange", self.world.ag1.exchange(subject, JWT, **form))
        identifier = user.delegation["delegation_id"]
        answer = self.server.admin("POST", f"/delegations/{identifier}/revoke", {})
        if answer.status_code != 200:
            raise Refused("the end of a delegation", answer)
        with self.told.lock:
            self.told.ended.append((identifier, token))
        self._must_be_dead(token, "its delegation just revoked")

    # What must never work

    def try_the_dead(self) -> None:
        with self.told.lock:
            dead = [*self.told.revoked, *(token for _, token in self.told.ended)]
        if dead:
            # The latest, because the others have expired; and any, because the clock may have been set back.
            self._must_be_dead(random.choice([random.choice(dead), random.choice(dead[-50:])]), "revoked earlier")

    def try_the_spent(self) -> None:
        with self.told.lock:
            spent = self.told.assertions
            form = random.choice([random.choice(spent), random.choice(spent[-50:])]) if spent else None
        if form is None:
            return
        answer = self._thief.post(f"{self.server.base}/token", data=form, timeout=ANSWER_TIMEOUT)
        if answer.status_code == 200:
            self._say_wrong("an assertion worked twice")
        # More than ten failures a minute would not even be looked at.
        self._ending.wait(7)

    def replay_a_proof(self) -> None:
        """The whole request again, credentials and all, as one who reads along would send it."""
        with self.told.lock:
            used = self.told.proofs
            # Of the last minute, for older ones are refused for their age; and any: the clock may have been set back.
            token, proof = random.choice([random.choice(used), random.choice(used[-2000:])]) if used else (None, None)
        if proof is None:
            return
        answer = self._send(token, proof)
        if answer.status_code in (200, 204):
            self._say_wrong(f"a proof counted twice at {'/check' if token else '/token'}")
        elif answer.status_code in (400, 401):
            with self.told.lock:
                self.told.replays += 1
        # So that the trail is about honest clients, too.
        self._ending.wait(0.1)

    def _must_be_dead(self, token: str, why: str) -> None:
        answer = self.world.rs1.introspect(token)
        if answer.status_code == 200 and answer.json()["active"] is not False:
            self._say_wrong(f"introspection calls a token active: {why}")
        if self._check(token) == 204:
            self._say_wrong(f"/check lets a token pass: {why}")

    def _say_wrong(self, what: str) -> None:
        with self.told.lock:
            self.told.wrong.append(f"{time.monotonic():.1f} s, clock {self.server.clock.offset:+d}: {what}")

    # What is left of it all

    def audit(self) -> list[dict]:
        self.server.forget_operator_token()
        return self.server.audit()

    def lost(self, records: list[dict]) -> list[str]:
        """What was acknowledged and has no audit record."""
        recorded = {(record["event"], record.get("jti")) for record in records if record["decision"] == "allow"}
        ended = {record.get("delegation_id") for record in records if record["event"] == "delegation.revoked"}

        def without(tokens: list[str], *events: str) -> list[str]:
            names = [claims_of(token)["jti"] for token in tokens]
            return [f"{events[0]} {jti}" for jti in names if not any((event, jti) in recorded for event in events)]

        lost = without(self.told.tokens, "token.issued", "token.exchanged")
        lost += without(self.told.revoked, "token.revoked")
        lost += without(self.told.read, "secret.released")
        return lost + [f"delegation.revoked {name}" for name, _ in self.told.ended if name not in ended]
