"""The command line, as a person and as a script use it: `cli.md` on the real binary."""

import json
import re
import shlex
import socket
from datetime import datetime
from pathlib import Path

import pytest
import requests

from actors import Client, unique
from checks import bearer_challenge, granted
from jose import Key, claims_of
from server import CommandFailed

ROOT = Path(__file__).resolve().parents[2]

CLIENT_MEMBERS = {
    "client_id",
    "name",
    "kind",
    "enabled",
    "auth",
    "scopes",
    "resources",
    "grants",
    "acts_as",
    "tier",
    "token_ttl",
    "owner",
    "purpose",
    "created_at",
}
RESOURCE_MEMBERS = {"resource", "name", "kind", "enabled", "scopes", "signing_alg", "token_ttl"}
ISSUER_MEMBERS = {"name", "issuer", "jwks_uri", "audiences", "subject_claim"}
DELEGATION_MEMBERS = {
    "delegation_id",
    "subject",
    "client_id",
    "scopes",
    "resources",
    "purpose",
    "may_act",
    "status",
    "created_at",
    "expires_at",
}


def seconds(text: str) -> float:
    """A time of the admin API: RFC 3339, UTC."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text), text
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


@pytest.fixture
def api(legate):
    """A resource made at the command line."""
    name = unique("cli-api")
    return legate.cli(
        "resource", "create", f"https://{name}.example.com", "--name", name, "--scope", "x:read", "x:write"
    )


@pytest.fixture
def profile(legate, tmp_path):
    """Makes a profile file of a client, as `legate init` makes the operator's."""

    def make(client: Client):
        path = tmp_path / f"{client.id}.json"
        path.write_text(json.dumps({"server": legate.issuer, "client_id": client.id, "client_secret": client.secret}))
        path.chmod(0o600)
        return path

    return make


# Resources


def test_resource_from_creation_to_deletion(legate):
    name = unique("res")
    uri = f"https://{name}.example.com/api"
    made = legate.cli(
        "resource",
        "create",
        uri,
        "--name",
        name,
        "--scope",
        "r:read",
        "--scope",
        "r:write",
        "--signing-alg",
        "Ed25519",
        "--token-ttl",
        "2m",
        "--kind",
        "mcp",
    )
    assert RESOURCE_MEMBERS <= set(made)
    assert made["resource"] == uri and made["name"] == name and made["kind"] == "mcp" and made["enabled"] is True
    assert set(made["scopes"]) == {"r:read", "r:write"}
    assert made["signing_alg"] == "Ed25519" and made["token_ttl"] == 120
    assert legate.cli("resource", "show", name) == legate.cli("resource", "show", uri) == made
    assert name in [item["name"] for item in legate.cli("resource", "list", "--limit", 1000)["items"]]
    updated = legate.cli("resource", "update", name, "--scope", "r:read", "--token-ttl", "90s")
    assert updated["scopes"] == ["r:read"] and updated["token_ttl"] == 90 and updated["signing_alg"] == "Ed25519"
    legate.cli("resource", "disable", name)
    assert legate.cli("resource", "show", name)["enabled"] is False
    legate.cli("resource", "enable", name)
    assert legate.cli("resource", "show", name)["enabled"] is True
    legate.cli("resource", "delete", name)
    assert legate.run("resource", "show", name).returncode == 1


def test_disabled_resource_gets_no_tokens(legate, api):
    agent = legate.cli("client", "create", unique("a"), "--resource", api["resource"], "--scope", "x:read")
    client = Client(legate, agent["client_id"], agent["client_secret"])
    granted(client.ask())
    legate.cli("resource", "disable", api["name"])
    assert client.ask().json()["error"] == "invalid_target"
    legate.cli("resource", "enable", api["name"])
    granted(client.ask())


# Clients


