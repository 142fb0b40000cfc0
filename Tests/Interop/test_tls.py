"""HTTPS served by Legate itself, with a certificate of a private authority."""

import datetime
import ipaddress
import socket
import ssl
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from actors import Registry, World
from checks import granted
from jose import claims_of, verify
from raw import form_post, talk


class Authority:
    """A private certificate authority with one certificate for this machine."""

    def __init__(self, directory: Path, *names: str):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        root = self._builder(self.name, self.key).add_extension(x509.BasicConstraints(True, 0), True)
        root = root.add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), False)
        self.file = directory / "ca.pem"
        self.file.write_bytes(root.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM))
        leaf = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "legate")])
        alternatives = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), *map(x509.DNSName, names)]
        certificate = (
            self._builder(subject, leaf)
            .add_extension(x509.SubjectAlternativeName(alternatives), False)
            .add_extension(x509.BasicConstraints(False, None), True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False)
            .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), False)
            .sign(self.key, hashes.SHA256())
        )
        self.certificate, self.certificate_key = directory / "tls.pem", directory / "tls.key"
        self.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        self.certificate_key.write_bytes(leaf.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        self.certificate_key.chmod(0o600)

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=2))
        )

    @property
    def flags(self) -> tuple[str, ...]:
        return ("--tls-certificate", str(self.certificate), "--tls-key", str(self.certificate_key))


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "legate.example")


@pytest.fixture
def secure(make_legate, authority):
    return make_legate(flags=authority.flags, certificate_authority=authority.file).start()


def test_token_over_https(secure):
    assert secure.issuer.startswith("https://")
    world = World(Registry(secure))
    answer = world.cb.ask(resource=world.r1.uri)
    token = granted(answer)["access_token"]
    assert verify(token, secure.jwks)["iss"] == secure.issuer
    assert "max-age=" in answer.headers["Strict-Transport-Security"]


def test_no_hsts_without_tls(legate):
    assert "Strict-Transport-Security" not in legate.get("/health/live").headers


def test_command_line_trusts_the_named_authority(secure, authority):
    assert secure.cli("client", "list")["items"]
    without = {"LEGATE_CA_FILE": ""}
    assert secure.run("client", "list", environment=without).returncode == 1
    assert secure.cli("client", "list", "--ca", authority.file, environment=without)["items"]


def test_certificate_is_checked_by_ordinary_clients(secure):
    with requests.Session() as stranger, pytest.raises(requests.exceptions.SSLError):
        stranger.trust_env = False
        stranger.get(f"{secure.base}/health/live", timeout=5)


def test_HTTP_21_plain_http_at_the_tls_port(secure):
    operator = secure.operator
    form = f"grant_type=client_credentials&client_id={operator['client_id']}&client_secret={operator['client_secret']}"
    said = talk(secure.port, form_post("/token", form.encode()))
    assert b"access_token" not in said.received and b"Location" not in said.received
    assert said.status is None or said.status >= 400
    secure.assert_alive()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_tls_is_refused(secure, authority, version):
    context = ssl.create_default_context(cafile=authority.file)
    try:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
    except (ssl.SSLError, ValueError):
        pytest.skip("this machine's OpenSSL cannot speak it")
    with socket.create_connection(("127.0.0.1", secure.port), timeout=5) as connection, pytest.raises(OSError):
        context.wrap_socket(connection, server_hostname="127.0.0.1")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_current_tls_is_spoken(secure, authority, version):
    context = ssl.create_default_context(cafile=authority.file)
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", secure.port), timeout=5) as connection:
        with context.wrap_socket(connection, server_hostname="127.0.0.1") as spoken:
            assert spoken.version() == version.name.replace("_", ".").replace("TLSv1", "TLSv1", 1)


def test_issuer_may_be_another_name_than_the_listener(make_legate, authority):
    server = make_legate(
        issuer="https://legate.example", flags=authority.flags, certificate_authority=authority.file
    ).start()
    assert server.metadata["issuer"] == "https://legate.example"
    assert server.metadata["token_endpoint"] == "https://legate.example/token"
    assert claims_of(server.operator_token())["iss"] == "https://legate.example"


def start(server, *flags):
    arguments = ["--data", server.data, "--root-key", server.root_key, "--issuer", server.issuer]
    arguments += ["--listen", f"127.0.0.1:{server.port}"]
    return server.run("serve", *arguments, *flags, environment={"LEGATE_PROFILE": ""})


def test_non_loopback_issuer_must_be_https(make_legate):
    run = start(make_legate(issuer="http://auth.example.com"))
    assert run.returncode != 0 and "issuer" in run.stderr and "https" in run.stderr


@pytest.mark.parametrize(
    "fault", ["certificate alone", "key alone", "no such file", "key of another", "no certificate"]
)
def test_unusable_certificate_is_refused_by_name(make_legate, authority, tmp_path, fault):
    other = tmp_path / "other.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    other.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    certificate, private = str(authority.certificate), str(authority.certificate_key)
    flags, mentions = {
        "certificate alone": (["--tls-certificate", certificate], "tls-key"),
        "key alone": (["--tls-key", private], "tls-certificate"),
        "no such file": (["--tls-certificate", "/nonexistent", "--tls-key", private], "tls-certificate"),
        "key of another": (["--tls-certificate", certificate, "--tls-key", str(other)], "tls-"),
        "no certificate": (["--tls-certificate", str(other), "--tls-key", private], "tls-certificate"),
    }[fault]
    server = make_legate(certificate_authority=authority.file)
    run = start(server, *flags)
    assert run.returncode != 0 and mentions in run.stderr, run.stderr
