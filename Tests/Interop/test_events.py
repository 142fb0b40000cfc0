"""People leave by machine: security events pushed to us (RFC 8417, RFC 8935), and global token revocation.

The events are signed by joserfc, as an identity provider would; the hostile ones by hand.
"""

import json
import secrets
import time

import pytest
import requests
from joserfc import jws
from joserfc.jwk import ECKey

from actors import ACCESS_TOKEN, ID_TOKEN, JWT, JWT_BEARER, IdentityProvider, Registry, User, World, unique
from jose import Key, hs256, unsigned
from server import Legate

CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
RISC = "https://schemas.openid.net/secevent/risc/event-type/"
SESSION_REVOKED = CAEP + "session-revoked"


def claims(provider: IdentityProvider, subject: str, event: str = SESSION_REVOKED, **changes) -> dict:
    """Claims of a good event, with changes; a change to None removes the claim."""
    all_claims = {
        "iss": provider.issuer,
        "aud": provider.legate.issuer,
        "iat": int(time.time()),
        "jti": secrets.token_urlsafe(12),
        "sub_id": {"format": "iss_sub", "iss": provider.issuer, "sub": subject},
        "events": {event: {"event_timestamp": int(time.time()), "initiating_entity": "admin"}},
        **changes,
    }
    return {name: value for name, value in all_claims.items() if value is not None}


def signed(provider: IdentityProvider, body: dict, typ: str | None = "secevent+jwt") -> str:
    """By joserfc, with the provider's key."""
    key = ECKey.import_key(provider.key.pem(), {"kid": provider.key.kid})
    header = {"alg": "ES256", "kid": provider.key.kid} | ({"typ": typ} if typ else {})
    return jws.serialize_compact(header, json.dumps(body), key)


def event(provider: IdentityProvider, subject: str, name: str = SESSION_REVOKED, **changes) -> str:
    return signed(provider, claims(provider, subject, name, **changes))


def push(legate: Legate, body: str | bytes, content_type: str | None = "application/secevent+jwt") -> requests.Response:
    headers = {"Content-Type": content_type} if content_type else {}
    return legate.post("/events", body, headers=headers)


def assert_refused(answer: requests.Response, code: str) -> None:
    """RFC 8935, 2.3."""
    assert answer.status_code == 400, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Language"] == "en"
    body = answer.json()
    assert set(body) == {"err", "description"}
    assert body["err"] == code


def next_second() -> None:
    time.sleep(1.01 - time.time() % 1)


@pytest.fixture
def user(world: World) -> User:
    return world.user()


@pytest.mark.parametrize(
    "name",
    [SESSION_REVOKED, RISC + "account-disabled", RISC + "account-purged", RISC + "sessions-revoked"],
)
def test_an_event_ends_the_users_tokens_and_delegations(name: str, world: World, legate: Legate, user: User):
    token = user.delegated()
    downstream = world.ag2.exchanged(token, resource=world.r2.uri)
    bystander = world.user().delegated()
    answer = push(legate, event(world.idp, user.name, name))
    assert (answer.status_code, answer.content) == (202, b"")
    assert not world.rs1.sees(token)
    assert not world.rs2.sees(downstream)
    assert world.rs1.sees(bystander)
    assert legate.fetch(f"/delegations/{user.delegation['delegation_id']}")["status"] == "revoked"
    next_second()
    assert world.ag1.exchange(user.id_token(), JWT, resource=world.r1.uri).status_code == 400
    records = [r for r in legate.audit(subject=user.sub) if r["event"] == "event.received"]
    assert [r["decision"] for r in records] == ["allow"]


def test_the_subject_may_be_opaque(world: World, legate: Legate, user: User):
    token = user.delegated()
    opaque = event(world.idp, "", sub_id={"format": "opaque", "id": user.name})
    assert push(legate, opaque).status_code == 202
    assert not world.rs1.sees(token)


