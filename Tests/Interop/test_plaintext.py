"""Recognisable values are planted everywhere a secret can be; then everything that is on disk, in logs and in answers
to operators is searched for them, plain and encoded. Nothing is found.

In the memory of a sealed server there are no keys, no passphrase, and no values but those that requests and answers of
this process carried: the buffers of the HTTP library are not wiped."""

import base64
import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from custody import Custody
from server import Legate


def planted(what: str) -> str:
    """A value that is nowhere by accident; without a hyphen, so that no pattern of base64 falls apart."""
    return f"planted{what}{secrets.token_hex(12)}"


def forms(value: str) -> dict[str, bytes]:
    """How the value would look in a file: plain, in hex, in UTF-16, and in base64 wherever in a longer text it began."""
    raw = value.encode()
    found = {"plain": raw, "hex": raw.hex().encode(), "HEX": raw.hex().upper().encode(), "UTF-16": value.encode("utf-16-le")}
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw).rstrip(b"=")
        # The characters at both ends depend on what stands beside the value.
        inner = text[(0, 2, 3)[shift] : -2]
        found[f"base64, {shift}"] = inner
        found[f"base64url, {shift}"] = inner.replace(b"+", b"-").replace(b"/", b"_")
    return found


def hunt(places: dict[str, bytes], values: dict[str, str]) -> list[str]:
    return [
        f"{what} ({form}) in {place}"
        for what, value in values.items()
        for form, pattern in forms(value).items()
        for place, content in places.items()
        if pattern in content
    ]


def files_below(directory: Path, *, without: tuple[str, ...] = ()) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and path.name not in without
    }


def own_files(legate: Legate) -> dict[str, bytes]:
    """All that the installation has on disk, but the two files that are there to hold a secret."""
    return files_below(legate.directory, without=(legate.root_key.name, legate.profile.name))


