"""Caddy that ends TLS and hands the client's certificate to `/check`, as Docs/Gateways/Caddy.md sets it up."""

import pytest

from gateways import kit
from gateways.certificates import BoundToCertificate, TLSGate, mutual_tls
from gateways.contract import Stage


@pytest.fixture(scope="module")
def gate(binary, tmp_path_factory):
    stage = Stage(binary, tmp_path_factory.mktemp("caddy-tls"), "Caddy.md", tls=True, flags=mutual_tls())
    authority = stage.authority
    try:
        site = stage.document.file(
            "/etc/caddy/orders-tls.Caddyfile",
            {
                "orders.example.com {": f"https://localhost:{stage.port} {{",
                "tls {": f"tls {authority.certificate} {authority.certificate_key} {{",
                # Here Legate itself serves TLS.
                "forward_auth 127.0.0.1:8080": f"forward_auth {stage.legate.issuer}",
                "transport http {": f"transport http {{\n                tls_trust_pool file {authority.file}",
                "127.0.0.1:9000": stage.upstream.address,
            },
        )
        site = "{\n    auto_https disable_redirects\n}\n" + site
        stage.gateway = kit.caddy(stage.directory, stage.port, site, LEGATE_GATEWAY=stage.basic("edge"))
        stage.legate.cli("client", "update", "edge", "--forwards-certificates")
        yield TLSGate(stage)
    finally:
        stage.stop()


class TestCaddyWithCertificates(BoundToCertificate):
    pass
