"""An API that verifies its tokens itself with `LegateGateway`, as Docs/Gateways/Swift.md sets it up."""

import signal
import time

import pytest
import requests

from checks import bearer_challenge, challenge
from gateways import kit
from gateways.contract import Expiry, Gate, Stage
from gateways.following import RevocationSoon, until
from jose import Key, decode, hs256, unsigned


class SwiftGate(Gate):
    """The API itself is asked; it answers who called."""

    def call(self, token, method="GET", path="/", **options) -> requests.Response:
        return super().call(token, method, path, **options)

    def passed(self, token, *arguments, **options) -> dict:
        answer = self.call(token, *arguments, **options)
        assert answer.status_code == 200, f"{answer.status_code} {answer.text}\n{self.stage.gateway.log()}"
        return answer.json()


@pytest.fixture(scope="module")
def gate(binary, tmp_path_factory):
    example = binary.parent / "GatewayExample"
    assert example.is_file(), "swift build --product GatewayExample"
    stage = Stage(binary, tmp_path_factory.mktemp("swift"), "Swift.md")
    try:
        stage.gateway = kit.Gateway(
            stage.port,
            [
                str(example), "--issuer", stage.legate.issuer, "--resource", stage.resource.uri,
                "--listen", f"127.0.0.1:{stage.port}", "--scope", "orders:read", "--fail-closed-after", "4",
            ],
            stage.directory,
            LEGATE_CLIENT_ID="orders-api",
            LEGATE_CLIENT_SECRET=stage.secrets["orders-api"],
        )  # fmt: skip
        gate = SwiftGate(stage)
        until(gate, stage.token(), 200, within=10)
        yield gate
    finally:
        stage.stop()


class TestSwiftGateway(Expiry, RevocationSoon):
    def test_a_good_token_gets_in_and_says_whose_it_is(self, gate):
        token, _ = gate.stage.delegated()
        claims = decode(token)[1]
        told = gate.passed(token)
        assert (told["subject"], told["client"]) == (claims["sub"], gate.stage.agent.id)
        assert told["scopes"] == claims["scope"].split()

    def test_no_token_is_a_challenge(self, gate):
        scheme, parameters = challenge(gate.refused(None))
        assert scheme == "Bearer"
        assert parameters["scope"] == "orders:read" and "error" not in parameters
        document = gate.stage.legate.http.get(parameters["resource_metadata"], timeout=5).json()
        assert document["resource"] == gate.stage.resource.uri

    def test_garbage_is_refused(self, gate):
        token = gate.stage.token()
        header, claims = decode(token)
        head, payload, signature = token.split(".")
        foreign = Key.make("ES256", kid=header["kid"])
        for forged in (
            "garbage",
            "a.b.c",
            f"{head}.{payload}.",
            f"{head}.{payload}.{signature[:-8]}AAAAAAAA",
            unsigned({**header, "alg": "none"}, claims),
            hs256({**header, "alg": "HS256"}, claims, b"secret"),
            foreign.sign({**claims, "sub": "root"}, {"typ": "at+jwt"}),
            Key.make("ES256").sign(claims, {"typ": "at+jwt"}),
        ):
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
