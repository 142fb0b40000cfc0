"""HOST, O.2: forms and JSON bodies."""

import json
import time

import pytest

from actors import JWT_BEARER, TOKEN_EXCHANGE, unique
from checks import granted, not_authenticated, problem, refused
from jose import claims_of


def raw_form(legate, client, body: bytes | str, **options):
    data = body.encode() if isinstance(body, str) else body
    headers = {"Content-Type": "application/x-www-form-urlencoded", **options.pop("headers", {})}
    return legate.request("POST", options.pop("path", "/token"), data=data, headers=headers, auth=client.basic)


def base(world) -> str:
    return f"grant_type=client_credentials&resource={world.r1.uri}"


@pytest.mark.parametrize("same", [True, False], ids=["same", "different"])
@pytest.mark.parametrize(
    "name, value", [("grant_type", "client_credentials"), ("scope", "a:read"), ("client_id", "CB"), ("task_id", "t")]
)
def test_HOST_20_parameter_twice(legate, world, name, value, same):
    value = value.replace("CB", world.cb.id)
    body = f"resource={world.r1.uri}&{name}={value}&{name}={value if same else 'other'}"
    if name != "grant_type":
        body += "&grant_type=client_credentials"
    refused(raw_form(legate, world.cb, body), "invalid_request")


def test_HOST_20_secret_twice(legate, registry, world):
    client = registry.agent(world.r1)
    form = [("grant_type", "client_credentials"), ("client_id", client.id)] + [("client_secret", client.secret)] * 2
    not_authenticated(legate.post("/token", form))


def test_HOST_20_assertion_twice(legate, registry, world):
    assertion = world.cj.assertion()
    form = [("grant_type", "client_credentials"), ("resource", world.r1.uri), ("client_assertion_type", JWT_BEARER)]
    not_authenticated(legate.post("/token", form + [("client_assertion", assertion)] * 2))


def test_HOST_20_subject_token_twice(world):
    token = world.cb.token(resource=world.r1.uri)
    form = {"grant_type": TOKEN_EXCHANGE, "subject_token": [token, token], "subject_token_type": "x"}
    refused(world.cb.post("/token", form), "invalid_request")


def test_HOST_21_query_never_wins(legate, world):
    answer = legate.post(
        "/token?scope=a:write",
        {"grant_type": "client_credentials", "resource": world.r1.uri, "scope": "a:read"},
        auth=world.cb.basic,
    )
    if answer.status_code == 200:
        assert claims_of(answer.json()["access_token"])["scope"] == "a:read"
    else:
        refused(answer, "invalid_request")


@pytest.mark.parametrize(
    "extra", ["Grant_Type=x", "scope[]=a:write", "scope[0]=a:write", "scope.x=a:write", "__proto__=x", "SCOPE=a:write"]
)
def test_HOST_22_names_that_only_look_like_ours(legate, world, extra):
    answer = raw_form(legate, world.cb, f"{base(world)}&scope=a:read&{extra}")
    assert claims_of(granted(answer)["access_token"])["scope"] == "a:read"


def test_HOST_22_semicolon_separates_nothing(legate, world):
    answer = raw_form(legate, world.cb, f"{base(world)}&x=1;scope=a:read")
    assert claims_of(granted(answer)["access_token"])["scope"] != "a:read"


def test_HOST_24_many_parameters(legate, world):
    flood = "&".join(f"p{number:x}=" for number in range(8000))
    started = time.monotonic()
    answer = raw_form(legate, world.cb, f"{base(world)}&{flood}")
    assert answer.status_code in (200, 400, 413)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    "bytes_", [b"%", b"%G1", b"%u0041", b"%C0%AF", b"%FF", b"%ED%A0%80", b"\xff\xfe", b"a%0"], ids=repr
)
@pytest.mark.parametrize("name", ["reason", "scope", "ignored"])
def test_HOST_25_what_is_not_utf8_or_not_percent_encoding(legate, world, name, bytes_):
    body = f"{base(world)}&{name}=".encode() + bytes_
    answer = raw_form(legate, world.cb, body)
    refused(answer, "invalid_request", "invalid_scope") if name == "scope" else refused(answer, "invalid_request")


def test_HOST_25_byte_order_mark(legate, world):
    answer = raw_form(legate, world.cb, b"\xef\xbb\xbf" + base(world).encode())
    refused(answer, "invalid_request")


@pytest.mark.parametrize("name", ["scope", "resource", "task_id"])
def test_HOST_26_nul_does_not_truncate(legate, world, name):
    value = {"scope": "a:read", "resource": world.r1.uri, "task_id": "t"}[name]
    form = {"grant_type": "client_credentials", "resource": world.r1.uri, name: f"{value}\x00"}
    refused(world.cb.post("/token", form), "invalid_request", "invalid_scope", "invalid_target")