def test_client_from_creation_to_deletion(legate, api):
    identifier = unique("planner")
    made = legate.cli(
        "client",
        "create",
        "Planner",
        "--id",
        identifier,
        "--scope",
        "x:read",
        "x:write",
        "--resource",
        api["resource"],
        "--grant",
        "client_credentials",
        "token_exchange",
        "--token-ttl",
        "60s",
        "--owner",
        "team-a",
        "--purpose",
        "plans",
        "--type",
        "planner",
        "--version",
        "1.2",
    )
    assert CLIENT_MEMBERS | {"client_secret"} <= set(made)
    assert made["client_id"] == identifier and made["name"] == "Planner"
    assert made["kind"] == "agent" and made["auth"] == "client_secret_basic" and made["enabled"] is True
    assert made["resources"] == [api["resource"]] and set(made["scopes"]) == {"x:read", "x:write"}
    assert set(made["grants"]) == {"client_credentials", "token_exchange"}
    assert made["token_ttl"] == 60 and made["owner"] == "team-a" and made["purpose"] == "plans"
    assert made["acts_as"] is None and seconds(made["created_at"])
    shown = legate.cli("client", "show", identifier)
    assert shown == {name: value for name, value in made.items() if name != "client_secret"}
    assert identifier in [item["client_id"] for item in legate.cli("client", "list", "--limit", "1000")["items"]]

    client = Client(legate, identifier, made["client_secret"])
    assert granted(client.ask(scope="x:write"))["expires_in"] == 60
    updated = legate.cli("client", "update", identifier, "--scope", "x:read", "--purpose", "reads only")
    assert updated["scopes"] == ["x:read"] and updated["purpose"] == "reads only" and updated["owner"] == "team-a"
    assert client.ask(scope="x:write").json()["error"] == "invalid_scope"

    legate.cli("client", "disable", identifier)
    assert client.ask().status_code == 401
    legate.cli("client", "enable", identifier)
    granted(client.ask())
    legate.cli("client", "delete", identifier)
    assert client.ask().status_code == 401
    assert legate.run("client", "show", identifier).returncode == 1


def test_client_with_defaults_gets_an_id(legate, api):
    made = legate.cli("client", "create", "Anything at all", "--resource", api["resource"], "--scope", "x:read")
    assert re.fullmatch(r"[A-Za-z0-9._~-]{1,64}", made["client_id"])
    assert made["grants"] == ["client_credentials"]


def test_client_with_a_key(legate, api, tmp_path):
    key = Key.make("ES256")
    for number, document in enumerate((key.jwks(), key.jwk())):
        file = tmp_path / f"{number}.json"
        file.write_text(json.dumps(document))
        made = legate.cli(
            "client",
            "create",
            "keyed",
            "--auth",
            "private_key_jwt",
            "--jwks",
            file,
            "--resource",
            api["resource"],
            "--scope",
            "x:read",
        )
        assert "client_secret" not in made and made["auth"] == "private_key_jwt"
        granted(Client(legate, made["client_id"], key=key).ask())


def test_client_may_not_have_scopes_that_no_resource_has(legate, api):
    run = legate.run("client", "create", "x", "--resource", api["resource"], "--scope", "x:read", "y:read")
    assert run.returncode == 1 and "y:read" in run.stderr and not run.stdout


def test_private_key_never_goes_into_the_registry(legate, api, tmp_path):
    key = Key.make("ES256")
    file = tmp_path / "private.json"
    file.write_text(json.dumps({**key.jwk(), "d": "AAAA"}))
    run = legate.run(
        "client", "create", "x", "--auth", "private_key_jwt", "--jwks", file, "--resource", api["resource"]
    )
    assert run.returncode == 1 and run.stderr


@pytest.mark.parametrize("auth", ["tls_client_auth", "self_signed_tls_client_auth", "none", "nonsense"])
def test_client_authentication_that_does_not_exist_is_refused(legate, api, auth):
    run = legate.run("client", "create", "x", "--auth", auth, "--resource", api["resource"], "--scope", "x:read")
    assert run.returncode in (1, 2) and run.stderr and not run.stdout


def test_secret_is_rotated_with_grace(legate, api):
    made = legate.cli("client", "create", "x", "--resource", api["resource"], "--scope", "x:read")
    old = Client(legate, made["client_id"], made["client_secret"])
    rotated = legate.cli("client", "rotate-secret", old.id, "--grace", "1h")
    assert rotated["client_secret"] != old.secret
    assert 3500 < seconds(rotated["previous_secret_expires_at"]) - datetime.now().timestamp() < 3700
    new = Client(legate, old.id, rotated["client_secret"])
    granted(old.ask())
    granted(new.ask())
    last = legate.cli("client", "rotate-secret", old.id)
    assert last["previous_secret_expires_at"] is None
    assert new.ask().status_code == 401
    granted(Client(legate, old.id, last["client_secret"]).ask())


