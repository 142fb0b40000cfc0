"""A server that starts sealed: the real process, its passphrase, and what it does when it is killed."""

import json
import os
import resource
import shutil
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

import jwt
import pytest
import requests

from server import ANSWER_TIMEOUT, Legate

PASSPHRASE = "correct horse battery staple"
READY = "/health/ready"
UNSEAL = "/admin/vault/unseal"


class Sealed(Legate):
    """An installation that a passphrase opens."""

    given: tuple[str, ...] = ()
    # What the command is given to, such as a program that takes rights away first.
    before: tuple[str, ...] = ()

    @property
    def passphrase_file(self) -> Path:
        return self.directory / "passphrase"

    @property
    def serve_arguments(self) -> list[str]:
        arguments = super().serve_arguments
        at = arguments.index("--root-key")
        return list(self.before) + arguments[:at] + arguments[at + 2 :] + list(self.given)

    def initialise(self) -> "Sealed":
        self.passphrase_file.write_text(PASSPHRASE + "\n")
        self.passphrase_file.chmod(0o600)
        run = self.run(
            "init", "--data", self.data, "--issuer", self.issuer, "--passphrase-file", self.passphrase_file
        )
        assert run.returncode == 0, run.stderr
        return self

    def unseal(self, passphrase: str = PASSPHRASE) -> requests.Response:
        return self.request("POST", UNSEAL, json={"passphrase": passphrase})

    def opened(self) -> "Sealed":
        answer = self.unseal()
        assert answer.status_code == 200, answer.text
        return self

    @property
    def is_sealed(self) -> bool:
        answer = self.get(READY)
        return answer.status_code == 503 and answer.json()["reason"] == "sealed"


@pytest.fixture
def sealed(binary: Path, tmp_path: Path):
    server = Sealed(binary, tmp_path).initialise()
    yield server
    if server.process is not None:
        server.kill9()


def test_a_server_with_a_passphrase_starts_sealed_and_answers_what_anyone_may_know(sealed):
    sealed.start()
    assert not sealed.root_key.exists()
    assert sealed.get("/health/live").status_code == 200
    ready = sealed.get(READY)
    assert (ready.status_code, ready.json()["reason"]) == (503, "sealed")
    assert int(ready.headers["Retry-After"]) > 0
    assert sealed.metadata["issuer"] == sealed.issuer
    assert len(sealed.jwks["keys"]) == 1
    assert sealed.get("/.well-known/oauth-protected-resource/admin").status_code == 200
    assert "legate_vault_sealed 1" in sealed.get("/metrics").text
    operator = sealed.operator
    for method, path in [
        ("POST", "/token"), ("POST", "/introspect"), ("POST", "/revoke"), ("GET", "/revocations"), ("GET", "/check/"),
        ("GET", "/status-lists"), ("POST", "/events"), ("GET", "/admin/clients"), ("GET", "/vault/values/a"),
        ("GET", "/nothing"),
    ]:
        answer = sealed.request(method, path, auth=(operator["client_id"], operator["client_secret"]))
        assert answer.status_code == 503, path
        assert int(answer.headers["Retry-After"]) > 0
        body = answer.json()
        problem = path.startswith(("/admin", "/vault", "/revocations"))
        assert answer.headers["Content-Type"] == ("application/problem+json" if problem else "application/json")
        assert "sealed" in (body["detail"] if problem else body["error_description"])
        if not problem:
            assert body["error"] == "temporarily_unavailable"


def test_tokens_of_before_verify_offline_while_the_server_is_sealed_and_online_after(sealed):
    sealed.start().opened()
    token = sealed.operator_token()
    before = sealed.jwks
    sealed.restart()
    assert sealed.is_sealed
    assert sealed.jwks == before
    header = jwt.get_unverified_header(token)
    key = next(key for key in sealed.jwks["keys"] if key["kid"] == header["kid"])
    claims = jwt.decode(token, jwt.PyJWK(key), algorithms=["ES256"], audience=f"{sealed.issuer}/admin")
    assert claims["iss"] == sealed.issuer
    sealed.opened()
    assert sealed.admin("GET", "/clients", token=token).status_code == 200
    assert sealed.fetch("/audit/verify")["valid"]


