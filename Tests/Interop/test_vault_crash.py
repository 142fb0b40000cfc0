"""kill -9 at every step of what changes a secret or hands it out.

Whatever was acknowledged is there afterwards; what was not is there as a whole or not at all; nothing is served that
was never put; no secret is without a live version that had one.
"""

import random
import re
import threading
import time
from pathlib import Path

import pytest
import requests

from actors import unique
from custody import Custody, fault_points

HERE = Path(__file__).parent


@pytest.fixture
def vault(own_legate) -> Custody:
    return Custody(own_legate)


def test_every_step_at_which_a_crash_is_tested_has_a_test():
    """A fault point that no test names is a step that nobody has seen fail."""
    tests = "".join(file.read_text() for file in HERE.glob("test_*.py"))
    missing = [name for name in fault_points() if not re.search(rf"""["']{name}["']""", tests)]
    assert missing == []


# Values


def test_crash_before_a_new_version_is_written(vault):
    agent = vault.agent()
    vault.create("a/b", "one", agent)
    vault.crash("valueSealed", lambda: vault.put("a/b", "two"))
    assert vault.value(agent, "a/b") == "one"
    assert vault.versions("a/b") == {1: "current"}
    assert vault.put("a/b", "three", if_version=1) == 2
    assert vault.value(agent, "a/b") == "three"
    vault.verify_trail()


@pytest.mark.parametrize("fault", ["versionChanged", "valueCommitted"])
def test_crash_after_a_new_version_is_durable(vault, fault):
    agent = vault.agent()
    vault.create("a/b", "one", agent)
    vault.crash(fault, lambda: vault.put("a/b", "two"))
    assert vault.value(agent, "a/b") == "two"
    assert vault.versions("a/b") == {1: "superseded", 2: "current"}
    assert len(vault.records("secret.put", "secret/a/b/versions/2")) == 1
    # Whoever was not told, and tries again with what he knew, learns that it is done.
    assert vault.call("PUT", "values/a/b", {"value": "two", "if_version": 1}).status_code in (409, 412)
    vault.verify_trail()


@pytest.mark.parametrize(
    ("verb", "path", "state"),
    [("DELETE", "values/a/b?version=2", "deleted"), ("POST", "destroy/a/b", "destroyed")],
)
def test_crash_after_a_version_is_gone(vault, verb, path, state):
    agent = vault.agent()
    vault.create("a/b", "one", agent)
    vault.put("a/b", "two")
    vault.crash("versionChanged", lambda: vault.manage(verb, path, {"version": 2} if verb == "POST" else None))
    assert vault.versions("a/b") == {1: "superseded", 2: state}
    assert vault.read(agent, "a/b").status_code == 404
    assert vault.read(agent, "a/b", version=2).status_code == 404
    assert vault.put("a/b", "three") == 3
    assert vault.value(agent, "a/b") == "three"
    vault.verify_trail()


def test_crash_after_a_version_came_back(vault):
    agent = vault.agent()
    vault.create("a/b", "one", agent)
    vault.manage("DELETE", "values/a/b")
    vault.crash("versionChanged", lambda: vault.manage("POST", "undelete/a/b", {"version": 1}))
    assert vault.value(agent, "a/b") == "one"
    vault.verify_trail()


# Definitions and rules


def test_crash_after_a_secret_is_defined(vault):
    agent = vault.agent()
    vault.crash("definitionChanged", lambda: vault.create("a/b", "one", agent))
    assert vault.value(agent, "a/b") == "one"
    assert vault.call("PUT", "secrets/a/b", {"value": "two"}).status_code == 409
    vault.verify_trail()


def test_crash_after_a_secret_is_removed(vault):
    agent = vault.agent()
    vault.create("a/b", "one", agent)
    vault.value(agent, "a/b")
    vault.crash("definitionChanged", lambda: vault.manage("DELETE", "secrets/a/b"))
    assert vault.read(agent, "a/b").status_code == 404
    assert vault.call("GET", "secrets/a/b").status_code == 404
    vault.verify_trail()


def test_crash_after_a_rule_is_there(vault):
    agent = vault.agent()
    vault.create("a/b", "one")
    vault.crash("versionChanged", lambda: vault.manage("POST", "rules/a/b", {"client_id": agent.id}))
    assert vault.value(agent, "a/b") == "one"
    vault.verify_trail()


