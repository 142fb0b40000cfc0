"""Mutual TLS (RFC 8705) on the real wire: the listener that asks for certificates, whom they prove, what they bind.

The names of the tests carry the rows of the conformance cases.
"""

import base64
import json
import shutil
import socket
import ssl
import subprocess
import time
from dataclasses import dataclass

import pytest
import requests
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from actors import TOKEN_EXCHANGE, Client, Registry, Resource, World, unique
from certificates import Authority, Certificate, self_signed
from checks import granted, refused, unauthenticated
from curl import curl
from dpop import Holder
from jose import b64, claims_of
from server import ANSWER_TIMEOUT, Legate, free_port


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory) -> Authority:
    """Another authority with the same name."""
    return Authority(tmp_path_factory.mktemp("stranger"))


@dataclass
class Mutual:
    """A server with a second listener, which asks for certificates."""

    legate: Legate
    authority: Authority
    port: int

    @property
    def base(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def post(self, path: str, form: dict, certificate: Certificate | None = None, **options) -> requests.Response:
        """A form at the listener for certificates, on a connection of its own."""
        with requests.Session() as session:
            session.trust_env = False
            session.verify = str(self.authority.file)
            session.cert = certificate.pair if certificate else None
            options.setdefault("timeout", ANSWER_TIMEOUT)
            return session.post(self.base + path, data=form, **options)

    def ask(self, client: str, certificate: Certificate | None, resource: Resource, **form) -> requests.Response:
        body = {"grant_type": "client_credentials", "client_id": client, "resource": resource.uri, **form}
        return self.post("/token", body, certificate)


@pytest.fixture(scope="module")
def mutual(binary, tmp_path_factory, authority):
    port = free_port()
    flags = (*authority.flags, "--mtls-listen", f"127.0.0.1:{port}", "--mtls-client-ca", str(authority.file))
    directory = tmp_path_factory.mktemp("mutual")
    with Legate(binary, directory, flags=flags, certificate_authority=authority.file) as server:
        yield Mutual(server, authority, port)


@pytest.fixture(scope="module")
def world(mutual) -> World:
    return World(Registry(mutual.legate))


def registered(world: World, auth: str = "tls_client_auth", **members) -> str:
    """The id of a new client that authenticates by a certificate."""
    return world.registry.client("tls", resources=[world.r1], auth=auth, **members).id


def binding(token: str) -> str | None:
    return claims_of(token).get("cnf", {}).get("x5t#S256")


# The listener


def test_metadata_names_the_listener(mutual):
    metadata = mutual.legate.metadata
    aliases = metadata["mtls_endpoint_aliases"]
    assert aliases["token_endpoint"] == f"{mutual.base}/token"
    assert aliases["introspection_endpoint"] == f"{mutual.base}/introspect"
    assert aliases["revocation_endpoint"] == f"{mutual.base}/revoke"
    assert metadata["token_endpoint"] == f"{mutual.legate.issuer}/token"
    assert metadata["tls_client_certificate_bound_access_tokens"] is True
    for method in ("tls_client_auth", "self_signed_tls_client_auth"):
        assert method in metadata["token_endpoint_auth_methods_supported"]


def test_without_the_listener_nothing_of_it_is_advertised(legate):
    metadata = legate.metadata
    assert "mtls_endpoint_aliases" not in metadata
    assert "tls_client_certificate_bound_access_tokens" not in metadata
    assert not any("tls" in name for name in metadata["token_endpoint_auth_methods_supported"])


def test_MTLS_14_only_the_second_listener_asks_for_a_certificate(mutual):
    def said(port: int) -> str:
        run = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", mutual.authority.file],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20,
        )
        return run.stdout + run.stderr

    plain, asking = said(mutual.legate.port), said(mutual.port)
    assert "Verify return code: 0" in plain and "Verify return code: 0" in asking
    assert "Requested Signature Algorithms" not in plain and "Client Certificate Types" not in plain
    assert "Requested Signature Algorithms" in asking
    # No list of names: a client must not be kept from showing a certificate that it signed itself.
    assert "No client certificate CA names sent" in asking


def test_the_second_listener_serves_whoever_has_no_certificate(mutual):
    assert requests.get(f"{mutual.base}/health/live", verify=str(mutual.authority.file), timeout=5).status_code == 200


# tls_client_auth


