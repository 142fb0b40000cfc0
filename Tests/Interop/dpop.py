"""A client that holds a key: DPoP proofs made by hand (RFC 9449), and requests with them.

Like any client it answers `use_dpop_nonce` by trying once more with the nonce that it was given.
"""

import base64
import hashlib
import re
import secrets
import time
from typing import Any

import requests

from actors import Client
from jose import Key, b64, thumbprint
from server import Legate


class Holder:
    """A client together with a key, and the last nonce of its server."""

    def __init__(self, client: Client, key: Key | None = None):
        self.client = client
        self.legate: Legate = client.legate
        self.key = key or Key.make("ES256")
        self.nonce: str | None = None

    @property
    def thumbprint(self) -> str:
        return thumbprint(self.key._public_members())

    def url(self, path: str) -> str:
        return self.legate.issuer + path

    def claims(self, method: str, url: str, token: str | None = None, **changes: Any) -> dict:
        """Claims of a good proof, with changes; a change to None removes the claim."""
        claims = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": url.partition("?")[0],
            "iat": int(time.time()),
            "nonce": self.nonce,
            "ath": token and b64(hashlib.sha256(token.encode()).digest()),
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def header(self, **changes: Any) -> dict:
        """The header of a good proof, with changes; a change to None removes the member."""
        return {"typ": "dpop+jwt", "kid": None, "jwk": self.key._public_members(), **changes}

    def proof(
        self,
        method: str,
        url: str,
        token: str | None = None,
        *,
        header: dict | None = None,
        key: Key | None = None,
        **changes: Any,
    ) -> str:
        return (key or self.key).sign(self.claims(method, url, token, **changes), self.header(**(header or {})))

    # At the token endpoint

    def form(self, **form: Any) -> dict:
        """A client_credentials request, unless `grant_type` says otherwise."""
        form = {"grant_type": "client_credentials", **form}
        return {name: value for name, value in form.items() if value is not None}

    def post(self, proof: str | None, *, headers: dict | None = None, **form: Any) -> requests.Response:
        """One token request with this proof, and no second try."""
        headers = {**({"DPoP": proof} if proof is not None else {}), **(headers or {})}
        return self.client.post("/token", self.form(**form), headers=headers)

    def ask(self, *, header: dict | None = None, key: Key | None = None, form: dict | None = None, **changes: Any):
        """A token request with a proof of its own, tried again with a nonce when the server wants one."""
        answer = None
        for _ in range(2):
            proof = self.proof("POST", self.url("/token"), header=header, key=key, **changes)
            answer = self.post(proof, **(form or {}))
            if not self.learn(answer):
                return answer
        return answer

    def token(self, **form: Any) -> str:
        answer = self.ask(form=form)
        assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
        assert answer.json()["token_type"] == "DPoP", answer.text
        return answer.json()["access_token"]

    def learn(self, answer: requests.Response) -> bool:
        """Keeps the nonce of an answer. True when the request has to be made again with it."""
        nonce = answer.headers.get("DPoP-Nonce")
        if nonce:
            self.nonce = nonce
        if answer.status_code == 400:
            return answer.json().get("error") == "use_dpop_nonce"
        return answer.status_code == 401 and "use_dpop_nonce" in answer.headers.get("WWW-Authenticate", "")

    # At resources

    def headers(self, token: str, method: str, url: str, *, scheme: str = "DPoP", **changes: Any) -> dict:
        return {"Authorization": f"{scheme} {token}", "DPoP": self.proof(method, url, token, **changes)}

    def call(self, token: str, method: str, path: str, *, scheme: str = "DPoP", proof: dict | None = None, **options):
        """A call of one of Legate's own APIs, with a proof of its own, tried again with a nonce."""
        answer = None
        for _ in range(2):
            headers = self.headers(token, method, self.url(path), scheme=scheme, **(proof or {}))
            answer = self.legate.request(method, path, headers={**headers, **options.get("headers", {})})
            if not self.learn(answer):
                return answer
        return answer


def gateway_basic(gateway: Client) -> str:
    """What a gateway proves itself with at /check."""
    return "Basic " + base64.b64encode(":".join(gateway.basic).encode()).decode()


def dpop_challenge(answer: requests.Response, error: str | None, status: int = 401) -> dict[str, str]:
    """The parameters of a `WWW-Authenticate: DPoP` challenge."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    header = answer.headers["WWW-Authenticate"]
    scheme, _, rest = header.partition(" ")
    assert scheme == "DPoP", header
    parameters = dict(re.findall(r'([a-z_]+)="([^"]*)"', rest))
    assert parameters.get("error") == error, header
    assert set(parameters["algs"].split()) == {"ES256", "Ed25519", "PS256"}, header
    return parameters