def test_acting_as_a_resource(legate, api):
    made = legate.cli("client", "create", "rs", "--kind", "resource", "--acts-as", api["resource"])
    assert made["acts_as"] == api["resource"] and made["kind"] == "resource"
    agent = legate.cli("client", "create", "a", "--resource", api["resource"], "--scope", "x:read")
    token = Client(legate, agent["client_id"], agent["client_secret"]).token()
    assert Client(legate, made["client_id"], made["client_secret"]).sees(token)


def test_lists_come_in_pages(legate, world):
    client = world.registry.agent(world.r1)
    made = [world.user(client).delegation["delegation_id"] for _ in range(5)]
    seen, sizes, cursor = [], [], []
    while cursor is not None:
        page = legate.cli("delegation", "list", "--client", client.id, "--limit", "2", *cursor)
        assert set(page) == {"items", "next"}
        seen += [item["delegation_id"] for item in page["items"]]
        sizes.append(len(page["items"]))
        cursor = ["--cursor", page["next"]] if page["next"] else None
    assert sorted(seen) == sorted(made) and sizes == [2, 2, 1]


# Issuers, rules, delegations


@pytest.fixture
def idp(legate, tmp_path):
    name, key = unique("idp"), Key.make("RS256")
    file = tmp_path / "idp.json"
    file.write_text(json.dumps(key.jwks()))
    url = f"https://{name}.example.org"
    made = legate.cli("issuer", "trust", url, "--name", name, "--jwks", file, "--audience", "api://one", "api://two")
    return made, key


def test_issuer_from_trust_to_distrust(legate, idp):
    made, _ = idp
    assert ISSUER_MEMBERS <= set(made)
    assert made["audiences"] == ["api://one", "api://two"] and made["subject_claim"] == "sub"
    assert legate.cli("issuer", "show", made["name"]) == made
    assert made["name"] in [item["name"] for item in legate.cli("issuer", "list", "--limit", "1000")["items"]]
    legate.cli("issuer", "distrust", made["name"])
    run = legate.run("issuer", "show", made["name"])
    assert run.returncode == 1 or json.loads(run.stdout)["enabled"] is False


def test_rule_is_allowed_and_disallowed(legate, api, idp):
    agent = legate.cli("client", "create", "x", "--resource", api["resource"], "--scope", "x:read")
    rule = legate.cli(
        "delegation",
        "allow",
        "--issuer",
        idp[0]["name"],
        "--group",
        "staff",
        "--client",
        agent["client_id"],
        "--scope",
        "x:read",
        "--resource",
        api["resource"],
        "--max-ttl",
        "8h",
    )
    assert rule["rule_id"] and rule["issuer"] == idp[0]["name"] and rule["group"] == "staff"
    assert rule["max_ttl"] == 28800 and rule["client_id"] == agent["client_id"]
    listed = legate.cli("delegation", "rules", "--limit", "1000")["items"]
    assert rule["rule_id"] in [item["rule_id"] for item in listed]
    legate.cli("delegation", "disallow", rule["rule_id"])
    listed = legate.cli("delegation", "rules", "--limit", "1000")["items"]
    assert rule["rule_id"] not in [item["rule_id"] for item in listed]


