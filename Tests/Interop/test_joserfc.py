"""joserfc as resource server and as signer: key sets, `Ed25519` of RFC 9864, signed introspection."""

import secrets
import time

import pytest
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import ECKey, KeySet, OKPKey
from joserfc.jwt import JWTClaimsRegistry

from actors import JWT_BEARER
from checks import granted
from jose import Key


def key_set(legate) -> KeySet:
    return KeySet.import_key_set(legate.jwks)


@pytest.mark.parametrize("alg", ["ES256", "Ed25519", "RS256"])
def test_token_verifies_against_the_key_set(legate, registry, alg):
    resource = registry.resource(signing_alg=alg)
    token = jwt.decode(registry.agent(resource).token(), key_set(legate), algorithms=[alg])
    assert token.header["typ"] == "at+jwt"
    JWTClaimsRegistry(
        iss={"essential": True, "value": legate.issuer},
        aud={"essential": True, "value": resource.uri},
        exp={"essential": True},
        jti={"essential": True},
    ).validate(token.claims)


def test_changed_token_does_not(legate, world):
    token = world.cb.token(resource=world.r1.uri)
    head, payload, signature = token.split(".")
    with pytest.raises(BadSignatureError):
        jwt.decode(f"{head}.{payload}.{signature[:-8]}AAAAAAAA", key_set(legate), algorithms=["ES256"])


def test_signed_introspection_verifies(legate, world):
    accept = {"Accept": "application/token-introspection+jwt"}
    answer = world.rs1.post("/introspect", {"token": world.cb.token(resource=world.r1.uri)}, headers=accept)
    token = jwt.decode(answer.text, key_set(legate), algorithms=["ES256"])
    assert token.header["typ"] == "token-introspection+jwt"
    assert token.claims["token_introspection"]["active"] is True


@pytest.mark.parametrize("alg, kind", [("ES256", ECKey), ("Ed25519", OKPKey)])
def test_assertion_signed_by_joserfc_authenticates(legate, registry, world, alg, kind):
    client = registry.agent(world.r1, key=Key.make(alg))
    now = int(time.time())
    claims = {"iss": client.id, "sub": client.id, "aud": legate.issuer, "exp": now + 60, "iat": now}
    assertion = jwt.encode(
        {"alg": alg, "kid": client.key.kid, "typ": "client-authentication+jwt"},
        {**claims, "jti": secrets.token_urlsafe(16)},
        kind.import_key(client.key.pem()),
        algorithms=[alg],
    )
    form = {"grant_type": "client_credentials", "client_assertion_type": JWT_BEARER, "client_assertion": assertion}
    granted(legate.post("/token", form))
