"""The vault as its users meet it: over HTTP as an agent's code does, and at the command line as a person does."""

import base64
import json
import subprocess

import pytest
import requests

from actors import JWT, Client, Registry, unique
from checks import LEAKS, bearer_challenge, is_no_store, problem

LEASE_MEMBERS = {
    "lease_id", "secret", "version", "rule_id", "client_id", "agent_id", "subject", "delegation_id", "task_id",
    "session_id", "jti", "issued_at", "expires_at",
}  # fmt: skip


class Vault:
    """The vault of one server, with somebody who keeps secrets in it."""

    def __init__(self, registry: Registry):
        self.registry = registry
        self.legate = registry.legate
        self.uri = f"{self.legate.issuer}/vault"
        self.keeper = self.agent("secrets:write")

    def agent(self, *scopes: str, **members) -> Client:
        """A client of the vault; with `secrets:read` unless told otherwise."""
        return self.registry.client("agent", resources=(self.uri,), scopes=scopes or ("secrets:read",), **members)

    def token(self, client: Client, **form) -> str:
        return client.token(resource=self.uri, **form)

    def call(self, method: str, path: str, who: Client | str, json=None, **options) -> requests.Response:
        token = who if isinstance(who, str) else self.token(who)
        headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
        answer = self.legate.request(method, f"/vault/{path}", json=json, headers=headers, **options)
        is_no_store(answer) if answer.status_code != 204 else None
        assert not LEAKS.search(answer.text), answer.text
        return answer

    def put(self, value: str = "s3cret", *readers: Client, **members) -> str:
        """A new secret that the readers may read; its name."""
        name = unique("team/key")
        body = {"value": value, "rules": [{"client_id": reader.id} for reader in readers], **members}
        answer = self.call("PUT", f"secrets/{name}", self.keeper, body)
        assert answer.status_code == 201, answer.text
        return name

    def read(self, name: str, who: Client | str, **query) -> requests.Response:
        return self.call("GET", f"values/{name}", who, params=query)

    def leases(self, name: str) -> list[dict]:
        return self.call("GET", "leases", self.keeper, params={"secret": name}).json()["items"]


@pytest.fixture(scope="module")
def vault(registry):
    return Vault(registry)


@pytest.fixture
def secret_file(tmp_path):
    """Makes a file for `--from-file` and its kind."""

    def make(content: str | bytes) -> str:
        path = tmp_path / unique("file")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(0o600)
        return str(path)

    return make


@pytest.fixture
def profile(tmp_path):
    """A profile file of a client, as a person keeps one."""

    def make(client: Client):
        path = tmp_path / f"{client.id}.json"
        content = {"server": client.legate.issuer, "client_id": client.id, "client_secret": client.secret}
        path.write_text(json.dumps(content))
        path.chmod(0o600)
        return path

    return make


# Over HTTP


def test_an_agent_reads_what_it_may(vault):
    agent = vault.agent()
    name = vault.put("sk_live_1", agent)
    answer = vault.read(name, vault.token(agent, task_id="invoice-42"))
    assert answer.status_code == 200
    body = answer.json()
    assert body["name"] == name and body["version"] == 1
    assert (body["value"], body["encoding"]) == ("sk_live_1", "utf8")
    [lease] = vault.leases(name)
    assert set(lease) == LEASE_MEMBERS
    assert lease["lease_id"] == body["lease"]["lease_id"]
    assert lease["task_id"] == f"{agent.id}/invoice-42"


def test_the_way_in_is_told(vault):
    answer = vault.legate.get("/vault/secrets")
    parameters = bearer_challenge(answer)
    metadata = requests.get(parameters["resource_metadata"], timeout=5).json()
    assert metadata["resource"] == vault.uri
    assert set(metadata["scopes_supported"]) == {"secrets:read", "secrets:write"}


def test_two_agents_know_nothing_of_each_other(vault):
    mine, other = vault.agent(), vault.agent()
    name = vault.put("sk_live_1", mine)
    before = vault.call("GET", "secrets", other).json()
    real, invented = vault.read(name, other), vault.read(name[:-1] + "_", other)
    assert problem(real, 404)["detail"] == problem(invented, 404)["detail"]

    def shape(answer):
        headers = {k: v for k, v in answer.headers.items() if k not in ("X-Request-Id", "Date")}
        return answer.status_code, headers, {k: v for k, v in answer.json().items() if k != "request_id"}

    assert shape(real) == shape(invented)
    assert name not in json.dumps(before)
    assert vault.call("GET", "leases", other).status_code == 403