def test_delegation_from_creation_to_revocation(legate, api, idp):
    agent = legate.cli(
        "client",
        "create",
        "x",
        "--resource",
        api["resource"],
        "--scope",
        "x:read",
        "x:write",
        "--grant",
        "token_exchange",
    )
    made = legate.cli(
        "delegation",
        "create",
        "--issuer",
        idp[0]["name"],
        "--subject",
        "alice",
        "--client",
        agent["client_id"],
        "--scope",
        "x:read",
        "--resource",
        api["resource"],
        "--expires",
        "30d",
        "--purpose",
        "reports",
    )
    assert DELEGATION_MEMBERS <= set(made)
    assert made["subject"] == {"iss": idp[0]["issuer"], "sub": "alice"}
    assert made["status"] == "active" and made["scopes"] == ["x:read"] and made["purpose"] == "reports"
    assert seconds(made["expires_at"]) - seconds(made["created_at"]) == pytest.approx(30 * 86400, abs=5)
    assert legate.cli("delegation", "show", made["delegation_id"]) == made
    for filters in (
        ["--client", agent["client_id"]],
        ["--client", agent["client_id"], "--subject", "alice"],
        ["--client", agent["client_id"], "--status", "active"],
    ):
        found = legate.cli("delegation", "list", *filters)["items"]
        assert [item["delegation_id"] for item in found] == [made["delegation_id"]], filters
    assert legate.cli("delegation", "list", "--client", agent["client_id"], "--status", "revoked")["items"] == []
    legate.cli("delegation", "revoke", made["delegation_id"], "--reason", "over")
    assert legate.cli("delegation", "show", made["delegation_id"])["status"] == "revoked"


# Tokens and their ends


@pytest.fixture
def agent(legate, api, tmp_path):
    made = legate.cli("client", "create", "x", "--resource", api["resource"], "--scope", "x:read", "x:write")
    secret = tmp_path / "secret"
    secret.write_text(made["client_secret"] + "\n")
    return Client(legate, made["client_id"], made["client_secret"]), secret


@pytest.mark.parametrize("command", [["token", "inspect"], ["token", "revoke"]], ids=" ".join)
def test_a_token_in_the_place_of_a_file_is_not_said_again(legate, command):
    run = legate.run(*command, "eyJhbGciOiJFUzI1NiJ9.e30.c2VjcmV0")
    assert run.returncode == 1 and "holds the token" in run.stderr
    assert "eyJ" not in run.stdout + run.stderr


def test_token_is_issued_inspected_and_revoked(legate, api, agent, tmp_path):
    client, secret = agent
    issued = legate.cli(
        "token",
        "issue",
        "--client",
        client.id,
        "--secret-file",
        secret,
        "--resource",
        api["resource"],
        "--scope",
        "x:read",
        "--task",
        "t1",
        "--session",
        "s1",
        "--agent-id",
        "w1",
        "--reason",
        "a test",
    )
    claims = claims_of(issued["access_token"])
    assert claims["txn"] == f"{client.id}/t1" and claims["sid"] == f"{client.id}/s1"
    assert claims["agent_id"] == f"{client.id}/w1" and claims["scope"] == "x:read"
    file = tmp_path / "token"
    file.write_text(issued["access_token"])
    seen = legate.cli("token", "inspect", file)
    assert seen["active"] is True and seen["verified"] is True
    assert seen["claims"] == claims and seen["header"]["typ"] == "at+jwt"
    assert legate.cli("token", "inspect", "-", stdin=issued["access_token"])["active"] is True
    own = {
        "LEGATE_PROFILE": "",
        "LEGATE_SERVER": legate.issuer,
        "LEGATE_CLIENT_ID": client.id,
        "LEGATE_CLIENT_SECRET": client.secret,
    }
    legate.run("token", "revoke", file, environment=own)
    seen = legate.cli("token", "inspect", file)
    assert seen["active"] is False and seen["verified"] is True


def test_token_is_exchanged(legate, api, idp, tmp_path):
    made = legate.cli(
        "client", "create", "x", "--resource", api["resource"], "--scope", "x:read", "--grant", "token_exchange"
    )
    legate.cli(
        "delegation",
        "create",
        "--issuer",
        idp[0]["name"],
        "--subject",
        "bob",
        "--client",
        made["client_id"],
        "--scope",
        "x:read",
        "--resource",
        api["resource"],
    )
    now = int(datetime.now().timestamp())
    claims = {"iss": idp[0]["issuer"], "sub": "bob", "aud": "api://two", "iat": now, "exp": now + 300, "jti": "j"}
    file = tmp_path / "subject"
    file.write_text(idp[1].sign(claims))
    own = {
        "LEGATE_PROFILE": "",
        "LEGATE_SERVER": legate.issuer,
        "LEGATE_CLIENT_ID": made["client_id"],
        "LEGATE_CLIENT_SECRET": made["client_secret"],
    }
    issued = legate.cli(
        "token",
        "exchange",
        "--subject-token-file",
        file,
        "--subject-token-type",
        "urn:ietf:params:oauth:token-type:jwt",
        "--resource",
        api["resource"],
        environment=own,
    )
    assert claims_of(issued["access_token"])["sub"] == f"{idp[0]['name']}|bob"


