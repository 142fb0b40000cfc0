"""DPoP (RFC 9449) with a client that others wrote, requests_oauth2client: it makes its own keys and proofs, and answers
`use_dpop_nonce` by itself. Then Legate's own command line, and forward authentication."""

import json
import subprocess
import time

import pytest
import requests
from requests_oauth2client import DPoPKey, DPoPToken, OAuth2Client, OAuth2ClientCredentialsAuth

from actors import Registry, unique
from checks import refused
from dpop import Holder, dpop_challenge, gateway_basic
from jose import claims_of


def client_of(legate, client, **options) -> OAuth2Client:
    metadata = legate.metadata
    return OAuth2Client(
        token_endpoint=metadata["token_endpoint"],
        introspection_endpoint=metadata["introspection_endpoint"],
        issuer=legate.issuer,
        client_id=client.id,
        client_secret=client.secret,
        testing=True,  # Plain HTTP, on loopback.
        **options,
    )


@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "PS256"])
def test_a_client_of_others_gets_a_bound_token(legate, world, alg):
    client = client_of(legate, world.cb, dpop_alg=alg)
    token = client.client_credentials(scope="a:read", resource=world.r1.uri, dpop=True)
    assert isinstance(token, DPoPToken)
    assert claims_of(token.access_token)["cnf"]["jkt"] == token.dpop_key.dpop_jkt
    seen = world.rs1.introspect(token.access_token).json()
    assert seen["active"] is True and seen["token_type"] == "DPoP"


@pytest.mark.parametrize("nonce", ["optional", "required"])
def test_a_client_of_others_uses_the_admin_api(make_legate, nonce):
    """The client's own `requests` authentication: a proof for each call, nonces taken up as they come."""
    legate = make_legate(flags=("--dpop-nonce", nonce)).start()
    operator = Registry(legate).operator("clients:read")
    auth = OAuth2ClientCredentialsAuth(client_of(legate, operator), dpop=True)
    with requests.Session() as session:
        session.trust_env = False
        for _ in range(3):
            answer = session.get(f"{legate.base}/admin/clients?limit=1", auth=auth, timeout=10)
            assert answer.status_code == 200, answer.text
    used = legate.audit(event="token.issued")
    assert any((record["policy_evaluation"].get("reason") or "").startswith("bound to the key ") for record in used)


def test_a_client_of_others_starts_with_a_nonce(own_legate):
    """The first request after a start is answered with a nonce, and the client goes on by itself."""
    client = Registry(own_legate)
    agent = client.agent(client.resource())
    key = DPoPKey.generate()
    assert key.as_nonce is None
    token = client_of(own_legate, agent).client_credentials(dpop=True, dpop_key=key)
    assert key.as_nonce and claims_of(token.access_token)["cnf"]["jkt"] == key.dpop_jkt


# The vault and the feed


def test_the_vault_and_the_feed_want_the_proof(legate, registry):
    vault, feed = f"{legate.issuer}/vault", f"{legate.issuer}/revocations"
    reader = Holder(registry.client("reader", resources=[vault], scopes=("secrets:read", "secrets:write")))
    token = reader.token(resource=vault)
    assert reader.call(token, "GET", "/vault/secrets").status_code == 200
    dpop_challenge(legate.get("/vault/secrets", headers={"Authorization": f"Bearer {token}"}), "invalid_token")
    follower = Holder(registry.client("feed", kind="gateway", resources=[feed], scopes=("revocations:read",)))
    token = follower.token(resource=feed)
    assert follower.call(token, "GET", "/revocations?after=0").status_code == 200
    dpop_challenge(legate.get("/revocations", headers={"Authorization": f"Bearer {token}"}), "invalid_token")
    misused = [record for record in legate.audit() if record["event"] == "token.misused"]
    assert [record["decision"] for record in misused[-2:]] == ["deny", "deny"]
    assert [record["api_endpoint"] for record in misused[-2:]] == ["GET /vault/secrets", "GET /revocations"]
    assert misused[-1]["client_id"] == follower.client.id


