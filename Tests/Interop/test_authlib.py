"""Authlib as client: tokens by every method it has, introspection, revocation."""

import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import ClientSecretJWT, PrivateKeyJWT
from joserfc.jwk import ECKey, OctKey

from jose import Key, claims_of


def session(client, **options) -> OAuth2Session:
    made = OAuth2Session(client.id, options.pop("secret", client.secret), **options)
    made.trust_env = False
    return made


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_client_credentials_with_a_secret(legate, world, method):
    with session(world.cb, token_endpoint_auth_method=method) as authlib:
        token = authlib.fetch_token(
            legate.metadata["token_endpoint"],
            grant_type="client_credentials",
            resource=world.r1.uri,
            scope="a:read",
        )
    assert token["token_type"] == "Bearer" and token["expires_in"] == 300
    claims = claims_of(token["access_token"])
    assert claims["aud"] == world.r1.uri and claims["scope"] == "a:read"


def test_client_credentials_with_private_key_jwt(legate, world):
    """Authlib signs for an hour, and takes the audience from its caller: ours is the issuer."""
    key = ECKey.import_key(world.cj.key.pem())
    with session(world.cj, secret=key, token_endpoint_auth_method="private_key_jwt") as authlib:
        method = PrivateKeyJWT(legate.issuer, headers={"kid": world.cj.key.kid}, alg="ES256")
        authlib.register_client_auth_method(method)
        url = legate.metadata["token_endpoint"]
        token = authlib.fetch_token(url, grant_type="client_credentials", resource=world.r1.uri)
    assert claims_of(token["access_token"])["client_id"] == world.cj.id


def test_private_key_jwt_addressed_to_the_token_endpoint_is_refused(legate, registry, world):
    client = registry.agent(world.r1, key=Key.make("ES256"))
    key = ECKey.import_key(client.key.pem())
    with session(client, secret=key, token_endpoint_auth_method="private_key_jwt") as authlib:
        authlib.register_client_auth_method(PrivateKeyJWT(alg="ES256"))  # Its default audience: the token endpoint.
        with pytest.raises(OAuthError) as refusal:
            authlib.fetch_token(legate.metadata["token_endpoint"], grant_type="client_credentials")
    assert refusal.value.error == "invalid_client"


def test_client_secret_jwt_is_refused(legate, registry, world):
    client = registry.agent(world.r1)
    secret = OctKey.import_key(client.secret)
    with session(client, secret=secret, token_endpoint_auth_method="client_secret_jwt") as authlib:
        authlib.register_client_auth_method(ClientSecretJWT(legate.issuer))
        with pytest.raises(OAuthError) as refusal:
            authlib.fetch_token(legate.metadata["token_endpoint"], grant_type="client_credentials")
    assert refusal.value.error == "invalid_client"
    assert "client_secret_jwt" not in legate.metadata["token_endpoint_auth_methods_supported"]


def test_refusal_is_understood(legate, world):
    with session(world.cb) as authlib:
        with pytest.raises(OAuthError) as refusal:
            authlib.fetch_token(
                legate.metadata["token_endpoint"],
                grant_type="client_credentials",
                resource=world.r1.uri,
                scope="a:read nothing:like:it",
            )
    assert refusal.value.error == "invalid_scope" and refusal.value.description


def test_token_exchange(legate, world):
    user = world.user()
    with session(world.ag1) as authlib:
        token = authlib.fetch_token(
            legate.metadata["token_endpoint"],
            grant_type="urn:ietf:params:oauth:grant-type:token-exchange",
            subject_token=user.id_token(),
            subject_token_type="urn:ietf:params:oauth:token-type:jwt",
            resource=world.r1.uri,
        )
    assert claims_of(token["access_token"])["act"] == {"sub": world.ag1.id}
    assert token["issued_token_type"] == "urn:ietf:params:oauth:token-type:access_token"


def test_introspection_and_revocation(legate, world):
    metadata = legate.metadata
    token = world.cb.token(resource=world.r1.uri)
    with session(world.rs1) as server, session(world.cb) as client:
        answer = server.introspect_token(metadata["introspection_endpoint"], token=token).json()
        assert answer["active"] is True and answer["client_id"] == world.cb.id
        revoked = client.revoke_token(
            metadata["revocation_endpoint"], token=token, token_type_hint="access_token", auth=client.client_auth(None)
        )
        assert revoked.status_code == 200
        answer = server.introspect_token(metadata["introspection_endpoint"], token=token).json()
        assert answer == {"active": False}