def test_the_audience_may_be_the_endpoint_or_one_of_several(world: World, legate: Legate):
    for audience in (f"{legate.issuer}/events", ["https://other.example.com", legate.issuer]):
        assert push(legate, event(world.idp, unique("nobody"), aud=audience)).status_code == 202


def test_a_replayed_event_is_accepted_without_effect(world: World, legate: Legate, user: User, registry: Registry):
    compact = event(world.idp, user.name)
    assert push(legate, compact).status_code == 202
    next_second()
    registry.delegation(world.idp, user.name, world.ag1, [world.r1], ["a:read"])
    token = user.delegated()
    assert push(legate, compact).status_code == 202
    assert world.rs1.sees(token)
    # The same jti in another token of the issuer is the same event.
    used = claims(world.idp, user.name)
    assert push(legate, signed(world.idp, used)).status_code == 202
    next_second()
    registry.delegation(world.idp, user.name, world.ag1, [world.r1], ["a:read"])
    token = user.delegated()
    assert push(legate, signed(world.idp, used | {"iat": used["iat"] - 1})).status_code == 202
    assert world.rs1.sees(token)


def test_a_replay_is_known_after_kill_9(make_legate):
    legate = make_legate().start()
    registry = Registry(legate)
    world = World(registry)
    user = world.user()
    token = user.delegated()
    compact = event(world.idp, user.name)
    assert push(legate, compact).status_code == 202
    legate.kill9()
    legate.start()
    assert not world.rs1.sees(token)
    next_second()
    registry.delegation(world.idp, user.name, world.ag1, [world.r1], ["a:read"])
    again = user.delegated()
    assert push(legate, compact).status_code == 202
    assert world.rs1.sees(again)


@pytest.mark.parametrize(
    "name",
    [
        CAEP + "credential-change",
        CAEP + "token-claims-change",
        RISC + "account-enabled",
        "https://schemas.openid.net/secevent/ssf/event-type/verification",
        "https://example.com/an/event/of/tomorrow",
    ],
)
def test_other_events_are_acknowledged_without_effect(name: str, world: World, legate: Legate, user: User):
    token = user.delegated()
    assert push(legate, event(world.idp, user.name, name)).status_code == 202
    assert world.rs1.sees(token)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aud": "https://other.example.com"}, "invalid_audience"),
        ({"aud": None}, "invalid_audience"),
        ({"aud": []}, "invalid_audience"),
        ({"iat": 61}, "invalid_request"),
        ({"iat": -8 * 86_400}, "invalid_request"),
        ({"iat": None}, "invalid_request"),
        ({"jti": None}, "invalid_request"),
        ({"jti": 7}, "invalid_request"),
        ({"jti": "a" * 300}, "invalid_request"),
        ({"exp": 4_000_000_000}, "invalid_request"),
        ({"sub": "alice"}, "invalid_request"),
        ({"events": {}}, "invalid_request"),
        ({"events": [SESSION_REVOKED]}, "invalid_request"),
        ({"events": {SESSION_REVOKED: None}}, "invalid_request"),
        ({"sub_id": None}, "invalid_request"),
        ({"sub_id": {"format": "email", "email": "alice@example.com"}}, "invalid_request"),
        ({"sub_id": {"format": "iss_sub", "sub": "alice"}}, "invalid_request"),
        ({"sub_id": {"format": "iss_sub", "iss": "https://other.example.org", "sub": "alice"}}, "access_denied"),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else value,
)
def test_a_wrong_event_of_a_trusted_issuer_is_refused_and_recorded_once(
    changes: dict, code: str, registry: Registry, legate: Legate
):
    provider = registry.identity_provider()
    if isinstance(changes.get("iat"), int):
        changes = {"iat": int(time.time()) + changes["iat"] + (5 if changes["iat"] > 0 else 0)}
    compact = event(provider, "alice", **changes)
    for _ in range(3):
        assert_refused(push(legate, compact), code)
    records = [r for r in legate.audit(decision="deny") if r.get("target") == f"issuer/{provider.name}"]
    assert [r["policy_evaluation"]["rule"] for r in records] == [code]