def test_versions_check_and_set(vault):
    agent = vault.agent()
    name = vault.put("one", agent)
    assert vault.call("PUT", f"values/{name}", vault.keeper, {"value": "two", "if_version": 1}).json()["version"] == 2
    problem(vault.call("PUT", f"values/{name}", vault.keeper, {"value": "three", "if_version": 1}), 412)
    assert vault.read(name, agent).json()["value"] == "two"
    assert vault.read(name, agent, version=1).json()["value"] == "one"
    assert vault.call("DELETE", f"values/{name}", vault.keeper).status_code == 204
    problem(vault.read(name, agent), 404)
    assert vault.call("POST", f"undelete/{name}", vault.keeper, {"version": 2}).status_code == 204
    assert vault.read(name, agent).json()["value"] == "two"
    assert vault.call("POST", f"destroy/{name}", vault.keeper, {"version": 1}).status_code == 204
    problem(vault.read(name, agent, version=1), 404)
    states = {v["version"]: v["state"] for v in vault.call("GET", f"versions/{name}", vault.keeper).json()["items"]}
    assert states == {1: "destroyed", 2: "current"}


def test_any_bytes_come_back(vault):
    agent = vault.agent()
    name = vault.put("text", agent)
    raw = bytes(range(256)) * 256
    body = {"value_base64": base64.b64encode(raw).decode()}
    assert vault.call("PUT", f"values/{name}", vault.keeper, body).status_code == 200
    answer = vault.read(name, agent).json()
    assert answer["encoding"] == "base64" and base64.b64decode(answer["value"]) == raw
    body = {"value_base64": base64.b64encode(raw + b"x").decode()}
    problem(vault.call("PUT", f"values/{name}", vault.keeper, body), 400, "value")


@pytest.mark.parametrize("trick", ["..%2f..%2fadmin", "team%2Fkey", "%2e%2e/x", "a/%00", "a\\b", "é"])
def test_path_tricks(vault, trick):
    url = f"{vault.legate.base}/vault/values/{trick}"
    request = requests.Request("GET", url, headers={"Authorization": f"Bearer {vault.token(vault.agent())}"}).prepare()
    request.url = url  # As it stands, without the library's repairs.
    problem(vault.legate.http.send(request, timeout=5), 400, "name")


def test_a_revoked_delegation_ends_the_lease(vault, registry):
    idp = registry.identity_provider()
    agent = vault.agent()
    delegation = registry.legate.create(
        "/delegations",
        {
            "issuer": idp.name, "subject": "alice", "client_id": agent.id, "resources": [vault.uri],
            "scopes": ["secrets:read"],
        },
    )  # fmt: skip
    name = vault.put("hers", rules=[{"client_id": agent.id, "subject": f"{idp.name}|alice"}])
    token = agent.exchanged(idp.token("alice"), JWT, resource=vault.uri, scope="secrets:read")
    problem(vault.read(name, agent), 404)
    assert vault.read(name, token).json()["value"] == "hers"
    assert [lease["subject"] for lease in vault.leases(name)] == [f"{idp.name}|alice"]
    registry.legate.admin("POST", f"/delegations/{delegation['delegation_id']}/revoke", {})
    assert vault.leases(name) == []
    bearer_challenge(vault.read(name, token), error="invalid_token")


def test_the_trail_knows_everything_but_the_value(vault):
    agent, other = vault.agent(), vault.agent()
    name = vault.put("sk_never_in_the_trail", agent)
    vault.read(name, vault.token(agent, task_id="t1"))
    vault.read(name, other)
    [release] = [r for r in vault.legate.audit(client_id=agent.id) if r["event"] == "secret.released"]
    assert release["decision"] == "allow" and release["task_id"] == f"{agent.id}/t1"
    assert release["target"] == f"secret/{name}/versions/1"
    [refusal] = [r for r in vault.legate.audit(client_id=other.id) if r["event"] == "secret.refused"]
    assert refusal["target"] == f"secret/{name}" and refusal["policy_evaluation"]["rule"] == "secret_rule"
    assert "sk_never_in_the_trail" not in json.dumps(vault.legate.audit())


def test_secrets_and_leases_outlive_a_kill(own_legate):
    vault = Vault(Registry(own_legate))
    agent = vault.agent()
    name = vault.put("kept", agent)
    token = vault.token(agent)
    vault.read(name, token)
    own_legate.kill9()
    own_legate.start()
    assert vault.read(name, token).json()["value"] == "kept"
    assert len(vault.leases(name)) == 2


