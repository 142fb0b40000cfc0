"""What every gateway must do with tokens that are bound to a key or a certificate, whatever its name."""

import hashlib
import secrets
import time
from typing import Any, ClassVar

import requests

from actors import Client
from gateways.contract import RESOURCE, Gate, Stage
from jose import Key, b64, decode, thumbprint

MEMBERS = ("kty", "crv", "x", "y", "n", "e")


def accepted(send, sign) -> requests.Response:
    """The answer to a request with a proof; with the nonce that the first answer asked for, if it did."""
    answer = send(sign(None))
    if answer.status_code in (400, 401) and "DPoP-Nonce" in answer.headers:
        answer = send(sign(answer.headers["DPoP-Nonce"]))
    return answer


class Holder:
    """An agent that holds a key, gets tokens that are bound to it, and signs each of its calls (RFC 9449)."""

    # Where agents reach the API: what a proof has to name, whatever address the gateway of a test has.
    base: str = RESOURCE

    def __init__(self, stage: Stage, alg: str = "ES256", agent: Client | None = None, base: str = RESOURCE):
        self.stage = stage
        self.key = Key.make(alg)
        self.agent = agent or stage.new_agent(dpop_bound=True)
        self.base = base

    @property
    def jwk(self) -> dict:
        return {name: value for name, value in self.key.jwk().items() if name in MEMBERS}

    def proof(self, method: str, url: str, token: str | None = None, header: dict | None = None, **changes: Any) -> str:
        """A good proof, with changes; a change to None takes the claim away."""
        claims = {"jti": secrets.token_urlsafe(16), "htm": method, "htu": url, "iat": int(time.time())}
        if token is not None:
            claims["ath"] = b64(hashlib.sha256(token.encode()).digest())
        claims = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        return self.key.sign(claims, {"typ": "dpop+jwt", "kid": None, "jwk": self.jwk, **(header or {})})

    def token(self, **form: Any) -> str:
        """A token that is bound to the key."""
        url = f"{self.stage.legate.issuer}/token"
        body = {"grant_type": "client_credentials", "resource": self.stage.resource.uri, **form}
        answer = accepted(
            lambda proof: self.agent.post("/token", body, headers={"DPoP": proof}),
            lambda nonce: self.proof("POST", url, nonce=nonce),
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["token_type"] == "DPoP"
        token = answer.json()["access_token"]
        assert decode(token)[1]["cnf"] == {"jkt": thumbprint(self.jwk)}
        return token

    def headers(self, token: str, method: str = "GET", path: str = "/v1/orders", **changes: Any) -> dict[str, str]:
        """What a good call has beside everything else."""
        proof = self.proof(method, self.base + path, token, **changes)
        return {"Authorization": f"DPoP {token}", "DPoP": proof}

    def call(self, gate: Gate, token: str, method: str = "GET", path: str = "/v1/orders", **options: Any):
        """A call with its proof, made again when the gateway asks for a nonce."""
        extra = options.pop("headers", {})
        return accepted(
            lambda headers: gate.call(None, method, path, headers={**extra, **headers}, **options),
            lambda nonce: self.headers(token, method, path.split("?")[0], nonce=nonce),
        )


class BoundToKey:
    """Only the holder of the key gets in, once with each proof, and only for the call that the proof was made for."""

    # What the upstream learns the subject from.
    subject_header: ClassVar[str] = "x-auth-subject"
    # Whether a proof of one token is refused with another that is bound to the same key.
    checks_token: ClassVar[bool] = True
    # Whether a second `DPoP` header is seen at all.
    sees_second_proof: ClassVar[bool] = True
    # Claims without which a proof is refused.
    required: ClassVar[tuple[str, ...]] = ("jti", "iat", "htm", "htu", "ath")
    algorithms: ClassVar[tuple[str, ...]] = ("ES256", "Ed25519", "PS256")

    def holder(self, gate: Gate) -> Holder:
        return Holder(gate.stage)

    def test_the_holder_gets_in_and_the_upstream_sees_neither_token_nor_proof(self, gate):
        holder = self.holder(gate)
        token = holder.token()
        for method, path in (("GET", "/v1/orders"), ("GET", "/v1/orders/7?full=yes"), ("POST", "/v1/orders")):
            answer = holder.call(gate, token, method, path)
            assert answer.status_code == 200, f"{answer.status_code} {answer.text}\n{gate.stage.gateway.log()[-4000:]}"
            assert (answer.json()["method"], answer.json()["path"]) == (method, path)
            told = {name: value for name, value in answer.json()["headers"]}
            assert told[self.subject_header] == holder.agent.id
            assert "authorization" not in told and "dpop" not in told
            assert token not in answer.text

    def test_each_algorithm_for_proofs_will_do(self, gate):
        for alg in self.algorithms:
            holder = Holder(gate.stage, alg)
            answer = holder.call(gate, holder.token())
            assert answer.status_code == 200, f"{alg}: {answer.status_code} {answer.text}"

    def test_a_stolen_token_is_worth_nothing(self, gate):
        holder, thief = self.holder(gate), Holder(gate.stage)
        token = holder.token()
        gate.refused(token)
        gate.refused(None, headers={"Authorization": f"DPoP {token}"})
        gate.refused(token, headers={"DPoP": holder.headers(token)["DPoP"]})
        gate.refused(None, headers=thief.headers(token))
        assert holder.call(gate, token).status_code == 200

    def test_a_stolen_call_is_worth_nothing_elsewhere(self, gate):
        holder = self.holder(gate)
        token, other = holder.token(), holder.token()
        assert holder.call(gate, token).status_code == 200
        seen = holder.headers(token)
        gate.refused(None, method="POST", headers=seen)
        gate.refused(None, path="/v1/orders/8", headers=seen)
        if self.checks_token:
            gate.refused(None, headers={**seen, "Authorization": f"DPoP {other}"})
        for claims in (
            {"htu": "https://evil.example/v1/orders"},
            {"htu": "/v1/orders"},
            {"htm": "POST"},
            {"iat": int(time.time()) - 300},
            {"iat": int(time.time()) + 300},
            *({claim: None} for claim in self.required),
        ):
            gate.refused(None, headers=holder.headers(token, **claims))

    def test_the_call_is_not_what_the_agent_says_it_is(self, gate):
        """A proof that a thief got from somewhere else, and headers that say the call is that one."""
        holder = self.holder(gate)
        token = holder.token()
        assert holder.call(gate, token).status_code == 200
        lies = {
            "X-Forwarded-Method": "DELETE",
            "X-Original-Method": "DELETE",
            "X-Forwarded-Uri": "/v1/other",
            "X-Original-URI": "/v1/other",
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-Proto": "http",
            "X-Forwarded-Port": "8443",
            "Forwarded": "host=evil.example;proto=http",
        }
        for method, url in (
            ("DELETE", f"{holder.base}/v1/orders"),
            ("GET", f"{holder.base}/v1/other"),
            ("GET", "https://evil.example/v1/orders"),
            ("GET", f"{holder.base.replace('https', 'http')}/v1/orders"),
        ):
            headers = {"Authorization": f"DPoP {token}", "DPoP": holder.proof(method, url, token)}
            gate.refused(None, 400, 401, headers={**lies, **headers})
        proof, before = holder.proof("GET", "https://evil.example/v1/orders", token), gate.stage.upstream.calls
        headers = {"Host": "evil.example", "Authorization": f"DPoP {token}", "DPoP": proof}
        answer = gate.call(None, headers=headers)
        # A gateway may have nothing to say to those who want another host.
        assert answer.status_code != 200 or answer.content == b""
        assert gate.stage.upstream.calls == before
        assert holder.call(gate, token, headers=lies).status_code == 200

    def test_a_proof_is_used_once(self, gate):
        holder = self.holder(gate)
        token = holder.token()
        assert holder.call(gate, token).status_code == 200
        headers = holder.headers(token)
        # Whoever has just started wants a nonce.
        answer = gate.call(None, headers=headers)
        if "DPoP-Nonce" in answer.headers:
            headers = holder.headers(token, nonce=answer.headers["DPoP-Nonce"])
            answer = gate.call(None, headers=headers)
        assert answer.status_code == 200, answer.text
        gate.refused(None, headers=headers)

    def test_two_proofs_are_refused(self, gate):
        holder = self.holder(gate)
        token = holder.token()
        good, other = holder.headers(token), holder.headers(token)
        gate.refused(None, headers={**good, "DPoP": f"{good['DPoP']}, {other['DPoP']}"})
        if self.sees_second_proof:
            answer = gate.twice(good, ("DPoP", other["DPoP"]))
            assert answer.startswith(b"HTTP/1.1 401 "), answer[:200]

    def test_a_token_that_is_bound_to_nothing_is_no_good_as_dpop(self, gate):
        holder = self.holder(gate)
        token = gate.stage.token()
        gate.refused(None, headers=holder.headers(token))

    def test_a_revoked_token_is_refused_though_its_holder_proves_the_key(self, gate):
        holder = self.holder(gate)
        token = holder.token()
        assert holder.call(gate, token).status_code == 200
        gate.stage.revoke("token", decode(token)[1]["jti"])
        gate.refused(None, headers=holder.headers(token))


class WithNonces:
    """A gateway that hands Legate's nonces to the agent (RFC 9449 section 9)."""

    def test_a_nonce_is_asked_for_and_handed_on(self, gate):
        stage = gate.stage
        holder = Holder(stage)
        token = holder.token()
        set_on_resource(stage, dpop_nonce=True)
        try:
            first = gate.refused(None, headers=holder.headers(token))
            assert 'error="use_dpop_nonce"' in first.headers["WWW-Authenticate"]
            nonce = first.headers["DPoP-Nonce"]
            gate.refused(None, headers=holder.headers(token, nonce=f"{nonce[:-1]}_"))
            second = gate.call(None, headers=holder.headers(token, nonce=nonce))
            assert second.status_code == 200, second.text
            assert second.headers["DPoP-Nonce"]
            told = {name for name, _ in second.json()["headers"]}
            assert not any("nonce" in name for name in told), told
        finally:
            set_on_resource(stage, dpop_nonce=False)


class RequiringKeys:
    """A resource that takes tokens that are bound to a key, and no others."""

    def test_a_token_that_anyone_may_carry_is_refused_where_proof_is_required(self, gate):
        stage = gate.stage
        token, holder = stage.token(), Holder(stage)
        bound = holder.token()
        gate.passed(token)
        set_on_resource(stage, require_dpop=True)
        try:
            gate.refused(token)
            assert holder.call(gate, bound).status_code == 200
        finally:
            set_on_resource(stage, require_dpop=False)
        gate.passed(token)


def set_on_resource(stage: Stage, **members: Any) -> None:
    answer = stage.legate.admin("PATCH", f"/resources/{stage.resource.name}", members)
    assert answer.status_code == 200, answer.text