def test_MTLS_01_and_02_a_certificate_proves_the_client_and_binds_its_token(mutual, world, authority):
    name = f"{unique('agent')}.example.com"
    client = registered(world, tls_client_auth_san_dns=name, certificate_bound=True)
    certificate = authority.issue("agent", dns=(name,))
    body = granted(mutual.ask(client, certificate, world.r1))
    assert body["token_type"] == "Bearer"
    assert binding(body["access_token"]) == certificate.thumbprint


def test_MTLS_01_without_certificate_bound_the_token_is_for_whoever_holds_it(mutual, world, authority):
    client = registered(world, tls_client_auth_subject_dn="CN=plain,O=Example")
    body = granted(mutual.ask(client, authority.issue("plain", organization="Example"), world.r1))
    assert binding(body["access_token"]) is None


def test_MTLS_04_what_does_not_prove_the_client(mutual, world, authority, stranger):
    name = f"{unique('agent')}.example.com"
    client = registered(world, tls_client_auth_san_dns=name)
    granted(mutual.ask(client, authority.issue("good", dns=(name,)), world.r1))
    wrong = {
        "none": None,
        "other authority": stranger.issue("agent", dns=(name,)),
        "other name": authority.issue("agent", dns=("other.example.com",)),
        "expired": authority.issue("agent", dns=(name,), start=-10, days=5),
        "not yet valid": authority.issue("agent", dns=(name,), start=5),
        "self-signed": self_signed(authority.directory, name),
        "for servers": authority.issue("agent", dns=(name,), purpose=ExtendedKeyUsageOID.SERVER_AUTH),
        "name in the subject": authority.issue(name),
    }
    for what, certificate in wrong.items():
        answer = mutual.ask(client, certificate, world.r1)
        assert answer.status_code == 401, (what, answer.text)
        unauthenticated(answer)


def test_MTLS_04_the_other_listener_knows_no_certificates(mutual, world, authority):
    name = f"{unique('agent')}.example.com"
    client = registered(world, tls_client_auth_san_dns=name)
    certificate = authority.issue("agent", dns=(name,))
    answer = requests.post(
        f"{mutual.legate.base}/token",
        data={"grant_type": "client_credentials", "client_id": client, "resource": world.r1.uri},
        cert=certificate.pair,
        verify=str(authority.file),
        timeout=5,
    )
    unauthenticated(answer)


def test_MTLS_05_one_of_two_names_is_enough_and_a_common_name_is_none(mutual, world, authority):
    uri = f"https://agents.example.com/{unique('a')}"
    client = registered(world, tls_client_auth_san_uri=uri)
    granted(mutual.ask(client, authority.issue("agent", uri=("https://agents.example.com/other", uri)), world.r1))
    unauthenticated(mutual.ask(client, authority.issue(uri), world.r1))


@pytest.mark.parametrize(
    ("member", "value", "names"),
    [
        ("subject_dn", "CN=agent 7,O=Example", {"common_name": "agent 7", "organization": "Example"}),
        ("san_ip", "192.0.2.7", {"common_name": "a", "ip": ("192.0.2.7",)}),
        ("san_ip", "2001:db8::7", {"common_name": "a", "ip": ("2001:db8::7",)}),
        ("san_email", "agent@example.com", {"common_name": "a", "email": ("agent@example.com",)}),
    ],
)
def test_each_kind_of_name_proves(mutual, world, authority, member, value, names):
    client = registered(world, **{f"tls_client_auth_{member}": value})
    granted(mutual.ask(client, authority.issue(**names), world.r1))
    unauthenticated(mutual.ask(client, authority.issue("other"), world.r1))


def test_MTLS_06_two_names_cannot_be_registered(mutual, world):
    answer = mutual.legate.admin(
        "POST",
        "/clients",
        {
            "client_id": unique("two"),
            "name": "two",
            "auth": "tls_client_auth",
            "resources": [world.r1.uri],
            "scopes": ["a:read"],
            "tls_client_auth_san_dns": "a.example.com",
            "tls_client_auth_san_ip": "192.0.2.7",
        },
    )
    assert answer.status_code == 400
    assert "tls_client_auth_san_ip" in json.dumps(answer.json()["errors"])


def test_one_client_is_not_another_with_its_own_certificate(mutual, world, authority):
    mine, other = f"{unique('m')}.example.com", f"{unique('o')}.example.com"
    registered(world, tls_client_auth_san_dns=mine)
    victim = registered(world, tls_client_auth_san_dns=other)
    certificate = authority.issue("agent", dns=(mine,))
    unauthenticated(mutual.ask(victim, certificate, world.r1))
    unauthenticated(mutual.ask(world.cb.id, certificate, world.r1))


