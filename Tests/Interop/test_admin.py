"""The admin API as HTTP: creation, conditional updates, conflicts, merge patches, lists."""

import pytest

from actors import Client, Registry, unique
from checks import granted, problem, refused
from jose import Key, b64, claims_of


@pytest.fixture
def client(registry, world) -> Client:
    return registry.agent(world.r1, purpose="first")


def client_body(world, **members) -> dict:
    return {"name": unique("name"), "kind": "agent", "resources": [world.r1.uri], "scopes": ["a:read"], **members}


def test_creation_says_where_the_object_is(legate, world):
    answer = legate.admin("POST", "/clients", client_body(world))
    assert answer.status_code == 201
    location = answer.headers["Location"].removeprefix(legate.issuer)
    assert location == f"/admin/clients/{answer.json()['client_id']}"
    shown = legate.admin("GET", location.removeprefix("/admin"))
    assert shown.headers["ETag"] == answer.headers["ETag"]


def test_name_that_is_taken_is_a_conflict(legate, world, client):
    problem(legate.admin("POST", "/clients", client_body(world, client_id=client.id)), 409)
    body = {"resource": world.r1.uri, "name": unique("other"), "scopes": ["a:read"]}
    problem(legate.admin("POST", "/resources", body), 409)


@pytest.mark.parametrize("name", ["a/b", "a b", "ä", "x" * 65, ""])
def test_client_id_has_64_characters_of_a_few_kinds(legate, world, name):
    problem(legate.admin("POST", "/clients", client_body(world, client_id=name)), 400, "client_id")


def test_stale_update_is_refused(legate, client):
    path = f"/clients/{client.id}"
    first = legate.admin("GET", path).headers["ETag"]
    answer = legate.admin("PATCH", path, {"purpose": "second"}, headers={"If-Match": first})
    assert answer.status_code == 200 and answer.headers["ETag"] != first
    problem(legate.admin("PATCH", path, {"purpose": "third"}, headers={"If-Match": first}), 412)
    assert legate.fetch(path)["purpose"] == "second"
    answer = legate.admin("PATCH", path, {"purpose": "third"}, headers={"If-Match": answer.headers["ETag"]})
    assert answer.status_code == 200
    assert legate.admin("PATCH", path, {"purpose": "last"}).status_code == 200, "without a condition the last one wins"


def test_merge_patch_removes_with_null_and_replaces_lists(legate, client):
    path = f"/clients/{client.id}"
    before = legate.fetch(path)
    after = legate.admin("PATCH", path, {"purpose": None, "scopes": ["a:read"]}).json()
    assert after["purpose"] is None and after["scopes"] == ["a:read"]
    assert {n: v for n, v in after.items() if n not in ("purpose", "scopes")} == {
        n: v for n, v in before.items() if n not in ("purpose", "scopes")
    }


@pytest.mark.parametrize("member", [{"client_id": "other"}, {"kind": "admin"}, {"created_at": "2020-01-01T00:00:00Z"}])
def test_members_that_are_not_for_changing(legate, client, member):
    path = f"/clients/{client.id}"
    problem(legate.admin("PATCH", path, member), 400, *member)
    assert legate.fetch(path)["kind"] == "agent"


