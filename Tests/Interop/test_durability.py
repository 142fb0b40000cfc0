"""kill -9 at any moment: whatever was acknowledged is there after the next start, and the audit chain verifies."""

import json
import os
import random
import shutil
import sqlite3
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from actors import JWT, JWT_BEARER, Client, Registry, World
from checks import granted, inactive, unauthenticated
from jose import Key, claims_of, decode
from server import Legate

# Scripts/test --long asks for 200.
ROUNDS = int(os.environ.get("LEGATE_KILLS", "4"))


@dataclass
class Acknowledged:
    """What clients were told before the lights went out."""

    tokens: list[str] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    delegations: list[tuple[str, str]] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)


def guarded(work, ending: threading.Event):
    """Repeats the work until the server is gone; a request that fails with it was never acknowledged."""

    def run() -> None:
        while not ending.is_set():
            try:
                work()
            except (requests.RequestException, AssertionError):
                if not ending.wait(0.02):
                    continue

    return run


def guarded_once(work) -> None:
    """Does it once, in the background, whether it succeeds or not."""

    def run() -> None:
        try:
            work()
        except requests.RequestException:
            pass

    threading.Thread(target=run, daemon=True).start()


def load(world: World, rotating: Client, said: Acknowledged, ending: threading.Event) -> list[threading.Thread]:
    def issue() -> None:
        token = world.cb.token(resource=world.r1.uri)
        with said.lock:
            said.tokens.append(token)

    def issue_and_revoke() -> None:
        token = world.ag1.token(resource=world.r1.uri)
        with said.lock:
            said.tokens.append(token)
        if world.ag1.revoke(token).status_code == 200:
            with said.lock:
                said.revoked.append(token)

    def delegate_and_revoke() -> None:
        user = world.user()
        token = user.delegated()
        with said.lock:
            said.tokens.append(token)
        identifier = user.delegation["delegation_id"]
        if world.legate.admin("POST", f"/delegations/{identifier}/revoke", {}).status_code == 200:
            with said.lock:
                said.delegations.append((identifier, token))

    def rotate_secret() -> None:
        answer = world.legate.admin("POST", f"/clients/{rotating.id}/rotate-secret", {"grace": 600})
        assert answer.status_code == 200
        with said.lock:
            said.secrets.append(answer.json()["client_secret"])

    def look_at_keys() -> None:
        kids = {key["kid"] for key in world.legate.jwks["keys"]}
        with said.lock:
            said.keys = kids

    jobs = [issue, issue, issue_and_revoke, issue_and_revoke, delegate_and_revoke, rotate_secret, look_at_keys]
    threads = [threading.Thread(target=guarded(job, ending), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    return threads


@pytest.mark.timeout(90 + 30 * ROUNDS)
def test_HOST_84_nothing_acknowledged_is_lost(own_legate):
    world = World(Registry(own_legate))
    rotating = world.registry.agent(world.r1)
    said = Acknowledged(secrets=[rotating.secret])
    for round_number in range(ROUNDS):
        before = len(said.revoked)
        ending = threading.Event()
        threads = load(world, rotating, said, ending)
        if round_number % 10 == 1:
            guarded_once(lambda: own_legate.admin("POST", "/keys/rotate"))
        end = time.monotonic() + 10
        while len(said.revoked) - before < 10 and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(random.uniform(0, 0.4))
        own_legate.kill9()
        ending.set()
        for thread in threads:
            thread.join(timeout=30)
        assert len(said.revoked) > before, f"round {round_number} did nothing"
        own_legate.start()
        assert own_legate.fetch("/audit/verify")["valid"] is True
        # One rotation at most was under way: the last secret that was told is the current one, or the one before.
        granted(Client(own_legate, rotating.id, said.secrets[-1]).ask())
        published = {key["kid"] for key in own_legate.jwks["keys"]}
        assert said.keys <= published, "a key that was published is gone"
        assert decode(world.cb.token(resource=world.r1.uri))[0]["kid"] in published
        inactive(world.rs1.introspect(said.revoked[-1]))

    recorded = {record["jti"] for record in own_legate.audit() if "jti" in record}
    missing = [jti for token in said.tokens if (jti := claims_of(token)["jti"]) not in recorded]
    assert not missing, f"{len(missing)} of {len(said.tokens)} acknowledged tokens have no audit record"
    for token in random.sample(said.tokens, min(20, len(said.tokens))):
        jti = claims_of(token)["jti"]
        assert own_legate.fetch(f"/audit/trace/{jti}")["token"]["jti"] == jti

    for token in said.revoked:
        inactive(world.rs1.introspect(token))
    for identifier, token in said.delegations:
        inactive(world.rs1.introspect(token))
        assert own_legate.fetch(f"/delegations/{identifier}")["status"] == "revoked"
    ended = set(said.revoked) | {token for _, token in said.delegations}
    # In a long run the first ones have expired by now.
    current = [token for token in said.tokens if claims_of(token)["exp"] > time.time() + 60]
    alive = [token for token in current if token not in ended and claims_of(token)["client_id"] == world.cb.id]
    assert alive
    for token in random.sample(alive, min(20, len(alive))):
        assert world.rs1.sees(token), "a token that nobody revoked is dead"


@pytest.mark.parametrize("end", ["stop", "kill9"])
def test_CAUT_48_replay_is_refused_after_a_restart(own_legate, end):
    world = World(Registry(own_legate))
    form = {
        "grant_type": "client_credentials",
        "resource": world.r1.uri,
        "client_assertion_type": JWT_BEARER,
        "client_assertion": world.cj.assertion(),
    }
    granted(own_legate.post("/token", form))
    getattr(own_legate, end)()
    own_legate.start()
    unauthenticated(own_legate.post("/token", form))
    granted(world.cj.ask(resource=world.r1.uri))


def test_registry_survives_a_kill(own_legate):
    world = World(Registry(own_legate))
    client = world.registry.agent(world.r1, purpose="to last")
    key = Key.make("ES256")
    idp = world.registry.identity_provider(key=key)
    world.registry.delegation(idp, "user", world.ag1, [world.r1], ["a:read"])
    own_legate.kill9()
    own_legate.start()
    assert own_legate.fetch(f"/clients/{client.id}")["purpose"] == "to last"
    granted(client.ask())
    granted(world.ag1.exchange(idp.token("user"), JWT, resource=world.r1.uri))


# Tampering with the audit


@pytest.fixture(scope="module")
def recorded(binary, tmp_path_factory) -> Legate:
    """A stopped installation with some fifty records, and its export."""
    with Legate(binary, tmp_path_factory.mktemp("recorded")) as legate:
        world = World(Registry(legate))
        for number in range(30):
            world.cb.token(resource=world.r1.uri, reason=f"record {number}")
        world.cb.ask(scope="nothing", resource=world.r1.uri)
        assert legate.fetch("/audit/verify")["valid"] is True
        export = legate.admin("GET", "/audit/export")
        assert export.status_code == 200 and export.headers["Content-Type"].split(";")[0] == "application/jsonl"
        (legate.directory / "export.jsonl").write_text(export.text)
    return legate


@pytest.fixture
def copy(recorded, tmp_path) -> Legate:
    """The same installation, to be spoilt."""
    copied = Legate(recorded.binary, tmp_path)
    copied.port, copied.base, copied.issuer = recorded.port, recorded.base, recorded.issuer
    shutil.copytree(recorded.data, copied.data)
    shutil.copy2(recorded.root_key, copied.root_key)
    yield copied
    if copied.process is not None:
        copied.kill9()


def database(legate: Legate) -> Path:
    files = [file for file in legate.data.iterdir() if file.read_bytes()[:15] == b"SQLite format 3"]
    assert len(files) == 1
    return files[0]


def audit_table(connection: sqlite3.Connection) -> str:
    """The table of audit records: the one that chains hashes and holds the most rows."""
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    tables = [name for name in names if "audit" in name and "seq" in columns(connection, name)]
    return max(tables, key=lambda name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0])


def columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]