@pytest.mark.parametrize("suffix", ["\x00x", "\x7f", "\n", "é", " "], ids=repr)
def test_HOST_28_client_id_with_odd_characters(legate, registry, world, suffix):
    client = registry.agent(world.r1)
    form = {"grant_type": "client_credentials", "client_id": client.id + suffix, "client_secret": client.secret}
    not_authenticated(legate.post("/token", form))


@pytest.mark.parametrize("name", ["client_id", "scope", "task_id", "reason", "subject_token"])
def test_HOST_29_parameter_of_60_kilobytes(legate, world, name):
    form = {"grant_type": "client_credentials", "resource": world.r1.uri, name: "x" * 60_000}
    started = time.monotonic()
    answer = world.cb.post("/token", form)
    assert answer.status_code in (200, 400, 401, 413) and (answer.status_code != 200 or name == "subject_token")
    assert time.monotonic() - started < 2


def test_HOST_29_scope_of_twenty_thousand_tokens(world):
    started = time.monotonic()
    refused(
        world.cb.ask(resource=world.r1.uri, scope=" ".join(f"{n:x}" for n in range(10_000))),
        "invalid_scope",
        "invalid_request",
    )
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("text", ["' OR 1=1--", '"; DROP TABLE clients;--', "%", "_", "*", "' UNION SELECT 1--"])
def test_HOST_30_sql_is_only_text(legate, world, text):
    not_authenticated(legate.post("/token", {"grant_type": "client_credentials"}, auth=(text, "x")))
    assert world.rs1.introspect(text).json() == {"active": False}
    assert legate.admin("GET", "/clients/" + text.replace("%", "%25").replace(" ", "%20")).status_code in (400, 404)
    # A filter is compared, not interpreted: nothing on this server is named like that.
    assert legate.audit(client_id=text) == []
    granted(world.cb.ask(resource=world.r1.uri))


HOSTILE_TEXT = "\x1b[31mred ${jndi:ldap://x} {{7*7}} %s%n <script>alert(1)</script>"


def test_HOST_32_hostile_text_is_stored_and_given_back_as_it_is(legate, registry, world):
    body = {
        "name": unique("odd"),
        "kind": "agent",
        "resources": [world.r1.uri],
        "scopes": ["a:read"],
        "purpose": HOSTILE_TEXT,
    }
    answer = legate.admin("POST", "/clients", body)
    assert answer.status_code in (201, 400)
    if answer.status_code == 201:
        assert legate.fetch(f"/clients/{answer.json()['client_id']}")["purpose"] == HOSTILE_TEXT
    answer = world.cb.ask(resource=world.r1.uri, reason=HOSTILE_TEXT)
    assert answer.status_code in (200, 400)
    if answer.status_code == 200:
        record = legate.fetch(f"/audit/trace/{claims_of(answer.json()['access_token'])['jti']}")["token"]
        assert HOSTILE_TEXT in str(record["request_context"]) or record["request_context"] == HOSTILE_TEXT
    legate.admin("GET", "/clients/%1b%5b31m")
    assert "\x1b" not in legate.log.read_text()


BAD_JSON = {
    "deep": b"[" * 60_000,
    "deep object": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "duplicate": b'{"name":"a","name":"b"}',
    "infinite": b'{"name":"a","token_ttl":1e999}',
    "nan": b'{"name":"a","token_ttl":NaN}',
    "huge": b'{"name":"a","token_ttl":123456789012345678901234567890}',
    "fraction": b'{"name":"a","token_ttl":1.5}',
    "negative": b'{"name":"a","token_ttl":-1}',
    "trailing comma": b'{"name":"a",}',
    "comment": b'{"name":"a"/*x*/}',
    "utf-16": '{"name":"a"}'.encode("utf-16"),
    "not utf-8": b'{"name":"\xff"}',
    "lone surrogate": b'{"name":"\\ud800"}',
    "array": b"[]",
    "string": b'"name"',
    "null": b"null",
    "empty": b"",
    "two": b'{"name":"a"}{"name":"b"}',
}


@pytest.mark.parametrize("kind", BAD_JSON)
def test_HOST_34_malformed_json(legate, kind):
    headers = {"Authorization": f"Bearer {legate.operator_token()}", "Content-Type": "application/json"}
    started = time.monotonic()
    answer = legate.request("POST", "/admin/clients", data=BAD_JSON[kind], headers=headers)
    assert time.monotonic() - started < 2
    problem(answer, 400)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_HOST_34_other_content_types(legate, kind):
    headers = {"Authorization": f"Bearer {legate.operator_token()}", "Content-Type": kind}
    body = json.dumps({"name": unique("x"), "kind": "agent"})
    assert legate.request("POST", "/admin/clients", data=body, headers=headers).status_code in (400, 415)