def test_curl(vault, tmp_path):
    agent = vault.agent()
    name = vault.put("by curl", agent)
    config = tmp_path / "curl"
    config.write_text(f'header = "Authorization: Bearer {vault.token(agent)}"\n')
    url = f"{vault.legate.base}/vault/values/{name}"
    run = subprocess.run(["curl", "-sf", "-K", config, url], capture_output=True, text=True, timeout=10)
    assert json.loads(run.stdout)["value"] == "by curl"


# At the command line


def test_a_secret_from_the_first_value_to_its_removal(legate, vault, secret_file, profile):
    agent = vault.agent()
    mine = profile(agent)
    name = unique("cli/key")
    made = legate.cli("secret", "put", name, "--from-file", secret_file("first\n"), "--reader", agent.id,
                      "--description", "a key", "--lease", "10m")  # fmt: skip
    assert made["current_version"] == 1 and made["lease_ttl"] == 600
    assert [rule["client_id"] for rule in made["rules"]] == [agent.id]
    assert legate.run("secret", "get", name, profile=mine).stdout == "first"
    assert legate.cli("secret", "put", name, "--from-file", "-", stdin="second")["current_version"] == 2
    assert legate.run("secret", "get", name, "--version", 1, profile=mine).stdout == "first"
    stale = legate.run("secret", "put", name, "--from-file", "-", "--if-version", 1, stdin="third")
    assert stale.returncode == 1 and f"the current version of {name} is 2, not 1" in stale.stderr
    answer = legate.cli("secret", "get", name, "--json", profile=mine)
    assert answer["value"] == "second" and answer["lease"]["lease_id"]
    assert name in [item["name"] for item in legate.cli("secret", "list", "--prefix", "cli/")["items"]]
    assert legate.cli("secret", "show", name)["current_version"] == 2
    assert [v["state"] for v in legate.cli("secret", "versions", name)["items"]] == ["superseded", "current"]

    leases = legate.cli("secret", "leases", name)["items"]
    assert {lease["client_id"] for lease in leases} == {agent.id} and len(leases) == 3
    assert legate.run("secret", "revoke-lease", leases[0]["lease_id"], "--reason", "test").returncode == 0
    assert len(legate.cli("secret", "leases", name)["items"]) == 2

    assert legate.run("secret", "delete", name).returncode == 0
    gone = legate.run("secret", "get", name, profile=mine)
    assert (gone.returncode, gone.stdout) == (1, "")
    assert legate.run("secret", "undelete", name, "--version", 2).returncode == 0
    assert legate.run("secret", "destroy", name, "--version", 1).returncode == 0
    assert legate.run("secret", "get", name, "--version", 1, profile=mine).returncode == 1
    assert legate.run("secret", "get", name, profile=mine).stdout == "second"

    assert legate.cli("secret", "disallow", name, "--reader", agent.id)["rules"] == []
    assert legate.run("secret", "get", name, profile=mine).returncode == 1
    assert len(legate.cli("secret", "allow", name, "--reader", agent.id)["rules"]) == 1
    assert legate.run("secret", "get", name, profile=mine).stdout == "second"
    assert legate.run("secret", "remove", name).returncode == 0
    assert legate.run("secret", "show", name).returncode == 1
    assert legate.cli("secret", "leases")["items"] == [
        lease for lease in legate.cli("secret", "leases")["items"] if lease["secret"] != name
    ]


@pytest.mark.parametrize(
    "refused",
    [
        ("--resource", "https://nosuch.example"), ("--lease", "25h"), ("--reader", "nosuch"),
        ("--inject-header", "Bad Header"), ("--rotate-every", "2h"), ("--if-version", "7", "--description", "new"),
    ],
)  # fmt: skip
def test_a_put_that_is_refused_changes_nothing(legate, secret_file, refused):
    name = unique("cli/key")
    before = legate.cli("secret", "put", name, "--from-file", secret_file("one"))
    run = legate.run("secret", "put", name, "--from-file", secret_file("two"), *refused)
    assert run.returncode == 1, run.stderr
    assert legate.cli("secret", "show", name) == before


