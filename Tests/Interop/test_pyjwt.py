"""PyJWT as resource server: `PyJWKClient` finds the key, `decode` verifies an RFC 9068 token."""

import jwt
import pytest

from actors import Registry, World
from jose import Key, decode


@pytest.fixture
def keys(legate) -> jwt.PyJWKClient:
    return jwt.PyJWKClient(legate.metadata["jwks_uri"], cooldown_duration=0)


def verified(keys: jwt.PyJWKClient, token: str, **options) -> dict:
    key = keys.get_signing_key_from_jwt(token)
    required = ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"]
    return jwt.decode(token, key, algorithms=[key.algorithm_name], options={"require": required}, **options)


@pytest.mark.parametrize("alg", ["ES256", "RS256"])
def test_token_verifies(legate, registry, keys, alg):
    resource = registry.resource(signing_alg=alg)
    token = registry.agent(resource).token(scope="a:read")
    claims = verified(keys, token, issuer=legate.issuer, audience=resource.uri)
    assert claims["scope"] == "a:read"
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"
    assert jwt.get_unverified_header(token)["alg"] == alg


def test_wrong_audience_and_issuer_are_noticed(legate, world, keys):
    token = world.cb.token(resource=world.r1.uri)
    with pytest.raises(jwt.InvalidAudienceError):
        verified(keys, token, issuer=legate.issuer, audience=world.r2.uri)
    with pytest.raises(jwt.InvalidIssuerError):
        verified(keys, token, issuer=f"{legate.issuer}/", audience=world.r1.uri)


def test_key_set_is_fetched_once(legate, world, keys, monkeypatch):
    fetched, fetch = [], keys.fetch_data
    monkeypatch.setattr(keys, "fetch_data", lambda: fetched.append(1) or fetch())
    for _ in range(5):
        verified(keys, world.cb.token(resource=world.r1.uri), issuer=legate.issuer, audience=world.r1.uri)
    assert len(fetched) == 1


def test_kid_leads_to_exactly_one_key(legate, world, keys):
    token = world.cb.token(resource=world.r1.uri)
    header, claims = decode(token)
    assert keys.get_signing_key_from_jwt(token).key_id == header["kid"]
    with pytest.raises(jwt.PyJWKClientError):
        keys.get_signing_key_from_jwt(Key.make("ES256", kid="nobody").sign(claims))
    forged = Key.make("ES256", kid=header["kid"]).sign(claims, {"typ": "at+jwt"})
    with pytest.raises(jwt.InvalidSignatureError):
        verified(keys, forged, issuer=legate.issuer, audience=world.r1.uri)


def test_rotation_surprises_nobody(own_legate):
    """Who fetched the key set before a rotation goes on with it: the new key signs only when caches have seen it."""
    world = World(Registry(own_legate))
    early, late = (jwt.PyJWKClient(own_legate.metadata["jwks_uri"]) for _ in range(2))
    old = world.cb.token(resource=world.r1.uri)
    verified(early, old, issuer=own_legate.issuer, audience=world.r1.uri)
    assert own_legate.admin("POST", "/keys/rotate", {}).status_code in (200, 201)
    new = world.cb.token(resource=world.r1.uri)
    for keys in (early, late):
        for token in (old, new):
            verified(keys, token, issuer=own_legate.issuer, audience=world.r1.uri)
    assert len(late.get_signing_keys()) > len(early.get_signing_keys())
