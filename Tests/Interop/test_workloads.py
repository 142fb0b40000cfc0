"""Platforms that vouch for their workloads: SPIFFE trust domains with a real bundle endpoint, Kubernetes clusters."""

import base64
import json
import ssl
import time
from collections import Counter
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from spiffe import JwtBundle, JwtSvid, SpiffeId, TrustDomain

from actors import JWT, JWT_BEARER, TOKEN_EXCHANGE, Registry, World, unique
from certificates import Authority
from checks import granted, problem, refused, unauthenticated
from jose import Key, claims_of
from peer import Handler, Peer

JWT_SPIFFE = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"


class Mesh:
    """A trust domain. SVIDs are made with PyJWT; what is published and made is read with the `spiffe` package."""

    def __init__(self, legate, key_server, domain: str | None = None):
        self.legate = legate
        self.key_server = key_server
        self.domain = domain or f"{unique('td')}.example"
        self.name = unique("mesh")
        self.key = Key.make("ES256")
        self.sequence = 1
        self.path = f"/{self.name}/bundle"

    @staticmethod
    def entry(key: Key, use: str = "jwt-svid") -> dict:
        """A key as SPIRE publishes it: with its use, and without alg."""
        return {name: value for name, value in key.jwk().items() if name != "alg"} | {"use": use}

    def bundle(self, *keys: Key, sequence: int | None = None, extra: tuple[dict, ...] = ()) -> dict:
        return {
            "keys": [self.entry(key) for key in keys or (self.key,)] + list(extra),
            "spiffe_sequence": self.sequence if sequence is None else sequence,
            "spiffe_refresh_hint": 10,
        }

    def publish(self, *keys: Key, **options) -> str:
        bundle = self.bundle(*keys, **options)
        # Somebody else's reader takes it for a bundle, too.
        JwtBundle.parse(TrustDomain(self.domain), json.dumps(bundle).encode())
        return self.key_server.serve(self.path, bundle)

    def trust(self, **members) -> dict:
        body = {"name": self.name, "issuer": f"spiffe://{self.domain}", "kind": "spiffe"}
        if not {"jwks", "jwks_uri", "jwks_file"} & members.keys():
            body["jwks_uri"] = self.publish()
        return self.legate.create("/issuers", body | members)

    def id(self, path: str) -> str:
        return str(SpiffeId(f"spiffe://{self.domain}{path}"))

    def svid(self, path: str = "/agent", *, key: Key | None = None, header: dict | None = None, **changes) -> str:
        now = int(time.time())
        claims = {"sub": f"spiffe://{self.domain}{path}", "aud": [self.legate.issuer], "iat": now, "exp": now + 300}
        claims = {name: value for name, value in (claims | changes).items() if value is not None}
        key = key or self.key
        private = serialization.load_pem_private_key(key.pem().encode(), None)
        headers = {"kid": key.kid, "typ": "JWT"} | (header or {})
        return jwt.encode(claims, private, algorithm=key.alg, headers=headers)


@pytest.fixture
def mesh(legate, key_server) -> Mesh:
    return Mesh(legate, key_server)


def agent(registry: Registry, world: World, spiffe_id: str, **members):
    members = {"auth": "spiffe_jwt", "spiffe_id": spiffe_id} | members
    return registry.client("svid-agent", resources=(world.r1,), **members)


def ask(legate, world: World, svid: str, **form):
    body = {
        "grant_type": "client_credentials",
        "resource": world.r1.uri,
        "client_assertion_type": JWT_SPIFFE,
        "client_assertion": svid,
    }
    return legate.post("/token", body | form)


def eventually(attempt, wanted: int, within: float = 30):
    """Repeats an attempt until its status is the wanted one, or the time is over; seldom, for failures slow it down."""
    end = time.monotonic() + within
    while (answer := attempt()).status_code != wanted and time.monotonic() < end:
        time.sleep(4)
    assert answer.status_code == wanted, answer.text
    return answer


# SPIFFE