# Forward authentication


class Gateway:
    """Asks at /check as a gateway does that its operator has set up well."""

    def __init__(self, registry, **members):
        self.legate = registry.legate
        self.resource = registry.resource(**members)
        self.client = registry.gateway(self.resource)
        self.holder = Holder(registry.agent(self.resource))
        self.token = self.holder.token()
        self.origin = self.resource.uri.removesuffix("/v1")

    def ask(self, *, known: bool = True, method: str = "POST", target: str = "/v1/orders?x=1", scheme: str = "DPoP",
            forwarded: dict | None = None, proof: str | None = None, url: str | None = None):  # fmt: skip
        answer = None
        for _ in range(2):
            made = self.holder.proof(method, url or self.origin + target, self.token)
            headers = {
                "Authorization": f"{scheme} {self.token}",
                "DPoP": proof or made,
                "X-Forwarded-Method": method,
                "X-Forwarded-Uri": target,
                **(forwarded or {}),
            }
            if known:
                headers["Legate-Gateway-Authorization"] = gateway_basic(self.client)
            answer = self.legate.get("/check", params={"resource": self.resource.name}, headers=headers)
            if proof or not self.holder.learn(answer):
                return answer
        return answer


def test_check_with_a_proof_for_the_call(registry):
    gateway = Gateway(registry)
    assert gateway.ask().status_code == 204
    assert gateway.ask(method="DELETE", target="/v1/orders/7").status_code == 204
    record = gateway.legate.audit(event="check.allowed", client_id=gateway.holder.client.id)[-1]
    assert record["policy_evaluation"]["reason"] == f"bound to the key {gateway.holder.thumbprint}"


def test_check_refuses_what_is_not_the_call(registry):
    gateway = Gateway(registry)
    dpop_challenge(gateway.ask(url=gateway.origin + "/v1/other"), "invalid_dpop_proof")
    dpop_challenge(gateway.ask(url="https://evil.example.com/v1/orders"), "invalid_dpop_proof")
    dpop_challenge(gateway.ask(scheme="Bearer"), "invalid_token")
    # What an agent writes into headers that the gateway did not overwrite.
    for forwarded in ({"X-Original-URI": "/v1/other"}, {"X-Original-Method": "GET"}):
        refused(gateway.ask(forwarded=forwarded), "invalid_request")
    for forwarded in ({"X-Forwarded-Host": "evil.example.com"}, {"X-Forwarded-Proto": "http"}):
        assert gateway.ask(forwarded=forwarded).status_code == 204
    denied = gateway.legate.audit(event="check.denied", client_id=gateway.holder.client.id)
    assert {"dpop_proof", "dpop_binding", "forwarded_target"} <= {r["policy_evaluation"]["rule"] for r in denied}


def test_check_believes_only_a_gateway_that_proves_itself(registry):
    gateway = Gateway(registry)
    dpop_challenge(gateway.ask(known=False), "invalid_dpop_proof")
    # The resource's own URI can be proved to anyone, with the method of the question.
    proof = gateway.holder.proof("GET", gateway.resource.uri, gateway.token)
    assert gateway.ask(known=False, proof=proof).status_code == 204
    dpop_challenge(gateway.ask(known=False, proof=proof), "invalid_dpop_proof")


def test_check_with_nonces(registry):
    gateway = Gateway(registry, dpop_nonce=True)
    gateway.holder.nonce = None
    proof = gateway.holder.proof("POST", gateway.origin + "/v1/orders", gateway.token)
    answer = gateway.ask(proof=proof)
    dpop_challenge(answer, "use_dpop_nonce")
    assert gateway.holder.learn(answer)
    answer = gateway.ask()
    assert answer.status_code == 204 and answer.headers["DPoP-Nonce"]


def test_check_where_binding_is_demanded(registry):
    gateway = Gateway(registry, require_dpop=True)
    assert gateway.ask().status_code == 204
    answer = gateway.legate.get("/check", params={"resource": gateway.resource.name})
    dpop_challenge(answer, None)


