"""What the conformance rows (Docs/Standards.md) expect, as assertions: `OK`, `E(code)`, `E401(code)`, `INACTIVE`."""

import re
from typing import Any

import requests

LEGAL = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]*")
LEAKS = re.compile(
    r"BEGIN [A-Z ]*PRIVATE|eyJ[A-Za-z0-9_-]{10,}\.|SQLITE|SELECT |INSERT |\.swift\b|/Sources/|fatalError|Optional\(",
    re.I,
)


def is_no_store(answer: requests.Response) -> None:
    assert "no-store" in answer.headers.get("Cache-Control", ""), answer.headers


def is_json(answer: requests.Response) -> None:
    assert answer.headers.get("Content-Type", "").split(";")[0].strip() == "application/json", answer.headers


def granted(answer: requests.Response) -> dict:
    """`OK`: a token response as RFC 6749, section 5.1, wants it."""
    assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
    is_json(answer)
    is_no_store(answer)
    body = answer.json()
    assert body["access_token"] and body["token_type"] == "Bearer"
    assert type(body["expires_in"]) is int and body["expires_in"] > 0
    assert "refresh_token" not in body and "id_token" not in body
    return body


def refused(answer: requests.Response, *codes: str, status: int = 400) -> dict:
    """`E(code)`: an OAuth error that names one of the codes and gives nothing away."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    is_json(answer)
    is_no_store(answer)
    body = answer.json()
    assert body["error"] in codes, body
    for text in (body["error"], body.get("error_description", "")):
        assert LEGAL.fullmatch(text), f"illegal characters in {text!r}"
        assert len(text) <= 1024
    assert not LEAKS.search(answer.text), answer.text
    return body


def unauthenticated(answer: requests.Response) -> dict:
    """`E401(invalid_client)`."""
    body = refused(answer, "invalid_client", status=401)
    if "Authorization" in answer.request.headers:
        assert answer.headers.get("WWW-Authenticate"), "no challenge though an Authorization header was sent"
    return body


def not_authenticated(answer: requests.Response) -> dict:
    """`E401(invalid_client)` or `E(invalid_request)`, where the standards leave the choice."""
    if answer.status_code == 401:
        return unauthenticated(answer)
    return refused(answer, "invalid_request")


def inactive(answer: requests.Response) -> None:
    """`INACTIVE`: that and no word more (RFC 7662, section 2.2)."""
    assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
    is_no_store(answer)
    assert answer.json() == {"active": False}


def active(answer: requests.Response) -> dict:
    assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
    is_no_store(answer)
    body = answer.json()
    assert body["active"] is True
    return body


def problem(answer: requests.Response, status: int, *fields: str) -> dict:
    """An RFC 9457 answer of the admin API, naming these fields among its errors."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    assert answer.headers["Content-Type"].split(";")[0] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status and body["title"] and body["type"] and body["detail"], body
    assert body["request_id"] == answer.headers["X-Request-Id"]
    named = {error["field"] for error in body.get("errors", [])}
    assert set(fields) <= named, body
    return body


def challenge(answer: requests.Response) -> tuple[str, dict[str, str]]:
    """Scheme and parameters of `WWW-Authenticate`; a parameter that appears twice is a fault."""
    scheme, _, rest = answer.headers["WWW-Authenticate"].partition(" ")
    pairs = re.findall(r'([a-zA-Z_]+)="([^"]*)"', rest)
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), rest
    return scheme, dict(pairs)


def bearer_challenge(answer: requests.Response, status: int = 401, error: str | None = None) -> dict[str, str]:
    """A challenge of our own APIs: RFC 6750 with the metadata of RFC 9728."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    scheme, parameters = challenge(answer)
    assert scheme == "Bearer"
    assert parameters.get("error") == error, parameters
    assert parameters["resource_metadata"]
    return parameters


def scopes(body: dict[str, Any]) -> set[str]:
    return set(body["scope"].split())
