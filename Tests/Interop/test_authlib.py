"""Authlib as client: tokens by every method it has, introspection, revocation.

It has no client for DPoP (RFC 9449). Its sessions can be taught another type of token; its own JOSE makes the proofs.
"""

import hashlib
import json
import secrets
import time
import warnings

import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Auth, OAuth2Session
from authlib.oauth2.rfc7523 import ClientSecretJWT, PrivateKeyJWT
from joserfc.jwk import ECKey, OctKey

from actors import Registry
from jose import Key, b64, claims_of

with warnings.catch_warnings():
    # It gives way to joserfc, which others of these tests use; as long as it is there it is one more implementation.
    warnings.simplefilter("ignore")
    from authlib.jose import JsonWebKey, JsonWebSignature


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


# DPoP


class Prover:
    """A key, its proofs, and the last nonce of its server."""

    def __init__(self):
        self.key = JsonWebKey.generate_key("EC", "P-256", is_private=True)
        self.nonce: str | None = None

    def proof(self, method: str, url: str, token: str | None = None) -> str:
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self.key.as_dict(is_private=False)}
        header["jwk"].pop("kid", None)
        claims = {"jti": secrets.token_urlsafe(16), "htm": method, "htu": url.partition("?")[0]}
        claims["iat"] = int(time.time())
        if self.nonce is not None:
            claims["nonce"] = self.nonce
        if token is not None:
            claims["ath"] = b64(hashlib.sha256(token.encode()).digest())
        made = JsonWebSignature(["ES256"]).serialize_compact(header, json.dumps(claims).encode(), self.key)
        return made.decode()

    def learn(self, answer):
        self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
        return answer


class ProvenToken(OAuth2Auth):
    """A token of the type DPoP, which Authlib does not know, with a proof for the call."""

    def __call__(self, request):
        token = self.token["access_token"]
        request.headers["Authorization"] = f"DPoP {token}"
        request.headers["DPoP"] = self.client.prover.proof(request.method, request.url, token)
        return request


class ProvingSession(OAuth2Session):
    token_auth_class = ProvenToken

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.trust_env = False
        self.prover = Prover()
        self.register_compliance_hook("access_token_response", self.prover.learn)


def test_a_bound_token_with_proofs_of_authlibs_own_jose(make_legate):
    """On a server that wants nonces of everybody: each first try is answered with one, and the second is good."""
    legate = make_legate(flags=("--dpop-nonce", "required")).start()
    operator = Registry(legate).operator("clients:read", dpop_bound=True)
    endpoint, resource = legate.metadata["token_endpoint"], f"{legate.issuer}/admin"
    with ProvingSession(operator.id, operator.secret) as authlib:

        def fetch():
            headers = {"Accept": "application/json", "DPoP": authlib.prover.proof("POST", endpoint)}
            return authlib.fetch_token(endpoint, grant_type="client_credentials", resource=resource, headers=headers)

        with pytest.raises(OAuthError) as refusal:
            fetch()
        assert refusal.value.error == "use_dpop_nonce" and authlib.prover.nonce
        token = fetch()
        assert token["token_type"] == "DPoP"
        assert claims_of(token["access_token"])["cnf"] == {"jkt": authlib.prover.key.thumbprint()}

        url = f"{legate.issuer}/admin/clients?limit=1"
        authlib.prover.nonce = None
        asked = authlib.prover.learn(authlib.get(url, timeout=10))
        assert asked.status_code == 401 and "use_dpop_nonce" in asked.headers["WWW-Authenticate"]
        answer = authlib.get(url, timeout=10)
        assert answer.status_code == 200 and len(answer.json()["items"]) == 1
        # As a bearer token, and with the proof of another key, it is worth nothing.
        plain = legate.get("/admin/clients", headers={"Authorization": f"Bearer {token['access_token']}"})
        assert plain.status_code == 401
        authlib.prover.key = Prover().key
        assert authlib.get(url, timeout=10).status_code == 401
