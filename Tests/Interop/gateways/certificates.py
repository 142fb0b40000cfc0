"""Agents with client certificates, and what a gateway must do with the tokens that are bound to them (RFC 8705)."""

import base64
import datetime
import hashlib
from pathlib import Path
from typing import Any, ClassVar

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from actors import unique
from gateways.contract import Gate, Stage
from gateways.possession import Holder
from jose import Key, decode
from server import free_port


def mutual_tls() -> tuple[str, ...]:
    """The flags of a server that asks for client certificates on a port of its own."""
    return ("--mtls-listen", f"127.0.0.1:{free_port()}")


class CertificateHolder:
    """An agent that signed its certificate itself: what counts is that it holds the key."""

    def __init__(self, stage: Stage, name: str = "agent"):
        self.stage = stage
        key = Key.make("ES256").private
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, unique(name))])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .sign(key, hashes.SHA256())
        )
        self.pem = certificate.public_bytes(Encoding.PEM)
        self.der = certificate.public_bytes(Encoding.DER)
        self.file: Path = stage.directory / f"{unique(name)}.pem"
        self.file.write_bytes(self.pem + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    @property
    def thumbprint(self) -> str:
        """`x5t#S256` (section 3.1)."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.der).digest()).rstrip(b"=").decode()

    def token(self, **form: Any) -> str:
        """A token that is bound to the certificate."""
        agent = self.stage.new_agent(certificate_bound=True)
        answer = requests.post(
            self.stage.legate.metadata["mtls_endpoint_aliases"]["token_endpoint"],
            {"grant_type": "client_credentials", "resource": self.stage.resource.uri, **form},
            auth=agent.basic,
            cert=str(self.file),
            verify=str(self.stage.authority.file),
            timeout=20,
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["token_type"] == "Bearer"
        token = answer.json()["access_token"]
        assert decode(token)[1]["cnf"] == {"x5t#S256": self.thumbprint}
        return token


class TLSGate(Gate):
    """A gateway that ends TLS, seen from an agent with a certificate, or with none."""

    def by(self, holder: CertificateHolder | None) -> "TLSGate":
        http = requests.Session()
        http.trust_env = False
        http.verify = str(self.stage.authority.file)
        if holder is not None:
            http.cert = str(holder.file)
        return TLSGate(self.stage, http)

    def call(self, token, method="GET", path="/v1/orders", **options) -> requests.Response:
        headers = options.pop("headers", {})
        if token is not None:
            headers = {"Authorization": f"Bearer {token}", **headers}
        url = f"https://localhost:{self.stage.port}{path}"
        return self.http.request(method, url, headers=headers, timeout=20, allow_redirects=False, **options)


class BoundToCertificate:
    """Only in a connection with the certificate is the token good."""

    # Whether tokens that are bound to nothing get in as well.
    takes_bearer: ClassVar[bool] = True

    def test_the_token_is_good_with_its_certificate_only(self, gate):
        holder, thief = CertificateHolder(gate.stage), CertificateHolder(gate.stage, "thief")
        token = holder.token()
        told = gate.by(holder).passed(token)
        assert "authorization" not in told
        assert not any(token in value for values in told.values() for value in values)
        gate.by(thief).refused(token)
        gate.by(None).refused(token)
        gate.by(holder).passed(token)

    def test_nobody_writes_the_certificate_himself(self, gate):
        holder, thief = CertificateHolder(gate.stage), CertificateHolder(gate.stage, "thief")
        token = holder.token()
        for value in (
            requests.utils.quote(holder.pem.decode(), safe=""),
            base64.b64encode(holder.der).decode(),
            f":{base64.b64encode(holder.der).decode()}:",
        ):
            lies = dict.fromkeys(("Legate-Client-Certificate", "Client-Cert", "X-SSL-Client-Cert"), value)
            gate.by(thief).refused(token, headers=lies)
            gate.by(None).refused(token, headers=lies)

    def test_a_token_that_is_bound_to_a_key_is_not_freed_by_a_certificate(self, gate):
        holder = CertificateHolder(gate.stage)
        gate.by(holder).refused(Holder(gate.stage).token())

    def test_a_token_that_is_bound_to_nothing(self, gate):
        holder, token = CertificateHolder(gate.stage), gate.stage.token()
        if self.takes_bearer:
            gate.by(holder).passed(token)
            gate.by(None).passed(token)
        else:
            gate.by(holder).refused(token)

    def test_a_revoked_token_is_refused_with_its_certificate(self, gate):
        holder = CertificateHolder(gate.stage)
        token = holder.token()
        gate.by(holder).passed(token)
        gate.stage.revoke("token", decode(token)[1]["jti"])
        gate.by(holder).refused(token)
