"""The MCP Python SDK on both sides: a protected server, and clients that find Legate from its 401.

The server publishes RFC 9728 metadata that names Legate. The clients know their own credentials and the server's URL,
nothing else: authorization server, token endpoint, resource and scope are all discovered.
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import jwt
import pytest
import requests
import uvicorn
from mcp.client import Client as McpClient
from mcp.client.auth import OAuthTokenError
from mcp.client.auth.extensions.client_credentials import (
    ClientCredentialsOAuthProvider,
    PrivateKeyJWTOAuthProvider,
    SignedJWTParameters,
)
from mcp.client.streamable_http import streamable_http_client
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from mcp.shared.auth import OAuthClientInformationFull, OAuthMetadata, OAuthToken, ProtectedResourceMetadata

from actors import Client, Resource, unique
from jose import Key, claims_of
from server import Legate, free_port

SCOPE = "tools:call"


class KeySetVerifier:
    """Verifies a token by itself, with the published keys."""

    def __init__(self, legate: Legate, resource: str):
        self._legate, self._resource = legate, resource
        self._keys = jwt.PyJWKClient(legate.metadata["jwks_uri"])

    async def verify_token(self, token: str) -> AccessToken | None:
        try:
            key = await asyncio.to_thread(self._keys.get_signing_key_from_jwt, token)
            claims = jwt.decode(token, key, ["ES256"], audience=self._resource, issuer=self._legate.issuer)
        except (jwt.PyJWTError, jwt.PyJWKClientError):
            return None
        return access_token(token, claims)


class IntrospectionVerifier:
    """Asks Legate about each token, so that it notices a revocation at once."""

    def __init__(self, resource_server: Client):
        self._resource_server = resource_server

    async def verify_token(self, token: str) -> AccessToken | None:
        answer = await asyncio.to_thread(self._resource_server.introspect, token)
        claims = answer.json() if answer.status_code == 200 else {}
        return access_token(token, claims) if claims.get("active") is True else None


def access_token(token: str, claims: dict) -> AccessToken:
    return AccessToken(
        token=token,
        client_id=claims["client_id"],
        scopes=claims.get("scope", "").split(),
        expires_at=claims["exp"],
        resource=claims["aud"],
        subject=claims["sub"],
        claims=claims,
    )


class Memory:
    """Where an MCP client keeps its tokens."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        pass


@contextmanager
def mcp_server(legate: Legate, url: str, verifier) -> Iterator[None]:
    """An MCP server with one tool, `add`, for whoever holds a token with the scope."""
    server = MCPServer(
        "calculator",
        token_verifier=verifier,
        auth=AuthSettings(
            issuer_url=legate.issuer,
            resource_server_url=url,
            required_scopes=[SCOPE],
            validate_token_resource=True,
        ),
    )

    @server.tool()
    def add(a: int, b: int) -> int:
        return a + b

    app = server.streamable_http_app(stateless_http=True, json_response=True)
    port = int(url.split(":")[2].split("/")[0])
    runner = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=runner.run, daemon=True)
    thread.start()
    end = time.monotonic() + 10
    while not runner.started:
        assert thread.is_alive() and time.monotonic() < end, "the MCP server did not start"
        time.sleep(0.02)
    try:
        yield
    finally:
        runner.should_exit = True
        thread.join(timeout=10)


@pytest.fixture
def url() -> str:
    return f"http://127.0.0.1:{free_port()}/mcp"


@pytest.fixture
def resource(registry, url) -> Resource:
    return registry.resource("mcp", (SCOPE,), resource=url, kind="mcp")


async def call(url: str, provider, *sums: tuple[int, int]) -> list[int]:
    """Calls `add` for each pair, as a client with these credentials."""
    async with httpx2.AsyncClient(auth=provider, timeout=10) as http:
        async with McpClient(streamable_http_client(url, http_client=http)) as client:
            results = [await client.call_tool("add", {"a": a, "b": b}) for a, b in sums]
            return [int(result.content[0].text) for result in results]


def with_secret(legate: Legate, client: Client, url: str, memory: Memory, method: str = "client_secret_basic"):
    return ClientCredentialsOAuthProvider(
        server_url=url,
        storage=memory,
        client_id=client.id,
        client_secret=client.secret,
        token_endpoint_auth_method=method,
        issuer=legate.issuer,
    )