@pytest.mark.parametrize("kind", ["client", "task", "session", "agent", "token"])
def test_revoke_by_kind(legate, agent, kind):
    client, _ = agent
    token = client.token(task_id="t1", session_id="s1", agent_id="w1")
    name = {"client": "", "task": "/t1", "session": "/s1", "agent": "/w1"}
    identifier = claims_of(token)["jti"] if kind == "token" else client.id + name[kind]
    legate.cli("revoke", kind, identifier, "--reason", "test")
    assert not client.sees(token)
    entries = legate.cli("revocations", "--limit", "1000")["items"]
    assert (kind, identifier) in [(entry["kind"], entry["id"]) for entry in entries]


def test_ended_instance_is_opened_again(legate, agent):
    client, _ = agent
    legate.cli("revoke", "agent", f"{client.id}/w1")
    assert client.ask(agent_id="w1").json()["error"] == "invalid_request"
    legate.cli("client", "enable", client.id, "--agent-id", "w1")
    granted(client.ask(agent_id="w1"))


def test_keys_are_listed(legate):
    keys = legate.cli("key", "list")["items"]
    assert {"kid", "alg", "status", "created_at"} <= set(keys[0])
    assert {key["status"] for key in keys} <= {"next", "active", "retiring", "revoked"}


# Audit


def test_auditor_may_read_the_audit_and_nothing_else(legate, registry, profile):
    auditor = registry.operator("audit:read")
    file = profile(auditor)
    assert legate.cli("audit", "list", "--limit", "5", profile=file)["items"]
    assert legate.cli("audit", "verify", profile=file)["valid"] is True
    for command in (
        ["client", "list"],
        ["client", "create", "x"],
        ["resource", "list"],
        ["issuer", "list"],
        ["delegation", "list"],
        ["revoke", "client", auditor.id],
        ["key", "rotate"],
        ["client", "delete", auditor.id],
    ):
        run = legate.run(*command, profile=file)
        assert run.returncode == 1, f"{command}: {run.stdout}"
        assert run.stderr and not run.stdout
    token = auditor.token()
    answer = legate.admin("GET", "/clients", token=token)
    assert bearer_challenge(answer, 403, "insufficient_scope")["scope"] == "clients:read"
    refusals = legate.audit(client_id=auditor.id, decision="deny")
    assert "admin.refused" in [record["event"] for record in refusals]


def test_the_second_operator_of_the_manual_can_do_what_the_first_can(own_legate):
    manual = (ROOT / "Docs" / "Operations.md").read_text()
    start, end = (manual.index(f'legate client create "{name}"') for name in ("Operator Bea", "Auditor"))
    command = manual[start:end]
    words = shlex.split(command.replace("\\\n", " ").replace("https://auth.example.com", own_legate.issuer))
    made = own_legate.cli(*words[1:])
    first = own_legate.fetch(f"/clients/{own_legate.operator['client_id']}")
    assert made["kind"] == first["kind"]
    for member in ("scopes", "resources"):
        assert sorted(made[member]) == sorted(first[member])


def test_the_token_of_the_readme_with_nothing_but_curl(own_legate):
    orders = "https://orders.example.com"
    own_legate.cli("resource", "create", orders, "--name", "orders", "--scope", "orders:read", "orders:write")
    # What the agent has after the steps before.
    made = own_legate.cli(
        "client", "create", "Invoice agent", "--scope", "orders:read", "secrets:read", "--resource", orders,
        f"{own_legate.issuer}/vault",
    )  # fmt: skip
    page = (ROOT / "README.md").read_text().split("A token with nothing but `curl`:")[1].split("```")[1]
    form = dict(re.findall(r"-d (\w+)=(\S+)", page))
    assert form["resource"] == orders
    granted(own_legate.post("/token", form, auth=(made["client_id"], made["client_secret"])))


