"""nginx that ends TLS and hands the client's certificate to `/check`, as Docs/Gateways/nginx.md sets it up."""

import pytest

from gateways import kit
from gateways.certificates import BoundToCertificate, CertificateHolder, TLSGate, mutual_tls
from gateways.contract import Stage


@pytest.fixture(scope="module")
def gate(binary, tmp_path_factory):
    stage = Stage(binary, tmp_path_factory.mktemp("nginx-tls"), "nginx.md", tls=True, flags=mutual_tls())
    try:
        credentials = stage.directory / "legate-gateway"
        credentials.write_text(f'proxy_set_header Legate-Gateway-Authorization "Basic {stage.basic("edge")}";\n')
        site = stage.document.file(
            "/etc/nginx/conf.d/orders-tls.conf",
            {
                "server 127.0.0.1:8080;": f"server 127.0.0.1:{stage.legate.port};",
                # Here Legate itself serves TLS.
                "proxy_pass http://legate_for_certificates": "proxy_pass https://legate_for_certificates",
                "http://127.0.0.1:9000": f"http://{stage.upstream.address}",
                "listen 8443 ssl;": f"listen 127.0.0.1:{stage.port} ssl;",
                "/etc/nginx/orders.pem": str(stage.authority.certificate),
                "/etc/nginx/orders.key": str(stage.authority.certificate_key),
                "/etc/nginx/legate-gateway": str(credentials),
            },
        )
        stage.gateway = kit.nginx(stage.directory, stage.port, site)
        stage.legate.cli("client", "update", "edge", "--forwards-certificates")
        yield TLSGate(stage)
    finally:
        stage.stop()


class TestNginxWithCertificates(BoundToCertificate):
    def test_a_gateway_that_is_not_registered_for_it_is_not_believed(self, gate):
        holder = CertificateHolder(gate.stage)
        token = holder.token()
        gate.by(holder).passed(token)
        for forwards, then in ((False, gate.by(holder).refused), (True, gate.by(holder).passed)):
            answer = gate.stage.legate.admin("PATCH", "/clients/edge", {"forwards_certificates": forwards})
            assert answer.status_code == 200, answer.text
            then(token)

    def test_where_a_certificate_is_required_a_token_that_anyone_may_carry_is_refused(self, gate):
        stage = gate.stage
        token = stage.token()
        gate.by(None).passed(token)
        answer = stage.legate.admin("PATCH", f"/resources/{stage.resource.name}", {"require_certificate": True})
        assert answer.status_code == 200, answer.text
        try:
            gate.by(None).refused(token)
        finally:
            stage.legate.admin("PATCH", f"/resources/{stage.resource.name}", {"require_certificate": False})
        gate.by(None).passed(token)