def memory(pid: int) -> Iterator[bytes]:
    """What the process could write a core file of."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            span, mode = line.split()[:2]
            if not mode.startswith("rw") or "[vvar" in line:
                continue
            start, end = (int(text, 16) for text in span.split("-"))
            try:
                mem.seek(start)
                yield mem.read(end - start)
            except OSError:
                continue


def test_the_hunt_finds_what_is_there():
    """A search that finds nothing proves something only if it can find."""
    value = planted("X")
    for prefix in ("", "a", "ab"):
        document = (prefix + value + "tail").encode()
        for content in (document, base64.b64encode(document), base64.urlsafe_b64encode(document), document.hex().encode()):
            assert hunt({"here": content}, {"x": value}), (prefix, content)
    assert hunt({"here": b"nothing"}, {"x": value}) == []


@pytest.fixture
def vault(make_legate) -> Custody:
    return Custody(make_legate().start())


def plant(vault: Custody) -> dict[str, str]:
    """Uses the vault as its people do, mistakes included. Everything that must stay secret comes back by name."""
    legate = vault.legate
    values = {what: planted(what.replace(" ", "")) for what in ("put", "again", "imported", "encoded", "refused", "unsent")}
    agent = vault.agent()
    values["client secret"] = agent.secret
    values["operator's secret"] = legate.operator["client_secret"]

    vault.create("p/put", values["put"], agent)
    assert vault.value(agent, "p/put") == values["put"]
    vault.put("p/put", values["again"])
    assert vault.value(agent, "p/put") == values["again"]
    encoded = base64.b64encode(values["encoded"].encode()).decode()
    vault.manage("PUT", "secrets/p/encoded", {"value_base64": encoded, "rules": [{"client_id": agent.id}]})
    assert vault.read(agent, "p/encoded").status_code == 200
    done = legate.run("secret", "import", "--prefix", "p/in", "--reader", agent.id, stdin=f"A={values['imported']}\n")
    assert done.returncode == 0, done.stderr
    assert values["imported"] not in done.stdout + done.stderr
    vault.create("p/made", None, agent, kind="generated")
    vault.manage("POST", "rotate/p/made")
    values["generated"] = vault.value(agent, "p/made")
    vault.manage("POST", "destroy/p/put", {"version": 1})

    # Mistakes, each with a value in the wrong place.
    wrong = values["refused"]
    for method, path, body in [
        ("PUT", "values/p/put", {"value": wrong, "if_version": 99}), ("PUT", "values/p/put", {"valeu": wrong}),
        ("PUT", "values/p/none", {"value": wrong}), ("PUT", "secrets/p/put", {"value": wrong}),
        ("PUT", "secrets/p/x", {"value": wrong, "kind": "oauth"}), ("PUT", "secrets/p/y", {"value": [wrong]}),
        ("POST", "import", {"secrets": [{"name": "p/z", "value": {"a": wrong}}]}),
        ("POST", "import", {"secrets": [{"name": "p/put", "value": wrong}]}), ("POST", "rules/p/put", {"value": wrong}),
        ("PUT", "values/p/put", wrong), ("PUT", "values/p/put", [wrong]),
    ]:  # fmt: skip
        answer = vault.call(method, path, body)
        assert 400 <= answer.status_code < 500 or path == "import", (method, path, answer.status_code, answer.text)
        assert wrong not in answer.text, (method, path)
    for data in (f'{{"value": "{wrong}"', f'{{"value": "{wrong}", "value": 1}}', wrong):
        answer = legate.request(
            "PUT", "/vault/values/p/put", data=data,
            headers={"Authorization": f"Bearer {vault.operator_token()}", "Content-Type": "application/json"},
        )  # fmt: skip
        assert answer.status_code == 400 and wrong not in answer.text
    # Somebody sends a secret where a name belongs, and a secret of a client as somebody else's.
    legate.post("/token", {"grant_type": "client_credentials", "client_id": agent.id, "client_secret": values["unsent"]})

    rotated = legate.admin("POST", f"/clients/{agent.id}/rotate-secret", {"grace": 60})
    if rotated.status_code == 200:
        values["new client secret"] = rotated.json()["client_secret"]
    values["access token"] = agent.token(resource=vault.resource).split(".")[2]
    values["operator's token"] = vault.operator_token().split(".")[2]
    wrapped = vault.call("GET", "values/p/put?wrap_ttl=60", token=agent.token(resource=vault.resource))
    assert wrapped.status_code == 200, wrapped.text
    if reference := wrapped.json().get("reference"):
        assert values["again"] not in wrapped.text
        values["wrap reference"] = reference
        token = agent.token(resource=vault.resource)
        opened = vault.call("POST", "unwrap", {"reference": reference}, token=token)
        assert opened.status_code == 200 and opened.json()["value"] == values["again"], opened.text
        # Somebody else has it too, and is told nothing.
        assert vault.call("POST", "unwrap", {"reference": reference}, token=token).status_code >= 400
    return values


def test_nothing_that_is_secret_lies_on_the_disk_or_in_a_log(vault):
    values = plant(vault)
    legate = vault.legate
    backup = legate.directory / "vault.backup"
    assert legate.run("vault", "backup", backup).returncode == 0
    assert legate.admin("POST", "/vault/rotate", {}).status_code < 300
    time.sleep(1)
    answers = {
        "the audit trail": legate.admin("GET", "/audit/export").content,
        "the metrics": legate.admin("GET", "/../metrics").content + legate.get("/metrics").content,
        "the clients": json.dumps(legate.items("/clients")).encode(),
        "the secrets": json.dumps(vault.manage("GET", "secrets?limit=1000")).encode(),
        "the leases": json.dumps(vault.leases("p/put")).encode(),
        "the status": legate.admin("GET", "/vault").content,
    }
    # The write-ahead log is there only while the server runs.
    running = own_files(legate)
    assert any(name.endswith("legate.db") for name in running) and any(name.endswith("-wal") for name in running)
    assert hunt({**answers, **running}, values) == []
    legate.stop()
    assert hunt(own_files(legate), values) == []
    root = legate.root_key.read_text().strip()
    raw = base64.urlsafe_b64decode(root + "=")
    for name, content in own_files(legate).items():
        assert root.encode() not in content and raw not in content and raw.hex().encode() not in content, name


def test_the_passphrase_is_nowhere(vault, tmp_path):
    """Given to the server three times, once wrongly."""
    legate = vault.legate
    values = plant(vault) | {"passphrase": planted("passphrase"), "wrong passphrase": planted("wrongpassphrase")}
    words = tmp_path / "words"
    for what in ("wrong passphrase", "passphrase"):
        words.write_text(values[what] + "\n")
        words.chmod(0o600)
        if what == "passphrase":
            assert legate.run("vault", "unseal", "--passphrase-file", words).returncode == 0
        else:
            right = tmp_path / "right"
            right.write_text(values["passphrase"] + "\n")
            right.chmod(0o600)
            done = legate.run("vault", "rekey", "--passphrase-file", right)
            assert done.returncode == 0, done.stderr
            assert legate.run("vault", "seal").returncode == 0
            done = legate.run("vault", "unseal", "--passphrase-file", words)
            assert done.returncode == 1 and values[what] not in done.stdout + done.stderr
    assert legate.run("vault", "backup", legate.directory / "p.backup").returncode == 0
    legate.forget_operator_token()
    trail = {"the audit trail": legate.admin("GET", "/audit/export").content}
    assert hunt({**trail, **own_files(legate)}, values) == []
    if os.getuid() == 0:
        assert legate.run("vault", "seal").returncode == 0
        overwrite_receive_buffers(legate)
        passphrase = values["passphrase"].encode()
        found = sum(content.count(passphrase) for content in memory(legate.process.pid))
        assert found == 0, f"the passphrase is {found} times in the memory of a sealed server"


def overwrite_receive_buffers(legate: Legate) -> None:
    """The network's threads read every request into the same few buffers, where the last one stays until the next one."""
    for _ in range(64):
        with contextlib.suppress(requests.RequestException):
            requests.post(f"{legate.base}/token", data="x" * 60_000, headers={"Connection": "close"}, timeout=10)
    time.sleep(1)