def test_audit_tells_what_changed_without_secrets(legate, api):
    made = legate.cli("client", "create", "x", "--resource", api["resource"], "--scope", "x:read", "--purpose", "old")
    legate.cli("client", "update", made["client_id"], "--purpose", "new")
    legate.cli("client", "rotate-secret", made["client_id"])
    legate.cli("client", "delete", made["client_id"])
    records = [r for r in legate.audit() if made["client_id"] in str(r.get("target"))]
    events = [record["event"] for record in records]
    assert events == ["client.created", "client.updated", "client.secret_rotated", "client.deleted"]
    updated = records[1]
    assert "old" in str(updated["before"]) and "new" in str(updated["after"])
    assert updated["client_id"] == legate.operator["client_id"], "who did it"
    assert made["client_secret"] not in json.dumps(records)


def test_audit_filters(legate, agent):
    client, _ = agent
    granted(client.ask(task_id="t9"))
    client.ask(scope="nothing")
    allowed = legate.cli("audit", "list", "--client", client.id, "--decision", "allow")["items"]
    denied = legate.cli("audit", "list", "--client", client.id, "--decision", "deny")["items"]
    assert [record["event"] for record in allowed] == ["token.issued"]
    assert [record["event"] for record in denied] == ["token.refused"]
    assert denied[0]["policy_evaluation"]["verdict"] == "refuse"
    tasks = legate.cli("audit", "list", "--task", f"{client.id}/t9")["items"]
    assert [record["seq"] for record in tasks] == [allowed[0]["seq"]]
    assert legate.cli("audit", "list", "--client", client.id, "--since", "2099-01-01T00:00:00Z")["items"] == []


def test_audit_traces_a_token_to_the_user(legate, world):
    user = world.user(purpose="quarterly report")
    first = user.delegated(task_id="t1", reason="page 1")
    second = world.ag2.exchanged(first, resource=world.r2.uri, scope="a:read")
    legate.cli("delegation", "revoke", user.delegation["delegation_id"])
    trace = legate.cli("audit", "trace", claims_of(second)["jti"])
    assert trace["jti"] == trace["token"]["jti"] == claims_of(second)["jti"]
    assert [record["jti"] for record in trace["chain"]] == [claims_of(first)["jti"], claims_of(second)["jti"]]
    assert trace["token"]["parent_jti"] == claims_of(first)["jti"]
    assert trace["delegation"]["delegation_id"] == user.delegation["delegation_id"]
    assert trace["delegation"]["purpose"] == "quarterly report" and trace["delegation"]["created"]
    assert {client["client_id"] for client in trace["clients"]} == {world.ag1.id, world.ag2.id}
    assert all(client["registered"] for client in trace["clients"])
    assert trace["revocations"] and trace["status"] == "revoked"


def test_trace_of_an_unknown_token(legate):
    run = legate.run("audit", "trace", "never-issued")
    assert run.returncode == 1 and run.stderr


# Manners


@pytest.mark.parametrize(
    "arguments",
    [
        ["client", "create"],
        ["client", "create", "x", "--kind", "dragon"],
        ["client", "rotate-secret", "x", "--grace", "soon"],
        ["resource", "create", "https://x.example"],
        ["nonsense"],
        ["client", "nonsense"],
        ["client", "list", "--nonsense"],
        ["revoke", "nonsense", "x"],
        ["delegation", "list", "--status", "nonsense"],
    ],
    ids=" ".join,
)
def test_usage_errors_exit_2(legate, arguments):
    run = legate.run(*arguments)
    assert run.returncode == 2, f"exit {run.returncode}: {run.stdout}{run.stderr}"
    assert run.stderr and not run.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["client", "show", "nobody"],
        ["resource", "delete", "nothing"],
        ["issuer", "distrust", "nobody"],
        ["delegation", "revoke", "nothing"],
        ["client", "create", "x", "--resource", "https://unknown.example"],
    ],
    ids=" ".join,
)
def test_refusals_exit_1_with_a_reason(legate, arguments):
    run = legate.run(*arguments)
    assert run.returncode == 1, f"exit {run.returncode}: {run.stdout}{run.stderr}"
    assert run.stderr.strip() and not run.stdout