def test_a_certificate_below_an_intermediate_authority(mutual, world, authority, tmp_path):
    below = Authority(tmp_path, common_name="Below")
    # The root certifies the authority below it anew, so that a path leads there.
    crossed = authority.issue("Below", ca=True, purpose=None, key=below.key)
    name = f"{unique('agent')}.example.com"
    client = registered(world, tls_client_auth_san_dns=name)
    certificate = below.issue("agent", dns=(name,))
    unauthenticated(mutual.ask(client, certificate, world.r1))
    certificate.file.write_bytes(certificate.file.read_bytes() + crossed.file.read_bytes())
    granted(mutual.ask(client, certificate, world.r1))


# self_signed_tls_client_auth


def test_a_registered_self_signed_certificate_proves_the_client(mutual, world, authority):
    certificate = self_signed(authority.directory, "own")
    numbers = certificate.key.public_key().public_numbers()
    jwk = {
        "kty": "EC",
        "crv": "P-256",
        "x": b64(numbers.x.to_bytes(32, "big")),
        "y": b64(numbers.y.to_bytes(32, "big")),
        "x5c": [certificate.base64],
    }
    client = registered(world, auth="self_signed_tls_client_auth", jwks={"keys": [jwk]})
    granted(mutual.ask(client, certificate, world.r1))
    unauthenticated(mutual.ask(client, self_signed(authority.directory, "own"), world.r1))
    unauthenticated(mutual.ask(client, authority.issue("own"), world.r1))


def test_the_command_line_registers_a_certificate(mutual, world, authority):
    certificate = self_signed(authority.directory, "by command")
    client = unique("command")
    made = mutual.legate.cli(
        "client",
        "create",
        "Own",
        "--id",
        client,
        "--auth",
        "self_signed_tls_client_auth",
        "--certificate",
        certificate.file,
        "--resource",
        world.r1.uri,
        "--scope",
        "a:read",
        "--certificate-bound",
    )
    assert made["auth"] == "self_signed_tls_client_auth" and made["certificate_bound"] is True
    assert "client_secret" not in made
    body = granted(mutual.ask(client, certificate, world.r1))
    assert binding(body["access_token"]) == certificate.thumbprint
    changed = mutual.legate.cli("client", "update", client, "--no-certificate-bound")
    assert changed["certificate_bound"] is False


# spiffe_x509


def test_an_x509_svid_proves_a_workload(mutual, world, authority, tmp_path):
    """The trust domain's own bundle decides, and nothing else."""
    domain = f"{unique('td')}.example.org"
    spire = Authority(tmp_path, common_name="SPIRE")
    numbers = spire.key.public_key().public_numbers()
    entry = {
        "use": "x509-svid",
        "kty": "EC",
        "crv": "P-256",
        "x": b64(numbers.x.to_bytes(32, "big")),
        "y": b64(numbers.y.to_bytes(32, "big")),
        "x5c": [base64.b64encode(spire.root.public_bytes(Encoding.DER)).decode()],
    }
    bundle = {"keys": [entry], "spiffe_sequence": 1, "spiffe_refresh_hint": 300}
    issuer = {"name": unique("mesh"), "issuer": f"spiffe://{domain}", "kind": "spiffe", "jwks": bundle}
    mutual.legate.create("/issuers", issuer)
    rover = f"spiffe://{domain}/rover"
    client = registered(world, auth="spiffe_x509", spiffe_id=rover, certificate_bound=True)
    svid = spire.issue(None, uri=(rover,))
    for name in (client, rover):
        body = granted(mutual.ask(name, svid, world.r1))
        assert binding(body["access_token"]) == svid.thumbprint
    wrong = {
        "another workload": spire.issue(None, uri=(f"spiffe://{domain}/other",)),
        "another trust domain": spire.issue(None, uri=("spiffe://other.example.org/rover",)),
        "two names": spire.issue(None, uri=(rover, f"spiffe://{domain}/other")),
        "no name": spire.issue("rover"),
        "of the authority for agents": authority.issue(None, uri=(rover,)),
        "an authority": spire.issue(None, uri=(rover,), ca=True),
        "expired": spire.issue(None, uri=(rover,), start=-10, days=5),
    }
    for what, certificate in wrong.items():
        answer = mutual.ask(client, certificate, world.r1)
        assert answer.status_code == 401, (what, answer.text)


