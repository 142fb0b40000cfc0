"""An API that verifies its tokens itself with `LegateGateway`, as Docs/Gateways/Swift.md sets it up."""

import re
import signal
import time

import pytest
import requests

from checks import bearer_challenge, challenge
from gateways import kit
from gateways.contract import RESOURCE, Expiry, Gate, Stage, forgeries
from gateways.following import RevocationSoon, eventually
from gateways.possession import BoundToKey, Holder
from jose import Key, decode


class SwiftGate(Gate):
    """The API itself is asked; it answers who called."""

    def call(self, token, method="GET", path="/v1/orders", **options) -> requests.Response:
        return super().call(token, method, path, **options)

    def passed(self, token, *arguments, **options) -> dict:
        answer = self.call(token, *arguments, **options)
        assert answer.status_code == 200, f"{answer.status_code} {answer.text}\n{self.stage.gateway.log()}"
        return answer.json()


def start(stage: Stage, *options: str) -> SwiftGate:
    """The example as the gateway of the stage, as soon as it has read the feed."""
    example = stage.legate.binary.parent / "GatewayExample"
    assert example.is_file(), "swift build --product GatewayExample"
    stage.gateway = kit.Gateway(
        stage.port,
        [
            str(example), "--issuer", stage.legate.issuer, "--resource", stage.resource.uri,
            "--listen", f"127.0.0.1:{stage.port}", "--scope", "orders:read", "--fail-closed-after", "4", *options,
        ],
        stage.directory,
        LEGATE_CLIENT_ID="orders-api",
        LEGATE_CLIENT_SECRET=stage.secrets["orders-api"],
    )  # fmt: skip
    gate = SwiftGate(stage)
    eventually(lambda: gate.call(None, path="/ready").status_code == 200)
    return gate


@pytest.fixture(scope="module")
def gate(binary, tmp_path_factory):
    stage = Stage(binary, tmp_path_factory.mktemp("swift"), "Swift.md")
    try:
        yield start(stage, "--public-url", RESOURCE)
    finally:
        stage.stop()


class TestSwiftGateway(Expiry, RevocationSoon, BoundToKey):
    def test_the_holder_gets_in_and_the_upstream_sees_neither_token_nor_proof(self, gate):
        """Here the API itself is asked; it says who called."""
        holder = Holder(gate.stage)
        token = holder.token()
        for method, path in (("GET", "/"), ("GET", "/v1/orders/7?full=yes"), ("POST", "/v1/orders")):
            answer = holder.call(gate, token, method, path)
            assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
            assert answer.json()["subject"] == holder.agent.id

    def test_where_dpop_is_required_a_token_that_anyone_may_carry_is_refused(self, binary, tmp_path):
        stage = Stage(binary, tmp_path, "Swift.md")
        try:
            gate, holder = start(stage, "--public-url", RESOURCE, "--require", "dpop"), Holder(stage)
            token = holder.token()
            assert holder.call(gate, token).status_code == 200
            answer = gate.refused(stage.token())
            assert answer.headers["WWW-Authenticate"].startswith('DPoP error="invalid_token"')
            assert gate.refused(None).headers["WWW-Authenticate"].startswith("DPoP ")
        finally:
            stage.stop()

    def test_nonces_are_asked_for_and_handed_out(self, binary, tmp_path):
        stage = Stage(binary, tmp_path, "Swift.md")
        try:
            gate, holder = start(stage, "--public-url", RESOURCE, "--require", "nonce"), Holder(stage)
            token = holder.token()
            first = gate.refused(None, headers=holder.headers(token))
            assert 'error="use_dpop_nonce"' in first.headers["WWW-Authenticate"]
            nonce = first.headers["DPoP-Nonce"]
            gate.refused(None, headers=holder.headers(token, nonce=f"{nonce[:-1]}_"))
            second = gate.call(None, headers=holder.headers(token, nonce=nonce))
            assert second.status_code == 200 and second.headers["DPoP-Nonce"], second.text
            gate.passed(stage.token())
        finally:
            stage.stop()

    def test_a_good_token_gets_in_and_says_whose_it_is(self, gate):
        token, _ = gate.stage.delegated()
        claims = decode(token)[1]
        told = gate.passed(token)
        assert (told["subject"], told["client"]) == (claims["sub"], gate.stage.agent.id)
        assert told["scopes"] == claims["scope"].split()

    def test_no_token_is_a_challenge(self, gate):
        answer = gate.refused(None)
        # Two headers, one for each scheme that would do.
        bearer, dpop = re.split(r", (?=DPoP )", answer.headers["WWW-Authenticate"])
        assert dpop.endswith('algs="ES256 Ed25519 PS256"')
        answer.headers["WWW-Authenticate"] = bearer
        scheme, parameters = challenge(answer)
        assert scheme == "Bearer"
        assert parameters["scope"] == "orders:read" and "error" not in parameters
        document = gate.stage.legate.http.get(parameters["resource_metadata"], timeout=5).json()
        assert document["resource"] == gate.stage.resource.uri

    def test_garbage_is_refused(self, gate):
        token = gate.stage.token()
        _, claims = decode(token)
        for forged in (*forgeries(token, b"secret"), Key.make("ES256").sign(claims, {"typ": "at+jwt"})):
            bearer_challenge(gate.refused(forged), 401, "invalid_token")
        gate.refused(None, headers={"Authorization": f"Basic {token}"})
        gate.refused(None, path=f"/?access_token={token}")

    def test_a_token_for_another_resource_is_refused(self, gate):
        gate.refused(gate.stage.token(resource=gate.stage.other))

    def test_a_token_without_the_scope_is_refused(self, gate):
        answer = gate.refused(gate.stage.token(scope="orders:write"), 403)
        _, parameters = challenge(answer)
        assert (parameters["error"], parameters["scope"]) == ("insufficient_scope", "orders:read")

    def test_it_ends_well(self, gate):
        """Last of all: the stage has no gateway after it."""
        started = time.monotonic()
        gate.stage.gateway.process.send_signal(signal.SIGTERM)
        assert gate.stage.gateway.process.wait(timeout=10) == 0
        assert time.monotonic() - started < 5
