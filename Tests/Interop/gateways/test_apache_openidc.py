"""Apache with mod_auth_openidc as a resource server, as Docs/Gateways/Apache.md sets it up: asking, and not asking."""

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateways import kit
from gateways.certificates import CertificateHolder, mutual_tls
from gateways.contract import FailingClosed, Gate, Gatekeeping, RevocationAtOnce, Stage, victim
from gateways.possession import Holder
from jose import decode

PAGE = "Apache.md"
MODULES = ["auth_openidc", "headers", "proxy", "proxy_http"]


def site(stage: Stage, name: str, changes: dict[str, str], port: int = 8000) -> str:
    return stage.document.file(
        f"/etc/apache2/sites-available/{name}",
        {
            f"Listen {port}": f"Listen 127.0.0.1:{stage.port}",
            f"*:{port}": f"127.0.0.1:{stage.port}",
            "127.0.0.1:9000": stage.upstream.address,
            "https://auth.example.com": stage.legate.issuer,
            **changes,
        },
    )


def authority(stage: Stage) -> dict[str, str]:
    """The certificates that mod_auth_openidc trusts, where the server's own user can read them."""
    file = shutil.copy(stage.authority.file, stage.open_directory())
    return {"/etc/ssl/certs/ca-certificates.crt": str(file)}


def secret_file(stage: Stage) -> dict[str, str]:
    """The included file with the client's secret."""
    file = stage.directory / "legate-secret.conf"
    file.write_text(f"Define LEGATE_SECRET {stage.secrets['orders-apache']}\n")
    return {"/etc/apache2/legate-secret.conf": str(file)}


def test_the_page_enables_what_the_tests_load():
    enabled = re.findall(r"^a2enmod (.*)$", (kit.DOCUMENTS / PAGE).read_text(), re.M)
    oauth2 = {"oauth2", *MODULES[1:]}
    assert [set(line.split()) for line in enabled] == [
        set(MODULES), oauth2, set(MODULES), oauth2 | {"allowmethods"}, oauth2 | {"ssl"},
    ]  # fmt: skip


class RefusingBound:
    """The module does not look at `cnf`, the page does."""

    def test_a_token_that_is_bound_is_refused_for_nobody_would_ask_for_the_proof(self, gate):
        holder, certified = Holder(gate.stage), CertificateHolder(gate.stage)
        for token in (holder.token(), certified.token()):
            gate.refused(token, 401, 403)
        gate.refused(None, 401, 403, headers=holder.headers(holder.token()))
        gate.passed(gate.stage.token())


class TestByIntrospection(Gatekeeping, RevocationAtOnce, RefusingBound, FailingClosed):
    subject_header = "oidc_claim_sub"
    delegation_header = "oidc_claim_delegation_id"
    explains_scope = False

    @pytest.fixture(scope="class")
    @classmethod
    def gate(cls, binary, tmp_path_factory):
        stage = Stage(
            binary, tmp_path_factory.mktemp("apache-introspection"), PAGE, tls=True, flags=mutual_tls()
        )
        try:
            text = site(stage, "orders.conf", {**secret_file(stage), **authority(stage)})
            stage.gateway = kit.apache(stage.open_directory(), stage.port, MODULES, text)
            yield Gate(stage)
        finally:
            stage.stop()


@contextmanager
def offline(binary: Path, directory: Path) -> Iterator[Gate]:
    stage = Stage(binary, directory, PAGE, tls=True, flags=mutual_tls())
    try:
        yield Gate(stage)
    finally:
        stage.stop()


def start_offline(gate: Gate) -> None:
    issuer = {r"https://auth\.example\.com": gate.stage.legate.issuer.replace(".", r"\.")}
    text = site(gate.stage, "orders-offline.conf", {**issuer, **authority(gate.stage)})
    gate.stage.gateway = kit.apache(gate.stage.open_directory(), gate.stage.port, MODULES, text)


class TestByPublishedKeys(Gatekeeping, RefusingBound):
    subject_header = "oidc_claim_sub"
    delegation_header = "oidc_claim_delegation_id"
    explains_scope = False
    # Apache compares whole seconds, and lets the last one pass.
    rounding = 1.1

    @pytest.fixture(scope="class")
    @classmethod
    def gate(cls, binary, tmp_path_factory):
        with offline(binary, tmp_path_factory.mktemp("apache-keys")) as gate:
            start_offline(gate)
            yield gate

    @pytest.mark.parametrize("kind", ["token", "delegation", "client", "task"])
    def test_what_is_revoked_works_until_it_expires_as_the_page_says(self, gate, kind):
        marked = victim(gate.stage, kind)
        gate.stage.revoke(marked.kind, marked.name)
        gate.passed(marked.token)

    def test_the_lifetime_of_a_token_is_the_bound(self, gate):
        token = gate.stage.token(gate.stage.new_agent(token_ttl=2))
        gate.stage.revoke("token", decode(token)[1]["jti"])
        time.sleep(max(0, decode(token)[1]["exp"] + self.rounding - time.time()))
        gate.refused(token)

    def test_a_key_made_after_the_start_is_found(self, gate):
        answer = gate.stage.legate.admin("POST", "/keys/rotate")
        assert answer.status_code in (200, 201), answer.text
        gate.passed(gate.stage.token())


def test_without_keys_and_without_legate_nothing_passes(binary, tmp_path):
    with offline(binary, tmp_path) as gate:
        token = gate.stage.token()
        with gate.stage.without_legate():
            start_offline(gate)
            gate.refused(token)
        gate.passed(token)
        with gate.stage.without_legate():
            # Apache holds the keys now, and the page says so.
            gate.passed(token)