def test_what_nobody_trusted_has_signed_is_refused_without_a_trace(world: World, legate: Legate, user: User):
    token = user.delegated()
    good = claims(world.idp, user.name)
    header = {"alg": "ES256", "kid": world.idp.key.kid, "typ": "secevent+jwt"}
    stranger = Key.make("ES256")
    stolen_name = Key.make("ES256", kid=world.idp.key.kid)
    compact = signed(world.idp, good)
    body, _, signature = compact.rpartition(".")
    before = len(legate.audit(decision="deny"))
    for forged, code in [
        (unsigned({"alg": "none", "typ": "secevent+jwt"}, good), "invalid_key"),
        (unsigned(header, good), "authentication_failed"),
        (hs256({**header, "alg": "HS256"}, good, world.idp.key.public_pem()), "invalid_key"),
        (stranger.sign(good, {"typ": "secevent+jwt"}), "invalid_key"),
        (stolen_name.sign(good, {"typ": "secevent+jwt"}), "authentication_failed"),
        (stranger.sign({**good, "iss": "https://other.example.org"}, {"typ": "secevent+jwt"}), "invalid_issuer"),
        (stranger.sign({**good, "iss": legate.issuer}, {"typ": "secevent+jwt"}), "invalid_issuer"),
        (signed(world.idp, {**good, "iss": None}), "invalid_issuer"),
        (signed(world.idp, good, typ="JWT"), "invalid_request"),
        (signed(world.idp, good, typ=None), "invalid_request"),
        (signed(world.idp, good, typ="at+jwt"), "invalid_request"),
        (body + "." + signature[:-4] + "AAAA", "authentication_failed"),
        (body, "invalid_request"),
        ("", "invalid_request"),
        ("{}", "invalid_request"),
        (b"\xff\xfe", "invalid_request"),
    ]:
        assert_refused(push(legate, forged), code)
    for content_type in ("application/jwt", "application/json", "text/plain", None):
        assert_refused(push(legate, compact, content_type), "invalid_request")
    assert push(legate, "a" * 70_000).status_code == 413
    assert legate.get("/events").status_code == 405
    assert len(legate.audit(decision="deny")) == before
    assert world.rs1.sees(token)
    assert push(legate, compact, "application/secevent+jwt; charset=utf-8").status_code == 202
    assert not world.rs1.sees(token)


def test_a_distrusted_issuer_is_nobody(registry: Registry, legate: Legate):
    provider = registry.identity_provider()
    assert push(legate, event(provider, "alice")).status_code == 202
    assert legate.admin("DELETE", f"/issuers/{provider.name}").status_code == 204
    assert_refused(push(legate, event(provider, "alice")), "invalid_issuer")


def test_keys_are_fetched_for_the_trusted_only(registry: Registry, legate: Legate, key_server):
    provider = registry.identity_provider(served_by=key_server)
    stranger = IdentityProvider(legate, "x", "https://x.example.org", provider.key)
    for _ in range(5):
        assert_refused(push(legate, event(stranger, "alice")), "invalid_issuer")
        assert_refused(push(legate, signed(provider, claims(provider, "alice"), typ="JWT")), "invalid_request")
    assert key_server.requests.total() == 0
    assert push(legate, event(provider, "alice")).status_code == 202
    for _ in range(5):
        forged = Key.make("ES256").sign(claims(provider, "alice"), {"typ": "secevent+jwt"})
        assert_refused(push(legate, forged), "invalid_key")
    assert key_server.requests.total() <= 2


def test_an_event_comes_again_when_the_keys_are_out_of_reach(registry: Registry, legate: Legate, key_server):
    provider = registry.identity_provider(jwks_uri=key_server.url("/gone"))
    answer = push(legate, event(provider, "alice"))
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