def test_seal_drops_followers_and_what_comes_after_is_refused(sealed):
    sealed.start().opened()
    token = sealed.operator_token()
    feed = sealed.create(
        "/clients",
        {"client_id": "gw", "name": "gw", "kind": "gateway", "scopes": ["revocations:read"],
         "resources": [f"{sealed.issuer}/revocations"]},
    )
    follower = requests.get(
        sealed.base + "/revocations", auth=("gw", feed["client_secret"]), headers={"Accept": "text/event-stream"},
        stream=True, timeout=ANSWER_TIMEOUT,
    )
    assert follower.status_code == 200
    ended = threading.Event()

    def follow():
        try:
            for _ in follower.iter_content(1024):
                pass
        except requests.RequestException:
            pass
        ended.set()

    threading.Thread(target=follow, daemon=True).start()
    answer = sealed.admin("POST", "/vault/seal", token=token)
    assert answer.status_code == 200 and answer.json() == {"sealed": True}
    assert ended.wait(10)
    assert sealed.is_sealed
    assert sealed.admin("GET", "/clients", token=token).status_code == 503
    sealed.opened()
    assert sealed.admin("GET", "/clients", token=token).status_code == 200
    events = [record["event"] for record in sealed.audit()]
    assert events.count("vault.sealed") == 1 and events.count("vault.unsealed") == 2


def test_requests_under_way_finish_or_are_refused_and_none_hangs(sealed):
    sealed.start().opened()
    operator = sealed.operator
    token = sealed.operator_token()
    statuses: list[int] = []
    stop = threading.Event()

    def ask():
        with requests.Session() as session:
            while not stop.is_set():
                answer = session.post(
                    sealed.base + "/token",
                    {"grant_type": "client_credentials", "resource": f"{sealed.issuer}/admin"},
                    auth=(operator["client_id"], operator["client_secret"]), timeout=ANSWER_TIMEOUT,
                )
                statuses.append(answer.status_code)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    started = time.monotonic()
    assert sealed.admin("POST", "/vault/seal", token=token).status_code == 200
    assert time.monotonic() - started < 8
    time.sleep(0.2)
    sealed.opened()
    time.sleep(0.3)
    stop.set()
    for thread in threads:
        thread.join(ANSWER_TIMEOUT)
        assert not thread.is_alive()
    assert set(statuses) == {200, 503}
    assert statuses[-1] == 200
    assert sealed.fetch("/audit/verify")["valid"]


def test_killed_while_sealed_nothing_is_lost(sealed):
    sealed.start().opened()
    sealed.create("/clients", {"client_id": "kept", "name": "kept"})
    sealed.restart()
    for _ in range(3):
        assert sealed.is_sealed
        sealed.kill9()
        sealed.start()
    sealed.opened()
    assert sealed.fetch("/clients/kept")["client_id"] == "kept"
    assert sealed.fetch("/audit/verify")["valid"]


def test_a_hundred_wrong_passphrases_cost_little_and_are_counted(sealed):
    sealed.start()
    before = sealed.cpu_seconds
    statuses = [sealed.unseal(f"wrong {number}").status_code for number in range(100)]
    spent = sealed.cpu_seconds - before
    assert set(statuses) <= {403, 429, 503}
    assert statuses.count(403) <= 8
    assert spent < 15, f"{spent} s of CPU"
    assert sealed.get("/health/live").status_code == 200
    log = sealed.log.read_text()
    assert "wrong 0" not in log and PASSPHRASE not in log
    deadline = time.monotonic() + 70
    while (answer := sealed.unseal()).status_code in (429, 503) and time.monotonic() < deadline:
        time.sleep(min(int(answer.headers["Retry-After"]), 5))
    assert answer.status_code == 200, answer.text
    record = next(record for record in sealed.audit() if record["event"] == "vault.unsealed")
    assert str(statuses.count(403)) in record["policy_evaluation"]["reason"]


