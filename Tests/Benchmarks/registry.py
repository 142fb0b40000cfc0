"""What is registered for a measurement, and the request bodies that its clients send."""

import http.client
import json
import secrets
import time
from base64 import urlsafe_b64encode
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from urllib.parse import quote, urlencode

from servers import BenchmarkFailed, Legate

RESOURCE = "https://api.example.com/orders"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST_LIFE = 900
SIGNERS = 2
REGISTRARS = 8


JWT = "urn:ietf:params:oauth:token-type:jwt"


def level(number: int) -> str:
    """The API that stands behind so many agents; each but the first is one of them."""
    return f"https://level-{number}.example.com"


def register_levels(legate: Legate, count: int) -> None:
    for number in range(count + 1):
        legate.create(
            "resources",
            {"resource": level(number), "name": f"level-{number}", "kind": "api", "scopes": ["read"],
             "token_ttl": LONGEST_LIFE},
        )  # fmt: skip


def register_resource(legate: Legate, name: str = "orders") -> None:
    legate.create(
        "resources",
        {"resource": RESOURCE, "name": name, "kind": "api", "scopes": ["read", "write"], "token_ttl": LONGEST_LIFE},
    )


def agent(client_id: str, **more) -> dict:
    return {
        "client_id": client_id,
        "name": client_id,
        "kind": "agent",
        "auth": "client_secret_basic",
        "scopes": ["read"],
        "resources": [RESOURCE],
        "grants": ["client_credentials"],
        **more,
    }


def register_agent(legate: Legate, client_id: str, **more) -> dict[str, str]:
    """Registers an agent with a secret; answers the two parameters by which it authenticates."""
    made = legate.create("clients", agent(client_id, **more))
    return {"client_id": made["client_id"], "client_secret": made["client_secret"]}


def register_agents(legate: Legate, count: int, seconds: float, progress) -> list[dict[str, str]]:
    """Registers many agents over a few connections, or fails when that takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    done: list[dict[str, str]] = []

    def some(first: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", legate.port, timeout=60)
        for number in range(first, count, REGISTRARS):
            if time.monotonic() > deadline:
                break
            made = legate.create("clients", agent(f"agent-{number:06}"), connection)
            done.append({"client_id": made["client_id"], "client_secret": made["client_secret"]})
            if len(done) % 10_000 == 0:
                progress(f"{len(done):,} of {count:,} clients registered")
        connection.close()

    with ThreadPoolExecutor(REGISTRARS) as pool:
        for outcome in [pool.submit(some, first) for first in range(REGISTRARS)]:
            outcome.result()
    if len(done) < count:
        raise BenchmarkFailed(f"only {len(done):,} of {count:,} clients were registered in {seconds:.0f} s")
    return done


def token_body(credentials: dict[str, str], task: str) -> str:
    return urlencode(
        {"grant_type": "client_credentials", **credentials, "resource": RESOURCE, "scope": "read", "task_id": task}
    )


def exchange_body(
    credentials: dict[str, str], subject_token: str, subject_token_type: str = ACCESS_TOKEN, resource: str = RESOURCE
) -> str:
    return urlencode(
        {
            "grant_type": EXCHANGE,
            **credentials,
            "subject_token": subject_token,
            "subject_token_type": subject_token_type,
            "resource": resource,
            "scope": "read",
        }
    )


class AssertionSigner:
    """A client's own P-256 key: its public half for the registry, and assertions that may be used once each."""

    def __init__(self, client_id: str, audience: str):
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        self.client_id = client_id
        self.audience = audience
        key = ec.generate_private_key(ec.SECP256R1())
        self.pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        point = key.public_key().public_numbers()
        self.jwks = {
            "keys": [
                {
                    "kty": "EC",
                    "crv": "P-256",
                    "alg": "ES256",
                    "use": "sig",
                    "kid": "bench",
                    "x": _base64url(point.x.to_bytes(32, "big")),
                    "y": _base64url(point.y.to_bytes(32, "big")),
                }
            ]
        }

    def user_token(self, subject: str) -> str:
        """A token of a user, when the signer is an identity provider."""
        now = int(time.time())
        claims = {"iss": self.client_id, "sub": subject, "aud": self.audience, "iat": now, "exp": now + LONGEST_LIFE}
        return _signed(self.pem, {"alg": "ES256", "typ": "JWT", "kid": "bench"}, claims)

    def bodies(self, count: int) -> list[str]:
        """So many token requests, each with an assertion of its own."""
        share = [count // SIGNERS + (worker < count % SIGNERS) for worker in range(SIGNERS)]
        if count < 1_000:
            return _signed_bodies(self.pem, self.client_id, self.audience, count)
        with ProcessPoolExecutor(SIGNERS) as pool:
            parts = [pool.submit(_signed_bodies, self.pem, self.client_id, self.audience, part) for part in share]
            return [body for part in parts for body in part.result()]


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _signed(pem: bytes, header: dict, claims: dict) -> str:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    key = serialization.load_pem_private_key(pem, None)
    text = _base64url(json.dumps(header).encode()) + "." + _base64url(json.dumps(claims).encode())
    r, s = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{text}.{_base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _signed_bodies(pem: bytes, client_id: str, audience: str, count: int) -> list[str]:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    key = serialization.load_pem_private_key(pem, None)
    algorithm = ec.ECDSA(hashes.SHA256())
    header = _base64url(json.dumps({"alg": "ES256", "typ": "JWT", "kid": "bench"}).encode())
    now = int(time.time())
    claims = {"iss": client_id, "sub": client_id, "aud": audience, "iat": now, "exp": now + 300}
    head = token_body({"client_id": client_id, "client_assertion_type": ASSERTION}, "bench")
    head += "&client_assertion=" + quote(header, safe="") + "."
    batch, bodies = secrets.token_hex(8), []
    for number in range(count):
        payload = _base64url(json.dumps({**claims, "jti": f"{batch}-{number}"}).encode())
        r, s = decode_dss_signature(key.sign(f"{header}.{payload}".encode(), algorithm))
        bodies.append(f"{head}{payload}.{_base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}")
    return bodies
