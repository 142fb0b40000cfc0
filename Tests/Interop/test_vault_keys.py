"""Keys of the vault on the real process: terms, re-sealing, another root key or passphrase, and kill -9 in between."""

import json
import os
import signal
import sqlite3
import stat
import time
from pathlib import Path

import pytest
import requests

from custody import Custody, require_debug_build
from server import ANSWER_TIMEOUT, Legate

PASSPHRASE = "correct horse battery staple"
OTHER_PASSPHRASE = "staple battery horse correct"
# The least that is accepted: tests derive many keys.
CHEAP = {"argon2_memory_kib": 19456, "argon2_passes": 2, "argon2_lanes": 1}


@pytest.fixture
def vault(own_legate) -> Custody:
    return Custody(own_legate)


def status(vault: Custody) -> dict:
    return vault.legate.fetch("/vault")


def change(vault: Custody, what: str, body: dict | None = None) -> dict:
    answer = vault.legate.admin("POST", f"/vault/{what}", body or {})
    assert answer.status_code == 200, answer.text
    return answer.json()


def wait_until_resealed(vault: Custody, term: int) -> dict:
    """The status when nothing is sealed under any other term."""
    deadline = time.monotonic() + ANSWER_TIMEOUT
    while time.monotonic() < deadline:
        found = status(vault)
        if found["pending"]["boxes_to_reseal"] == 0:
            assert [item["term"] for item in found["terms"] if item["active"]] == [term]
            return found
        time.sleep(0.1)
    raise AssertionError(status(vault))


def boxes_by_term(legate: Legate) -> dict[int, int]:
    """What the database says, without the server."""
    counts: dict[int, int] = {}
    with sqlite3.connect(f"file:{legate.data}/legate.db?mode=ro", uri=True) as database:
        for table in ["secret_versions", "signing_keys", "vault_keys"]:
            for (box,) in database.execute(f"SELECT box FROM {table} WHERE box IS NOT NULL"):
                term = int.from_bytes(box[1:5], "big")
                counts[term] = counts.get(term, 0) + 1
    return counts


def slots(legate: Legate) -> list[str]:
    with sqlite3.connect(f"file:{legate.data}/legate.db?mode=ro", uri=True) as database:
        return [kind for (kind,) in database.execute("SELECT kind FROM root_keys")]


def staged(legate: Legate) -> Path:
    return legate.root_key.with_name("root.key.next")


def unseal(legate: Legate, passphrase: str) -> requests.Response:
    return legate.request("POST", "/admin/vault/unseal", json={"passphrase": passphrase})


def crash(vault: Custody, fault: str, action) -> None:
    """Ends the server at a step by kill -9, and leaves it down."""
    legate = vault.legate
    require_debug_build(legate.binary)
    assert legate.stop() == 0
    os.environ["LEGATE_FAULT"] = fault
    try:
        legate.start()
        if slots(legate) == ["passphrase"]:
            assert unseal(legate, PASSPHRASE).status_code == 200
    finally:
        del os.environ["LEGATE_FAULT"]
    with pytest.raises(requests.ConnectionError):
        action()
        # What goes on in the background needs a moment to get there.
        for _ in range(200):
            time.sleep(0.05)
            legate.get("/health/live")
    process, legate.process = legate.process, None
    assert process.wait(timeout=ANSWER_TIMEOUT) == -signal.SIGKILL, f"{fault} was not reached"


def start(vault: Custody) -> str:
    """Starts the server and opens its vault; says with what."""
    legate = vault.legate
    legate.start()
    if slots(legate) == ["file"]:
        return "file"
    for passphrase in (PASSPHRASE, OTHER_PASSPHRASE):
        answer = unseal(legate, passphrase)
        if answer.status_code == 200:
            return passphrase
        time.sleep(1.1)
    raise AssertionError(answer.text)


def everything_opens(vault: Custody, agent) -> None:
    assert vault.value(agent, "a/b", version=1) == "one"
    assert vault.value(agent, "a/b") == "two"
    assert len(vault.legate.jwks["keys"]) == 1
    assert status(vault)["unreadable"] == []
    assert status(vault)["pending"]["rekey"] is False
    vault.verify_trail()


@pytest.fixture
def kept(vault):
    agent = vault.agent()
    vault.create("a/b", "one", agent)
    vault.put("a/b", "two")
    return vault, agent


# Without crashes


