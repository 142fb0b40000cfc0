"""Keys and tokens made by hand.

The libraries under test refuse to make malformed tokens, and a server is only worth something if it refuses them too.
So the hostile ones are put together here, from `cryptography` alone.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from joserfc import jwk as joserfc_jwk
from joserfc import jwt as joserfc_jwt

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

# Making an RSA key takes most of a second, and no test minds sharing one.
_rsa_keys: list[rsa.RSAPrivateKey] = []


def b64(data: bytes) -> str:
    """base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def unb64_int(text: str) -> int:
    return int.from_bytes(unb64(text), "big")


def segment(value: Any) -> str:
    """One segment of a compact JWS: bytes as they are, anything else as JSON."""
    return b64(value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode())


def decode(token: str) -> tuple[dict, dict]:
    """Header and claims, unverified."""
    header, claims, _ = token.split(".")
    return json.loads(unb64(header)), json.loads(unb64(claims))


def claims_of(token: str) -> dict:
    return decode(token)[1]


def verify(token: str, key_set: dict) -> dict:
    """The claims, after the one key that the header names has verified them with exactly its own `alg`."""
    header, _ = decode(token)
    keys = [key for key in key_set["keys"] if key["kid"] == header["kid"]]
    assert len(keys) == 1, f"{len(keys)} keys named {header['kid']}"
    assert keys[0]["alg"] == header["alg"]
    key = joserfc_jwk.import_key(keys[0])
    return joserfc_jwt.decode(token, key, algorithms=[header["alg"]]).claims


def thumbprint(jwk: dict) -> str:
    """RFC 7638."""
    members = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n"), "OKP": ("crv", "kty", "x")}[jwk["kty"]]
    text = json.dumps({name: jwk[name] for name in members}, separators=(",", ":"), sort_keys=True)
    return b64(hashlib.sha256(text.encode()).digest())


def hs256(header: dict, claims: dict, secret: bytes) -> str:
    signed = f"{segment(header)}.{segment(claims)}"
    return f"{signed}.{b64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def unsigned(header: dict, claims: Any) -> str:
    return f"{segment(header)}.{segment(claims)}."


@dataclass
class Key:
    """A signing key with the name and the algorithm it is registered under."""

    alg: str
    kid: str
    private: Any

    @classmethod
    def make(cls, alg: str = "ES256", kid: str | None = None) -> "Key":
        if alg == "ES256":
            private = ec.generate_private_key(ec.SECP256R1())
        elif alg == "ES384":
            private = ec.generate_private_key(ec.SECP384R1())
        elif alg in ("EdDSA", "Ed25519"):
            private = ed25519.Ed25519PrivateKey.generate()
        elif alg in ("RS256", "PS256"):
            if not _rsa_keys:
                _rsa_keys.append(rsa.generate_private_key(public_exponent=65537, key_size=2048))
            private = _rsa_keys[0]
        else:
            raise ValueError(alg)
        key = cls(alg, kid or "", private)
        if kid is None:
            key.kid = thumbprint(key._public_members())
        return key

    def _public_members(self) -> dict:
        public = self.private.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            numbers = public.public_numbers()
            return {"kty": "RSA", "n": b64(_octets(numbers.n)), "e": b64(_octets(numbers.e))}
        if isinstance(public, ed25519.Ed25519PublicKey):
            return {"kty": "OKP", "crv": "Ed25519", "x": b64(public.public_bytes(Encoding.Raw, PublicFormat.Raw))}
        numbers, size = public.public_numbers(), (public.curve.key_size + 7) // 8
        return {
            "kty": "EC",
            "crv": "P-256" if size == 32 else "P-384",
            "x": b64(numbers.x.to_bytes(size, "big")),
            "y": b64(numbers.y.to_bytes(size, "big")),
        }

    def jwk(self) -> dict:
        """The public key as registered."""
        return {**self._public_members(), "kid": self.kid, "alg": self.alg, "use": "sig"}

    def jwks(self) -> dict:
        return {"keys": [self.jwk()]}

    def pem(self) -> str:
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def public_pem(self) -> bytes:
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def signature(self, signed: bytes, alg: str | None = None) -> bytes:
        """A JWS signature over `signed`: whatever `alg` says, made with this key."""
        alg = alg or self.alg
        if alg in ("ES256", "ES384"):
            digest = hashes.SHA256() if alg == "ES256" else hashes.SHA384()
            size = (self.private.curve.key_size + 7) // 8
            r, s = decode_dss_signature(self.private.sign(signed, ec.ECDSA(digest)))
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        if alg in ("EdDSA", "Ed25519"):
            return self.private.sign(signed)
        if alg == "RS256":
            return self.private.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        if alg == "PS256":
            return self.private.sign(signed, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        raise ValueError(alg)

    def sign(self, claims: Any, header: dict | bytes | None = None, *, alg: str | None = None) -> str:
        """A compact JWS. `header` is merged into the ordinary one (None removes a member), or all of it, as bytes."""
        if not isinstance(header, bytes):
            members = {"alg": alg or self.alg, "kid": self.kid, "typ": "JWT", **(header or {})}
            header = json.dumps({name: value for name, value in members.items() if value is not None}).encode()
        signed = f"{segment(header)}.{segment(claims)}"
        return f"{signed}.{b64(self.signature(signed.encode(), alg))}"


def _octets(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
