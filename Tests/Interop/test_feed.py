"""The revocation feed, read as a gateway reads it: every batch verified, every number accounted for."""

import base64
import hashlib
import json
import random
import subprocess
import threading
import time
from dataclasses import dataclass, field

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from actors import Registry, unique
from server import Legate

SCOPE = "revocations:read"


@dataclass
class Follower:
    """A consumer that trusts nobody between itself and Legate."""

    legate: Legate
    auth: tuple[str, str]
    after: int = 0
    previous: str | None = None
    seen: dict[int, dict] = field(default_factory=dict)

    def keys(self) -> KeySet:
        return KeySet.import_key_set(self.legate.get("/.well-known/jwks.json").json())

    def take(self, jws: str, keys: KeySet) -> list[dict]:
        token = jwt.decode(jws, keys, algorithms=["ES256"])
        assert token.header["typ"] == "revocations+jwt"
        batch = token.claims
        assert batch["iss"] == self.legate.issuer
        assert abs(batch["iat"] - time.time()) < 30
        assert batch["after"] <= self.after, "a batch is missing"
        if batch["next"] == batch["after"]:
            assert batch["entries"] == []
            return []
        if batch["after"] == self.after and self.previous and "previous" in batch:
            assert batch["previous"] == self.previous, "not the batch that follows"
        for entry in batch["entries"]:
            self.seen[entry["seq"]] = entry
        self.after = max(self.after, batch["next"])
        self.previous = base64.urlsafe_b64encode(hashlib.sha256(jws.encode()).digest()).rstrip(b"=").decode()
        return batch["entries"]

    def poll(self, wait: int = 0, **options) -> requests.Response:
        return self.legate.get(f"/revocations?after={self.after}&wait={wait}", auth=self.auth, **options)

    def snapshot(self) -> None:
        keys = self.keys()
        after = 0
        while True:
            page = self.legate.get(f"/revocations?snapshot&after={after}", auth=self.auth).json()
            claims = jwt.decode(page["jws"], keys, algorithms=["ES256"]).claims
            assert (claims["after"], claims["next"], claims["entries"]) == (after, page["next"], page["entries"])
            for entry in page["entries"]:
                self.seen[entry["seq"]] = entry
            after = page["next"]
            if after == page["head"]:
                break
        self.after, self.previous = after, None

    def stream(self, **options):
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(self.after)}
        return self.legate.get("/revocations", auth=self.auth, headers=headers, stream=True, **options)


def events(answer):
    """(id, data) of each event; (None, comment) of each comment."""
    number = None
    for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
        if line.startswith(":"):
            yield None, line[1:].strip()
        elif line.startswith("id:"):
            number = int(line[3:])
        elif line.startswith("data:"):
            yield number, line[5:].strip()


@pytest.fixture
def gateway(registry):
    return feed_client(registry)


@pytest.fixture
def follower(legate, gateway):
    made = Follower(legate, gateway.basic)
    made.snapshot()
    return made


def feed_client(registry: Registry, kind: str = "gateway"):
    acts_as = registry.resource() if kind == "resource" else None
    feed = f"{registry.legate.issuer}/revocations"
    return registry.client(kind, kind=kind, resources=(feed,), scopes=(SCOPE,), acts_as=acts_as)


def revoke(legate: Legate, name: str, kind: str = "token") -> dict:
    answer = legate.admin("POST", "/revocations", {"kind": kind, "id": name, "reason": "a test"})
    assert answer.status_code == 201, answer.text
    return answer.json()


# Getting in


@pytest.mark.parametrize("kind", ["gateway", "resource"])
def test_a_gateway_or_resource_reads_the_feed_with_a_token_or_its_own_credentials(legate, registry, kind):
    client = feed_client(registry, kind)
    token = client.token(resource=f"{legate.issuer}/revocations")
    for options in ({"auth": client.basic}, {"headers": {"Authorization": f"Bearer {token}"}}):
        answer = legate.get("/revocations", **options)
        assert answer.status_code == 200, answer.text
        assert set(answer.json()) == {"after", "next", "entries", "jws"}
        assert answer.headers["Cache-Control"] == "no-store"


