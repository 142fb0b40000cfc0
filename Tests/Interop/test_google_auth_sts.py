"""google-auth's STS client, which speaks RFC 8693, against `/token`."""

import pytest
import requests
from google.auth.exceptions import OAuthError
from google.auth.transport.requests import Request
from google.oauth2 import sts
from google.oauth2.utils import ClientAuthentication, ClientAuthType

from actors import ACCESS_TOKEN, JWT, TOKEN_EXCHANGE
from jose import claims_of


@pytest.fixture
def transport():
    with requests.Session() as session:
        session.trust_env = False
        yield Request(session)


def client_of(legate, client, kind: ClientAuthType = ClientAuthType.basic) -> sts.Client:
    return sts.Client(f"{legate.base}/token", ClientAuthentication(kind, client.id, client.secret))


@pytest.mark.parametrize("kind", [ClientAuthType.basic, ClientAuthType.request_body], ids=["basic", "body"])
def test_users_token_is_exchanged(legate, world, transport, kind):
    user = world.user()
    answer = client_of(legate, world.ag1, kind).exchange_token(
        transport,
        TOKEN_EXCHANGE,
        user.id_token(),
        JWT,
        resource=world.r1.uri,
        scopes=["a:read"],
        requested_token_type=ACCESS_TOKEN,
    )
    assert answer["issued_token_type"] == ACCESS_TOKEN and answer["token_type"] == "Bearer"
    claims = claims_of(answer["access_token"])
    assert claims["sub"] == user.sub and claims["act"] == {"sub": world.ag1.id} and claims["scope"] == "a:read"


def test_actor_token_and_audience(legate, world, transport):
    user = world.user()
    first = user.delegated()
    answer = client_of(legate, world.ag2).exchange_token(
        transport,
        TOKEN_EXCHANGE,
        first,
        ACCESS_TOKEN,
        audience=world.r2.name,
        scopes=["a:read"],
        actor_token=world.ag2.token(resource=world.r2.uri),
        actor_token_type=ACCESS_TOKEN,
    )
    claims = claims_of(answer["access_token"])
    assert claims["aud"] == world.r2.uri
    assert claims["act"] == {"sub": world.ag2.id, "act": {"sub": world.ag1.id}}


def test_refusal_is_understood(legate, world, transport):
    with pytest.raises(OAuthError, match="invalid_request"):
        client_of(legate, world.ag1).exchange_token(
            transport, TOKEN_EXCHANGE, world.idp.token("stranger"), JWT, resource=world.r1.uri
        )


def test_revocation(legate, world, transport):
    token = world.user().delegated()
    client_of(legate, world.ag1).revoke_token(transport, token, "access_token", f"{legate.base}/revoke")
    assert not world.rs1.sees(token)