def test_svid_of_the_spiffe_package_proves_the_client(legate, registry, world, mesh):
    mesh.trust()
    client = agent(registry, world, mesh.id("/agent"))
    svid = mesh.svid()
    bundle = JwtBundle.parse(TrustDomain(mesh.domain), json.dumps(mesh.bundle()).encode())
    assert str(JwtSvid.parse_and_validate(svid, bundle, {legate.issuer}).spiffe_id) == mesh.id("/agent")
    token = granted(ask(legate, world, svid))["access_token"]
    assert claims_of(token)["client_id"] == client.id
    granted(ask(legate, world, svid, client_id=client.id))
    granted(ask(legate, world, svid, client_id=mesh.id("/agent")))
    record = [r for r in legate.audit(client_id=client.id) if r["event"] == "token.issued"][-1]
    assert mesh.id("/agent") in record["policy_evaluation"]["reason"]
    assert svid not in json.dumps(record)


@pytest.mark.parametrize("alg", ["ES256", "RS256", "PS256"])
def test_every_algorithm_of_the_specification_that_is_supported(legate, registry, world, mesh, alg):
    mesh.key = Key.make(alg)
    mesh.trust()
    agent(registry, world, mesh.id("/agent"))
    granted(ask(legate, world, mesh.svid()))


def test_introspection_and_revocation_take_an_svid_too(legate, registry, world, mesh):
    mesh.trust()
    client = agent(registry, world, mesh.id("/agent"))
    token = granted(ask(legate, world, mesh.svid()))["access_token"]
    proof = {"client_assertion_type": JWT_SPIFFE, "client_assertion": mesh.svid()}
    assert legate.post("/introspect", {"token": token} | proof).json()["client_id"] == client.id
    assert legate.post("/revoke", {"token": token} | proof).status_code == 200
    assert legate.post("/introspect", {"token": token} | proof).json() == {"active": False}


def test_ATTACK_svid_of_another_trust_domain(legate, registry, world, mesh, key_server):
    mesh.trust()
    agent(registry, world, mesh.id("/agent"))
    other = Mesh(legate, key_server)
    other.trust()
    for svid in (other.svid(), mesh.svid(key=other.key), other.svid(sub=mesh.id("/agent"))):
        unauthenticated(ask(legate, world, svid))
    granted(ask(legate, world, mesh.svid()))


def test_ATTACK_svid_for_another_audience(legate, registry, world, mesh):
    mesh.trust()
    agent(registry, world, mesh.id("/agent"))
    for audience in ("https://other.example", ["https://other.example"], [legate.issuer, "https://other.example"], []):
        unauthenticated(ask(legate, world, mesh.svid(aud=audience)))
    unauthenticated(ask(legate, world, mesh.svid(aud=None)))
    granted(ask(legate, world, mesh.svid(aud=legate.issuer)))


def test_ATTACK_key_for_x509_svids_signs_a_jwt_svid(legate, registry, world, mesh, tmp_path):
    authority = Key.make("ES256")
    certificate = Authority(tmp_path).root.public_bytes(serialization.Encoding.DER)
    entry = mesh.entry(authority, "x509-svid") | {"x5c": [base64.b64encode(certificate).decode()]}
    mesh.trust(jwks_uri=mesh.publish(mesh.key, extra=(entry,)))
    agent(registry, world, mesh.id("/agent"))
    unauthenticated(ask(legate, world, mesh.svid(key=authority)))
    granted(ask(legate, world, mesh.svid()))


def test_keys_of_the_bundle_rotate(legate, registry, world, mesh):
    mesh.trust()
    agent(registry, world, mesh.id("/agent"))
    granted(ask(legate, world, mesh.svid()))
    old, mesh.key = mesh.key, Key.make("ES256")
    mesh.publish(mesh.key, old, sequence=2)
    eventually(lambda: ask(legate, world, mesh.svid()), 200)
    granted(ask(legate, world, mesh.svid(key=old)))
    mesh.publish(mesh.key, sequence=3)
    eventually(lambda: ask(legate, world, mesh.svid(key=old)), 401)
    granted(ask(legate, world, mesh.svid()))