def test_an_agent_with_the_scope_may_not_follow(legate, registry):
    client = feed_client(registry, "agent")
    assert legate.get("/revocations", auth=client.basic).status_code == 403
    token = client.token(resource=f"{legate.issuer}/revocations")
    answer = legate.get("/revocations", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


def test_a_gateway_that_is_not_registered_for_the_feed_may_not_follow(legate, registry, world):
    client = registry.gateway(world.r1)
    assert legate.get("/revocations", auth=client.basic).status_code == 403


def test_a_stranger_is_told_how_to_get_in(legate):
    answer = legate.get("/revocations")
    assert answer.status_code == 401
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith("Bearer ")
    assert f'resource_metadata="{legate.issuer}/.well-known/oauth-protected-resource/revocations"' in challenge
    assert f'scope="{SCOPE}"' in challenge


def test_a_token_for_another_resource_is_refused(legate, world):
    token = world.ag1.token(resource=world.r1.uri)
    answer = legate.get("/revocations", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401


def test_wrong_credentials_are_refused(legate, gateway):
    assert legate.get("/revocations", auth=(gateway.id, "wrong")).status_code == 401


@pytest.mark.parametrize("query", ["after=x", "after=-1", "wait=61", "wait=x", "after=" + "9" * 30])
def test_a_bad_number_is_named(legate, gateway, query):
    answer = legate.get(f"/revocations?{query}", auth=gateway.basic)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert query.split("=")[0] in answer.json()["detail"]


# Long poll


def test_a_poll_that_has_everything_gets_a_signed_batch_without_entries(legate, follower):
    answer = follower.poll().json()
    assert answer["entries"] == []
    assert answer["after"] == answer["next"] == follower.after
    assert follower.take(answer["jws"], follower.keys()) == []


def test_a_poll_waits_and_is_woken(legate, follower):
    keys = follower.keys()
    name = unique("jti")
    done: dict = {}

    def wait() -> None:
        found: list = []
        while not any(entry["id"] == name for entry in found):
            found = follower.take(follower.poll(wait=20).json()["jws"], keys)
        done["at"] = time.monotonic()

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.3)
    revoke(legate, name)
    answered = time.monotonic()
    waiting.join(15)
    assert done["at"] - answered < 2


def test_a_poll_ends_when_its_time_is_over(follower):
    started = time.monotonic()
    assert follower.poll(wait=1).status_code == 200
    assert time.monotonic() - started < 5


def test_what_was_revoked_comes_in_order_without_gaps(legate, follower):
    keys = follower.keys()
    names = [unique("jti") for _ in range(20)]
    start = follower.after
    for name in names:
        revoke(legate, name)
    while not set(names) <= {entry["id"] for entry in follower.seen.values()}:
        follower.take(follower.poll(wait=5).json()["jws"], keys)
    numbers = [seq for seq in sorted(follower.seen) if seq > start]
    assert numbers == list(range(start + 1, start + 1 + len(numbers)))
    ours = [follower.seen[seq]["id"] for seq in numbers if follower.seen[seq]["id"] in names]
    assert ours == names


def test_one_that_is_ahead_is_sent_to_the_snapshot(legate, gateway):
    answer = legate.get("/revocations?after=99999999", auth=gateway.basic)
    assert answer.status_code == 410
    assert answer.json()["type"].endswith("snapshot-required")
    assert legate.get(
        "/revocations?after=99999999", auth=gateway.basic, headers={"Accept": "text/event-stream"}
    ).status_code == 410


def test_the_snapshot_has_every_live_tombstone(legate, follower):
    made = revoke(legate, unique("jti"))
    follower.snapshot()
    assert follower.seen[made["seq"]] == made
    assert follower.after >= made["seq"]


# Server-sent events


def test_events_come_as_they_happen_and_heartbeats_between(legate, follower):
    keys = follower.keys()
    names = [unique("jti") for _ in range(5)]
    comments = 0
    with follower.stream(timeout=20) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/event-stream"
        pending = list(names)
        found: list[str] = []
        for number, data in events(answer):
            if number is None:
                comments += 1
                if pending:
                    revoke(legate, pending.pop(0))
                    revoke(legate, pending.pop(0)) if pending else None
                continue
            entries = follower.take(data, keys)
            assert number == follower.after
            found += [entry["id"] for entry in entries if entry["id"] in names]
            if found == names and comments >= 2:
                break
    assert found == names


def test_a_stream_resumes_after_the_last_event(legate, follower):
    keys = follower.keys()
    first, second = revoke(legate, unique("jti")), None
    with follower.stream(timeout=20) as answer:
        for number, data in events(answer):
            if number is not None and any(e["id"] == first["id"] for e in follower.take(data, keys)):
                break
    second = revoke(legate, unique("jti"))
    with follower.stream(timeout=20) as answer:
        for number, data in events(answer):
            if number is not None and any(e["id"] == second["id"] for e in follower.take(data, keys)):
                break
    assert {first["seq"], second["seq"]} <= set(follower.seen)


def test_a_stream_ends_when_its_consumer_is_disabled(legate, registry):
    client = feed_client(registry)
    follower = Follower(legate, client.basic)
    follower.snapshot()
    with follower.stream(timeout=20) as answer:
        stream = events(answer)
        next(stream)
        legate.admin("PATCH", f"/clients/{client.id}", {"enabled": False})
        for _ in stream:
            pass
    assert follower.stream(timeout=20).status_code == 401


def test_a_stream_ends_with_its_token(legate, registry):
    client = feed_client(registry)
    token = client.token(resource=f"{legate.issuer}/revocations")
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    with legate.get("/revocations", headers=headers, stream=True, timeout=20) as answer:
        stream = events(answer)
        next(stream)
        assert client.revoke(token).status_code == 200
        for _ in stream:
            pass


def test_a_server_that_stops_ends_its_streams(own_legate):
    client = feed_client(Registry(own_legate))
    follower = Follower(own_legate, client.basic)
    with follower.stream(timeout=20) as answer:
        stream = events(answer)
        next(stream)
        started = time.monotonic()
        assert own_legate.stop() == 0
        for _ in stream:
            pass
    assert time.monotonic() - started < 10


# Nothing is missed


def test_a_consumer_that_drops_its_connection_at_random_misses_nothing(legate, follower):
    keys = follower.keys()
    dice = random.Random(20261121)
    names = [unique("jti") for _ in range(60)]

    def work() -> None:
        for name in names:
            revoke(legate, name)
            time.sleep(dice.random() / 100)

    working = threading.Thread(target=work)
    working.start()
    deadline = time.monotonic() + 40
    while not set(names) <= {entry["id"] for entry in follower.seen.values()}:
        assert time.monotonic() < deadline
        budget = dice.randrange(1, 6)
        with follower.stream(timeout=20) as answer:
            for number, data in events(answer):
                if number is not None:
                    follower.take(data, keys)
                budget -= 1
                if budget <= 0:
                    break
    working.join()


def test_kill_9_between_commit_and_publication_loses_nothing(own_legate):
    """What was acknowledged, and whatever else was committed, is in the feed that the next start serves."""
    client = feed_client(Registry(own_legate))
    follower = Follower(own_legate, client.basic)
    acknowledged: list[dict] = []
    for _ in range(3):
        ending = threading.Event()

        def work(ending: threading.Event = ending) -> None:
            while not ending.is_set():
                try:
                    acknowledged.append(revoke(own_legate, unique("jti")))
                except (requests.RequestException, AssertionError):
                    return

        own_legate.operator_token()
        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        time.sleep(0.5)
        own_legate.kill9()
        ending.set()
        for worker in workers:
            worker.join()
        own_legate.start()
        own_legate.forget_operator_token()
        keys = follower.keys()
        # The first batch after a start is no link to what was read before it.
        follower.previous = None
        while (batch := follower.poll().json())["next"] > follower.after:
            follower.take(batch["jws"], keys)
    assert len(acknowledged) > 20
    for entry in acknowledged:
        assert follower.seen[entry["seq"]] == entry
    assert sorted(follower.seen) == list(range(1, max(follower.seen) + 1))


# The command line


def test_revocations_follow_shows_what_comes(own_legate):
    made = revoke(own_legate, unique("jti"))
    process = subprocess.Popen(
        [str(own_legate.binary), "revocations", "--follow", "--output", "json"],
        env={"LEGATE_PROFILE": str(own_legate.profile)}, stdout=subprocess.PIPE, text=True,
    )
    try:
        assert json.loads(process.stdout.readline()) == made
        second = revoke(own_legate, unique("jti"))
        assert json.loads(process.stdout.readline()) == second
    finally:
        process.terminate()
        assert process.wait(10) == 0
