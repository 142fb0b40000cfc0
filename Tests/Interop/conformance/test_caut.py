"""CAUT: client authentication by secret (B.1) and by private_key_jwt (B.2)."""

import base64
import secrets
import time

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from actors import JWT_BEARER, Client, unique
from checks import challenge, granted, inactive, not_authenticated, refused, unauthenticated
from jose import P256_ORDER, Key, b64, decode, segment, unb64, unsigned
from raw import form_post, talk
from server import FromAddress


@pytest.fixture
def secretive(registry, world) -> Client:
    """A client with a secret that this test may use up."""
    return registry.agent(world.r1)


@pytest.fixture
def keyed(registry, world) -> Client:
    """A client with an ES256 key that this test may use up."""
    return registry.agent(world.r1, key=Key.make("ES256"))


def ask(client: Client, assertion: str, **form) -> requests.Response:
    """client_credentials with this assertion and nothing else to show."""
    body = {
        "grant_type": "client_credentials",
        "client_assertion_type": JWT_BEARER,
        "client_assertion": assertion,
        **form,
    }
    return client.legate.post("/token", {name: value for name, value in body.items() if value is not None})


# B.1 Secrets


def test_CAUT_01_secret_in_the_body(legate, secretive):
    form = {"grant_type": "client_credentials", "client_id": secretive.id, "client_secret": secretive.secret}
    granted(legate.post("/token", form))


def test_CAUT_02_secret_as_basic(secretive):
    granted(secretive.ask())


def test_CAUT_02_basic_is_form_encoded_before_base64(legate, secretive):
    encoded = "".join(f"%{ord(character):02X}" for character in secretive.secret)
    granted(legate.post("/token", {"grant_type": "client_credentials"}, auth=(secretive.id, encoded)))


def test_CAUT_04_wrong_secret_as_basic(legate, secretive):
    answer = legate.post("/token", {"grant_type": "client_credentials"}, auth=(secretive.id, "wrong"))
    unauthenticated(answer)
    scheme, parameters = challenge(answer)
    assert scheme == "Basic" and parameters["realm"]
    granted(secretive.ask())


def test_CAUT_05_wrong_secret_in_the_body(legate, secretive):
    form = {"grant_type": "client_credentials", "client_id": secretive.id, "client_secret": "wrong"}
    unauthenticated(legate.post("/token", form))


def test_CAUT_06_credentials_in_the_query(legate, secretive):
    query = f"client_id={secretive.id}&client_secret={secretive.secret}"
    not_authenticated(legate.post(f"/token?{query}", {"grant_type": "client_credentials"}))
    assert secretive.secret not in legate.log.read_text()


def test_CAUT_08_basic_and_assertion_together(legate, secretive, keyed):
    form = {"grant_type": "client_credentials", **keyed.credentials()}
    refused(legate.post("/token", form, auth=secretive.basic), "invalid_request")


def test_CAUT_08_basic_and_body_secret_together(legate, secretive):
    form = {"grant_type": "client_credentials", "client_id": secretive.id, "client_secret": secretive.secret}
    refused(legate.post("/token", form, auth=secretive.basic), "invalid_request")


def test_CAUT_09_basic_for_one_client_and_another_in_the_body(legate, world, secretive):
    form = {"grant_type": "client_credentials", "client_id": world.cb.id}
    not_authenticated(legate.post("/token", form, auth=secretive.basic))


def test_CAUT_10_basic_and_the_same_client_id_in_the_body(legate, secretive):
    granted(secretive.ask(client_id=secretive.id))


def test_CAUT_12_no_client_at_all(legate):
    not_authenticated(legate.post("/token", {"grant_type": "client_credentials"}))


def test_CAUT_12_client_id_alone(legate, secretive):
    not_authenticated(legate.post("/token", {"grant_type": "client_credentials", "client_id": secretive.id}))


def test_CAUT_13_unknown_client_looks_like_a_wrong_secret(legate, secretive):
    answers = [
        legate.post("/token", {"grant_type": "client_credentials"}, auth=(client_id, "wrong"))
        for client_id in (secretive.id, unique("nobody"))
    ]
    known, unknown = answers
    unauthenticated(known)
    unauthenticated(unknown)
    assert known.json() == unknown.json()
    volatile = {"Date", "X-Request-Id"}
    assert {n: v for n, v in known.headers.items() if n not in volatile} == {
        n: v for n, v in unknown.headers.items() if n not in volatile
    }


