"""Caddy with `forward_auth`, as Docs/Gateways/Caddy.md sets it up."""

import pytest

from checks import bearer_challenge
from gateways import kit
from gateways.contract import FailingClosed, Gate, Gatekeeping, RevocationAtOnce, Stage
from gateways.possession import BoundToKey, RequiringKeys, WithNonces


@pytest.fixture(scope="module")
def gate(binary, tmp_path_factory):
    stage = Stage(binary, tmp_path_factory.mktemp("caddy"), "Caddy.md")
    try:
        site = stage.document.file(
            "/etc/caddy/Caddyfile",
            {
                "orders.example.com {": f"http://127.0.0.1:{stage.port} {{",
                "127.0.0.1:8080": f"127.0.0.1:{stage.legate.port}",
                "127.0.0.1:9000": stage.upstream.address,
            },
        )
        stage.gateway = kit.caddy(stage.directory, stage.port, site, LEGATE_GATEWAY=stage.basic("edge"))
        yield Gate(stage)
    finally:
        stage.stop()


class TestCaddy(Gatekeeping, RevocationAtOnce, BoundToKey, WithNonces, RequiringKeys, FailingClosed):
    def test_a_call_that_writes_needs_another_scope(self, gate):
        gate.refused(gate.stage.token(scope="orders:read"), 403, method="POST")
        gate.passed(gate.stage.token(scope="orders:write"), "POST")

    def test_the_refusal_is_the_one_of_legate(self, gate):
        answer = gate.refused("garbage")
        bearer_challenge(answer, 401, "invalid_token")
        assert answer.json()["error"] == "invalid_token"
        assert answer.headers["Cache-Control"] == "no-store"

    def test_no_header_of_the_family_comes_from_the_agent(self, gate):
        told = gate.passed(gate.stage.token(), headers={"X-Auth-Tenant": "root", "X_Auth_Tenant": "root"})
        assert not any("tenant" in name for name in told), told

    def test_the_metadata_of_the_resource_is_served(self, gate):
        document = gate.call(None, path="/.well-known/oauth-protected-resource").json()
        assert document["resource"] == gate.stage.resource.uri

    def test_the_audit_trail_names_the_call(self, gate):
        gate.passed(gate.stage.token(), path="/v1/orders/7?secret=1", headers={"X-Original-URI": "/other"})
        gate.refused("garbage", path="/v1/orders/8")
        seen = {(record["decision"], record["api_endpoint"]) for record in gate.stage.legate.audit()}
        assert {("allow", "GET /v1/orders/7"), ("deny", "GET /v1/orders/8")} <= seen