def test_ATTACK_an_older_bundle_brings_a_withdrawn_key_back(legate, registry, world, mesh):
    withdrawn, mesh.sequence = Key.make("ES256"), 7
    mesh.trust()
    agent(registry, world, mesh.id("/agent"))
    granted(ask(legate, world, mesh.svid()))
    mesh.publish(withdrawn, sequence=6)
    before = mesh.key_server.requests[mesh.path]
    end = time.monotonic() + 40
    while mesh.key_server.requests[mesh.path] == before and time.monotonic() < end:
        time.sleep(0.5)
    assert mesh.key_server.requests[mesh.path] > before, "it was not fetched again"
    unauthenticated(ask(legate, world, mesh.svid(key=withdrawn)))
    granted(ask(legate, world, mesh.svid()))


def test_endpoint_that_is_away_or_talks_rubbish_leaves_the_last_bundle(legate, registry, world, mesh):
    mesh.trust()
    agent(registry, world, mesh.id("/agent"))
    granted(ask(legate, world, mesh.svid()))
    for body, status in ((b"gone", 500), (b"<html>", 200), (b'{"keys":1}', 200)):
        mesh.key_server.answer(mesh.path, body, status=status)
        time.sleep(4)
        granted(ask(legate, world, mesh.svid()))


def test_bundle_that_was_never_had_proves_nobody_until_it_is(legate, registry, world, mesh):
    mesh.trust(jwks_uri=mesh.key_server.answer(mesh.path, b"later", status=503))
    agent(registry, world, mesh.id("/agent"))
    unauthenticated(ask(legate, world, mesh.svid()))
    mesh.publish()
    end = time.monotonic() + 45
    # Failures are slowed down like any others: nine in a minute at most.
    while (answer := ask(legate, world, mesh.svid())).status_code != 200 and time.monotonic() < end:
        time.sleep(5)
    granted(answer)


def test_ATTACK_invented_keys_order_no_storm_of_fetches(legate, registry, world, mesh):
    mesh.trust()
    agent(registry, world, mesh.id("/agent"))
    granted(ask(legate, world, mesh.svid()))
    before = mesh.key_server.requests[mesh.path]
    for number in range(8):
        unauthenticated(ask(legate, world, mesh.svid(key=Key.make("ES256", kid=f"invented-{number}"))))
    assert mesh.key_server.requests[mesh.path] - before <= 2
    for number in range(20):
        ask(legate, world, mesh.svid(f"/nobody-{number}"))
    assert mesh.key_server.requests[mesh.path] - before <= 2


def test_ATTACK_guesses_are_slowed_down_for_that_client_and_address_only(legate, registry, world, mesh):
    mesh.trust()
    agent(registry, world, mesh.id("/agent"))
    agent(registry, world, mesh.id("/other"))
    forged = mesh.svid(key=Key.make("ES256", kid=mesh.key.kid))
    for _ in range(10):
        unauthenticated(ask(legate, world, forged))
    slow = ask(legate, world, mesh.svid())
    assert slow.status_code == 429 and int(slow.headers["Retry-After"]) > 0
    granted(ask(legate, world, mesh.svid("/other")))


def test_svid_as_actor_token(legate, registry, world, mesh):
    mesh.trust()
    client = registry.client(
        "actor", resources=(world.r1,), auth="workload", workloads=[{"issuer": mesh.name, "subject": mesh.id("/agent")}]
    )
    user = world.user(client)
    body = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token": user.id_token(),
        "subject_token_type": JWT,
        "resource": world.r1.uri,
        "actor_token_type": JWT,
    }
    claims = claims_of(granted(legate.post("/token", body | {"actor_token": mesh.svid()}))["access_token"])
    assert claims["client_id"] == client.id and claims["act"]["sub"] == client.id and claims["sub"] == user.sub
    unauthenticated(legate.post("/token", body | {"actor_token": mesh.svid("/other")}))
    unauthenticated(legate.post("/token", body | {"actor_token": mesh.svid(key=Key.make("ES256"))}))
    # A workload is no user.
    body |= {"subject_token": mesh.svid(), "actor_token": mesh.svid()}
    refused(legate.post("/token", body), "invalid_request")