class Tamperer:
    """Changes audit rows behind the server's back, as one who holds the disk can."""

    def __init__(self, connection: sqlite3.Connection):
        self.connection = connection
        self.table = audit_table(connection)
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        self.numbers = [seq for (seq,) in connection.execute(f'SELECT seq FROM "{self.table}" ORDER BY seq')]
        self.middle = self.numbers[len(self.numbers) // 2]

    def alter(self) -> int:
        """Changes one letter of one record's content."""
        for column in columns(self.connection, self.table):
            (value,) = self.connection.execute(
                f'SELECT "{column}" FROM "{self.table}" WHERE seq = ?', (self.middle,)
            ).fetchone()
            if isinstance(value, (str, bytes)) and "hash" not in column and len(value) > 8:
                changed = value[:4] + (b"x" if isinstance(value, bytes) else "x") + value[5:]
                if changed != value:
                    self.connection.execute(
                        f'UPDATE "{self.table}" SET "{column}" = ? WHERE seq = ?', (changed, self.middle)
                    )
                    return self.middle
        raise AssertionError("nothing to alter")

    def delete(self) -> int:
        """Removes a record from the middle."""
        self.connection.execute(f'DELETE FROM "{self.table}" WHERE seq = ?', (self.middle,))
        return self.middle

    def reorder(self) -> int:
        """Swaps two neighbours."""
        one, two, parked = self.middle, self.middle + 1, max(self.numbers) + 1000
        for old, new in ((one, parked), (two, one), (parked, two)):
            self.connection.execute(f'UPDATE "{self.table}" SET seq = ? WHERE seq = ?', (new, old))
        return one

    def truncate(self) -> int:
        """Removes the last five records."""
        first = self.numbers[-5]
        self.connection.execute(f'DELETE FROM "{self.table}" WHERE seq >= ?', (first,))
        return first

    def behead(self) -> int:
        """Removes the first five records."""
        last = self.numbers[4]
        self.connection.execute(f'DELETE FROM "{self.table}" WHERE seq <= ?', (last,))
        return self.numbers[0]

    def duplicate(self) -> int:
        """Appends a copy of an earlier record."""
        names = [f'"{name}"' for name in columns(self.connection, self.table) if name != "seq"]
        self.connection.execute(
            f'INSERT INTO "{self.table}" (seq, {", ".join(names)}) '
            f'SELECT {max(self.numbers) + 1}, {", ".join(names)} FROM "{self.table}" WHERE seq = ?',
            (self.middle,),
        )
        return max(self.numbers) + 1


def test_untouched_copy_verifies(copy):
    copy.start()
    found = copy.cli("audit", "verify")
    assert found["valid"] is True and found["records"] > 40 and found["first_bad"] is None


@pytest.mark.parametrize("act", ["alter", "delete", "reorder", "truncate", "behead"])
def test_tampering_with_the_database_is_found(copy, act):
    with sqlite3.connect(database(copy)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        place = getattr(Tamperer(connection), act)()
    connection.close()
    try:
        copy.start()
    except AssertionError:
        assert "audit" in copy.log.read_text(), "it may refuse to start, if it says why"
        return
    found = copy.fetch("/audit/verify")
    assert found["valid"] is False
    if act == "alter":
        assert found["first_bad"] == place
    else:
        assert found["first_bad"] is not None and abs(found["first_bad"] - place) <= 5


def test_appended_record_stops_the_server(copy):
    """A record behind the head would be in the way of the next one. It must not be taken for one of ours."""
    with sqlite3.connect(database(copy)) as connection:
        Tamperer(connection).duplicate()
    connection.close()
    with pytest.raises(AssertionError, match="the audit trail holds records behind its head"):
        copy.start()


def test_command_line_says_that_the_audit_is_not_intact(copy):
    with sqlite3.connect(database(copy)) as connection:
        place = Tamperer(connection).alter()
    connection.close()
    copy.start()
    run = copy.run("audit", "verify")
    found = json.loads(run.stdout)
    assert run.returncode == 1 and found["valid"] is False and found["first_bad"] == place


def test_export_verifies_and_ends_with_a_signed_checkpoint(copy, recorded):
    copy.start()
    lines = (recorded.directory / "export.jsonl").read_text().splitlines()
    assert "checkpoint" in json.loads(lines[-1])
    assert [json.loads(line)["seq"] for line in lines[:-1]] == list(range(1, len(lines)))
    found = copy.cli("audit", "verify", "--file", recorded.directory / "export.jsonl")
    assert found["valid"] is True and found["records"] == len(lines) - 1


@pytest.mark.parametrize("act", ["alter", "delete", "reorder", "truncate", "no checkpoint"])
def test_tampering_with_an_export_is_found(copy, recorded, act, tmp_path):
    lines = (recorded.directory / "export.jsonl").read_text().splitlines()
    middle = len(lines) // 2
    if act == "alter":
        lines[middle] = (
            lines[middle].replace('"seq"', '"seq "', 1)
            if "allow" not in lines[middle]
            else lines[middle].replace("allow", "deny", 1)
        )
    elif act == "delete":
        del lines[middle]
    elif act == "reorder":
        lines[middle], lines[middle + 1] = lines[middle + 1], lines[middle]
    elif act == "truncate":
        del lines[-6:-1]
    else:
        del lines[-1]
    file = tmp_path / "tampered.jsonl"
    file.write_text("\n".join(lines) + "\n")
    copy.start()
    run = copy.run("audit", "verify", "--file", file)
    assert run.returncode == 1
    assert json.loads(run.stdout)["valid"] is False