def test_name_that_is_taken(legate, api):
    run = legate.run("resource", "create", "https://other.example", "--name", api["name"], "--scope", "x:read")
    assert run.returncode == 1 and api["name"] in run.stderr


def test_server_that_is_not_there(legate):
    run = legate.run("client", "list", "--server", "http://127.0.0.1:1")
    assert run.returncode == 1 and run.stderr


def test_table_and_json(legate, api):
    table = legate.run("resource", "show", api["name"], "--output", "table")
    assert table.returncode == 0 and api["resource"] in table.stdout
    with pytest.raises(json.JSONDecodeError):
        json.loads(table.stdout)
    assert legate.cli("resource", "show", api["name"], "--output", "json") == api
    token = legate.operator_token()
    direct = requests.get(
        f"{legate.base}/admin/resources/{api['name']}", headers={"Authorization": f"Bearer {token}"}, timeout=5
    )
    assert direct.json() == api, "a pipe gets exactly the admin API's JSON"


@pytest.mark.parametrize("command", [[], ["client"], ["client", "create"], ["delegation", "allow"], ["audit", "trace"]])
def test_help(legate, command):
    run = legate.run(*command, "--help")
    assert run.returncode == 0 and "USAGE" in run.stdout.upper()


def test_failed_command_raises_here(legate):
    with pytest.raises(CommandFailed):
        legate.cli("client", "show", "nobody")


# The first start


def test_init_makes_an_installation_that_serve_uses(binary, make_legate):
    server = make_legate()
    made = server.run(
        "init",
        "--data",
        server.data,
        "--issuer",
        server.issuer,
        "--root-key",
        server.root_key,
        environment={"LEGATE_PROFILE": ""},
    )
    assert made.returncode == 0, made.stderr
    assert server.root_key.stat().st_mode & 0o777 == 0o600
    assert server.profile.stat().st_mode & 0o777 == 0o600
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}\n?", server.root_key.read_text())
    operator = server.operator
    assert operator["server"] == server.issuer and operator["client_secret"] not in made.stdout + made.stderr
    server.start()
    assert server.operator == operator
    assert server.cli("client", "list")["items"]


def test_second_init_changes_nothing(own_legate):
    before = own_legate.operator
    own_legate.stop()
    arguments = ["--data", own_legate.data, "--issuer", own_legate.issuer, "--root-key", own_legate.root_key]
    own_legate.run("init", *arguments)
    assert own_legate.operator == before
    own_legate.start()
    assert own_legate.cli("client", "list")["items"]


def test_sigterm_ends_it_cleanly(own_legate):
    assert own_legate.stop() == 0
    own_legate.start()
    assert own_legate.cli("audit", "verify")["valid"] is True


def test_root_key_that_others_can_read_is_refused(own_legate):
    own_legate.stop()
    own_legate.root_key.chmod(0o644)
    own_legate.assert_refuses_to_start(mentions="root")


def test_other_root_key_is_refused(own_legate):
    own_legate.stop()
    own_legate.root_key.write_text("A" * 43 + "\n")
    own_legate.assert_refuses_to_start(mentions="root")


@pytest.mark.parametrize("listen", ["nonsense", "127.0.0.1", "127.0.0.1:99999", "127.0.0.1:-1"])
def test_malformed_listen_address_is_refused(make_legate, listen):
    make_legate().assert_refuses_to_start(listen=listen, mentions="listen")


def test_an_address_that_is_taken_is_named_with_its_option(make_legate):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        make_legate().assert_refuses_to_start(
            listen=address, mentions=f"legate: --listen {address}: the address is in use already\n"
        )


@pytest.mark.parametrize(
    "issuer",
    ["http://auth.example.com", "nonsense", "http://127.0.0.1:8080/?q", "http://127.0.0.1:8080/#f", "ftp://127.0.0.1"],
)
def test_unusable_issuer_is_refused_by_name(make_legate, issuer):
    make_legate(issuer=issuer).assert_refuses_to_start(mentions="issuer")
