"""requests-oauthlib and oauthlib as client."""

import pytest
from oauthlib.oauth2 import BackendApplicationClient, InvalidClientError, InvalidScopeError
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from jose import claims_of


@pytest.fixture(autouse=True)
def http_on_loopback(monkeypatch):
    """oauthlib insists on https even on loopback."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")


def session(client, scope: list[str] | None = None) -> OAuth2Session:
    made = OAuth2Session(client=BackendApplicationClient(client_id=client.id, scope=scope))
    made.trust_env = False
    return made


def test_client_credentials_with_basic(legate, world):
    with session(world.cb) as oauth:
        token = oauth.fetch_token(f"{legate.base}/token", auth=HTTPBasicAuth(*world.cb.basic), resource=world.r1.uri)
    assert claims_of(token["access_token"])["aud"] == world.r1.uri
    assert set(token["scope"]) == {"a:read", "a:write"}


def test_client_credentials_with_the_secret_in_the_body(legate, world):
    with session(world.cb, ["a:read"]) as oauth:
        token = oauth.fetch_token(
            f"{legate.base}/token",
            client_secret=world.cb.secret,
            include_client_id=True,
            resource=world.r1.uri,
        )
    assert claims_of(token["access_token"])["scope"] == "a:read"


def test_token_opens_the_api(legate, registry):
    auditor = registry.operator("audit:read")
    with session(auditor) as oauth:
        oauth.fetch_token(f"{legate.base}/token", auth=HTTPBasicAuth(*auditor.basic))
        assert oauth.get(f"{legate.base}/admin/audit?limit=1", timeout=5).status_code == 200
        assert oauth.get(f"{legate.base}/admin/clients", timeout=5).status_code == 403


def test_refusals_become_its_own_exceptions(legate, registry, world):
    client = registry.agent(world.r1)
    with session(client) as oauth, pytest.raises(InvalidClientError):
        oauth.fetch_token(f"{legate.base}/token", auth=HTTPBasicAuth(client.id, "wrong"))
    with session(client, ["a:read", "nothing"]) as oauth, pytest.raises(InvalidScopeError):
        oauth.fetch_token(f"{legate.base}/token", auth=HTTPBasicAuth(*client.basic))