def test_CAUT_14_only_the_registered_method(legate, keyed):
    unauthenticated(legate.post("/token", {"grant_type": "client_credentials"}, auth=(keyed.id, "anything")))
    form = {"grant_type": "client_credentials", "client_id": keyed.id, "client_secret": "anything"}
    unauthenticated(legate.post("/token", form))


def test_CAUT_14_secret_client_cannot_use_an_assertion(secretive):
    unauthenticated(ask(secretive, secretive.assertion(key=Key.make())))


@pytest.mark.parametrize("value", ["Basic !!!notb64", "Basic bm9jb2xvbg==", "Basic", "Basic ", "Basic Og=="])
def test_CAUT_16_malformed_basic(legate, value):
    answer = legate.post("/token", {"grant_type": "client_credentials"}, headers={"Authorization": value})
    not_authenticated(answer)


@pytest.mark.parametrize("value", ['Digest username="x"', "Bearer abc.def.ghi", "Negotiate abc"])
def test_CAUT_17_other_schemes(legate, value):
    answer = legate.post("/token", {"grant_type": "client_credentials"}, headers={"Authorization": value})
    unauthenticated(answer)
    assert "Basic" in answer.headers["WWW-Authenticate"]


def test_CAUT_18_two_authorization_headers(legate, secretive):
    credentials = base64.b64encode(f"{secretive.id}:{secretive.secret}".encode()).decode()
    header = f"Authorization: Basic {credentials}"
    said = talk(legate.port, form_post("/token", b"grant_type=client_credentials", header, header))
    assert said.status == 400
    assert b"access_token" not in said.received


def test_CAUT_20_guessing_is_throttled_for_that_pair_only(legate, registry, world):
    # One that has never proved itself from here.
    secretive = registry.agent(world.r1)
    statuses = []
    for _ in range(40):
        answer = legate.post("/token", {"grant_type": "client_credentials"}, auth=(secretive.id, "guess"))
        statuses.append(answer.status_code)
        if answer.status_code == 429:
            break
    assert statuses[-1] == 429, "forty wrong secrets, and no end"
    assert set(statuses[:-1]) == {401} and len(statuses) >= 10
    assert int(answer.headers["Retry-After"]) > 0
    # From an address where it is not known it has to wait even with the right secret.
    assert secretive.ask().status_code == 429
    # Another client from here, and the same client from elsewhere, do not notice.
    granted(world.cb.ask(resource=world.r1.uri))
    with requests.Session() as elsewhere:
        elsewhere.mount("http://", FromAddress("127.0.0.2"))
        answer = elsewhere.post(
            f"{legate.base}/token", {"grant_type": "client_credentials"}, auth=secretive.basic, timeout=5
        )
    granted(answer)


def test_CAUT_21_rotation_with_overlap(legate, secretive):
    old = secretive.secret
    answer = legate.admin("POST", f"/clients/{secretive.id}/rotate-secret", {"grace": 3})
    assert answer.status_code == 200
    rotated = time.monotonic()
    new = answer.json()["client_secret"]
    assert new != old and answer.json()["previous_secret_expires_at"]
    granted(secretive.ask())
    granted(Client(legate, secretive.id, new).ask())
    time.sleep(max(0, rotated + 4 - time.monotonic()))
    unauthenticated(secretive.ask())
    granted(Client(legate, secretive.id, new).ask())


def test_CAUT_21_rotation_without_overlap(legate, secretive):
    body = legate.admin("POST", f"/clients/{secretive.id}/rotate-secret", {}).json()
    assert body["previous_secret_expires_at"] is None
    unauthenticated(secretive.ask())
    granted(Client(legate, secretive.id, body["client_secret"]).ask())


def test_CAUT_22_disabled_client_is_unknown_everywhere(legate, secretive, world):
    token = secretive.token()
    assert legate.admin("PATCH", f"/clients/{secretive.id}", {"enabled": False}).status_code == 200
    unauthenticated(secretive.ask())
    unauthenticated(secretive.exchange(token))
    unauthenticated(secretive.introspect(token))
    unauthenticated(secretive.revoke(token))
    inactive(world.rs1.introspect(token))