@pytest.mark.parametrize(
    "members, field",
    [
        ({"unheard_of": 1}, "unheard_of"),
        ({"kind": "dragon"}, "kind"),
        ({"auth": "none"}, "auth"),
        ({"auth": "private_key_jwt"}, "jwks"),
        ({"scopes": ["a:read", "z:all"]}, "scopes"),
        ({"scopes": "a:read"}, "scopes"),
        ({"resources": ["https://unknown.example"]}, "resources"),
        ({"grants": ["password"]}, "grants"),
        ({"token_ttl": 0}, "token_ttl"),
        ({"token_ttl": "60"}, "token_ttl"),
        ({"acts_as": "https://unknown.example"}, "acts_as"),
        ({"enabled": "yes"}, "enabled"),
        ({"exchange_scopes": [{"from": "a:read"}]}, "exchange_scopes[0].to"),
        ({"auth": "workload"}, "workloads"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_wrong_member_is_named(legate, world, members, field):
    problem(legate.admin("POST", "/clients", client_body(world, **members)), 400, field)


@pytest.mark.parametrize("change", ["d", "k", "oct", "RSA 1024", "off curve", "empty"])
def test_unusable_keys_are_refused(legate, world, change):
    jwk = Key.make("ES256").jwk()
    jwk = {
        "d": {**jwk, "d": b64(b"x" * 32)},
        "k": {**jwk, "k": "AAAA"},
        "oct": {"kty": "oct", "k": b64(b"x" * 32), "kid": "k"},
        "RSA 1024": {"kty": "RSA", "n": b64(b"\xff" * 128), "e": "AQAB", "kid": "k"},
        "off curve": {**jwk, "y": b64(b"\x01" * 32)},
        "empty": None,
    }[change]
    body = client_body(world, auth="private_key_jwt", jwks={"keys": [jwk] if jwk else []})
    problem(legate.admin("POST", "/clients", body), 400, "jwks")


def test_resource_in_use_by_its_percent_encoded_uri(legate, registry):
    resource = registry.resource()
    encoded = resource.uri.replace(":", "%3A").replace("/", "%2F")
    assert legate.fetch(f"/resources/{encoded}")["name"] == resource.name


def test_deletion_never_widens_anything(legate, registry):
    """Whoever had two resources and loses one does not get the other by default in silence, nor more scopes."""
    one, two = registry.resource("one", ("o:read",)), registry.resource("two", ("t:read",))
    client = registry.agent(one, two)
    token = client.token(resource=one.uri)
    server = registry.resource_server(two)
    assert legate.admin("DELETE", f"/resources/{one.name}").status_code in (204, 409)
    answer = client.ask(resource=two.uri)
    assert claims_of(granted(answer)["access_token"])["scope"] == "t:read"
    if legate.admin("GET", f"/resources/{one.name}").status_code == 404:
        refused(client.ask(resource=one.uri), "invalid_target")
        assert not client.sees(token) and not server.sees(token)


@pytest.mark.parametrize(
    "change", [{"enabled": False}, {"scopes": ["clients:read"]}, {"certificate_bound": True}, None], ids=repr
)
def test_last_operator_stays(own_legate, change):
    def end():
        path = f"/clients/{own_legate.operator['client_id']}"
        return own_legate.admin("PATCH", path, change) if change else own_legate.admin("DELETE", path)

    body = problem(end(), 409)
    assert body["type"].endswith(":last-operator") and "Register another one first" in body["detail"]
    Registry(own_legate).operator("clients:read", "clients:write")
    assert end().status_code == (200 if change else 204)


def test_deletion_answers_with_nothing(legate, client):
    answer = legate.admin("DELETE", f"/clients/{client.id}")
    assert answer.status_code == 204 and answer.content == b""
    problem(legate.admin("DELETE", f"/clients/{client.id}"), 404)


def test_list_goes_on_after_its_cursor(legate, world):
    client = world.registry.agent(world.r1)
    made = {world.user(client).delegation["delegation_id"] for _ in range(3)}
    first = legate.fetch(f"/delegations?client_id={client.id}&limit=2")
    rest = legate.fetch(f"/delegations?client_id={client.id}&limit=2&cursor={first['next']}")
    assert {item["delegation_id"] for item in first["items"] + rest["items"]} == made
    assert rest["next"] is None


@pytest.mark.parametrize(
    "change", [{"scopes": ["a:read", "c:read"]}, {"resources": ["R3"]}, {"expires_at": "2099-01-01T00:00:00Z"}]
)
def test_delegation_is_only_ever_narrowed(legate, world, change):
    user = world.user(scopes=("a:read",), expires_in=3600)
    if "resources" in change:
        change = {"resources": [world.r1.uri, world.r3.uri]}
    path = f"/delegations/{user.delegation['delegation_id']}"
    problem(legate.admin("PATCH", path, change), 400, *change)
    shown = legate.fetch(path)
    assert shown == {**user.delegation, **{name: shown[name] for name in shown.keys() - user.delegation.keys()}}


def test_delegation_for_unknown_parties(legate, world):
    body = {"issuer": world.idp.name, "subject": "x", "client_id": world.ag1.id, "scopes": ["a:read"]}
    body["resources"] = [world.r1.uri]
    problem(legate.admin("POST", "/delegations", {**body, "issuer": "nobody"}), 400, "issuer")
    problem(legate.admin("POST", "/delegations", {**body, "client_id": "nobody"}), 400, "client_id")
    problem(legate.admin("POST", "/delegations", {**body, "resources": [world.r9]}), 400, "resources")
    problem(legate.admin("POST", "/delegations", {**body, "scopes": []}), 400, "scopes")


def test_audit_record_of_a_token_says_it_all(legate, world):
    user = world.user()
    token = user.delegated(agent_id="w1", task_id="t1", session_id="s1", reason="why", scope="a:read")
    claims = claims_of(token)
    record = legate.fetch(f"/audit/trace/{claims['jti']}")["token"]
    assert record["event"] == "token.exchanged" and record["decision"] == "allow"
    assert record["client_id"] == world.ag1.id and record["agent_id"] == claims["agent_id"]
    assert record["delegating_user"] == user.sub and record["delegation_id"] == claims["delegation_id"]
    assert record["session_id"] == claims["sid"] and record["task_id"] == claims["txn"]
    assert record["jti"] == claims["jti"] and record["resource"] == world.r1.uri
    assert record["scope_granted"] == "a:read" and record["token_ttl"] == claims["exp"] - claims["iat"]
    assert record["request_context"] == "why" and record["api_endpoint"]
    assert record["policy_evaluation"]["verdict"] == "permit" and record["policy_evaluation"]["rule"]
    assert record["request_id"] and record["hash"] and record["previous_hash"] and record["timestamp"]
    assert token not in str(record)


def test_refused_admin_call_is_audited_with_the_caller(legate, registry):
    reader = registry.operator("clients:read")
    token = reader.token()
    assert legate.admin("POST", "/clients", {"name": "x"}, token=token).status_code == 403
    record = legate.audit(client_id=reader.id, decision="deny")[-1]
    assert record["event"] == "admin.refused"
    assert "clients" in record["api_endpoint"]
