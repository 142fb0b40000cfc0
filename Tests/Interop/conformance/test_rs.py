"""RS: how our own APIs treat bearer tokens (RFC 6750, 9068, 9728)."""

import pytest

from checks import bearer_challenge, problem
from jose import Key, decode, hs256, unsigned
from raw import request, talk


def get(legate, *headers: str):
    return talk(legate.port, request("GET /admin/clients?limit=1 HTTP/1.1", *headers))


@pytest.mark.parametrize("path", ["/admin/clients", "/admin/audit", "/admin/keys"])
def test_RS_01_no_credentials(legate, path):
    answer = legate.get(path)
    bearer_challenge(answer, 401, error=None)
    problem(answer, 401)


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "..", "x" * 5000])
def test_RS_02_malformed(legate, token):
    bearer_challenge(legate.admin("GET", "/clients", token=token), 401, "invalid_token")


def test_RS_02_tampered(legate):
    token = legate.operator_token()
    header, claims = decode(token)
    head, payload, signature = token.split(".")
    stronger = Key.make("ES256", kid=header["kid"]).sign({**claims, "scope": "everything"}, {"typ": "at+jwt"})
    public = str(legate.jwks).encode()
    for forged in (
        f"{head}.{payload[:-4]}AAAA.{signature}",
        f"{head}.{payload}.{signature[:-6]}AAAAAA",
        f"{head}.{payload}.",
        unsigned({**header, "alg": "none"}, claims),
        hs256({**header, "alg": "HS256"}, claims, public),
        stronger,
    ):
        bearer_challenge(legate.admin("GET", "/clients", token=forged), 401, "invalid_token")


def test_RS_02_token_for_another_resource(legate, world):
    token = world.cb.token(resource=world.r1.uri)
    bearer_challenge(legate.admin("GET", "/clients", token=token), 401, "invalid_token")


def test_RS_insufficient_scope(legate, registry):
    token = registry.operator("audit:read").token()
    for method, path, scope in (
        ("GET", "/clients", "clients:read"),
        ("POST", "/clients", "clients:write"),
        ("DELETE", "/resources/x", "resources:write"),
        ("POST", "/keys/rotate", "keys:write"),
    ):
        answer = legate.admin(method, path, {} if method == "POST" else None, token=token)
        assert bearer_challenge(answer, 403, "insufficient_scope")["scope"] == scope
        problem(answer, 403)


def test_RS_04_token_in_the_query_only(legate):
    answer = legate.get(f"/admin/clients?access_token={legate.operator_token()}")
    assert answer.status_code in (400, 401)
    assert legate.operator_token() not in legate.log.read_text()


def test_RS_05_token_in_header_and_body(legate):
    token = legate.operator_token()
    answer = legate.post("/admin/clients", {"access_token": token}, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code in (400, 415), "forms are not read here at all"
    answer = legate.get(f"/admin/clients?access_token={token}", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 400


def test_RS_06_other_kinds_of_jwt(legate, registry, world):
    watcher = registry.operator("tokens:read")
    signed = watcher.post(
        "/introspect",
        {"token": legate.operator_token()},
        headers={"Accept": "application/token-introspection+jwt"},
    ).text
    document = legate.get(f"/resources/{world.r1.name}/oauth-protected-resource").json()
    for token in (signed, document["signed_metadata"], world.idp.token("user"), world.cj.assertion()):
        bearer_challenge(legate.admin("GET", "/clients", token=token), 401, "invalid_token")


def test_RS_09_scheme_is_case_insensitive(legate):
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert get(legate, f"Authorization: {scheme} {legate.operator_token()}").status == 200


@pytest.mark.parametrize("form", ["Bearer {t} x", "Bearer\t{t}", "Bearer", "Bearer ", "{t}", "Bearer {t},Bearer {t}"])
def test_RS_09_malformed_header(legate, form):
    said = get(legate, "Authorization: " + form.format(t=legate.operator_token()))
    assert said.status in (400, 401)


def test_RS_09_two_headers(legate):
    header = f"Authorization: Bearer {legate.operator_token()}"
    assert get(legate, header, header).status in (400, 401)


def test_RS_12_answers_are_not_stored(legate):
    for path in ("/clients?limit=1", "/audit?limit=1", "/keys"):
        control = legate.admin("GET", path).headers["Cache-Control"]
        assert "no-store" in control or "private" in control