def test_CAUT_24_secrets_are_long_and_shown_once(legate, registry, world):
    made = {registry.agent(world.r1).secret for _ in range(5)}
    assert len(made) == 5
    client = registry.agent(world.r1)
    assert all(len(secret) >= 27 for secret in made), "160 bits need 27 base64 characters"
    for path in (f"/clients/{client.id}", "/clients?limit=1000", f"/audit?client_id={client.id}"):
        text = legate.admin("GET", path).text
        assert client.secret not in text and '"client_secret":' not in text
    assert client.secret not in legate.log.read_text()


# B.2 private_key_jwt


@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "Ed25519", "PS256"])
def test_CAUT_30_good_assertion(registry, world, alg):
    client = registry.agent(world.r1, key=Key.make(alg))
    granted(ask(client, client.assertion()))


@pytest.mark.parametrize("typ", [None, "JWT", "client-authentication+jwt"])
def test_CAUT_32_type_is_optional(keyed, typ):
    granted(ask(keyed, keyed.assertion({"typ": typ})))


@pytest.mark.parametrize(
    "typ", ["at+jwt", "application/at+jwt", "dpop+jwt", "oauth-id-jag+jwt", "secevent+jwt", "token-introspection+jwt"]
)
def test_CAUT_33_types_of_other_tokens(keyed, typ):
    unauthenticated(ask(keyed, keyed.assertion({"typ": typ})))


def test_CAUT_34_audience_as_a_one_element_array(legate, keyed):
    granted(ask(keyed, keyed.assertion(aud=[legate.issuer])))


@pytest.mark.parametrize("second", ["https://other.example", "TOKEN_ENDPOINT"])
def test_CAUT_36_audience_with_anyone_else(legate, keyed, second):
    second = second.replace("TOKEN_ENDPOINT", f"{legate.issuer}/token")
    unauthenticated(ask(keyed, keyed.assertion(aud=[legate.issuer, second])))


@pytest.mark.parametrize("change", ["slash", "scheme", "host", "token endpoint"])
def test_CAUT_37_audience_is_compared_byte_by_byte(legate, keyed, change):
    audience = {
        "slash": f"{legate.issuer}/",
        "scheme": legate.issuer.replace("http:", "HTTP:"),
        "host": legate.issuer.replace("127.0.0.1", "localhost"),
        "token endpoint": f"{legate.issuer}/token",
    }[change]
    unauthenticated(ask(keyed, keyed.assertion(aud=audience)))


@pytest.mark.parametrize("audience", ["missing", None, 7, {}, [], "", [[]], [None]], ids=repr)
def test_CAUT_38_audience_missing_or_malformed(keyed, audience):
    claims = keyed.assertion_claims()
    if audience == "missing":
        del claims["aud"]
    else:
        claims["aud"] = audience
    unauthenticated(ask(keyed, keyed.key.sign(claims)))
    granted(ask(keyed, keyed.assertion()))


@pytest.mark.parametrize("claim", ["sub", "iss", "exp"])
def test_CAUT_40_required_claim_missing(keyed, claim):
    unauthenticated(ask(keyed, keyed.assertion(**{claim: None})))


@pytest.mark.parametrize("claim", ["sub", "iss"])
def test_CAUT_40_issuer_and_subject_are_the_client(keyed, world, claim):
    unauthenticated(ask(keyed, keyed.assertion(**{claim: world.cj.id})))


def test_CAUT_41_client_id_differs_from_subject(keyed, world):
    not_authenticated(ask(keyed, keyed.assertion(), client_id=world.cb.id))


def test_CAUT_42_client_id_is_optional(keyed):
    granted(ask(keyed, keyed.assertion()))
    granted(ask(keyed, keyed.assertion(), client_id=keyed.id))


def test_CAUT_44_expired(keyed):
    now = int(time.time())
    unauthenticated(ask(keyed, keyed.assertion(iat=now - 400, exp=now - 300)))


def test_CAUT_45_expiry_too_far_ahead(keyed):
    now = int(time.time())
    unauthenticated(ask(keyed, keyed.assertion(exp=now + 86400)))
    granted(ask(keyed, keyed.assertion(exp=now + 3500)))