def test_crash_after_a_rule_is_gone(vault):
    agent = vault.agent()
    vault.create("a/b", "one", agent)
    rule = vault.manage("GET", "secrets/a/b")["rules"][0]["rule_id"]
    vault.crash("versionChanged", lambda: vault.manage("DELETE", f"rules/a/b?rule_id={rule}"))
    assert vault.read(agent, "a/b").status_code == 404
    vault.verify_trail()


# Releases


def test_crash_before_a_release_is_recorded(vault):
    agent = vault.agent()
    vault.create("a/b", "one", agent)
    vault.crash("releaseDecided", lambda: vault.read(agent, "a/b"))
    assert vault.records("secret.released") == []
    assert vault.leases("a/b") == []
    assert vault.value(agent, "a/b") == "one"
    vault.verify_trail()


def test_crash_after_a_release_is_recorded(vault):
    agent = vault.agent()
    vault.create("a/b", "one", agent)
    vault.crash("releaseCommitted", lambda: vault.read(agent, "a/b"))
    # Nobody got the value, but it might have been: the trail and the leases say so.
    assert [record["client_id"] for record in vault.records("secret.released")] == [agent.id]
    assert len(vault.leases("a/b")) == 1
    vault.verify_trail()


# Many at once


@pytest.mark.parametrize("fault", ["importPlanned", "importCommitted"])
def test_crash_of_an_import_leaves_all_or_nothing(vault, fault):
    agent = vault.agent()
    vault.create("i/0", "old", agent)
    order = {
        "secrets": [{"name": f"i/{n}", "value": f"new-{n}"} for n in range(50)],
        "overwrite": True, "readers": [agent.id],
    }  # fmt: skip
    vault.crash(fault, lambda: vault.manage("POST", "import", order))
    names = [item["name"] for item in vault.manage("GET", "secrets?prefix=i/&limit=1000")["items"]]
    done = fault == "importCommitted"
    assert len(names) == (50 if done else 1)
    assert vault.value(agent, "i/0") == ("new-0" if done else "old")
    assert vault.manage("POST", "import", order)["applied"] is True
    for n in (0, 1, 49):
        assert vault.value(agent, f"i/{n}") == f"new-{n}"
    vault.verify_trail()


# At any moment


def test_crash_at_any_moment_of_a_busy_vault(vault):
    """Four writers, each with a secret of its own, and readers; the lights go out while all of them are busy."""
    agent = vault.agent()
    names = [f"busy/{n}" for n in range(4)]
    acknowledged = {}
    attempted = {}
    for name in names:
        value = unique(name)
        vault.create(name, value, agent)
        acknowledged[name] = (1, value)
        attempted[name] = {1: value}
    for round_ in range(3):
        ending = threading.Event()
        token = agent.token(resource=vault.resource)
        operator = vault.operator_token()
        wrong = []

        def write(name):
            while not ending.is_set():
                version, value = acknowledged[name][0] + 1, unique(name)
                # One that was cut off may have become this version already.
                try:
                    answer = vault.call("PUT", f"values/{name}", {"value": value, "if_version": version - 1}, operator)
                except requests.RequestException:
                    attempted[name].setdefault(version, value)
                    return
                if answer.status_code != 200:
                    wrong.append((name, answer.status_code, answer.text))
                    return
                assert answer.json()["version"] == version
                attempted[name][version] = value
                acknowledged[name] = (version, value)

        def read(name):
            while not ending.is_set():
                try:
                    answer = vault.call("GET", f"values/{name}", token=token)
                except requests.RequestException:
                    return
                if answer.status_code != 200:
                    wrong.append((name, answer.status_code, answer.text))
                    return

        threads = [threading.Thread(target=work, args=(name,)) for name in names for work in (write, read)]
        for thread in threads:
            thread.start()
        time.sleep(random.uniform(0.3, 1.2))
        vault.legate.kill9()
        ending.set()
        for thread in threads:
            thread.join(timeout=30)
            assert not thread.is_alive()
        assert wrong == []
        vault.legate.start()
        vault.verify_trail()
        for name in names:
            current = vault.current(name)
            version, value = acknowledged[name]
            assert current in (version, version + 1), f"round {round_}: {name} went back"
            states = vault.versions(name)
            assert sorted(states) == list(range(1, current + 1)) and set(states.values()) == {"superseded", "current"}
            assert vault.value(agent, name, version) == value
            served = vault.value(agent, name)
            assert served == attempted[name][current], f"{name} serves what was never put"
            acknowledged[name] = (current, served)
        releases = {record["after"]["lease_id"] for record in vault.records("secret.released")}
        for name in names:
            assert {lease["lease_id"] for lease in vault.leases(name)} <= releases