def test_a_copied_database_without_its_root_key_gives_nothing(vault, make_legate):
    values = plant(vault)
    legate = vault.legate
    legate.kill9()
    thief = make_legate()
    shutil.copytree(legate.data, thief.data)
    (thief.data / "admin.json").unlink()
    assert hunt(files_below(thief.data), values) == []
    # Neither with a key of his own, nor with one that is made for him.
    for key in (None, make_legate().start().root_key):
        if key is not None:
            shutil.copy(key, thief.root_key)
        run = subprocess.run(
            thief.serve_arguments, cwd=thief.directory, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL
        )
        assert run.returncode == 1, run.stderr
        assert "serving" not in run.stdout
        assert not thief.root_key.exists() or key is not None, "a root key was made for a database that has one"


def test_no_core_file_is_written(make_legate, monkeypatch):
    # Without it, Swift's own handler would catch the signal.
    monkeypatch.setenv("SWIFT_BACKTRACE", "enable=no")
    vault = Custody(make_legate().start())
    limits = Path(f"/proc/{vault.legate.process.pid}/limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"], core
    values = plant(vault)
    process, vault.legate.process = vault.legate.process, None
    process.send_signal(signal.SIGABRT)
    assert process.wait(timeout=20) == -signal.SIGABRT
    assert list(vault.legate.directory.rglob("core*")) == []
    assert hunt(own_files(vault.legate), values) == []


def test_whoever_is_not_root_cannot_read_the_memory(vault):
    """Not dumpable: the files below /proc belong to root, whoever runs the server."""
    owner = os.stat(f"/proc/{vault.legate.process.pid}/mem").st_uid
    assert owner == 0
    if os.getuid() != 0:
        with pytest.raises(PermissionError):
            open(f"/proc/{vault.legate.process.pid}/mem", "rb")


def test_no_key_is_left_in_memory_after_sealing(vault):
    legate = vault.legate
    if os.getuid() != 0:
        pytest.skip("only root may look")
    plant(vault)
    raw = base64.urlsafe_b64decode(legate.root_key.read_text().strip() + "=")
    assert legate.admin("POST", "/vault/seal", {}).status_code == 200
    legate.forget_operator_token()
    deadline = time.monotonic() + 15
    while found := sum(content.count(raw) for content in memory(legate.process.pid)):
        assert time.monotonic() < deadline, f"the root key is {found} times in memory"
        time.sleep(0.5)


def test_no_value_is_left_in_memory_that_only_the_server_has_opened(vault):
    """Every value is opened to be sealed anew, by a process that no request has told any of them."""
    legate = vault.legate
    if os.getuid() != 0:
        pytest.skip("only root may look")
    values = plant(vault)
    legate.restart()
    assert legate.admin("POST", "/vault/rotate", {}).status_code == 200
    deadline = time.monotonic() + 30
    while pending := legate.fetch("/vault")["pending"]["boxes_to_reseal"]:
        assert time.monotonic() < deadline, f"{pending} boxes are left"
        time.sleep(0.2)
    assert legate.admin("POST", "/vault/seal", {}).status_code == 200
    # The operator has come with these.
    carried = {"operator's secret", "operator's token"}
    content = b"\n".join(memory(legate.process.pid))
    assert hunt({"memory": content}, {"issuer": legate.issuer}), "this is not the memory of the server"
    assert hunt({"memory": content}, {what: value for what, value in values.items() if what not in carried}) == []
