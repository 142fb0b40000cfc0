"""CC: client_credentials, and what an access token says (RFC 9068)."""

import time

import pytest

from actors import unique
from checks import active, bearer_challenge, granted, inactive, refused, scopes, unauthenticated
from jose import claims_of, decode, verify


def test_CC_01_token_for_one_resource_and_scope(world):
    body = granted(world.cj.ask(scope="a:read", resource=world.r1.uri))
    header, _ = decode(body["access_token"])
    assert header["typ"] == "at+jwt" and header["alg"] == "ES256" and header["kid"]


def test_CC_02_no_refresh_token(world):
    body = granted(world.cj.ask(scope="a:read", resource=world.r1.uri))
    assert set(body) <= {"access_token", "token_type", "expires_in", "scope"}


def test_CC_04_claims(legate, world):
    token = world.cj.token(scope="a:read", resource=world.r1.uri)
    claims = verify(token, legate.jwks)
    assert claims["iss"] == legate.issuer
    assert claims["aud"] == world.r1.uri
    assert claims["sub"] == claims["client_id"] == claims["agent_id"] == world.cj.id
    assert claims["scope"] == "a:read"
    assert type(claims["iat"]) is int and type(claims["exp"]) is int
    assert abs(claims["iat"] - time.time()) < 5
    assert len(claims["jti"]) >= 20


def test_CC_04_names_of_the_request_are_qualified_by_the_client(world):
    token = world.cb.token(
        resource=world.r1.uri, agent_id="worker-1", task_id="task:7", session_id="s@1", reason="nightly run"
    )
    claims = claims_of(token)
    assert claims["agent_id"] == f"{world.cb.id}/worker-1"
    assert claims["txn"] == f"{world.cb.id}/task:7"
    assert claims["sid"] == f"{world.cb.id}/s@1"
    assert "nightly run" not in str(claims)


def test_CC_04_agent_as_registered_when_the_resource_asks_for_it(registry):
    curious = registry.resource(include_agent_claim=True)
    registered = {"type": "planner", "version": "1.2", "owner": "team-a"}
    claims = claims_of(registry.agent(curious, **registered).token())
    assert claims["agent"] | registered == claims["agent"]
    assert "agent" not in claims_of(registry.agent(registry.resource(), **registered).token())


@pytest.mark.parametrize("name", ["agent_id", "task_id", "session_id"])
@pytest.mark.parametrize(
    "value", ["a/b", "a b", "ä", "x" * 129, "a\nb"], ids=["slash", "space", "ä", "long", "newline"]
)
def test_CC_04_malformed_names_are_refused(world, name, value):
    refused(world.cb.ask(resource=world.r1.uri, **{name: value}), "invalid_request")


def test_CC_04_a_reason_of_any_length_is_refused(world):
    granted(world.cb.ask(resource=world.r1.uri, reason="x" * 512))
    refused(world.cb.ask(resource=world.r1.uri, reason="x" * 513), "invalid_request")


def test_CC_04_tokens_differ(world):
    identifiers = []
    for _ in range(10):
        identifiers.append(claims_of(world.cb.token(resource=world.r1.uri))["jti"])
        time.sleep(0.003)  # Order is by the clock.
    assert len(set(identifiers)) == 10
    assert identifiers == sorted(identifiers), "jti is time-ordered"


def test_CC_05_lifetime_is_what_is_said(world):
    body = granted(world.cb.ask(resource=world.r1.uri))
    claims = claims_of(body["access_token"])
    assert abs(claims["exp"] - claims["iat"] - body["expires_in"]) <= 1
    assert body["expires_in"] == 300


def test_CC_05_the_smaller_lifetime_wins_and_the_ceiling_holds(legate, registry):
    short = registry.resource(token_ttl=60)
    assert granted(registry.agent(short, token_ttl=600).ask())["expires_in"] == 60
    assert granted(registry.agent(short, token_ttl=30).ask())["expires_in"] == 30
    body = {"name": unique("long"), "kind": "agent", "resources": [short.uri], "scopes": [], "token_ttl": 86400}
    answer = legate.admin("POST", "/clients", body)
    assert answer.status_code in (201, 400)
    if answer.status_code == 201:
        plain = registry.resource(token_ttl=900)
        assert granted(registry.agent(plain, token_ttl=86400).ask())["expires_in"] <= 900


def test_CC_06_no_scope_asked_is_all_that_is_allowed(world):
    body = granted(world.cb.ask(resource=world.r1.uri))
    assert scopes(body) == {"a:read", "a:write"}
    assert scopes(claims_of(body["access_token"])) == {"a:read", "a:write"}


def test_CC_08_scope_of_the_resource_that_the_client_lacks(registry, world):
    reader = registry.agent(world.r1, scopes=("a:read",))
    refused(reader.ask(scope="a:write", resource=world.r1.uri), "invalid_scope")


def test_CC_08_scope_of_the_client_that_the_resource_lacks(world):
    refused(world.cb.ask(scope="b:read", resource=world.r1.uri), "invalid_scope")


