"""RI: resource indicators (RFC 8707) and audiences."""

import pytest

from actors import unique
from checks import active, granted, inactive, refused
from jose import claims_of


def test_RI_01_audience_is_the_resource(world):
    assert claims_of(world.cb.token(resource=world.r1.uri))["aud"] == world.r1.uri


def test_RI_02_two_different_resources(world):
    refused(world.cb.ask(resource=[world.r1.uri, world.r2.uri]), "invalid_target")


def test_RI_02_the_same_resource_twice_is_one_resource(world):
    body = granted(world.cb.ask(resource=[world.r1.uri, world.r1.uri]))
    assert claims_of(body["access_token"])["aud"] == world.r1.uri


def test_RI_04_fragment(world):
    refused(world.cb.ask(resource=f"{world.r1.uri}#frag"), "invalid_target")


@pytest.mark.parametrize("resource", ["/relative", "//host/x", "api1", "https://a`b", "https://a b/", "https://", ":"])
def test_RI_05_not_an_absolute_uri(world, resource):
    refused(world.cb.ask(resource=resource), "invalid_target")


@pytest.mark.parametrize("resource", ["http://r.example/", "javascript:alert(1)", "data:,x", "file:///etc/passwd"])
def test_RI_06_other_schemes(legate, world, resource):
    refused(world.cb.ask(resource=resource), "invalid_target")
    body = {"resource": resource, "name": unique("odd"), "scopes": ["a:read"]}
    assert legate.admin("POST", "/resources", body).status_code == 400


def test_RI_06_registered_but_not_granted_or_unknown(world):
    for resource in (world.r3.uri, world.r9):
        refused(world.cb.ask(resource=resource), "invalid_target")


@pytest.mark.parametrize("change", ["slash", "case of the host", "port", "query"])
def test_RI_06_resources_are_compared_byte_by_byte(world, change):
    uri = {
        "slash": f"{world.r1.uri}/",
        "case of the host": world.r1.uri.replace("example.com", "EXAMPLE.com"),
        "port": world.r1.uri.replace("example.com", "example.com:443"),
        "query": f"{world.r1.uri}?x=1",
    }[change]
    refused(world.cb.ask(resource=uri), "invalid_target")


def test_RI_08_empty_is_absent(registry):
    resource = registry.resource()
    assert claims_of(registry.agent(resource).token(resource=""))["aud"] == resource.uri


def test_RI_09_a_thousand_resources(world):
    answer = world.cb.ask(resource=[f"https://r{number}.example.com/" for number in range(1000)])
    refused(answer, "invalid_target", "invalid_request")
    assert answer.elapsed.total_seconds() < 2


def test_RI_09_one_of_100_kilobytes(world):
    answer = world.cb.ask(resource="https://r.example.com/" + "x" * 100_000)
    assert answer.status_code == 413 or refused(answer, "invalid_target", "invalid_request")
    assert answer.elapsed.total_seconds() < 2


def test_RI_16_another_resource_server_sees_nothing(world):
    token = world.cb.token(resource=world.r1.uri)
    active(world.rs1.introspect(token))
    inactive(world.rs2.introspect(token))


@pytest.mark.parametrize("path", ["/mcp", ":8443/tenant/mcp", "", "/mcp/"])
def test_RI_18_mcp_uris_are_kept_as_they_are(registry, path):
    uri = f"https://{unique('mcp')}.example.com{path}"
    resource = registry.resource("mcp", ("tools:call",), resource=uri, kind="mcp")
    client = registry.client(resources=[uri], scopes=("tools:call",))
    assert claims_of(client.token(resource=uri))["aud"] == uri
    assert resource.name
