"""An MCP server that knows nothing of tokens, behind nginx, as Docs/Gateways/MCP.md sets it up."""

import asyncio
import json
import sys

import httpx2
import pytest
from mcp.client import Client as McpClient
from mcp.client.auth import OAuthTokenError
from mcp.client.streamable_http import streamable_http_client

from gateways import kit
from gateways.contract import Expiry, FailingClosed, Gate, RevocationAtOnce, Stage
from jose import claims_of
from server import free_port
from test_mcp import Memory, call, causes, with_secret

SCOPES = ("tools:call", "tools:admin")
WHOAMI = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}}
MCP_HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


class McpGate(Gate):
    """The gate of an MCP server: a call is a message, and what it tells is the text of the answer."""

    def call(self, token, method="POST", path="/mcp", message=None, headers=None, **options):
        if method == "POST":
            options.setdefault("data", json.dumps(message or WHOAMI))
        return super().call(token, method, path, headers={**MCP_HEADERS, **(headers or {})}, **options)

    def passed(self, token, *arguments, **options) -> str:
        answer = self.call(token, *arguments, **options)
        assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
        return answer.json()["result"]["content"][0]["text"]


@pytest.fixture(scope="module")
def gate(binary, tmp_path_factory):
    stage = Stage(binary, tmp_path_factory.mktemp("mcp"), "MCP.md", resource="http://127.0.0.1:PORT/mcp", scopes=SCOPES)
    calculator = None
    try:
        port = free_port()
        server = stage.directory / "server.py"
        server.write_text(stage.document.file("/srv/calculator/server.py", {"port=9000": f"port={port}"}))
        calculator = kit.Gateway(port, [sys.executable, str(server)], stage.directory, FASTMCP_CHECK_FOR_UPDATES="off")
        credentials = stage.directory / "legate-gateway"
        credentials.write_text(f'proxy_set_header Legate-Gateway-Authorization "Basic {stage.basic("mcp-edge")}";\n')
        site = stage.document.file(
            "/etc/nginx/conf.d/calculator.conf",
            {
                "server 127.0.0.1:8080;": f"server 127.0.0.1:{stage.legate.port};",
                "server 127.0.0.1:9000;": f"server 127.0.0.1:{port};",
                "listen 8000;": f"listen 127.0.0.1:{stage.port};",
                "/etc/nginx/legate-gateway": str(credentials),
            },
        )
        stage.gateway = kit.nginx(stage.directory, stage.port, site)
        yield McpGate(stage)
    finally:
        if calculator is not None:
            calculator.stop()
        stage.stop()


class TestMcp(Expiry, RevocationAtOnce, FailingClosed):
    """What any gate must do, message by message."""


def test_a_client_that_knows_the_url_only_gets_in(gate):
    stage, memory = gate.stage, Memory()
    agent = stage.registry.agent(stage.resource)
    credentials = with_secret(stage.legate, agent, stage.resource.uri, memory)
    assert asyncio.run(call(stage.resource.uri, credentials, (2, 3), (20, 22))) == [5, 42]
    claims = claims_of(memory.tokens.access_token)
    assert (claims["aud"], claims["client_id"]) == (stage.resource.uri, agent.id)


def test_the_server_learns_on_whose_behalf(gate):
    token, _ = gate.stage.delegated()
    assert gate.passed(token) == claims_of(token)["sub"]
    assert gate.passed(gate.stage.token(), headers={"X-Auth-Subject": "root"}) == gate.stage.agent.id
    assert gate.passed(token, headers={"Host": "mcp.example.com"}) == claims_of(token)["sub"]


def test_a_tool_that_needs_more_says_so(gate):
    message = {**WHOAMI, "params": {"name": "reset", "arguments": {}}}
    assert "tools:admin" in gate.passed(gate.stage.token(scope="tools:call"), message=message)
    assert gate.passed(gate.stage.token(scope="tools:call tools:admin"), message=message) == "done"


def test_who_does_not_get_in(gate):
    stage = gate.stage
    token = stage.token()
    for credential, status in (
        (None, 401),
        ("garbage", 401),
        (token[:-8] + "AAAAAAAA", 401),
        (stage.token(resource=stage.other), 401),
        (stage.token(scope="tools:admin"), 403),
    ):
        answer = gate.refused(credential, status)
        assert "resource_metadata=" in answer.headers["WWW-Authenticate"]
    gate.refused(token, 405, method="GET")
    gate.refused(token, 404, path="/other")


def test_the_metadata_of_the_server_is_where_clients_look(gate):
    document = gate.call(None, "GET", "/.well-known/oauth-protected-resource/mcp").json()
    assert (document["resource"], document["authorization_servers"]) == (
        gate.stage.resource.uri,
        [gate.stage.legate.issuer],
    )


def test_a_conversation_ends_when_its_client_is_disabled(gate):
    stage = gate.stage
    agent = stage.registry.agent(stage.resource)
    url = stage.resource.uri

    async def talk() -> None:
        credentials = with_secret(stage.legate, agent, url, Memory())
        async with httpx2.AsyncClient(auth=credentials, timeout=10) as http:
            async with McpClient(streamable_http_client(url, http_client=http)) as client:
                assert (await client.call_tool("add", {"a": 2, "b": 3})).content[0].text == "5"
                answer = await asyncio.to_thread(
                    stage.legate.admin, "PATCH", f"/clients/{agent.id}", {"enabled": False}
                )
                assert answer.status_code == 200
                await client.call_tool("add", {"a": 2, "b": 3})
                pytest.fail("the call was answered")

    with pytest.raises(BaseException) as refusal:
        asyncio.run(talk())
    assert any(isinstance(cause, OAuthTokenError) for cause in causes(refusal.value)), causes(refusal.value)