def test_a_put_that_ends_in_a_refusal_says_what_is_done(legate, secret_file):
    name = unique("cli/key")
    legate.cli("secret", "put", name, "--from-file", secret_file("one"))
    run = legate.run("secret", "put", name, "--from-file", secret_file("two"), "--lease", "5m", "--reader", "nosuch")
    assert run.returncode == 1 and "done before that: its definition is changed" in run.stderr
    shown = legate.cli("secret", "show", name)
    assert (shown["lease_ttl"], shown["current_version"]) == (300, 1)


def test_a_secret_that_makes_its_value_takes_none(legate, secret_file):
    name = unique("cli/account")
    legate.cli("secret", "put", name, "--kind", "oauth")
    run = legate.run("secret", "put", name, "--from-file", secret_file("x"), "--description", "new")
    assert run.returncode == 1 and "kind oauth makes its value itself" in run.stderr
    assert legate.cli("secret", "show", name)["description"] is None


def test_putting_a_secret_leaves_no_refusal_in_the_trail(legate, secret_file):
    name = unique("cli/key")
    for value in ("one", "two"):
        legate.cli("secret", "put", name, "--from-file", secret_file(value))
    events = [record["event"] for record in legate.audit() if (record.get("target") or "").startswith(f"secret/{name}")]
    assert events == ["secret.created", "secret.put"]


def test_the_operator_keeps_secrets_but_reads_none(legate, vault, secret_file):
    name = unique("cli/key")
    legate.cli("secret", "put", name, "--from-file", secret_file("x"), "--reader", legate.operator["client_id"])
    run = legate.run("secret", "get", name)
    assert run.returncode == 1 and run.stdout == ""


def test_an_agent_reads_with_a_token_or_with_credentials(legate, vault, secret_file):
    agent = vault.agent()
    name = vault.put("value", agent)
    token = secret_file(vault.token(agent, task_id="t9"))
    assert legate.run("secret", "get", name, "--token-file", token).stdout == "value"
    credentials = ("--client", agent.id, "--secret-file", secret_file(agent.secret))
    assert legate.run("secret", "get", name, *credentials, "--task", "t9").stdout == "value"
    assert {lease["task_id"] for lease in vault.leases(name)} == {f"{agent.id}/t9"}
    assert legate.run("secret", "get", name, "--token-file", token, *credentials).returncode == 2
    assert legate.run("secret", "get", name, "--token-file", token, "--task", "t9").returncode == 2


def test_bytes_go_through_the_pipe_unchanged(legate, vault, tmp_path):
    agent = vault.agent()
    name = unique("cli/raw")
    raw = bytes(range(256)) + b"\n"
    (tmp_path / "raw").write_bytes(raw)
    legate.cli("secret", "put", name, "--from-file", tmp_path / "raw", "--verbatim", "--reader", agent.id)
    (tmp_path / "token").write_text(vault.token(agent))
    run = subprocess.run(
        [str(legate.binary), "secret", "get", name, "--token-file", str(tmp_path / "token")],
        env={"LEGATE_SERVER": legate.issuer},
        capture_output=True,
        timeout=20,
    )
    assert run.stdout == raw, run.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("put", "a//b"), ("put", "../x"), ("put", "x", "--if-version", "-1"), ("put", "x", "--client", "y"),
        ("put", "x", "--kind", "client"), ("put", "x", "--kind", "magic"), ("get", "x", "--version", "0"),
        ("get", "x", "--wrap", "5"), ("allow", "x"), ("disallow", "x"), ("undelete", "x"), ("destroy", "x"),
        ("put", "x", "--inject-format", "{secret}"), ("put", "x", "secret-on-the-command-line"),
    ],
)  # fmt: skip
def test_usage(legate, arguments):
    run = legate.run("secret", *arguments)
    assert run.returncode == 2, run.stderr
    assert run.stdout == ""


def test_without_a_terminal_the_value_must_be_named(legate):
    run = legate.run("secret", "put", unique("cli/key"))
    assert run.returncode == 1 and "--from-file" in run.stderr


def test_a_client_without_the_vault_is_told_what_it_lacks(legate, vault, profile, registry):
    operator = registry.operator("clients:read")
    run = legate.run("secret", "list", profile=profile(operator))
    assert run.returncode == 1 and "invalid_target" in run.stderr


def test_the_tour_shows_the_vault(own_legate):
    run = own_legate.run("demo", "--clean-up")
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr
    assert "Keep a secret" in run.stdout and "lease ended with the delegation" in run.stdout
    assert "bank_live_51f0c8d2" not in run.stdout
    assert own_legate.cli("secret", "list")["items"] == []