def test_a_rotation_seals_everything_anew_while_agents_read(kept):
    vault, agent = kept
    first = status(vault)
    assert [item["term"] for item in first["terms"]] == [1]
    assert first["terms"][0]["boxes"] >= 5
    tables = first["terms"][0]["boxes_by_table"]
    assert tables["secret_versions"] == 2 and tables["signing_keys"] >= 1 and tables["vault_keys"] >= 1
    assert sum(tables.values()) == first["terms"][0]["boxes"]
    after = change(vault, "rotate")
    assert [(item["term"], item["active"]) for item in after["terms"]] == [(1, False), (2, True)]
    for _ in range(20):
        assert vault.value(agent, "a/b") == "two"
    found = wait_until_resealed(vault, 2)
    assert found["terms"][-1]["boxes"] == first["terms"][0]["boxes"]
    assert found["terms"][-1]["boxes_by_table"] == tables
    shown = vault.legate.run("vault", "status", "--output", "table")
    assert shown.returncode == 0 and "secret_versions 2" in shown.stdout, shown
    assert boxes_by_term(vault.legate).keys() == {2}
    # Whoever sealed with the old term has long committed when the server starts anew: then it goes.
    vault.restart()
    deadline = time.monotonic() + ANSWER_TIMEOUT
    while [item["term"] for item in status(vault)["terms"]] != [2]:
        assert time.monotonic() < deadline, status(vault)
        time.sleep(0.1)
    assert len(vault.records("vault.term_removed", "vault/terms/1")) == 1
    everything_opens(vault, agent)


def test_a_new_root_key_file_takes_the_old_ones_place(kept):
    vault, agent = kept
    legate = vault.legate
    old = legate.root_key.read_text()
    answer = change(vault, "rekey")
    assert [slot["kind"] for slot in answer["root_keys"]] == ["file"]
    new = legate.root_key.read_text()
    assert new != old and len(new.strip()) == 43
    assert stat.S_IMODE(legate.root_key.stat().st_mode) == 0o600
    assert not staged(legate).exists()
    vault.restart()
    everything_opens(vault, agent)
    # The old one opens nothing.
    assert legate.stop() == 0
    legate.root_key.write_text(old)
    with pytest.raises(AssertionError, match="did not start"):
        legate.start()
    legate.root_key.write_text(new)
    legate.start()
    everything_opens(vault, agent)


def test_from_a_file_to_a_passphrase_to_a_dearer_one_and_back(kept):
    vault, agent = kept
    legate = vault.legate
    change(vault, "rekey", {"passphrase": PASSPHRASE, **CHEAP})
    assert not legate.root_key.exists()
    everything_opens(vault, agent)
    assert legate.stop() == 0
    assert start(vault) == PASSPHRASE
    everything_opens(vault, agent)
    dearer = {"passphrase": PASSPHRASE, "argon2_memory_kib": 65536, "argon2_passes": 3}
    answer = change(vault, "rekey", dearer)
    assert answer["root_keys"][0]["argon2"] == {"memory_kib": 65536, "passes": 3, "lanes": 4}
    assert legate.stop() == 0
    assert start(vault) == PASSPHRASE
    change(vault, "rekey")
    assert legate.root_key.exists()
    assert legate.stop() == 0
    assert start(vault) == "file"
    everything_opens(vault, agent)
    assert len(vault.records("vault.rekeyed")) == 3


def test_what_is_not_acceptable_changes_nothing(kept):
    vault, agent = kept
    before = status(vault)
    for body, member in [
        ({"passphrase": "short"}, "passphrase"),
        ({"passphrase": PASSPHRASE, "argon2_memory_kib": 8}, "argon2_memory_kib"),
        ({"passphrase": PASSPHRASE, "argon2_memory_kib": 1 << 40}, "argon2_memory_kib"),
        ({"root_key": "AAAA"}, "root_key"),
        ({"root_key": 7}, "root_key"),
        ({"file": "/tmp/x"}, "file"),
    ]:
        answer = vault.legate.admin("POST", "/vault/rekey", body)
        assert answer.status_code == 400, answer.text
        assert member in answer.text and PASSPHRASE not in answer.text
    own = vault.legate.root_key.read_text().strip()
    assert vault.legate.admin("POST", "/vault/rekey", {"root_key": own}).status_code == 409
    assert status(vault)["root_keys"] == before["root_keys"]
    vault.restart()
    everything_opens(vault, agent)


def test_without_the_scope_the_keys_cannot_even_be_seen(kept):
    vault, _ = kept
    operator = vault.legate.operator
    token = vault.legate.post(
        "/token",
        {"grant_type": "client_credentials", "resource": f"{vault.legate.issuer}/admin", "scope": "audit:read"},
        auth=(operator["client_id"], operator["client_secret"]),
    ).json()["access_token"]
    for method, path in [("GET", "/vault"), ("POST", "/vault/rotate"), ("POST", "/vault/rekey")]:
        body = None if method == "GET" else {}
        assert vault.legate.admin(method, path, body, token=token).status_code == 403
    assert len(status(vault)["terms"]) == 1


def test_a_box_whose_bits_were_turned_is_reported_and_left_and_its_term_stays(kept):
    vault, agent = kept
    legate = vault.legate
    assert legate.stop() == 0
    with sqlite3.connect(legate.data / "legate.db") as database:
        (box,) = database.execute("SELECT box FROM secret_versions WHERE version = 1").fetchone()
        damaged = box[:-1] + bytes([box[-1] ^ 1])
        database.execute("UPDATE secret_versions SET box = ? WHERE version = 1", (damaged,))
    legate.start()
    change(vault, "rotate")
    found = wait_until_resealed(vault, 2)
    assert found["unreadable"] == ["secret_versions/a/b version 1 (secret value)"]
    assert [item["term"] for item in found["terms"]] == [1, 2]
    assert boxes_by_term(legate)[1] == 1
    assert len(vault.records("vault.box_refused")) == 1
    assert vault.read(agent, "a/b", version=1).status_code >= 500
    assert vault.value(agent, "a/b") == "two"
    alarms = [line for line in legate.log.read_text().splitlines() if "does not open" in line]
    assert alarms and json.loads(alarms[0])["level"] == "error"


