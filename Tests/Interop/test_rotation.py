"""Secrets that change by themselves: with a webhook, with a client that renews its own, and with the process killed at
every step of it."""

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from actors import Client, Registry
from jose import decode, verify
from server import Legate
from sink import Sink

AGREED = 204
PATIENCE = 20


class Vault:
    """Who manages secrets and who reads them, on one server."""

    def __init__(self, legate: Legate):
        self.legate = legate
        self.uri = f"{legate.issuer}/vault"
        registry = Registry(legate)
        self.keeper = registry.client("keeper", resources=(self.uri,), scopes=("secrets:write",))
        self.reader = registry.client("reader", resources=(self.uri,), scopes=("secrets:read",))

    def call(self, method: str, path: str, by: Client, body: dict | None = None, **options) -> requests.Response:
        headers = {"Authorization": f"Bearer {by.token(resource=self.uri)}"}
        return self.legate.request(method, f"/vault/{path}", json=body, headers=headers, **options)

    def manage(self, method: str, path: str, body: dict | None = None) -> requests.Response:
        answer = self.call(method, path, self.keeper, body)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def generate(self, name: str, **rotation) -> None:
        rules = [{"client_id": self.reader.id}]
        self.manage("PUT", f"secrets/{name}", {"kind": "generated", "rotation": rotation, "rules": rules})

    def definition(self, name: str) -> dict:
        return self.manage("GET", f"secrets/{name}").json()

    def versions(self, name: str) -> list[dict]:
        return self.manage("GET", f"versions/{name}").json()["items"]

    def current(self, name: str) -> int | None:
        return self.definition(name)["current_version"]

    def value(self, name: str, version: int | None = None, by: Client | None = None) -> str | None:
        """What a read gives; None when there is no such version to be read."""
        path = f"values/{name}" + (f"?version={version}" if version else "")
        answer = self.call("GET", path, by or self.reader)
        if answer.status_code == 404:
            return None
        assert answer.status_code == 200, answer.text
        return answer.json()["value"]

    def until_current(self, name: str, version: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.current(name) != version:
            assert time.monotonic() < deadline, f"{name} is at {self.current(name)}, not {version}"
            time.sleep(0.05)

    def rotated(self, name: str) -> int:
        rotations = records(self.legate, "secret.rotated")
        return sum(record["target"].startswith(f"secret/{name}/") for record in rotations)


@pytest.fixture
def sink():
    sink = Sink()
    yield sink
    sink.stop()


@pytest.fixture
def vault(own_legate) -> Vault:
    return Vault(own_legate)


def records(legate: Legate, event: str) -> list[dict]:
    return [record for record in legate.audit() if record["event"] == event]


def make_due(legate: Legate) -> None:
    """While the server is off its secrets come due."""
    with sqlite3.connect(legate.data / "legate.db") as database:
        changed = database.execute("UPDATE rotations SET due_at = 1, next_at = 1").rowcount
    assert changed > 0


def dies_of(legate: Legate, fault: str) -> None:
    """Runs the server until it is killed at that step."""
    with legate.log.open("ab") as log:
        run = subprocess.run(
            legate.serve_arguments,
            stdout=subprocess.DEVNULL,
            stderr=log,
            cwd=legate.directory,
            env={**os.environ, "LEGATE_FAULT": fault},
            timeout=PATIENCE,
        )
    assert run.returncode == -signal.SIGKILL, f"{fault}: exit {run.returncode}"


def start_with(legate: Legate, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEGATE_FAULT", fault)
    legate.start()
    monkeypatch.delenv("LEGATE_FAULT")


def was_killed(legate: Legate) -> None:
    process, legate.process = legate.process, None
    assert process is not None and process.wait(timeout=PATIENCE) == -signal.SIGKILL


def audit_verifies(legate: Legate) -> None:
    assert legate.run("audit", "verify").returncode == 0


# The webhook


def test_the_webhook_agrees_before_a_version_is_current(vault: Vault, sink: Sink):
    url = sink.script("/rotated", AGREED)
    vault.generate("db/password", webhook=url)
    vault.until_current("db/password", 1)
    first = vault.value("db/password")
    seen = []
    answer_with = sink.scripts["/rotated"]
    answer_with[:] = [500]
    answer = vault.manage("POST", "rotate/db/password")
    assert answer.status_code == 202, answer.text
    assert answer.json()["rotated"] is False and answer.json()["reason"] == "the webhook answered 500"
    assert vault.value("db/password") == first
    seen.append(vault.value("db/password", 2))
    answer_with[:] = [AGREED]
    answer = vault.manage("POST", "rotate/db/password")
    assert answer.status_code == 200 and answer.json()["current_version"] == 2, answer.text
    assert vault.value("db/password") == seen[0] != first
    assert vault.value("db/password", 1) == first

    pushes = sink.received("/rotated")
    assert {push.headers["Content-Type"] for push in pushes} == {"application/secret-rotation+jwt"}
    for push in pushes:
        header, claims = decode(push.body)
        assert header["typ"] == "secret-rotation+jwt"
        assert verify(push.body, vault.legate.jwks) == claims
        assert claims["iss"] == vault.legate.issuer and claims["aud"] == url
        assert claims["secret"] == "db/password" and claims["exp"] == claims["iat"] + 300
        assert first not in json.dumps(claims) and seen[0] not in json.dumps(claims)
    told = [decode(push.body)[1] for push in pushes]
    assert [claims["version"] for claims in told][0] == 1 and told[-1]["version"] == 2
    assert len({claims["jti"] for claims in told if claims["version"] == 2}) == 1

    metrics = vault.legate.get("/metrics").text
    assert "legate_secret_rotations_total 2" in metrics
    assert "legate_secret_rotation_failures_total 1" in metrics
    assert "legate_secrets_overdue 0" in metrics
    assert [r["policy_evaluation"]["reason"] for r in records(vault.legate, "secret.rotation_failed")] == [
        "the webhook answered 500"
    ]


def test_the_command_line_says_what_became_of_the_first_value(vault: Vault, sink: Sink):
    legate = vault.legate
    put = ("secret", "put", "db/new", "--kind", "generated", "--reader", vault.reader.id, "--length", "48",
           "--rotation-webhook", sink.script("/rotated", 500))  # fmt: skip
    run = legate.run(*put)
    assert run.returncode == 1 and "db/new has no value yet: the webhook answered 500" in run.stderr
    made = json.loads(run.stdout)
    assert made["current_version"] is None and made["rotation_state"]["reason"] == "the webhook answered 500"
    assert made["rotation"]["length"] == 48
    sink.scripts["/rotated"][:] = [AGREED]
    vault.until_current("db/new", 1)
    assert len(vault.value("db/new")) == 64


def test_a_redirect_is_no_agreement_and_is_not_followed(vault: Vault, sink: Sink):
    vault.generate("a", webhook=sink.script("/here", "redirect"))
    sink.wait("/here")
    answer = vault.manage("POST", "rotate/a").json()
    assert answer["rotated"] is False
    assert not sink.received("/elsewhere") and not sink.received("GET /elsewhere")
    assert vault.current("a") is None


def test_readers_never_see_an_error_while_secrets_rotate(vault: Vault):
    vault.generate("a")
    token = vault.reader.token(resource=vault.uri)

    def read(_: int) -> int:
        answer = vault.legate.get("/vault/values/a", headers={"Authorization": f"Bearer {token}"})
        return answer.status_code

    with ThreadPoolExecutor(6) as pool:
        reads = pool.map(read, range(200))
        for _ in range(20):
            assert vault.manage("POST", "rotate/a").json()["rotated"] is True
        assert Counter(reads) == {200: 200}
    assert vault.current("a") == 21


# Clients


def test_a_client_lives_on_through_its_own_rotations(vault: Vault):
    """No person, no outage: it reads what comes next with the token that it has."""
    legate, agent = vault.legate, vault.reader
    rules = [{"client_id": agent.id}]
    vault.manage("PUT", "secrets/clients/reader", {"kind": "client", "client_id": agent.id, "rules": rules})
    vault.until_current("clients/reader", 1)
    used = [agent.secret]
    for _ in range(3):
        assert agent.ask(resource=vault.uri).status_code == 200
        agent.secret = vault.value("clients/reader")
        assert agent.secret not in used
        used.append(agent.secret)
        answer = vault.call("POST", "rotate/clients/reader", agent)
        assert answer.status_code == 200, answer.text
    assert legate.post("/token", {"grant_type": "client_credentials"}, auth=(agent.id, used[0])).status_code == 401


def test_the_command_line_keeps_a_secret_of_a_client_that_nobody_loses(vault: Vault):
    legate, agent = vault.legate, vault.reader
    put = ("secret", "put", "clients/reader", "--kind", "client", "--client", agent.id)
    unread = legate.run(*put)
    assert unread.returncode == 1 and "--reader" in unread.stderr
    made = legate.run(*put, "--reader", agent.id, "--grace", "10m", "--output", "table")
    assert made.returncode == 0, made.stderr
    assert f"the secret that {agent.id} had until now works until 20" in made.stderr
    assert vault.current("clients/reader") == 1
    old, agent.secret = agent.secret, vault.value("clients/reader")
    assert agent.secret != old and agent.ask(resource=vault.uri).status_code == 200
    again = legate.run("secret", "put", "clients/again", *put[3:], "--reader", agent.id)
    assert again.returncode == 1 and "clients/reader" in again.stderr and "PATCH" not in again.stderr


def test_a_client_hears_that_its_secret_ends_and_replaces_it(make_legate):
    legate = make_legate().start()
    registry = Registry(legate)
    resource = registry.resource()
    agent = registry.agent(resource, secret_lifetime=60)
    shown = legate.fetch(f"/clients/{agent.id}")
    assert shown["client_secret_expires_at"] == pytest.approx(time.time() + 60, abs=3)
    answer = agent.ask(resource=resource.uri)
    assert "Legate-Client-Secret-Expires-At" not in answer.headers
    old = agent.basic
    answer = legate.post("/clients/self/rotate-secret", {"grace": "2"}, auth=old)
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store", answer.text
    body = answer.json()
    assert body["client_secret_expires_at"] == pytest.approx(time.time() + 60, abs=3)
    agent.secret = body["client_secret"]
    told = legate.post("/token", {"grant_type": "client_credentials", "resource": resource.uri}, auth=old)
    assert int(told.headers["Legate-Client-Secret-Expires-At"]) == pytest.approx(time.time() + 2, abs=2)
    assert "Legate-Client-Secret-Expires-At" not in agent.ask(resource=resource.uri).headers
    time.sleep(2.1)
    refused = legate.post("/token", {"grant_type": "client_credentials", "resource": resource.uri}, auth=old)
    assert refused.status_code == 401 and refused.json()["error"] == "invalid_client"
    assert agent.ask(resource=resource.uri).status_code == 200
    reasons = [record["policy_evaluation"]["rule"] for record in records(legate, "token.refused")]
    assert "client_secret_lifetime" in reasons


def test_a_token_replaces_no_secret(vault: Vault):
    token = vault.reader.token(resource=vault.uri)
    answer = vault.legate.post("/clients/self/rotate-secret", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert vault.legate.get("/clients/self/rotate-secret").status_code == 405
    assert vault.reader.ask(resource=vault.uri).status_code == 200


# Killed


@pytest.mark.parametrize("fault", ["rotationSealed", "rotationPrepared", "rotationAnnounced", "rotationActivated"])
def test_killed_at_any_step_a_due_rotation_happens_once(vault: Vault, sink: Sink, fault: str):
    legate = vault.legate
    agent = Registry(legate).client("agent", resources=(vault.uri,), scopes=("secrets:read",))
    vault.generate("told", webhook=sink.script("/told", AGREED))
    rules = [{"client_id": agent.id}]
    vault.manage("PUT", "secrets/own", {"kind": "client", "client_id": agent.id, "rules": rules})
    for name in ("told", "own"):
        vault.until_current(name, 1)
    agent.secret = vault.value("own", by=agent)
    old = vault.value("told")
    assert legate.stop() == 0
    make_due(legate)
    dies_of(legate, fault)
    legate.start()
    for name in ("told", "own"):
        vault.until_current(name, 2)
    time.sleep(1.2)
    for name in ("told", "own"):
        assert [v["version"] for v in vault.versions(name)] == [1, 2]
        assert vault.rotated(name) == 2
    # Nobody is shut out: the old ones are in their grace.
    assert vault.value("told", 1) == old != vault.value("told")
    assert agent.ask(resource=vault.uri).status_code == 200
    agent.secret = vault.value("own", by=agent)
    assert agent.ask(resource=vault.uri).status_code == 200
    told = [decode(push.body)[1] for push in sink.received("/told")]
    assert len({claims["jti"] for claims in told if claims["version"] == 2}) == 1
    audit_verifies(legate)


def test_killed_after_a_failure_it_is_tried_again(vault: Vault, sink: Sink):
    legate = vault.legate
    vault.generate("a", webhook=sink.script("/a", AGREED))
    vault.until_current("a", 1)
    old = vault.value("a")
    assert legate.stop() == 0
    make_due(legate)
    sink.scripts["/a"][:] = [503]
    dies_of(legate, "rotationFailed")
    legate.start()
    assert vault.value("a") == old
    sink.scripts["/a"][:] = [AGREED]
    vault.until_current("a", 2)
    assert [v["version"] for v in vault.versions("a")] == [1, 2]
    audit_verifies(legate)


def test_killed_while_an_overtaken_version_is_dropped(vault: Vault, sink: Sink):
    legate = vault.legate
    vault.generate("a", webhook=sink.script("/a", AGREED))
    vault.until_current("a", 1)
    sink.scripts["/a"][:] = [503]
    assert vault.manage("POST", "rotate/a").status_code == 202
    vault.manage("PUT", "values/a", {"value": "by hand"})
    assert legate.stop() == 0
    make_due(legate)
    sink.scripts["/a"][:] = [AGREED]
    dies_of(legate, "rotationAbandoned")
    legate.start()
    vault.until_current("a", 4)
    states = {v["version"]: v["state"] for v in vault.versions("a")}
    assert states[2] == "destroyed" and vault.value("a", 3) == "by hand"
    audit_verifies(legate)


def test_killed_when_a_rotation_was_asked_for_it_happens(vault: Vault, monkeypatch: pytest.MonkeyPatch):
    legate = vault.legate
    vault.generate("a")
    vault.until_current("a", 1)
    assert legate.stop() == 0
    start_with(legate, "rotationRequested", monkeypatch)
    with pytest.raises(requests.ConnectionError):
        vault.manage("POST", "rotate/a")
    was_killed(legate)
    legate.start()
    vault.until_current("a", 2)
    time.sleep(1.2)
    assert vault.current("a") == 2
    audit_verifies(legate)


def test_killed_when_a_plan_was_made(vault: Vault, monkeypatch: pytest.MonkeyPatch):
    legate = vault.legate
    assert legate.stop() == 0
    start_with(legate, "rotationPlanned", monkeypatch)
    try:
        vault.generate("a")
    except (requests.ConnectionError, AssertionError):
        pass  # It may die before the answer is out.
    was_killed(legate)
    legate.start()
    assert vault.current("a") == 1 and vault.value("a")
    assert vault.manage("POST", "rotate/a").json()["current_version"] == 2


def test_killed_when_a_client_replaced_its_secret_it_is_not_shut_out(vault: Vault, monkeypatch: pytest.MonkeyPatch):
    legate, agent = vault.legate, vault.reader
    assert legate.stop() == 0
    start_with(legate, "clientSecretRotated", monkeypatch)
    with pytest.raises(requests.ConnectionError):
        legate.post("/clients/self/rotate-secret", auth=agent.basic)
    was_killed(legate)
    legate.start()
    # The answer is lost, and with it the new secret; the old one works, and asks again.
    assert agent.ask(resource=vault.uri).status_code == 200
    old = agent.basic
    answer = legate.post("/clients/self/rotate-secret", auth=old)
    assert answer.status_code == 200, answer.text
    agent.secret = answer.json()["client_secret"]
    assert agent.ask(resource=vault.uri).status_code == 200
    assert legate.post("/clients/self/rotate-secret", auth=old).status_code == 403
    audit_verifies(legate)