def test_CAUT_46_small_clock_skew(keyed):
    ahead = int(time.time()) + 8
    granted(ask(keyed, keyed.assertion(iat=ahead, nbf=ahead)))


def test_CAUT_48_replay(keyed):
    assertion = keyed.assertion()
    granted(ask(keyed, assertion))
    unauthenticated(ask(keyed, assertion))
    # The identifier is spent, whatever else is different.
    spent = decode(assertion)[1]["jti"]
    unauthenticated(ask(keyed, keyed.assertion(jti=spent, exp=int(time.time()) + 90)))


def test_CAUT_48_replayed_identifier_of_another_client_is_new(registry, world, keyed):
    other = registry.agent(world.r1, key=Key.make("ES256"))
    name = secrets.token_urlsafe(12)
    granted(ask(keyed, keyed.assertion(jti=name)))
    granted(ask(other, other.assertion(jti=name)))


def test_CAUT_49_identifier_is_required(keyed):
    unauthenticated(ask(keyed, keyed.assertion(jti=None)))


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "NONE"])
def test_CAUT_50_unsigned(keyed, alg):
    unauthenticated(ask(keyed, unsigned({"alg": alg, "typ": "JWT"}, keyed.assertion_claims())))


def test_CAUT_52_algorithm_that_metadata_does_not_list(legate, registry, world):
    listed = legate.metadata["token_endpoint_auth_signing_alg_values_supported"]
    assert "RS256" not in listed
    client = registry.agent(world.r1, key=Key.make("PS256"))
    granted(ask(client, client.assertion()))
    unauthenticated(ask(client, client.key.sign(client.assertion_claims(), alg="RS256")))


def test_CAUT_53_key_of_another_client(keyed, world):
    unauthenticated(ask(keyed, world.cj.key.sign(keyed.assertion_claims())))
    unauthenticated(ask(keyed, world.cj.key.sign(keyed.assertion_claims(), {"kid": keyed.key.kid})))


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c"])
def test_CAUT_54_key_brought_along_in_the_header(keyed, key_server, member):
    attacker = Key.make("ES256", kid=keyed.key.kid)
    url = key_server.serve("/attacker", attacker.jwks())
    value = {"jwk": attacker.jwk(), "jku": url, "x5u": url, "x5c": [b64(b"certificate")]}[member]
    unauthenticated(ask(keyed, attacker.sign(keyed.assertion_claims(), {member: value})))
    assert key_server.connections == 0