# Bound tokens


@pytest.fixture(scope="module")
def bound(mutual, world, authority) -> tuple[str, Certificate]:
    """A client whose tokens are bound to its certificate."""
    name = f"{unique('bound')}.example.com"
    return registered(world, tls_client_auth_san_dns=name, certificate_bound=True), authority.issue("b", dns=(name,))


def check(mutual: Mutual, token: str, world: World, gateway: Client, *certificates: str) -> requests.Response:
    basic = requests.Request("GET", "http://x", auth=gateway.basic).prepare().headers["Authorization"]
    headers = {"Authorization": f"Bearer {token}", "Legate-Gateway-Authorization": basic}
    if certificates:
        headers["Legate-Client-Certificate"] = ", ".join(certificates)
    return mutual.legate.get("/check", params={"resource": world.r1.name}, headers=headers)


def test_MTLS_08_a_stolen_token_is_worthless_without_the_certificate(mutual, world, authority, bound):
    client, certificate = bound
    token = granted(mutual.ask(client, certificate, world.r1))["access_token"]
    gateway = world.registry.gateway(world.r1, forwards_certificates=True)
    for form in (certificate.base64, certificate.byte_sequence, certificate.escaped):
        assert check(mutual, token, world, gateway, form).status_code == 204
    for stolen in ((), (authority.issue("thief").base64,)):
        answer = check(mutual, token, world, gateway, *stolen)
        assert answer.status_code == 401 and 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_only_a_gateway_that_is_set_up_for_it_is_believed_about_certificates(mutual, world, bound):
    client, certificate = bound
    token = granted(mutual.ask(client, certificate, world.r1))["access_token"]
    # The agent's own headers reach us through such a gateway.
    careless = world.registry.gateway(world.r1)
    assert check(mutual, token, world, careless, certificate.base64).status_code == 401
    answer = mutual.legate.get(
        "/check",
        params={"resource": world.r1.name},
        headers={"Authorization": f"Bearer {token}", "Legate-Client-Certificate": certificate.base64},
    )
    assert answer.status_code == 401


def test_a_certificate_that_is_not_one_is_refused_at_check(mutual, world, bound):
    client, certificate = bound
    token = granted(mutual.ask(client, certificate, world.r1))["access_token"]
    gateway = world.registry.gateway(world.r1, forwards_certificates=True)
    for garbage in (
        "x",
        certificate.base64[:-8],
        certificate.escaped[:-20],
        f"{certificate.base64}, {certificate.base64}",
    ):
        answer = check(mutual, token, world, gateway, garbage)
        assert answer.status_code == 400, answer.text


def test_MTLS_09_introspection_names_the_certificate(mutual, world, bound):
    client, certificate = bound
    token = granted(mutual.ask(client, certificate, world.r1))["access_token"]
    body = world.rs1.introspect(token).json()
    assert body["active"] is True and body["token_type"] == "Bearer"
    assert body["cnf"] == {"x5t#S256": certificate.thumbprint}
    # The client itself asks at the listener for certificates.
    asked = mutual.post("/introspect", {"token": token, "client_id": client}, certificate)
    assert asked.json()["active"] is True


def test_a_resource_that_requires_certificates_gets_only_bound_tokens(mutual, world, authority):
    resource = world.registry.resource("bound", require_certificate=True)
    agent = world.registry.agent(resource)
    refused(agent.ask(resource=resource.uri), "invalid_request")
    certificate = authority.issue("any")
    form = {"grant_type": "client_credentials", "resource": resource.uri}
    body = granted(mutual.post("/token", form, certificate, auth=agent.basic))
    assert binding(body["access_token"]) == certificate.thumbprint
    document = mutual.legate.get(f"/resources/{resource.name}/oauth-protected-resource").json()
    assert document["tls_client_certificate_bound_access_tokens"] is True


def test_a_bound_token_is_exchanged_with_its_certificate_alone(mutual, world, authority, bound):
    client, certificate = bound
    token = granted(mutual.ask(client, certificate, world.r1))["access_token"]
    form = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token": token,
        "client_id": client,
        "resource": world.r1.uri,
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
    }
    body = granted(mutual.post("/token", form, certificate))
    assert binding(body["access_token"]) == certificate.thumbprint
    unauthenticated(mutual.legate.post("/token", form))