def test_a_copied_database_without_the_root_key_gives_nothing(kept, binary, tmp_path):
    vault, _ = kept
    legate = vault.legate
    vault.put("a/b", "planted-plaintext-71c6")
    change(vault, "rekey", {"passphrase": PASSPHRASE, **CHEAP})
    assert legate.stop() == 0
    for file in legate.data.glob("legate.db*"):
        content = file.read_bytes()
        assert PASSPHRASE.encode() not in content and b"planted-plaintext" not in content
    with pytest.raises(AssertionError):
        stolen = Legate(binary, tmp_path)
        stolen.data = legate.data
        stolen.issuer = legate.issuer
        stolen.flags = ("--passphrase-file", str(wrong := tmp_path / "wrong"))
        wrong.write_text("not the passphrase\n")
        wrong.chmod(0o600)
        stolen.start()


# kill -9


def test_killed_when_a_new_term_is_durable(kept):
    vault, agent = kept
    crash(vault, "rotateTermCommitted", lambda: vault.legate.admin("POST", "/vault/rotate", {}))
    start(vault)
    # The rotation is done: the next start seals with the new term.
    assert wait_until_resealed(vault, 2)["terms"][-1]["active"] is True
    assert len(vault.records("vault.rotated")) == 1
    everything_opens(vault, agent)


@pytest.mark.parametrize("fault", ["resealBatchSealed", "resealBatchCommitted"])
def test_killed_while_boxes_are_sealed_anew(kept, fault):
    vault, agent = kept
    for number in range(300):
        vault.create(f"many/{number}", f"value {number}", agent)
    crash(vault, fault, lambda: vault.legate.admin("POST", "/vault/rotate", {}))
    assert boxes_by_term(vault.legate)[1] > 0, "there was something left to do"
    start(vault)
    wait_until_resealed(vault, 2)
    assert boxes_by_term(vault.legate).keys() == {2}
    for number in (0, 150, 299):
        assert vault.value(agent, f"many/{number}") == f"value {number}"
    everything_opens(vault, agent)


def test_killed_when_an_old_term_was_removed(kept):
    vault, agent = kept
    change(vault, "rotate")
    wait_until_resealed(vault, 2)
    # A start with nothing under the old term removes it at once, and so ends before it is ready, or just behind.
    legate = vault.legate
    require_debug_build(legate.binary)
    assert legate.stop() == 0
    os.environ["LEGATE_FAULT"] = "termRemoved"
    try:
        try:
            legate.start()
            process = legate.process
            assert process.wait(timeout=ANSWER_TIMEOUT) == -signal.SIGKILL
            legate.process = None
        except AssertionError as failure:
            assert "exit -9" in str(failure), failure
    finally:
        del os.environ["LEGATE_FAULT"]
    start(vault)
    assert [item["term"] for item in status(vault)["terms"]] == [2]
    assert len(vault.records("vault.term_removed")) == 1
    everything_opens(vault, agent)


FILE = {}
TO_PASSPHRASE = {"passphrase": PASSPHRASE, **CHEAP}
TO_OTHER = {"passphrase": OTHER_PASSPHRASE, **CHEAP}


@pytest.mark.parametrize("fault", ["rekeyKeyFileWritten", "rekeyCommitted", "rekeyKeyFilePlaced"])
@pytest.mark.parametrize(
    ("before", "after"),
    [(None, FILE), (None, TO_PASSPHRASE), (TO_PASSPHRASE, FILE), (TO_PASSPHRASE, TO_OTHER)],
    ids=["file-file", "file-passphrase", "passphrase-file", "passphrase-passphrase"],
)
def test_killed_while_the_root_key_is_exchanged(kept, before, after, fault):
    vault, agent = kept
    legate = vault.legate
    if before:
        change(vault, "rekey", before)
    old_file = legate.root_key.read_text() if legate.root_key.exists() else None
    crash(vault, fault, lambda: legate.admin("POST", "/vault/rekey", after))
    opened_with = start(vault)
    is_done = fault != "rekeyKeyFileWritten"
    expected = after if is_done else (before or FILE)
    assert opened_with == expected.get("passphrase", "file")
    everything_opens(vault, agent)
    # What was cut short is finished or undone.
    assert not staged(legate).exists()
    assert legate.root_key.exists() == (opened_with == "file")
    if opened_with == "file" and old_file is not None:
        assert (legate.root_key.read_text() != old_file) == is_done
    assert len(vault.records("vault.rekeyed")) == (1 if before else 0) + (1 if is_done else 0)
    # And it can be done again.
    change(vault, "rotate")
    change(vault, "rekey")
    assert legate.stop() == 0
    assert start(vault) == "file"
    everything_opens(vault, agent)