@pytest.mark.parametrize(
    "form",
    [
        {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
        {"client_assertion_type": "jwt"},
        {"client_assertion_type": None},
        {"client_assertion": None},
        {"client_assertion": ""},
    ],
    ids=["saml", "unknown", "no type", "no assertion", "empty assertion"],
)
def test_CAUT_56_assertion_type(keyed, form):
    body = {"client_assertion": keyed.assertion(), **form}
    not_authenticated(ask(keyed, body.pop("client_assertion"), client_id=keyed.id, **body))


@pytest.mark.parametrize(
    "change",
    ["json", "two segments", "four segments", "five segments", "padding", "space", "newline", "standard alphabet"],
)
def test_CAUT_57_only_the_compact_serialization(keyed, change):
    assertion = keyed.assertion()
    head, payload, signature = assertion.split(".")
    if change == "standard alphabet":
        while not {"-", "_"} & set(signature):
            assertion = keyed.assertion()
            head, payload, signature = assertion.split(".")
    changed = {
        "json": f'{{"payload":"{payload}","protected":"{head}","signature":"{signature}"}}',
        "two segments": f"{head}.{payload}",
        "four segments": f"{assertion}.{signature}",
        "five segments": f"{assertion}.{head}.{payload}",
        "padding": f"{assertion}==",
        "space": f"{head}. {payload}.{signature}",
        "newline": f"{head}.{payload}.{signature}\n",
        "standard alphabet": f"{head}.{payload}.{signature.replace('-', '+').replace('_', '/')}",
    }[change]
    not_authenticated(ask(keyed, changed, client_id=keyed.id))
    granted(ask(keyed, keyed.assertion()))


@pytest.mark.parametrize("change", ["zeros", "r=0", "s=n", "DER", "63 bytes", "65 bytes", "empty", "other half"])
def test_CAUT_58_malformed_ecdsa_signature(keyed, change):
    assertion = keyed.assertion()
    head, payload, signature = assertion.split(".")
    good = unb64(signature)
    r, s = good[:32], good[32:]
    bad = {
        "zeros": bytes(64),
        "r=0": bytes(32) + s,
        "s=n": r + P256_ORDER.to_bytes(32, "big"),
        "DER": encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big")),
        "63 bytes": good[:63],
        "65 bytes": good + b"\0",
        "empty": b"",
        "other half": s + r,
    }[change]
    unauthenticated(ask(keyed, f"{head}.{payload}.{b64(bad)}"))


def test_CAUT_60_client_rotates_its_published_key(registry, world, key_server):
    old, new = Key.make("ES256"), Key.make("ES256")
    path = f"/{unique('jwks')}"
    client = registry.agent(world.r1, key=old, jwks_uri=key_server.serve(path, old.jwks()))
    granted(ask(client, client.assertion()))
    key_server.serve(path, new.jwks())
    fetched, end = key_server.requests[path], time.monotonic() + 45
    while (answer := ask(client, client.assertion(key=new))).status_code != 200 and time.monotonic() < end:
        assert answer.status_code in (401, 429)
        time.sleep(7)  # The floor on refetching, and ten failures a minute.
    granted(answer)
    assert key_server.requests[path] == fetched + 1
    unauthenticated(ask(client, client.assertion(key=old)))


def test_CAUT_61_unknown_keys_do_not_cause_a_storm(registry, world, key_server):
    path = f"/{unique('jwks')}"
    key = Key.make("ES256")
    url = key_server.serve(path, key.jwks())
    clients = [registry.agent(world.r1, key=key, jwks_uri=url) for _ in range(5)]
    granted(ask(clients[0], clients[0].assertion()))
    before = key_server.requests[path]
    for number in range(45):
        client = clients[number % 5]
        assert ask(client, client.assertion(key=Key.make("ES256"))).status_code == 401
    assert key_server.requests[path] - before <= 5, "one refetch for a client in its cool-down"


@pytest.mark.parametrize("fault", ["hangs", "drips", "500", "10 MB", "HTML", "not JSON", "no keys", "redirect"])
def test_CAUT_62_published_keys_cannot_be_had(registry, world, key_server, fault):
    key, path = Key.make("ES256"), f"/{unique('jwks')}"
    url = {
        "hangs": lambda: key_server.hang(path),
        "drips": lambda: key_server.hang(path, after_headers=True),
        "500": lambda: key_server.answer(path, b"{}", status=500),
        "10 MB": lambda: key_server.answer(path, b'{"keys":[' + b" " * 10_000_000 + b"]}"),
        "HTML": lambda: key_server.answer(path, b"<html><body>keys</body></html>", content_type="text/html"),
        "not JSON": lambda: key_server.answer(path, b"{keys"),
        "no keys": lambda: key_server.answer(path, b"[]"),
        "redirect": lambda: key_server.redirect(path, key_server.serve(f"{path}/elsewhere", key.jwks())),
    }[fault]()
    client = registry.agent(world.r1, key=key, jwks_uri=url)
    started = time.monotonic()
    unauthenticated(ask(client, client.assertion()))
    assert time.monotonic() - started < 15
    assert key_server.requests[f"{path}/elsewhere"] == 0
    granted(world.cj.ask(resource=world.r1.uri))


def test_CAUT_64_assertion_spent_at_one_endpoint_is_spent_at_all(legate, keyed):
    assertion = keyed.assertion()
    form = {"token": "x", "client_assertion_type": JWT_BEARER, "client_assertion": assertion}
    inactive(legate.post("/introspect", form))
    unauthenticated(ask(keyed, assertion))


def test_CAUT_segments_that_are_not_objects(registry, world):
    for payload in (b"[]", b"null", b"7", b'"text"', b"", b"\xff\xfe", b"{"):
        client = registry.agent(world.r1, key=Key.make("ES256"))
        not_authenticated(ask(client, client.key.sign(payload), client_id=client.id))
        not_authenticated(ask(client, f"{segment(payload)}.{segment(client.assertion_claims())}.AAAA"))