def test_the_command_line_shows_seals_and_unseals(sealed):
    sealed.start()
    assert sealed.cli("vault", "status") == {"sealed": True}
    wrong = sealed.run("vault", "unseal", stdin="another one\n")
    assert wrong.returncode == 1 and "passphrase" in wrong.stderr and "another" not in wrong.stderr
    assert sealed.cli("vault", "unseal", stdin=PASSPHRASE + "\n") == {"sealed": False}
    status = sealed.cli("vault", "status")
    assert status["sealed"] is False
    assert status["process"]["hardened"] is True
    assert sealed.cli("vault", "seal") == {"sealed": True}
    assert sealed.cli("vault", "unseal", "--passphrase-file", sealed.passphrase_file) == {"sealed": False}
    assert sealed.cli("vault", "unseal", stdin="whatever\n") == {"sealed": False}


@pytest.mark.parametrize("way", ["file", "descriptor", "credential", "environment"])
def test_the_passphrase_may_come_at_the_start(sealed, way, monkeypatch):
    opened = None
    if way == "file":
        sealed.given = ("--passphrase-file", str(sealed.passphrase_file))
    elif way == "environment":
        monkeypatch.setenv("LEGATE_PASSPHRASE_FILE", str(sealed.passphrase_file))
    elif way == "credential":
        credentials = sealed.directory / "credentials"
        credentials.mkdir()
        (credentials / "legate-passphrase").write_text(PASSPHRASE)
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    else:
        opened = os.open(sealed.passphrase_file, os.O_RDONLY)
        os.set_inheritable(opened, True)
        sealed.given = ("--passphrase-fd", str(opened))
        popen = subprocess.Popen
        monkeypatch.setattr(
            subprocess, "Popen", lambda *given, **options: popen(*given, **{**options, "pass_fds": (opened,)})
        )
    try:
        sealed.start()
    finally:
        if opened is not None:
            os.close(opened)
    assert sealed.get(READY).status_code == 200
    assert sealed.fetch("/vault")["sealed"] is False


def test_a_wrong_passphrase_at_the_start_is_refused_at_once(sealed):
    other = sealed.directory / "other"
    other.write_text("another one\n")
    sealed.given = ("--passphrase-file", str(other))
    with pytest.raises(AssertionError, match="legate: The passphrase does not open this vault: try the one"):
        sealed.start()


def test_with_a_root_key_file_only_an_operator_unseals(make_legate):
    server = make_legate().start()
    server.create("/clients", {"client_id": "agent", "name": "agent"})
    secret = server.cli("client", "rotate-secret", "agent")["client_secret"]
    assert server.cli("vault", "seal") == {"sealed": True}
    assert server.request("POST", UNSEAL, json={}).status_code == 401
    wrong = server.request("POST", UNSEAL, json={}, auth=("agent", secret))
    assert wrong.status_code in (400, 401, 403)
    assert server.get(READY).json()["opened_by"] == "root key file"
    away = server.root_key.with_suffix(".away")
    server.root_key.rename(away)
    time.sleep(1.1)
    failed = server.run("vault", "unseal")
    assert failed.returncode == 1 and "root key file is missing" in failed.stderr
    assert server.request("POST", UNSEAL, json={"passphrase": "short"}).status_code == 409
    assert server.get(READY).status_code == 503
    away.rename(server.root_key)
    assert server.cli("vault", "unseal") == {"sealed": False}
    server.forget_operator_token()
    assert server.fetch("/clients/agent")["client_id"] == "agent"