def causes(error: BaseException) -> list[BaseException]:
    """The leaves of an exception, which the SDK's task groups wrap."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in causes(inner)]
    return [error]


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_client_with_a_secret_gets_in(legate, registry, url, resource, method):
    agent, memory = registry.agent(resource), Memory()
    with mcp_server(legate, url, KeySetVerifier(legate, url)):
        refusal = requests.post(url, json={}, timeout=5)
        assert refusal.status_code == 401 and "resource_metadata=" in refusal.headers["WWW-Authenticate"]
        assert asyncio.run(call(url, with_secret(legate, agent, url, memory, method), (2, 3), (20, 22))) == [5, 42]
    claims = claims_of(memory.tokens.access_token)
    assert claims["aud"] == url and claims["scope"] == SCOPE and claims["client_id"] == agent.id


def test_client_with_a_key_gets_in(legate, registry, url, resource):
    agent, memory = registry.agent(resource, key=Key.make("ES256")), Memory()
    assertions = SignedJWTParameters(
        issuer=agent.id, subject=agent.id, signing_key=agent.key.pem(), signing_algorithm="ES256"
    )
    provider = PrivateKeyJWTOAuthProvider(
        server_url=url,
        storage=memory,
        client_id=agent.id,
        assertion_provider=assertions.create_assertion_provider(),
        issuer=legate.issuer,
    )
    with mcp_server(legate, url, KeySetVerifier(legate, url)):
        assert asyncio.run(call(url, provider, (2, 3))) == [5]
    assert claims_of(memory.tokens.access_token)["aud"] == url


def test_wrong_credentials_do_not(legate, registry, url, resource):
    agent = registry.agent(resource)
    agent.secret = "wrong"
    with mcp_server(legate, url, KeySetVerifier(legate, url)):
        with pytest.raises(BaseException) as refusal:
            asyncio.run(call(url, with_secret(legate, agent, url, Memory()), (2, 3)))
    assert any(isinstance(cause, OAuthTokenError) for cause in causes(refusal.value)), causes(refusal.value)


def test_token_for_another_resource_does_not(legate, registry, world, url, resource):
    token = world.cb.token(resource=world.r1.uri)
    with mcp_server(legate, url, KeySetVerifier(legate, url)):
        answer = requests.post(url, json={}, headers={"Authorization": f"Bearer {token}"}, timeout=5)
    assert answer.status_code == 401


def test_revoked_client_is_refused_at_once(legate, registry, url, resource):
    """The variant that introspects: the token is dead at its next use, and there is no new one."""
    agent, memory = registry.agent(resource), Memory()
    with mcp_server(legate, url, IntrospectionVerifier(registry.resource_server(resource))):
        provider = with_secret(legate, agent, url, memory)
        assert asyncio.run(call(url, provider, (2, 3))) == [5]
        token = memory.tokens.access_token
        assert legate.admin("PATCH", f"/clients/{agent.id}", {"enabled": False}).status_code == 200
        stale = requests.post(url, json={}, headers={"Authorization": f"Bearer {token}"}, timeout=5)
        assert stale.status_code == 401
        with pytest.raises(BaseException) as refusal:
            asyncio.run(call(url, with_secret(legate, agent, url, memory), (2, 3)))
    assert any(isinstance(cause, OAuthTokenError) for cause in causes(refusal.value)), causes(refusal.value)


def test_revoked_token_is_refused_and_replaced(legate, registry, url, resource):
    agent, memory = registry.agent(resource), Memory()
    with mcp_server(legate, url, IntrospectionVerifier(registry.resource_server(resource))):
        assert asyncio.run(call(url, with_secret(legate, agent, url, memory), (2, 3))) == [5]
        token = memory.tokens.access_token
        assert agent.revoke(token).status_code == 200
        stale = requests.post(url, json={}, headers={"Authorization": f"Bearer {token}"}, timeout=5)
        assert stale.status_code == 401
        # The SDK takes the 401 as its cue, and the client, which was not revoked, gets another token.
        assert asyncio.run(call(url, with_secret(legate, agent, url, memory), (4, 5))) == [9]
        assert claims_of(memory.tokens.access_token)["jti"] != claims_of(token)["jti"]


def test_ready_made_resource_document_is_one_the_sdk_understands(legate, registry):
    uri = f"https://{unique('mcp')}.example.com/mcp"
    name = registry.resource("mcp", (SCOPE,), resource=uri, kind="mcp").name
    document = ProtectedResourceMetadata.model_validate(
        legate.get(f"/resources/{name}/oauth-protected-resource").json()
    )
    assert str(document.resource) == uri
    assert [str(server) for server in document.authorization_servers] == [legate.issuer]
    metadata = OAuthMetadata.model_validate(legate.metadata)
    assert str(metadata.issuer) == legate.issuer
