"""Apache with mod_oauth2 as a resource server, as Docs/Gateways/Apache.md sets it up: three kinds of tokens."""

import pytest

from gateways import kit
from gateways.certificates import BoundToCertificate, TLSGate, mutual_tls
from gateways.contract import FailingClosed, Gate, Gatekeeping, RevocationAtOnce, Stage
from gateways.possession import BoundToKey, Holder
from gateways.test_apache_openidc import PAGE, secret_file, site

MODULES = ["oauth2", "headers", "proxy", "proxy_http"]


def started(stage: Stage, name: str, changes: dict[str, str], *modules: str, port: int = 8000) -> Stage:
    legate = {"http://127.0.0.1:8080": stage.legate.issuer}
    text = site(stage, name, {**legate, **secret_file(stage), **changes}, port)
    stage.gateway = kit.apache(stage.open_directory(), stage.port, [*modules, *MODULES], text)
    return stage


class TestOAuth2(Gatekeeping, RevocationAtOnce, FailingClosed):
    subject_header = "oauth2_claim_sub"
    delegation_header = "oauth2_claim_delegation_id"
    scope_status = 401
    explains_scope = False

    @pytest.fixture(scope="class")
    @classmethod
    def gate(cls, binary, tmp_path_factory):
        stage = Stage(binary, tmp_path_factory.mktemp("apache-oauth2"), PAGE)
        try:
            yield Gate(started(stage, "orders-oauth2.conf", {}))
        finally:
            stage.stop()

    def test_a_token_that_is_bound_is_refused_for_nobody_would_ask_for_the_proof(self, gate):
        holder = Holder(gate.stage)
        token = holder.token()
        gate.refused(token)
        gate.refused(None, headers=holder.headers(token))


class TestOAuth2WithKeys(BoundToKey):
    """What Debian's module leaves out stands on the page."""

    subject_header = "oauth2_claim_sub"
    checks_token = False
    required = ("iat",)
    algorithms = ("ES256", "PS256")

    @pytest.fixture(scope="class")
    @classmethod
    def gate(cls, binary, tmp_path_factory):
        stage = Stage(binary, tmp_path_factory.mktemp("apache-dpop"), PAGE)
        try:
            yield Gate(started(stage, "orders-dpop.conf", {}, "allowmethods"))
        finally:
            stage.stop()

    def test_a_token_that_anyone_may_carry_is_refused(self, gate):
        gate.refused(gate.stage.token())

    def test_a_method_that_the_module_does_not_know_is_refused_before_it(self, gate):
        holder = Holder(gate.stage)
        gate.refused(None, 405, method="PATCH", headers=holder.headers(holder.token(), "PATCH"))


class TestOAuth2WithCertificates(BoundToCertificate):
    takes_bearer = False

    @pytest.fixture(scope="class")
    @classmethod
    def gate(cls, binary, tmp_path_factory):
        stage = Stage(binary, tmp_path_factory.mktemp("apache-mtls"), PAGE, tls=True, flags=mutual_tls())
        try:
            changes = {
                "/etc/ssl/certs/orders.pem": str(stage.authority.certificate),
                "/etc/ssl/private/orders.key": str(stage.authority.certificate_key),
                # A Legate with TLS, and an authority that the system does not know.
                "introspect.auth=": "introspect.ssl_verify=false&introspect.auth=",
            }
            yield TLSGate(started(stage, "orders-mtls.conf", changes, "ssl", port=8443))
        finally:
            stage.stop()