def test_what_opens_the_vault_changes_from_a_file_to_a_passphrase_and_back(make_legate):
    server = make_legate().start()
    server.create("/clients", {"client_id": "kept", "name": "kept"})
    first = server.root_key.read_text()
    passphrase = server.directory / "passphrase"
    passphrase.write_text(PASSPHRASE + "\n")
    arguments = ("vault", "rekey", "--passphrase-file", passphrase, "--argon2-memory", "19456", "--argon2-passes", "2")
    status = server.cli(*arguments)
    (key,) = status["root_keys"]
    assert key["kind"] == "passphrase" and key["argon2"]["memory_kib"] == 19456
    assert not server.root_key.exists()
    server.restart()
    assert server.get(READY).json()["opened_by"] == "passphrase"
    assert server.cli("vault", "unseal", "--passphrase-file", passphrase) == {"sealed": False}
    server.forget_operator_token()
    (key,) = server.cli("vault", "rekey")["root_keys"]
    assert key["kind"] == "file"
    assert server.root_key.read_text() != first
    assert server.root_key.stat().st_mode & 0o777 == 0o600
    assert [term["active"] for term in server.cli("vault", "rotate")["terms"]][-1] is True
    server.restart()
    assert server.get(READY).status_code == 200
    assert server.fetch("/clients/kept")["client_id"] == "kept"
    assert server.fetch("/audit/verify")["valid"]
    refused = server.run("vault", "rekey", "--root-key", server.root_key)
    assert refused.returncode == 1 and "already" in refused.stderr
    short = server.admin("POST", "/vault/rekey", {"passphrase": "short"})
    assert short.status_code == 400 and short.json()["errors"][0]["field"] == "passphrase"


def test_the_process_is_hardened_and_no_passphrase_is_in_sight(sealed):
    sealed.start().opened()
    pid = sealed.process.pid
    limits = Path(f"/proc/{pid}/limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]
    status = Path(f"/proc/{pid}/status").read_text()
    assert "Umask:\t0077" in status
    places = [sealed.log, sealed.data / "legate.db", sealed.data / "legate.db-wal"]
    for place in places:
        if place.exists():
            assert PASSPHRASE.encode() not in place.read_bytes(), place
    for name in ("cmdline", "environ"):
        try:
            assert PASSPHRASE.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()
        except PermissionError:
            pass


def locked_kilobytes(server: Legate) -> int:
    """What the kernel says of the process: memory that is never written to swap."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmLck:")).split()[1])


def may_lock_memory(server: Legate) -> bool:
    """CAP_IPC_LOCK: whoever has it is held by no limit."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:")).split()[1]
    return bool(int(effective, 16) & 1 << 14)


def test_keys_are_locked_in_memory_while_the_vault_is_open(sealed):
    sealed.start()
    assert locked_kilobytes(sealed) == 0
    limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    if not may_lock_memory(sealed) and limit != resource.RLIM_INFINITY and limit < 2**20:
        pytest.skip(f"no more than {limit} bytes may be locked here")
    sealed.opened()
    assert sealed.fetch("/vault")["keys_locked_in_memory"] is True
    assert locked_kilobytes(sealed) > 0
    assert sealed.admin("POST", "/vault/seal", {}).status_code == 200
    deadline = time.monotonic() + 10
    while locked_kilobytes(sealed) > 0:
        assert time.monotonic() < deadline, "locked pages are left after sealing"
        time.sleep(0.1)


def test_keys_that_may_not_be_locked_are_used_and_said_to_be_unlocked(sealed):
    limited = ("prlimit", "--memlock=0:0")
    if os.getuid() == 0:
        # Root may lock what it likes, whatever the limit.
        limited = ("setpriv", "--bounding-set", "-ipc_lock", "--inh-caps", "-ipc_lock", *limited)
    for program in {limited[0], "prlimit"}:
        if shutil.which(program) is None:
            pytest.skip(f"no {program}")
    sealed.before = limited
    sealed.start().opened()
    assert not may_lock_memory(sealed)
    assert sealed.fetch("/vault")["keys_locked_in_memory"] is False
    assert locked_kilobytes(sealed) == 0


def test_a_public_half_that_somebody_changed_is_noticed_when_the_vault_is_opened(sealed):
    sealed.start().opened()
    assert sealed.stop() == 0
    with sqlite3.connect(sealed.data / "legate.db") as database:
        kid, text = database.execute("SELECT kid, public_key FROM signing_keys").fetchone()
        key = json.loads(text)
        key["x"], key["y"] = key["y"], key["x"]
        database.execute("UPDATE signing_keys SET public_key = ? WHERE kid = ?", (json.dumps(key), kid))
    sealed.start()
    assert sealed.jwks["keys"] == []
    assert sealed.unseal().status_code == 500
    assert sealed.is_sealed
    deadline = time.monotonic() + 5
    while "public half" not in sealed.log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