def test_one_spiffe_id_is_one_client(legate, registry, world, mesh):
    mesh.trust()
    agent(registry, world, mesh.id("/fleet") + "/*")
    base = {"name": "x", "auth": "spiffe_jwt", "resources": [world.r1.uri], "scopes": ["a:read"]}
    for spiffe_id in (mesh.id("/fleet/a"), mesh.id("/fleet/a") + "/*", "spiffe://unknown.example/a"):
        answer = legate.admin("POST", "/clients", base | {"client_id": unique(), "spiffe_id": spiffe_id})
        problem(answer, 400, "spiffe_id")
    granted(ask(legate, world, mesh.svid("/fleet/a/b")))
    unauthenticated(ask(legate, world, mesh.svid("/fleets")))


# Files of the server's own


@pytest.fixture
def with_files(make_legate, tmp_path):
    """A server with a directory of trusted keys."""
    directory = tmp_path / "trust"
    directory.mkdir()
    server = make_legate(flags=("--trust-files", str(directory))).start()
    return server, directory, World(Registry(server))


def replace(file: Path, text: str) -> None:
    """As volumes change: a new file in the place of the old one."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)


def test_bundle_in_a_file_is_read_again(with_files, key_server):
    server, directory, world = with_files
    mesh = Mesh(server, key_server)
    file = directory / "mesh.json"
    file.write_text(json.dumps(mesh.bundle()))
    trusted = server.cli(
        "issuer", "trust", "--spiffe", f"spiffe://{mesh.domain}", "--name", mesh.name, "--bundle-file", "mesh.json"
    )
    assert trusted["kind"] == "spiffe" and trusted["jwks_file"] == "mesh.json"
    client = server.cli(
        "client", "create", "Rover", "--auth", "spiffe_jwt", "--spiffe-id", mesh.id("/agent"),
        "--resource", world.r1.uri, "--scope", "a:read",
    )  # fmt: skip
    assert client["spiffe_id"] == mesh.id("/agent") and "client_secret" not in client
    granted(ask(server, world, mesh.svid()))
    old, mesh.key = mesh.key, Key.make("ES256")
    replace(file, json.dumps(mesh.bundle(sequence=2)))
    eventually(lambda: ask(server, world, mesh.svid()), 200)
    eventually(lambda: ask(server, world, mesh.svid(key=old)), 401)
    # A file that is broken, or away, leaves what was read last.
    for text in ("rubbish", None):
        replace(file, text) if text else file.unlink()
        time.sleep(12)
        granted(ask(server, world, mesh.svid()))
    server.restart()
    unauthenticated(ask(server, world, mesh.svid()))


@pytest.mark.parametrize("name", ["../root.key", "/etc/passwd", "a/b", ".x", ""])
def test_ATTACK_no_other_file_of_the_machine_can_be_named(legate, name):
    body = {"name": unique("f"), "issuer": "spiffe://files.example", "kind": "spiffe", "jwks_file": name}
    problem(legate.admin("POST", "/issuers", body), 400, "jwks_file")


# Kubernetes


class APIServer:
    """The part of a Kubernetes API server that matters here: it publishes keys to those who show a token."""

    def __init__(self, authority: Authority, token: str):
        self.token, self.jwks, self.requests = token, {"keys": []}, Counter()
        outer = self

        class Answering(Handler):
            def do_GET(self) -> None:
                outer.requests[self.headers.get("Authorization")] += 1
                allowed = self.headers.get("Authorization") == f"Bearer {outer.token}"
                body = json.dumps(outer.jwks if allowed else {"kind": "Status", "code": 401}).encode()
                self.send_response(200 if allowed and self.path == "/openid/v1/jwks" else 401)
                self.send_header("Content-Type", "application/jwk-set+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        class Server(Peer):
            def handle_error(self, *arguments: object) -> None:
                pass  # Handshakes that fail are what some tests are about.

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.certificate, authority.certificate_key)
        self._server = Server(Answering, tls=context)
        self.url = f"https://localhost:{self._server.port}/openid/v1/jwks"

    def stop(self) -> None:
        self._server.stop()


class Cluster:
    """A cluster that makes bound service-account tokens."""

    def __init__(self, legate):
        self.legate, self.name, self.key = legate, unique("k8s"), Key.make("RS256")
        self.issuer = f"https://{self.name}.default.svc.cluster.local"

    def trust(self, **members) -> dict:
        body = {"name": self.name, "issuer": self.issuer, "kind": "kubernetes"}
        if not {"jwks", "jwks_uri", "jwks_file"} & members.keys():
            body["jwks"] = self.key.jwks()
        return self.legate.create("/issuers", body | members)

    def client(self, registry: Registry, world: World, account: str = "agents:planner"):
        workload = {"issuer": self.name, "subject": f"system:serviceaccount:{account}"}
        return registry.client("pod", resources=(world.r1,), auth="workload", workloads=[workload])

    def token(self, account: str = "agents:planner", *, key: Key | None = None, **changes) -> str:
        now, (namespace, name) = int(time.time()), account.split(":")
        claims = {
            "aud": [self.legate.issuer],
            "exp": now + 3600,
            "iat": now,
            "nbf": now,
            "iss": self.issuer,
            "jti": "8f0e29b4-0cde-4c1c-a2e2-8e3b7a1f9d11",
            "kubernetes.io": {
                "namespace": namespace,
                "node": {"name": "worker-1", "uid": "a1"},
                "pod": {"name": "planner-6d4b75cb6d-hx2vw", "uid": "b2"},
                "serviceaccount": {"name": name, "uid": "c3"},
            },
            "sub": f"system:serviceaccount:{account}",
        }
        claims = {member: value for member, value in (claims | changes).items() if value is not None}
        return (key or self.key).sign(claims, {"typ": None})


def assert_with(legate, world: World, assertion: str, **form):
    return ask(legate, world, assertion, client_assertion_type=JWT_BEARER, **form)


def test_service_account_token_proves_its_client(legate, registry, world):
    cluster = Cluster(legate)
    cluster.trust()
    client = cluster.client(registry, world)
    assertion = cluster.token()
    for _ in range(2):
        claims = claims_of(granted(assert_with(legate, world, assertion))["access_token"])
        assert claims["client_id"] == client.id
    record = [r for r in legate.audit(client_id=client.id) if r["event"] == "token.issued"][-1]
    for word in ("namespace agents", "service account planner", "pod planner-6d4b75cb6d-hx2vw"):
        assert word in record["policy_evaluation"]["reason"]
    user = world.user(client)
    body = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token": user.id_token(),
        "subject_token_type": JWT,
        "resource": world.r1.uri,
        "actor_token": cluster.token(),
        "actor_token_type": JWT,
    }
    assert claims_of(granted(legate.post("/token", body))["access_token"])["act"]["sub"] == client.id


def test_ATTACK_service_account_token_for_another_audience(legate, registry, world):
    cluster = Cluster(legate)
    cluster.trust()
    cluster.client(registry, world)
    for audience in (cluster.issuer, ["https://vault.example"], [legate.issuer, "https://vault.example"]):
        unauthenticated(assert_with(legate, world, cluster.token(aud=audience)))
    granted(assert_with(legate, world, cluster.token()))


def test_ATTACK_subject_that_is_mapped_to_another_client(legate, registry, world):
    cluster = Cluster(legate)
    cluster.trust()
    planner = cluster.client(registry, world)
    other = cluster.client(registry, world, "agents:other")
    unauthenticated(assert_with(legate, world, cluster.token("agents:other"), client_id=planner.id))
    unauthenticated(assert_with(legate, world, cluster.token(), client_id=other.id))
    unauthenticated(assert_with(legate, world, cluster.token("kube-system:planner"), client_id=planner.id))
    granted(assert_with(legate, world, cluster.token(), client_id=planner.id))
    workload = {"issuer": cluster.name, "subject": "system:serviceaccount:agents:planner"}
    problem(legate.admin("PATCH", f"/clients/{other.id}", {"workloads": [workload]}), 400, "workloads")


def test_ATTACK_tokens_that_no_bound_pod_has(legate, registry, world):
    cluster = Cluster(legate)
    cluster.trust()
    cluster.client(registry, world)
    now = int(time.time())
    legacy = {
        "iss": "kubernetes/serviceaccount",
        "kubernetes.io": None,
        "kubernetes.io/serviceaccount/namespace": "agents",
        "exp": None,
        "aud": None,
    }
    wrong = [
        {"kubernetes.io": None},
        {"kubernetes.io": {"namespace": "other", "serviceaccount": {"name": "planner"}}},
        {"exp": None},
        {"exp": now - 1},
        {"exp": now + 366 * 86_400},
        legacy,
    ]
    for changes in wrong:
        unauthenticated(assert_with(legate, world, cluster.token(**changes)))
    unauthenticated(assert_with(legate, world, cluster.token(key=Key.make("ES256", kid=cluster.key.kid))))
    granted(assert_with(legate, world, cluster.token()))


def test_ATTACK_assertion_of_an_identity_provider_is_replayed(legate, registry, world):
    provider = registry.identity_provider()
    registry.client(
        "federated",
        resources=(world.r1,),
        auth="workload",
        workloads=[{"issuer": provider.name, "subject": "repo:acme/deploy"}],
    )
    once = provider.token("repo:acme/deploy")
    granted(assert_with(legate, world, once))
    unauthenticated(assert_with(legate, world, once))
    unauthenticated(assert_with(legate, world, provider.token("repo:acme/deploy", jti=None)))
    granted(assert_with(legate, world, provider.token("repo:acme/deploy")))


@pytest.fixture
def api_server(tmp_path):
    directory = tmp_path / "cluster"
    directory.mkdir()
    authority = Authority(directory)
    server = APIServer(authority, "the-servers-own-token")
    yield authority, server
    server.stop()


def test_keys_of_a_cluster_behind_its_own_authority_and_a_token(with_files, api_server):
    server, directory, world = with_files
    authority, api = api_server
    (directory / "ca.crt").write_bytes(authority.file.read_bytes())
    (directory / "token").write_text(api.token + "\n")
    cluster = Cluster(server)
    api.jwks = cluster.key.jwks()
    server.cli(
        "issuer", "trust", cluster.issuer, "--kubernetes", "--name", cluster.name, "--jwks-uri", api.url,
        "--ca-file", "ca.crt", "--token-file", "token", "--allow-private-network",
    )  # fmt: skip
    cluster.client(Registry(server), world)
    granted(assert_with(server, world, cluster.token()))
    assert set(api.requests) == {f"Bearer {api.token}"}
    assert api.token not in server.log.read_text()


def test_ATTACK_token_is_shown_to_nobody_but_the_cluster(with_files, api_server, tmp_path):
    """An operator of the admin API names a host of their own: the server hands it nothing."""
    server, directory, world = with_files
    _, api = api_server
    (tmp_path / "true").mkdir()
    cluster_authority = Authority(tmp_path / "true")
    (directory / "ca.crt").write_bytes(cluster_authority.file.read_bytes())
    (directory / "token").write_text(api.token)
    cluster = Cluster(server)
    api.jwks = cluster.key.jwks()
    cluster.trust(jwks_uri=api.url, ca_file="ca.crt", token_file="token", allow_private_network=True)
    cluster.client(Registry(server), world)
    unauthenticated(assert_with(server, world, cluster.token()))
    assert not api.requests
    for members in ({"token_file": "token"}, {"jwks_file": "keys", "token_file": "token", "ca_file": "ca.crt"}):
        body = {"name": unique("k"), "issuer": f"https://{unique()}.example", "kind": "kubernetes"}
        body |= members if "jwks_file" in members else {"jwks_uri": api.url} | members
        problem(server.admin("POST", "/issuers", body), 400, "token_file")


def test_metadata_names_the_method(legate):
    for endpoint in ("token", "introspection", "revocation"):
        assert "spiffe_jwt" in legate.metadata[f"{endpoint}_endpoint_auth_methods_supported"]
