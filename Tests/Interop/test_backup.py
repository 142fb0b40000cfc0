"""Backup while the server runs, and restore on another machine: whole, or not at all."""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

import pytest
import requests

from actors import Registry
from custody import Custody, require_debug_build
from jose import claims_of
from server import Legate
from test_feed import Follower as FeedFollower
from test_feed import feed_client


class Follower(FeedFollower):
    def poll_all(self) -> None:
        """Reads on until there is nothing new; whoever must, begins again with a snapshot."""
        while True:
            answer = self.poll()
            if answer.status_code == 410:
                self.snapshot()
                continue
            assert answer.status_code == 200, answer.text
            before = self.after
            self.take(answer.json()["jws"], self.keys())
            if self.after == before:
                return


@pytest.fixture
def vault(own_legate) -> Custody:
    return Custody(own_legate)


def back_up(vault: Custody, name: str = "vault.backup") -> Path:
    path = vault.legate.directory / name
    done = vault.legate.run("vault", "backup", path)
    assert done.returncode == 0, done.stderr
    return path


def restore(legate: Legate, *arguments, environment: dict | None = None) -> subprocess.CompletedProcess:
    """On a machine without a profile and without a server."""
    return subprocess.run(
        [legate.binary, "vault", "restore", *map(str, arguments)],
        env={"PATH": os.environ["PATH"], "HOME": str(legate.directory), **(environment or {})},
        cwd=legate.directory, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def another_machine(vault: Custody, backup: Path, directory: Path) -> Custody:
    """A new directory with the backup and a copy of the root key, and a server on the same address."""
    old = vault.legate
    if old.process is not None:
        old.kill9()
    directory.mkdir()
    new = Legate(old.binary, directory, issuer=old.issuer)
    new.port, new.base = old.port, old.base
    shutil.copy(old.root_key, new.root_key)
    done = restore(old, backup, "--data", new.data, "--root-key", new.root_key)
    assert done.returncode == 0, done.stderr
    # The operator's credentials are a file of its own, which is not in the backup.
    shutil.copy(old.profile, new.profile)
    new.start()
    return Custody(new)


@pytest.fixture
def move(vault, tmp_path):
    moved: list[Custody] = []

    def to(backup: Path) -> Custody:
        # One address: the machine before is gone.
        for other in moved:
            if other.legate.process is not None:
                other.legate.kill9()
        moved.append(another_machine(vault, backup, tmp_path / f"machine{len(moved)}"))
        return moved[-1]

    yield to
    for other in moved:
        if other.legate.process is not None:
            other.legate.kill9()


def test_everything_is_there_on_another_machine(vault, move):
    agent = vault.agent()
    registry = Registry(vault.legate)
    resource = registry.resource()
    worker = registry.agent(resource)
    token = worker.token(resource=resource.uri)
    vault.create("a/b", "one", agent)
    vault.put("a/b", "two")
    vault.create("gone", "three", agent)
    vault.manage("DELETE", "values/gone")
    lease = vault.read(agent, "a/b").json()["lease"]["lease_id"]
    backup = back_up(vault)
    assert backup.stat().st_mode & 0o777 == 0o600
    vault.put("a/b", "after the backup")

    other = move(backup)
    client = type(agent)(other.legate, agent.id, agent.secret)
    assert other.value(client, "a/b") == "two"
    assert other.value(client, "a/b", version=1) == "one"
    assert other.versions("gone") == {1: "deleted"}
    assert lease in [item["lease_id"] for item in other.leases("a/b")]
    server = Registry(other.legate).resource_server(resource)
    assert server.sees(token)
    other.verify_trail()
    # The trail says that there was a backup, and that this is what came of it.
    assert len(other.records("vault.backed_up")) == 1
    assert len(other.records("vault.restored")) == 1


def test_a_backup_while_everything_changes_is_of_one_moment(vault, move):
    """Two secrets are changed together, one after the other: the second is never ahead of the first."""
    agent = vault.agent()
    for name in ("first", "second"):
        vault.create(name, "0", agent)
    ending = threading.Event()
    wrong: list[str] = []

    def write() -> None:
        number = 0
        while not ending.is_set():
            number += 1
            for name in ("first", "second"):
                answer = vault.call("PUT", f"values/{name}", {"value": str(number)})
                if answer.status_code != 200:
                    wrong.append(answer.text)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        backups = [back_up(vault, f"{n}.backup") for n in range(4)]
    finally:
        ending.set()
        thread.join()
    assert wrong == []
    seen = []
    for backup in backups:
        other = move(backup)
        client = type(agent)(other.legate, agent.id, agent.secret)
        first, second = int(other.value(client, "first")), int(other.value(client, "second"))
        assert first - second in (0, 1)
        other.verify_trail()
        seen.append(first)
    assert seen == sorted(seen) and seen[-1] > 0


def test_a_gateway_that_read_on_after_the_backup_misses_nothing(vault, move):
    """The restored server has forgotten tombstones that the gateway knows, and makes new ones."""
    registry = Registry(vault.legate)
    resource = registry.resource()
    worker = registry.agent(resource)
    watcher = feed_client(registry)
    token = lambda: worker.token(resource=resource.uri)  # noqa: E731
    tokens = [token() for _ in range(8)]
    assert worker.revoke(tokens[0]).status_code == 200
    backup = back_up(vault)
    for lost in tokens[1:4]:
        assert worker.revoke(lost).status_code == 200
    follower = Follower(vault.legate, watcher.basic)
    follower.poll_all()
    known = set(follower.seen)
    assert len(known) == 4

    other = move(backup)
    follower.legate = other.legate
    worker = type(worker)(other.legate, worker.id, worker.secret)
    # As many as were lost, and one more.
    for dead in tokens[4:]:
        assert worker.revoke(dead).status_code == 200
    follower.poll_all()
    ids = {entry["id"] for entry in follower.seen.values()}
    assert {claims_of(dead)["jti"] for dead in tokens[4:]} <= ids
    assert known <= set(follower.seen)


def test_archives_of_the_audit_trail_come_along(make_legate, tmp_path):
    vault = Custody(make_legate(flags=("--audit-retention-records", "1000")).start())
    agent = vault.agent()
    vault.create("a", "x", agent)
    token = agent.token(resource=vault.resource)
    deadline = 3_000
    for _ in range(deadline):
        assert vault.call("GET", "values/a", token=token).status_code == 200
        if list((vault.legate.data / "audit").glob("*.gz")):
            break
    else:
        # The retention runs every half minute.
        for _ in range(400):
            if list((vault.legate.data / "audit").glob("*.gz")):
                break
            time.sleep(0.1)
    archives = sorted(path.name for path in (vault.legate.data / "audit").glob("*.gz"))
    assert archives, "no archive was made"
    backup = back_up(vault)
    other = another_machine(vault, backup, tmp_path / "other")
    try:
        assert sorted(path.name for path in (other.legate.data / "audit").glob("*.gz")) == archives
        other.verify_trail()
    finally:
        other.legate.kill9()


def test_what_is_in_the_way_is_left_alone(vault, tmp_path):
    backup = back_up(vault)
    done = vault.legate.run("vault", "backup", backup)
    assert done.returncode == 1 and "exists" in done.stderr
    full = tmp_path / "full"
    full.mkdir()
    (full / "something").write_text("mine")
    done = restore(vault.legate, backup, "--data", full, "--root-key", vault.legate.root_key)
    assert done.returncode == 1 and "not empty (something)" in done.stderr
    assert [path.name for path in full.iterdir()] == ["something"]
    done = restore(vault.legate, backup, "--data", vault.legate.data, "--root-key", vault.legate.root_key)
    assert done.returncode == 1
    vault.legate.assert_alive()


def test_attack_a_changed_backup(vault, tmp_path):
    """One bit anywhere, a cut anywhere, anything behind the end: nothing is put in place."""
    agent = vault.agent()
    vault.create("a", "x" * 60_000, agent)
    good = back_up(vault).read_bytes()
    bad = tmp_path / "bad.backup"
    root_key = vault.legate.root_key
    positions = [0, 13, 14, 15, 16, 19, 25, 300, 2_000, len(good) // 2, len(good) - 17, len(good) - 1]
    positions += [random.randrange(len(good)) for _ in range(8)]
    changed = [good[:at] + bytes([good[at] ^ 1 << random.randrange(8)]) + good[at + 1 :] for at in positions]
    cut = [good[:length] for length in (0, 10, 19, 20, 100, 70_000, len(good) - 1, len(good) - 16, len(good) - 65_552)]
    for number, content in enumerate([*changed, *cut, good + b"\0", good + good]):
        bad.write_bytes(content)
        data = tmp_path / f"data{number}"
        done = restore(vault.legate, bad, "--data", data, "--root-key", root_key)
        assert done.returncode == 1, f"case {number} was restored"
        assert not (data / "legate.db").exists() and not (data / "restoring").exists(), f"case {number}"
        assert "legate:" in done.stderr and "Fatal" not in done.stderr, done.stderr
    bad.write_bytes(good)
    assert restore(vault.legate, bad, "--check", "--root-key", root_key).returncode == 0


def test_a_backup_without_its_root_key_is_nothing(vault, tmp_path, make_legate):
    agent = vault.agent()
    vault.create("a", "plaintext-of-the-secret", agent)
    backup = back_up(vault)
    stranger = make_legate().start()
    done = restore(vault.legate, backup, "--check", "--root-key", stranger.root_key)
    assert done.returncode == 1
    done = restore(vault.legate, backup, "--check", "--root-key", tmp_path / "missing")
    assert done.returncode == 1
    content = backup.read_bytes()
    for word in (b"plaintext-of-the-secret", b"SQLite format", b"CREATE TABLE", agent.id.encode()):
        assert word not in content


def test_a_passphrase_alone_opens_it_on_another_machine(vault, tmp_path):
    """Before and after the vault got a passphrase: each backup opens with what opened the vault in its time."""
    legate = vault.legate
    agent = vault.agent()
    vault.create("a", "one", agent)
    old_key = tmp_path / "old-root.key"
    shutil.copy(legate.root_key, old_key)
    before = back_up(vault, "before.backup")
    words = tmp_path / "words"
    words.write_text("correct horse battery staple\n")
    words.chmod(0o600)
    done = legate.run("vault", "rekey", "--passphrase-file", words)
    assert done.returncode == 0, done.stderr
    after = back_up(vault, "after.backup")
    legate.kill9()

    wrong = tmp_path / "wrong"
    wrong.write_text("correct horse battery\n")
    for backup, key, opens in [
        (before, ("--root-key", old_key), True), (before, ("--passphrase-file", words), False),
        (after, ("--passphrase-file", words), True), (after, ("--root-key", old_key), False),
        (after, ("--passphrase-file", wrong), False),
    ]:  # fmt: skip
        done = restore(legate, backup, "--check", *key)
        assert (done.returncode == 0) == opens, (backup.name, key, done.stderr)
        assert "battery" not in done.stdout + done.stderr

    directory = tmp_path / "machine"
    directory.mkdir()
    new = Legate(legate.binary, directory, issuer=legate.issuer)
    new.port, new.base = legate.port, legate.base
    assert restore(legate, after, "--data", new.data, "--passphrase-file", words).returncode == 0
    shutil.copy(legate.profile, new.profile)
    run = subprocess.Popen(
        [
            new.binary, "serve", "--issuer", new.issuer, "--listen", f"127.0.0.1:{new.port}", "--data", new.data,
            "--passphrase-file", words,
        ],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=directory,
    )  # fmt: skip
    try:
        assert run.stdout.readline().startswith("legate: serving")
        other = Custody(new)
        assert other.value(type(agent)(new, agent.id, agent.secret), "a") == "one"
    finally:
        run.kill()
        run.wait()


def test_only_who_manages_the_vault_backs_it_up(vault):
    registry = Registry(vault.legate)
    reader = registry.operator("audit:read")
    token = reader.token(resource=f"{vault.legate.issuer}/admin")
    assert vault.legate.admin("POST", "/vault/backup", token=token).status_code == 403
    assert vault.legate.admin("GET", "/vault/backup").status_code == 405
    assert vault.legate.post("/admin/vault/backup").status_code == 401


def test_whoever_hangs_up_leaves_nothing_behind(vault):
    """A download that breaks off: the copy goes, and the next backup can be made."""
    vault.create("big", "x" * 60_000)
    for _ in range(60):
        vault.put("big", "y" * 60_000)
    for _ in range(3):
        answer = requests.post(
            f"{vault.legate.base}/admin/vault/backup",
            headers={"Authorization": f"Bearer {vault.legate.operator_token()}"}, stream=True, timeout=20,
        )  # fmt: skip
        assert answer.status_code in (200, 409)
        next(answer.iter_content(100))
        answer.close()
    for _ in range(100):
        if vault.legate.run("vault", "backup", vault.legate.directory / "later.backup").returncode == 0:
            break
        time.sleep(0.1)
    else:
        raise AssertionError("no backup can be made after one was broken off")
    assert [path.name for path in vault.legate.data.iterdir() if "backup-" in path.name] == []


# Crashes


def test_crash_while_a_backup_is_made(vault):
    agent = vault.agent()
    vault.create("a", "one", agent)
    target = vault.legate.directory / "half.backup"

    def action() -> None:
        done = vault.legate.run("vault", "backup", target)
        assert done.returncode == 1
        raise requests.ConnectionError

    vault.crash("backupCopied", action)
    assert not target.exists() and not Path(f"{target}.unfinished").exists()
    assert [path.name for path in vault.legate.data.iterdir() if path.name.startswith("backup-")] == []
    assert restore(vault.legate, back_up(vault), "--check", "--root-key", vault.legate.root_key).returncode == 0


def test_a_backup_names_what_keeps_it_from_being_restored(vault):
    vault.create("a/b", "one")
    legate = vault.legate
    assert legate.stop() == 0
    with sqlite3.connect(legate.data / "legate.db") as database:
        (box,) = database.execute("SELECT box FROM secret_versions").fetchone()
        database.execute("UPDATE secret_versions SET box = ?", (box[:-1] + bytes([box[-1] ^ 1]),))
    legate.start()
    path = legate.directory / "damaged.backup"
    done = legate.run("vault", "backup", path)
    assert done.returncode == 1 and path.exists()
    assert "secret_versions/a/b version 1" in done.stderr and "legate secret destroy" in done.stderr
    refused = restore(legate, path, "--check", "--root-key", legate.root_key)
    assert refused.returncode == 1 and "legate secret destroy" in refused.stderr
    vault.manage("POST", "destroy/a/b", {"version": 1})
    assert restore(legate, back_up(vault), "--check", "--root-key", legate.root_key).returncode == 0


@pytest.mark.parametrize("fault", ["restoreVerified", "restoreArchivesPlaced"])
def test_crash_while_a_backup_is_put_in_place(vault, tmp_path, fault):
    require_debug_build(vault.legate.binary)
    vault.create("a", "one")
    backup = back_up(vault)
    data = tmp_path / "data"
    arguments = (backup, "--data", data, "--root-key", vault.legate.root_key)
    done = restore(vault.legate, *arguments, environment={"LEGATE_FAULT": fault})
    assert done.returncode == -signal.SIGKILL
    assert not (data / "legate.db").exists()
    done = restore(vault.legate, *arguments)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in data.iterdir() if path.name != "audit") == ["legate.db"]
    report = json.loads(done.stdout)
    # The value, the vault's own keys and the key that signs tokens.
    assert report["secrets"] == 1 and report["sealed_boxes"] == 4