# The command line


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "proof.pem"
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path], check=True
    )
    return path


def test_token_issue_with_a_key(own_legate, tmp_path, key_file):
    """Right after a start, so the command has to take up a nonce."""
    registry = Registry(own_legate)
    resource = registry.resource()
    client = registry.agent(resource, dpop_bound=True)
    secret = tmp_path / "secret"
    secret.write_text(client.secret)
    arguments = ("token", "issue", "--client", client.id, "--secret-file", str(secret))
    answer = own_legate.cli(*arguments, "--dpop-key", str(key_file))
    assert answer["token_type"] == "DPoP"
    assert claims_of(answer["access_token"])["cnf"]["jkt"]
    run = own_legate.run(*arguments)
    assert run.returncode == 1 and "DPoP proof" in run.stderr
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("x")
    run = own_legate.run(*arguments, "--dpop-key", str(garbage))
    assert run.returncode == 1 and "P-256" in run.stderr


@pytest.mark.parametrize("nonce", ["optional", "required"])
def test_an_operator_whose_tokens_are_bound(make_legate, tmp_path, key_file, nonce):
    """A profile with `dpop_key`: every command proves the key with each call."""
    legate = make_legate(flags=("--dpop-nonce", nonce)).start()
    operator = Registry(legate).operator("clients:read", "clients:write", "audit:read", dpop_bound=True)
    profile = tmp_path / "profile.json"
    document = {
        "server": legate.base, "client_id": operator.id, "client_secret": operator.secret, "dpop_key": str(key_file),
    }  # fmt: skip
    profile.write_text(json.dumps(document))
    environment = {"LEGATE_PROFILE": str(profile)}
    name = unique("made")
    legate.cli("client", "create", name, "--id", name, "--dpop-bound", environment=environment)
    assert legate.cli("client", "show", name, environment=environment)["dpop_bound"] is True
    legate.cli("client", "update", name, "--no-dpop-bound", environment=environment)
    assert legate.cli("client", "show", name, environment=environment)["dpop_bound"] is False
    del document["dpop_key"]
    profile.write_text(json.dumps(document))
    assert legate.run("client", "show", name, environment=environment).returncode == 1
    legate.cli("client", "show", name, environment={**environment, "LEGATE_DPOP_KEY": str(key_file)})


def test_the_key_of_a_profile_lies_beside_it_and_others_should_not_read_either(own_legate, tmp_path, key_file):
    operator = Registry(own_legate).operator("clients:read", dpop_bound=True)
    directory = tmp_path / "operator"
    directory.mkdir()
    key, profile = directory / "key.pem", directory / "profile.json"
    key.write_bytes(key_file.read_bytes())
    document = {"server": own_legate.base, "client_id": operator.id, "client_secret": operator.secret}
    profile.write_text(json.dumps({**document, "dpop_key": "key.pem"}))
    for mode in (0o600, 0o644):
        for path in (key, profile):
            path.chmod(mode)
        run = own_legate.run("client", "list", profile=profile)
        assert run.returncode == 0, run.stderr
        for path in (key, profile):
            assert (f"others can read {path}" in run.stderr) == (mode == 0o644), run.stderr
    assert not own_legate.run("client", "list", "--quiet", profile=profile).stderr
    profile.write_text(json.dumps({**document, "dpop_key": 5}))
    run = own_legate.run("client", "list", profile=profile)
    assert run.returncode == 1 and "dpop_key" in run.stderr


def test_proofs_of_the_first_minute_need_no_nonce_later(own_legate):
    """What was asked for a nonce at the start is not asked any more when the first minute has passed."""
    holder = Holder(Registry(own_legate).operator("clients:read"))
    token = holder.token()
    # The token is of this run: its proofs cannot be older, so that they need none.
    time.sleep(1.1)
    fresh = holder.token()
    holder.nonce = None
    answer = own_legate.request("GET", "/admin/clients", headers=holder.headers(fresh, "GET", holder.url("/admin/clients")))
    assert answer.status_code == 200, answer.text
    assert token != fresh
