"""nginx with `auth_request`, as Docs/Gateways/nginx.md sets it up."""

import pytest

from gateways import kit
from gateways.contract import FailingClosed, Gate, Gatekeeping, RevocationAtOnce, Stage
from gateways.possession import BoundToKey, RequiringKeys, WithNonces


@pytest.fixture(scope="module")
def gate(binary, tmp_path_factory):
    stage = Stage(binary, tmp_path_factory.mktemp("nginx"), "nginx.md")
    try:
        credentials = stage.directory / "legate-gateway"
        credentials.write_text(f'proxy_set_header Legate-Gateway-Authorization "Basic {stage.basic("edge")}";\n')
        site = stage.document.file(
            "/etc/nginx/conf.d/orders.conf",
            {
                "server 127.0.0.1:8080;": f"server 127.0.0.1:{stage.legate.port};",
                "server 127.0.0.1:9000;": f"server {stage.upstream.address};",
                "listen 8000;": f"listen 127.0.0.1:{stage.port};",
                "/etc/nginx/legate-gateway": str(credentials),
            },
        )
        stage.gateway = kit.nginx(stage.directory, stage.port, site)
        yield Gate(stage)
    finally:
        stage.stop()


class TestNginx(Gatekeeping, RevocationAtOnce, BoundToKey, WithNonces, RequiringKeys, FailingClosed):
    # Debian's nginx hands on the first of two headers.
    sees_second_proof = False

    def test_a_call_that_writes_needs_another_scope(self, gate):
        gate.refused(gate.stage.token(scope="orders:read"), 403, method="POST")
        gate.passed(gate.stage.token(scope="orders:write"), "POST")

    def test_the_check_is_not_for_agents(self, gate):
        assert gate.call(gate.stage.token(), path="/legate-check").status_code == 404

    def test_the_metadata_of_the_resource_is_served(self, gate):
        document = gate.call(None, path="/.well-known/oauth-protected-resource").json()
        assert document["resource"] == gate.stage.resource.uri

    def test_an_unavailable_legate_is_a_reason_to_come_again(self, gate):
        token = gate.stage.token()
        with gate.stage.without_legate():
            assert gate.refused(token, 503).headers["Retry-After"] == "1"

    def test_the_audit_trail_names_the_call(self, gate):
        gate.passed(gate.stage.token(), path="/v1/orders/7?secret=1", headers={"X-Original-URI": "/other"})
        gate.refused("garbage", path="/v1/orders/8")
        seen = {(record["decision"], record["api_endpoint"]) for record in gate.stage.legate.audit()}
        assert {("allow", "GET /v1/orders/7"), ("deny", "GET /v1/orders/8")} <= seen
