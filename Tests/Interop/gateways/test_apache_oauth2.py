"""Apache with mod_oauth2 as a resource server, as Docs/Gateways/Apache.md sets it up."""

import pytest

from gateways import kit
from gateways.contract import FailingClosed, Gate, Gatekeeping, RevocationAtOnce, Stage
from gateways.test_apache_openidc import PAGE, secret_file, site


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
            legate = {"http://127.0.0.1:8080": stage.legate.issuer}
            text = site(stage, "orders-oauth2.conf", {**legate, **secret_file(stage)})
            modules = ["oauth2", "headers", "proxy", "proxy_http"]
            stage.gateway = kit.apache(stage.open_directory(), stage.port, modules, text)
            yield Gate(stage)
        finally:
            stage.stop()