def test_a_bound_admin_token_is_used_with_its_certificate_alone(mutual, world, authority):
    name = f"{unique('op')}.example.com"
    admin = f"{mutual.legate.issuer}/admin"
    operator = world.registry.client(
        "op",
        kind="admin",
        resources=(admin,),
        scopes=("clients:read",),
        auth="tls_client_auth",
        tls_client_auth_san_dns=name,
        certificate_bound=True,
    )
    certificate = authority.issue("op", dns=(name,))
    form = {"grant_type": "client_credentials", "client_id": operator.id, "resource": admin}
    token = granted(mutual.post("/token", form, certificate))["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    options = {"headers": bearer, "verify": str(authority.file), "timeout": 5}
    assert requests.get(f"{mutual.base}/admin/clients", cert=certificate.pair, **options).status_code == 200
    assert (
        requests.get(f"{mutual.base}/admin/clients", cert=authority.issue("thief").pair, **options).status_code == 401
    )
    assert requests.get(f"{mutual.legate.base}/admin/clients", **options).status_code == 401


def test_a_gateway_proves_itself_by_its_certificate(mutual, world, authority, bound):
    name = f"{unique('gate')}.example.com"
    gateway = world.registry.gateway(
        world.r1, auth="tls_client_auth", tls_client_auth_san_dns=name, forwards_certificates=True
    )
    client, certificate = bound
    token = granted(mutual.ask(client, certificate, world.r1))["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Legate-Client-Certificate": certificate.base64}

    def ask(shown: Certificate) -> int:
        return requests.get(
            f"{mutual.base}/check",
            params={"client_id": gateway.id},
            headers=headers,
            cert=shown.pair,
            verify=str(authority.file),
            timeout=5,
        ).status_code

    assert ask(authority.issue("gate", dns=(name,))) == 204
    assert ask(authority.issue("gate", dns=("other.example.com",))) == 401


# Other people's clients


def token_by_curl(mutual, world, bound, *options: str) -> subprocess.CompletedProcess:
    client, certificate = bound
    return curl(
        mutual.authority.file, *options, "--cert", certificate.file, "--key", certificate.key_file,
        "--data", "grant_type=client_credentials", "--data", f"client_id={client}",
        "--data-urlencode", f"resource={world.r1.uri}", f"{mutual.base}/token",
    )  # fmt: skip


def test_curl_shows_a_certificate(mutual, world, bound):
    _, certificate = bound
    run = token_by_curl(mutual, world, bound)
    assert run.returncode == 0, run.stderr
    assert binding(json.loads(run.stdout)["access_token"]) == certificate.thumbprint


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_resumes_a_session_and_is_still_known(mutual, world, bound, tmp_path, version):
    client, certificate = bound
    session = tmp_path / "session"
    form = f"grant_type=client_credentials&client_id={client}&resource={requests.utils.quote(world.r1.uri, safe='')}"
    request = (
        f"POST /token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(form)}\r\nConnection: close\r\n\r\n{form}"
    )

    def speak(*options: str) -> str:
        run = subprocess.run(
            [
                "openssl",
                "s_client",
                "-connect",
                f"127.0.0.1:{mutual.port}",
                "-CAfile",
                mutual.authority.file,
                "-cert",
                certificate.file,
                "-key",
                certificate.key_file,
                version,
                "-ign_eof",
                *options,
            ],
            input=request,
            capture_output=True,
            text=True,
            timeout=20,
        )
        return run.stdout

    first = speak("-sess_out", str(session))
    assert "HTTP/1.1 200" in first
    again = speak("-sess_in", str(session))
    # Resumed or not is the server's choice; whoever it is must be known either way.
    assert "HTTP/1.1 200" in again
    # The program writes about sessions in between and behind.
    body, _ = json.JSONDecoder().raw_decode(again[again.index('{"access_token') :])
    assert binding(body["access_token"]) == certificate.thumbprint


def test_http2_carries_the_certificate_too(mutual, world, bound):
    _, certificate = bound
    if "HTTP2" not in subprocess.run(["curl", "--version"], capture_output=True, text=True).stdout:
        pytest.skip("this curl does not speak HTTP/2")
    run = token_by_curl(mutual, world, bound, "--http2", "--write-out", "\n%{http_version}")
    body, version = run.stdout.rsplit("\n", 1)
    assert version == "2"
    assert binding(json.loads(body)["access_token"]) == certificate.thumbprint


# A proxy in front


@pytest.fixture(scope="module", params=["Client-Cert", "X-Client-Certificate"])
def proxied(request, binary, tmp_path_factory, authority):
    """A server that trusts one proxy, 127.0.0.1, and hears of certificates in a header."""
    flags = (
        "--trusted-proxy",
        "127.0.0.1",
        "--client-certificate-header",
        request.param,
        "--mtls-client-ca",
        str(authority.file),
        "--mtls-url",
        "https://mtls.example.com",
    )
    with Legate(binary, tmp_path_factory.mktemp("proxied"), flags=flags) as server:
        yield server, request.param


def handed_on(server: Legate, header: str, *values: str, client: str, resource: Resource, peer: str = "127.0.0.1"):
    """The answer to a token request that comes from a proxy, with the header as often as there are values."""
    form = f"grant_type=client_credentials&client_id={client}&resource={requests.utils.quote(resource.uri, safe='')}"
    lines = "".join(f"{header}: {value}\r\n" for value in values)
    request = (
        f"POST /token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n{lines}"
        f"Content-Length: {len(form)}\r\nConnection: close\r\n\r\n{form}"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=10, source_address=(peer, 0)) as connection:
        connection.sendall(request.encode())
        received = b""
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionResetError:
            pass
    head, _, body = received.partition(b"\r\n\r\n")
    status = int(head.split()[1]) if head else None
    return status, body


def form_of(certificate: Certificate, header: str) -> str:
    return certificate.byte_sequence if header == "Client-Cert" else certificate.escaped


def test_MTLS_12_a_trusted_proxy_hands_on_a_certificate(proxied, authority):
    server, header = proxied
    assert server.metadata["mtls_endpoint_aliases"]["token_endpoint"] == "https://mtls.example.com/token"
    world = World(Registry(server))
    name = f"{unique('agent')}.example.com"
    client = registered(world, tls_client_auth_san_dns=name, certificate_bound=True)
    good = authority.issue("agent", dns=(name,))
    status, body = handed_on(server, header, form_of(good, header), client=client, resource=world.r1)
    assert status == 200, body
    assert binding(json.loads(body)["access_token"]) == good.thumbprint
    # The path to the authority is for us to find; a proxy may let any certificate through.
    wrong = form_of(self_signed(authority.directory, name), header)
    assert handed_on(server, header, wrong, client=client, resource=world.r1)[0] == 401
    assert handed_on(server, header, client=client, resource=world.r1)[0] == 401


def test_MTLS_12_whatever_is_not_one_certificate_is_refused(proxied, authority):
    server, header = proxied
    world = World(Registry(server))
    name = f"{unique('agent')}.example.com"
    client = registered(world, tls_client_auth_san_dns=name)
    certificate = authority.issue("agent", dns=(name,))
    good = form_of(certificate, header)
    other = certificate.escaped if header == "Client-Cert" else certificate.byte_sequence
    attacks = {
        "two copies": [good, good],
        "two different": [good, form_of(authority.issue("other"), header)],
        "the other form": [other],
        "truncated": [good[: len(good) // 2]],
        "garbage": ["%zz:"],
        "with a list behind": [f"{good}, {good}"],
        "64 KB": [good + "A" * 65536],
        "12 KB": [good + "A" * 12000],
    }
    for what, values in attacks.items():
        status, body = handed_on(server, header, *values, client=client, resource=world.r1)
        assert status in (400, 431), (what, status, body)
        assert b"access_token" not in body
        server.assert_alive()


def test_MTLS_12_nobody_else_is_believed(proxied, authority):
    server, header = proxied
    world = World(Registry(server))
    name = f"{unique('agent')}.example.com"
    client = registered(world, tls_client_auth_san_dns=name)
    good = form_of(authority.issue("agent", dns=(name,)), header)
    status, body = handed_on(server, header, good, client=client, resource=world.r1, peer="127.0.0.2")
    assert status == 400 and b"trusted proxy" in body
    assert handed_on(server, header, client=client, resource=world.r1, peer="127.0.0.2")[0] == 401


def test_without_a_trusted_proxy_the_header_means_nothing(mutual, world, authority):
    name = f"{unique('agent')}.example.com"
    client = registered(world, tls_client_auth_san_dns=name)
    headers = {"Client-Cert": authority.issue("agent", dns=(name,)).byte_sequence}
    form = {"grant_type": "client_credentials", "client_id": client, "resource": world.r1.uri}
    unauthenticated(mutual.post("/token", form, headers=headers))
    unauthenticated(mutual.legate.post("/token", form, headers=headers))


def test_nginx_hands_on_certificates(binary, tmp_path, authority):
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    if not shutil.which(nginx):
        pytest.skip("no nginx here")
    flags = (
        "--trusted-proxy",
        "127.0.0.1/32",
        "--client-certificate-header",
        "X-SSL-Client-Cert",
        "--mtls-client-ca",
        str(authority.file),
    )
    with Legate(binary, tmp_path, flags=flags) as server:
        port = free_port()
        configuration = tmp_path / "nginx.conf"
        configuration.write_text(f"""
            daemon off; pid {tmp_path}/nginx.pid; error_log {tmp_path}/error.log; events {{}}
            http {{
              access_log off; client_body_temp_path {tmp_path}/b; proxy_temp_path {tmp_path}/p;
              fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;
              server {{
                listen 127.0.0.1:{port} ssl; ssl_certificate {authority.certificate};
                ssl_certificate_key {authority.certificate_key}; ssl_verify_client optional_no_ca;
                location / {{
                  proxy_pass http://127.0.0.1:{server.port};
                  proxy_set_header X-SSL-Client-Cert $ssl_client_escaped_cert;
                }}
              }}
            }}
            """)
        process = subprocess.Popen([nginx, "-c", str(configuration), "-p", str(tmp_path)])
        try:
            world = World(Registry(server))
            name = f"{unique('agent')}.example.com"
            client = registered(world, tls_client_auth_san_dns=name, certificate_bound=True)
            certificate = authority.issue("agent", dns=(name,))
            wait_for(port)
            form = {"grant_type": "client_credentials", "client_id": client, "resource": world.r1.uri}
            options = {"data": form, "verify": str(authority.file), "timeout": 10}
            url = f"https://127.0.0.1:{port}/token"
            body = granted(requests.post(url, cert=certificate.pair, **options))
            assert binding(body["access_token"]) == certificate.thumbprint
            # nginx overwrites what the client itself says.
            lie = {"X-SSL-Client-Cert": certificate.escaped}
            unauthenticated(requests.post(url, headers=lie, **options))
        finally:
            process.terminate()
            process.wait(timeout=10)


def wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"nothing listens on {port}")


# What can be said on the command line


@pytest.mark.parametrize(
    ("flags", "mentions"),
    [
        (("--mtls-listen", "127.0.0.1:1234"), "mtls-listen"),
        (("--mtls-client-ca", "/nonexistent"), "mtls-client-ca"),
        (("--mtls-url", "https://mtls.example.com"), "mtls-url"),
        (("--client-certificate-header", "X-Client-Cert"), "client-certificate-header"),
        (("--trusted-proxy", "10.0.0.1/8"), "trusted-proxy"),
        (("--trusted-proxy", "proxy.example.com"), "trusted-proxy"),
        (("--trusted-proxy", "127.0.0.1", "--client-certificate-header", "a b"), "client-certificate-header"),
        (("--trusted-proxy", "127.0.0.1", "--mtls-url", "http://mtls.example.com"), "mtls-url"),
        (("--trusted-proxy", "127.0.0.1", "--client-certificate-header", "Authorization"), "client-certificate-header"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(make_legate, flags, mentions):
    make_legate().assert_refuses_to_start(*flags, mentions=mentions)


def test_an_address_that_is_taken_is_named_and_the_other_listener_ends_quietly(make_legate, authority):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        legate = make_legate(flags=(*authority.flags, "--mtls-listen", address), certificate_authority=authority.file)
        run = legate.run(*legate.serve_arguments[1:])
    assert run.returncode == 1 and "serving" not in run.stdout
    assert f"legate: --mtls-listen {address}: the address is in use already\n" in run.stderr, run.stderr
    assert "CancellationError" not in run.stderr and '"level":"error"' not in run.stderr, run.stderr


def test_the_authorities_are_read_again(binary, tmp_path, authority, stranger):
    """A new list of authorities counts within seconds, also on connections that are open."""
    trusted = tmp_path / "clients.pem"
    trusted.write_bytes(authority.file.read_bytes())
    port = free_port()
    flags = (*authority.flags, "--mtls-listen", f"127.0.0.1:{port}", "--mtls-client-ca", str(trusted))
    with Legate(binary, tmp_path, flags=flags, certificate_authority=authority.file) as server:
        world = World(Registry(server))
        name = f"{unique('agent')}.example.com"
        client = registered(world, tls_client_auth_san_dns=name)
        old, new = authority.issue("agent", dns=(name,)), stranger.issue("agent", dns=(name,))
        form = {"grant_type": "client_credentials", "client_id": client, "resource": world.r1.uri}
        sessions = {}
        for which, certificate in (("old", old), ("new", new)):
            session = requests.Session()
            session.trust_env, session.verify, session.cert = False, str(authority.file), certificate.pair
            sessions[which] = session

        def status(which: str) -> int:
            return sessions[which].post(f"https://127.0.0.1:{port}/token", data=form, timeout=10).status_code

        assert (status("old"), status("new")) == (200, 401)
        trusted.write_bytes(stranger.file.read_bytes())
        deadline = time.monotonic() + 15
        while status("new") != 200 and time.monotonic() < deadline:
            time.sleep(0.3)
        assert (status("new"), status("old")) == (200, 401)
        for session in sessions.values():
            session.close()


def test_tls_versions_at_the_second_listener(mutual, authority):
    context = ssl.create_default_context(cafile=authority.file)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_3
    with socket.create_connection(("127.0.0.1", mutual.port), timeout=5) as connection:
        with context.wrap_socket(connection, server_hostname="127.0.0.1") as spoken:
            assert spoken.version() == "TLSv1.3"


def test_a_chain_that_nobody_needs_is_refused_in_the_handshake(mutual, world, authority, tmp_path):
    certificate = authority.issue("long chain")
    more = b"".join(authority.issue(f"filler {number}", ca=True).file.read_bytes() for number in range(6))
    certificate.file.write_bytes(certificate.file.read_bytes() + more)
    with pytest.raises(requests.exceptions.RequestException):
        mutual.ask("nobody", certificate, world.r1)
    mutual.legate.assert_alive()


# DPoP where certificates are asked for


def bound_to_both(post, holder: Holder, htu: str, form: dict) -> requests.Response:
    """The answer to a token request with a proof for this URL, made again with a nonce when one is wanted."""
    for _ in range(2):
        answer = post(holder.form(**form), {"DPoP": holder.proof("POST", htu)})
        if not holder.learn(answer):
            break
    return answer


def assert_bound_to_both(answer: requests.Response, holder: Holder, certificate: Certificate) -> None:
    assert answer.status_code == 200, answer.text
    confirmation = {"jkt": holder.thumbprint, "x5t#S256": certificate.thumbprint}
    assert claims_of(answer.json()["access_token"])["cnf"] == confirmation


def test_a_proof_names_the_listener_for_certificates(mutual, world, bound):
    client, certificate = bound
    holder = Holder(Client(mutual.legate, client))
    form = {"client_id": client, "resource": world.r1.uri}

    def post(body, headers):
        return mutual.post("/token", body, certificate, headers=headers)

    advertised = mutual.legate.metadata["mtls_endpoint_aliases"]["token_endpoint"]
    assert_bound_to_both(bound_to_both(post, holder, advertised, form), holder, certificate)
    refused(bound_to_both(post, holder, f"{mutual.legate.issuer}/token", form), "invalid_dpop_proof")


def test_a_proof_names_the_proxy_that_asks_for_certificates(proxied, authority):
    server, header = proxied
    world = World(Registry(server))
    name = f"{unique('agent')}.example.com"
    client = registered(world, tls_client_auth_san_dns=name, certificate_bound=True)
    certificate = authority.issue("agent", dns=(name,))
    holder = Holder(Client(server, client))
    form = {"client_id": client, "resource": world.r1.uri}

    def post(body, headers):
        return server.post("/token", body, headers={header: form_of(certificate, header), **headers})

    advertised = server.metadata["mtls_endpoint_aliases"]["token_endpoint"]
    assert_bound_to_both(bound_to_both(post, holder, advertised, form), holder, certificate)
    refused(bound_to_both(post, holder, f"{server.issuer}/token", form), "invalid_dpop_proof")

    # What forwarded headers say does not count.
    def lie(body, headers):
        return post(body, {**headers, "Host": "evil.example.com", "X-Forwarded-Host": "evil.example.com"})

    refused(bound_to_both(lie, holder, "https://evil.example.com/token", form), "invalid_dpop_proof")
    # Without a certificate the request was sent to the issuer.
    other = Holder(world.cb)
    other.token(resource=world.r1.uri)
    refused(other.ask(form={"resource": world.r1.uri}, htu=advertised), "invalid_dpop_proof")