def test_CC_09_mixed_scope_is_never_narrowed_silently(world):
    refused(world.cb.ask(scope="a:read b:read", resource=world.r1.uri), "invalid_scope")
    refused(world.cb.ask(scope="a:read unheard:of", resource=world.r1.uri), "invalid_scope")


def test_CC_09_empty_intersection_is_refused(registry, world):
    nothing = registry.agent(world.r1, scopes=())
    refused(nothing.ask(resource=world.r1.uri), "invalid_scope")


def test_CC_10_order_of_scopes_means_nothing(world):
    one = granted(world.cb.ask(scope="a:write a:read", resource=world.r1.uri))
    two = granted(world.cb.ask(scope="a:read a:write", resource=world.r1.uri))
    assert scopes(claims_of(one["access_token"])) == scopes(claims_of(two["access_token"])) == {"a:read", "a:write"}


@pytest.mark.parametrize("scope", ['a:read"', "a:read\\", "a:read\ta:write", "a:read\x7f", "é", "a:read\n"], ids=repr)
def test_CC_12_characters_that_no_scope_has(world, scope):
    refused(world.cb.ask(scope=scope, resource=world.r1.uri), "invalid_scope", "invalid_request")


def test_CC_12_scopes_are_case_sensitive(world):
    refused(world.cb.ask(scope="A:READ", resource=world.r1.uri), "invalid_scope")


def test_CC_14_client_without_the_grant(registry, world):
    exchanger = registry.agent(world.r1, grants=("token_exchange",))
    refused(exchanger.ask(resource=world.r1.uri), "unauthorized_client")


@pytest.mark.parametrize(
    "grant",
    [
        "foo",
        "password",
        "implicit",
        "CLIENT_CREDENTIALS",
        "client_credentials ",
        "URN:IETF:PARAMS:OAUTH:GRANT-TYPE:TOKEN-EXCHANGE",
        "urn:ietf:params:oauth:grant-type:token_exchange",
    ],
)
def test_CC_16_unsupported_grant_type(world, grant):
    refused(world.cb.post("/token", {"grant_type": grant, "resource": world.r1.uri}), "unsupported_grant_type")


def test_CC_17_unknown_parameters_are_ignored(world):
    granted(world.cb.ask(resource=world.r1.uri, foo="bar", username="x"))


def test_CC_18_empty_parameters_count_as_absent(registry):
    client = registry.agent(registry.resource())
    body = granted(client.ask(scope="", resource="", task_id=""))
    assert scopes(body) == {"a:read", "a:write"}
    assert "txn" not in claims_of(body["access_token"])


def test_CC_20_a_user_named_like_a_client_is_someone_else(world):
    subject = world.cb.id
    world.registry.delegation(world.idp, subject, world.ag1, [world.r1], ["a:read"])
    token = world.ag1.exchanged(world.idp.token(subject), "urn:ietf:params:oauth:token-type:jwt", resource=world.r1.uri)
    assert claims_of(token)["sub"] == f"{world.idp.name}|{subject}"
    assert claims_of(world.cb.token(resource=world.r1.uri))["sub"] == subject


def test_CC_21_no_resource_is_the_only_resource(registry):
    resource = registry.resource()
    assert claims_of(registry.agent(resource).token())["aud"] == resource.uri


def test_CC_22_no_resource_where_there_are_two(world):
    refused(world.cb.ask(), "invalid_target")
    refused(world.cb.ask(scope="a:read"), "invalid_target")


@pytest.mark.parametrize(
    "value", ["not json", "{}", "[]", '[{"x":1}]', '[{"type":"unknown"}]', '[{"type":7}]', "[" * 1000]
)
def test_CC_24_rich_authorization_is_never_ignored(world, value):
    answer = world.cb.ask(resource=world.r1.uri, authorization_details=value)
    refused(answer, "invalid_authorization_details")


def test_CC_25_claims_that_have_no_meaning_here(world):
    claims = claims_of(world.cb.token(resource=world.r1.uri))
    assert not {"auth_time", "acr", "act", "delegation_id", "may_act", "cnf"} & set(claims)


def test_CC_26_deleted_client(legate, registry, world):
    client = registry.agent(world.r1)
    token = client.token()
    active(world.rs1.introspect(token))
    assert legate.admin("DELETE", f"/clients/{client.id}").status_code == 204
    inactive(world.rs1.introspect(token))
    unauthenticated(client.ask())
    assert legate.admin("GET", f"/clients/{client.id}").status_code == 404


def test_CC_28_token_dies_at_its_expiry(legate, registry):
    auditor = registry.operator("audit:read", token_ttl=2)
    body = granted(auditor.ask())
    token = body["access_token"]
    assert body["expires_in"] == 2
    assert legate.admin("GET", "/audit?limit=1", token=token).status_code == 200
    active(auditor.introspect(token))
    time.sleep(max(0, claims_of(token)["exp"] - time.time() + 0.2))
    bearer_challenge(legate.admin("GET", "/audit?limit=1", token=token), 401, "invalid_token")
    inactive(auditor.introspect(token))