def test_REV_32_event_is_no_token_of_any_kind(world: World, legate: Legate, user: User):
    # With every claim that a token would have, so that the type alone tells them apart.
    whole = claims(world.idp, user.name, sub=user.name, exp=int(time.time()) + 300)
    for compact in (event(world.idp, user.name), signed(world.idp, whole)):
        assert not world.rs1.sees(compact)
        assert legate.admin("GET", "/clients", token=compact).status_code == 401
        for kind in (ACCESS_TOKEN, JWT, ID_TOKEN):
            answer = world.ag1.exchange(compact, kind, resource=world.r1.uri)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
            answer = world.ag1.exchange(
                user.id_token(), JWT, resource=world.r1.uri, actor_token=compact, actor_token_type=kind
            )
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assertion = world.cj.assertion({"typ": "secevent+jwt"})
    form = {"grant_type": "client_credentials", "client_assertion_type": JWT_BEARER, "client_assertion": assertion}
    assert legate.post("/token", {**form, "resource": world.r1.uri}).status_code == 401
    # Called by its name the same user's token is good.
    assert world.ag1.exchange(user.id_token(), JWT, resource=world.r1.uri).status_code == 200


def revoke(legate: Legate, body: object, token: str | None = None) -> requests.Response:
    endpoint = legate.metadata["global_token_revocation_endpoint"]
    assert endpoint == f"{legate.issuer}/global-token-revocation"
    bearer = {"Authorization": f"Bearer {token or legate.operator_token()}"}
    return legate.http.post(endpoint, json=body, headers=bearer, timeout=20)


def iss_sub(provider: IdentityProvider, subject: str) -> dict:
    return {"sub_id": {"format": "iss_sub", "iss": provider.issuer, "sub": subject}}


def test_REV_17_global_token_revocation(world: World, registry: Registry, legate: Legate, user: User):
    assert legate.metadata["global_token_revocation_endpoint_auth_methods_supported"] == ["Bearer"]
    token = user.delegated()
    bystander = world.user().delegated()
    assert legate.post("/global-token-revocation").status_code == 401
    reader = registry.operator("revocations:read").token(resource=f"{legate.issuer}/admin")
    assert revoke(legate, iss_sub(world.idp, user.name), reader).status_code == 403
    assert world.rs1.sees(token)
    desk = registry.operator("revocations:write").token(resource=f"{legate.issuer}/admin")
    answer = revoke(legate, iss_sub(world.idp, user.name), desk)
    assert (answer.status_code, answer.content) == (204, b"")
    assert not world.rs1.sees(token)
    assert world.rs1.sees(bystander)
    assert revoke(legate, iss_sub(world.idp, user.name)).status_code == 204
    next_second()
    assert world.ag1.exchange(user.id_token(), JWT, resource=world.r1.uri).status_code == 400
    assert [r["delegating_user"] for r in legate.audit(subject=user.sub) if r["event"] == "revocation.created"][0]


def test_REV_17_unknown_subject_is_not_found(world: World, legate: Legate):
    assert revoke(legate, iss_sub(world.idp, unique("nobody"))).status_code == 404
    stranger = IdentityProvider(legate, "x", "https://x.example.org", world.idp.key)
    assert revoke(legate, iss_sub(stranger, "alice")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"sub_id": "alice"},
        {"sub_id": {}},
        {"sub_id": {"format": "email", "email": "alice@example.com"}},
        {"sub_id": {"format": "opaque", "id": "alice"}},
        {"sub_id": {"format": "iss_sub", "iss": "https://x.example.org"}},
        {"sub_id": {"format": "iss_sub", "iss": "https://x.example.org", "sub": 7}},
        {"sub_id": {"format": "iss_sub", "iss": "https://x.example.org", "sub": "a"}, "more": 1},
    ],
    ids=json.dumps,
)
def test_REV_17_malformed_is_refused(body: object, legate: Legate):
    answer = revoke(legate, body)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"
