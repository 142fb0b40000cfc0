"""Certificates: private authorities, what they certify, and certificates that sign themselves."""

import base64
import datetime
import hashlib
import ipaddress
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _subject(common_name: str | None, organization: str | None = None) -> x509.Name:
    attributes = []
    if organization:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    if common_name:
        attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    return x509.Name(attributes)


@dataclass
class Certificate:
    """A certificate and its key, also as PEM files."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    file: Path
    key_file: Path

    @property
    def pair(self) -> tuple[str, str]:
        """As `requests` and `httpx` take it."""
        return (str(self.file), str(self.key_file))

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def base64(self) -> str:
        return base64.b64encode(self.der).decode()

    @property
    def thumbprint(self) -> str:
        """`x5t#S256`."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.der).digest()).decode().rstrip("=")

    @property
    def byte_sequence(self) -> str:
        """As RFC 9440 has it in `Client-Cert`."""
        return f":{self.base64}:"

    @property
    def escaped(self) -> str:
        """As nginx has it in `$ssl_client_escaped_cert`."""
        return urllib.parse.quote(self.pem, safe="")


class Directory:
    """Writes certificates into files of their own."""

    def __init__(self, path: Path):
        self.path = path
        self._count = 0

    def keep(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Certificate:
        self._count += 1
        file, key_file = self.path / f"{self._count}.pem", self.path / f"{self._count}.key"
        file.write_bytes(certificate.public_bytes(Encoding.PEM))
        key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        key_file.chmod(0o600)
        return Certificate(certificate, key, file, key_file)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, start: int, days: int
) -> x509.CertificateBuilder:
    begin = _now() + start * DAY
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + days * DAY)
    )


class Authority:
    """A private certificate authority. `names` are those of a server certificate for this machine."""

    def __init__(self, directory: Path, *names: str, common_name: str = "Test authority"):
        self.directory = Directory(directory)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _subject(common_name)
        root = (
            _builder(self.name, self.name, self.key, -1, 400)
            .add_extension(x509.BasicConstraints(True, None), True)
            .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), False)
            .sign(self.key, hashes.SHA256())
        )
        self.root = root
        self.file = directory / "ca.pem"
        self.file.write_bytes(root.public_bytes(Encoding.PEM))
        server = self.issue(
            "legate", dns=("localhost", *names), ip=("127.0.0.1",), purpose=ExtendedKeyUsageOID.SERVER_AUTH
        )
        self.server = server
        self.certificate, self.certificate_key = server.file, server.key_file

    def issue(
        self,
        common_name: str | None,
        *,
        organization: str | None = None,
        dns: tuple[str, ...] = (),
        uri: tuple[str, ...] = (),
        ip: tuple[str, ...] = (),
        email: tuple[str, ...] = (),
        start: int = -1,
        days: int = 60,
        purpose: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.CLIENT_AUTH,
        ca: bool = False,
        key: ec.EllipticCurvePrivateKey | None = None,
    ) -> Certificate:
        """A certificate that is valid from `start` days from now, for `days` days."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_subject(common_name, organization), self.name, key, start, days)
        builder = _describe(builder, dns, uri, ip, email, purpose, ca).add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False
        )
        return self.directory.keep(builder.sign(self.key, hashes.SHA256()), key)

    @property
    def flags(self) -> tuple[str, ...]:
        return ("--tls-certificate", str(self.certificate), "--tls-key", str(self.certificate_key))


def self_signed(directory: Directory, common_name: str, *, start: int = -1, days: int = 60) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _subject(common_name)
    builder = _describe(_builder(name, name, key, start, days), (), (), (), (), ExtendedKeyUsageOID.CLIENT_AUTH, False)
    return directory.keep(builder.sign(key, hashes.SHA256()), key)


def _describe(builder: x509.CertificateBuilder, dns, uri, ip, email, purpose, ca: bool) -> x509.CertificateBuilder:
    names = [
        *map(x509.DNSName, dns),
        *map(x509.UniformResourceIdentifier, uri),
        *(x509.IPAddress(ipaddress.ip_address(address)) for address in ip),
        *map(x509.RFC822Name, email),
    ]
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
    if purpose is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), False)
    usage = x509.KeyUsage(True, False, False, False, False, ca, ca, False, False)
    return builder.add_extension(x509.BasicConstraints(ca, None), True).add_extension(usage, True)
