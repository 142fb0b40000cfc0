"""DP: tokens bound to a key, and the proofs of it (RFC 9449)."""

import json
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from actors import ACCESS_TOKEN, JWT, TOKEN_EXCHANGE, Registry
from checks import granted, inactive, is_no_store, refused
from dpop import Holder, dpop_challenge, gateway_basic
from jose import Key, claims_of, decode, hs256, segment, thumbprint, unsigned
from raw import form_post, request, talk

RFC_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
    "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
}


@pytest.fixture
def holder(world) -> Holder:
    """CB with a key and a nonce, so that every refusal has one reason."""
    holder = Holder(world.cb)
    holder.token(resource=world.r1.uri)
    return holder


def bad(answer):
    body = refused(answer, "invalid_dpop_proof")
    assert "access_token" not in body
    return body


def ask(holder, world, **options):
    return holder.ask(form={"resource": world.r1.uri}, **options)


def bound(answer, holder) -> str:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    is_no_store(answer)
    assert body["token_type"] == "DPoP"
    assert claims_of(body["access_token"])["cnf"] == {"jkt": holder.thumbprint}
    return body["access_token"]


# At the token endpoint


@pytest.mark.parametrize("alg", ["ES256", "Ed25519", "EdDSA", "PS256"])
def test_DP_01_a_good_proof_binds_the_token(world, alg):
    holder = Holder(world.cb, Key.make(alg))
    bound(ask(holder, world), holder)


def test_DP_02_introspection_shows_the_binding(world, holder):
    token = holder.token(resource=world.r1.uri)
    answer = world.rs1.introspect(token).json()
    assert answer["active"] is True and answer["token_type"] == "DPoP"
    assert answer["cnf"] == {"jkt": holder.thumbprint}


def test_DP_04_no_header_no_binding(world):
    body = granted(world.cj.ask(resource=world.r1.uri))
    assert "cnf" not in claims_of(body["access_token"])


def test_DP_05_two_proofs(world, holder, legate):
    proofs = [holder.proof("POST", holder.url("/token")) for _ in range(2)]
    bad(holder.post(", ".join(proofs), resource=world.r1.uri))
    bad(holder.post(",".join(proofs), resource=world.r1.uri))
    body = f"grant_type=client_credentials&resource={quote(world.r1.uri, safe='')}".encode()
    lines = [f"DPoP: {holder.proof('POST', holder.url('/token'))}" for _ in range(2)]
    answer = talk(legate.port, form_post("/token", body, f"Authorization: {gateway_basic(world.cb)}", *lines)).final[0]
    assert answer.status == 400, answer
    assert json.loads(answer.body)["error"] == "invalid_dpop_proof"


@pytest.mark.parametrize("name", ["dpop", "DPOP", "dPoP"])
def test_DP_06_case_of_the_header_name(world, holder, name):
    proof = holder.proof("POST", holder.url("/token"))
    bound(holder.post(None, headers={name: proof}, resource=world.r1.uri), holder)


@pytest.mark.parametrize("name", ["typ", "jwk"])
def test_DP_08_header_member_missing(world, holder, name):
    bad(ask(holder, world, header={name: None}))


def test_DP_08_alg_missing(world, holder):
    header = {"typ": "dpop+jwt", "jwk": holder.key._public_members()}
    claims = holder.claims("POST", holder.url("/token"))
    proof = holder.key.sign(claims, json.dumps(header).encode())
    bad(holder.post(proof, resource=world.r1.uri))


@pytest.mark.parametrize("name", ["jti", "htm", "htu", "iat"])
def test_DP_08_claim_missing(world, holder, name):
    bad(ask(holder, world, **{name: None}))


@pytest.mark.parametrize("typ", ["JWT", "at+jwt", "secevent+jwt", "oauth-authz-req+jwt", ""])
def test_DP_09_another_type(world, holder, typ):
    bad(ask(holder, world, header={"typ": typ}))


@pytest.mark.parametrize("typ", ["DPOP+JWT", "application/dpop+jwt"])
def test_DP_09_media_types_have_no_case(world, holder, typ):
    bound(ask(holder, world, header={"typ": typ}), holder)


def test_DP_10_algorithms(world, holder):
    url = holder.url("/token")
    claims = holder.claims("POST", url)
    bad(holder.post(unsigned(holder.header(alg="none"), claims), resource=world.r1.uri))
    secret = json.dumps(holder.key._public_members()).encode()
    bad(holder.post(hs256(holder.header(alg="HS256"), claims, secret), resource=world.r1.uri))
    for alg in ("RS256", "ES384"):
        other = Holder(world.cb, Key.make(alg))
        other.nonce = holder.nonce
        bad(ask(other, world))


def test_DP_12_private_key(world, holder):
    secret = holder.key.private.private_numbers().private_value
    jwk = {**holder.key._public_members(), "d": segment(secret.to_bytes(32, "big"))}
    bad(ask(holder, world, header={"jwk": jwk}))


@pytest.mark.parametrize(
    "jwk",
    [
        {"kty": "oct", "k": "AAAA"},
        {**RFC_KEY, "y": RFC_KEY["x"]},
        {**RFC_KEY, "x": "A" * 43, "y": "A" * 43},
        {"kty": "RSA", "n": "_" * 84, "e": "AQAB"},
        {"kty": "RSA", "n": "_" * 344, "e": "AQ"},
        {**RFC_KEY, "crv": "P-384"},
        {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43},
        {},
        [],
        "x",
        None,
        {"jwk": RFC_KEY},
    ],
)
def test_DP_13_keys_that_are_none(world, holder, legate, jwk):
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}
    claims = holder.claims("POST", holder.url("/token"))
    body = bad(holder.post(holder.key.sign(claims, json.dumps(header).encode()), resource=world.r1.uri))
    assert "jwk" in body["error_description"]
    assert legate.get("/health/live").status_code == 200


# What signs, under which name, and what the header says of its key.
WEAK_KEYS = {
    "RSA of 1024 bits": (lambda: rsa.generate_private_key(65537, 1024), "PS256", {}),
    "RSA with e=3": (lambda: rsa.generate_private_key(3, 2048), "PS256", {}),
    "P-384": (lambda: ec.generate_private_key(ec.SECP384R1()), "ES256", {}),
    "P-384 by the name of P-256": (lambda: ec.generate_private_key(ec.SECP384R1()), "ES256", {"crv": "P-256"}),
}


@pytest.mark.parametrize("kind", WEAK_KEYS)
def test_DP_13_weak_keys_with_good_signatures(world, holder, kind):
    """The key in the header made the signature: only the key can be what is refused."""
    make, alg, changes = WEAK_KEYS[kind]
    weak = Holder(world.cb, Key(alg, "", make()))
    weak.nonce = holder.nonce
    body = bad(ask(weak, world, header={"jwk": {**weak.key._public_members(), **changes}}))
    assert "jwk" in body["error_description"]


@pytest.mark.parametrize(("alg", "mentions"), [("HS256", "alg of the DPoP proof must be one of"), ("ES256", "jwk")])
def test_DP_13_symmetric_key_with_a_good_signature(world, holder, alg, mentions):
    secret = secrets.token_bytes(32)
    header = {"typ": "dpop+jwt", "alg": alg, "jwk": {"kty": "oct", "k": segment(secret)}}
    proof = hs256(header, holder.claims("POST", holder.url("/token")), secret)
    assert mentions in bad(holder.post(proof, resource=world.r1.uri))["error_description"]


def test_DP_13_key_of_another_type(world, holder):
    """Each key is a good one, and neither is for the algorithm that the header names."""
    for key, alg in ((Key.make("Ed25519"), "ES256"), (holder.key, "Ed25519")):
        proof = key.sign(holder.claims("POST", holder.url("/token")), holder.header(alg=alg, jwk=key._public_members()))
        bad(holder.post(proof, resource=world.r1.uri))


def test_DP_13_signed_by_another_key(world, holder):
    bad(ask(holder, world, key=Key.make("ES256")))


@pytest.mark.parametrize("htm", ["GET", "post", "Post", "", "POST "])
def test_DP_14_method(world, holder, htm):
    bad(ask(holder, world, htm=htm))


@pytest.mark.parametrize("suffix", ["?q=1", "#f", "?q=1#f"])
def test_DP_16_query_and_fragment_do_not_count(world, holder, suffix):
    bound(ask(holder, world, htu=holder.url("/token") + suffix), holder)


def test_DP_17_spelling_of_the_url(world, holder):
    url = holder.url("/token")
    for htu in (url.replace("http://", "HTTP://"), url.replace("/token", "/%74oken"), url.replace("/token", "/./token")):
        bound(ask(holder, world, htu=htu), holder)


def test_DP_17_default_port(make_legate):
    """An issuer of https without a port: the port may be written, whatever the server listens on."""
    legate = make_legate(issuer="https://as.example.com").start()
    client = _agent(legate)
    for htu in ("https://as.example.com/token", "https://AS.example.com:443/token", "https://as.example.com:/token"):
        holder = Holder(client)
        bound(holder.ask(htu=htu), holder)
    for htu in (f"http://127.0.0.1:{legate.port}/token", "https://as.example.com:444/token", "http://as.example.com/token"):
        bad(Holder(client).ask(htu=htu))


def _agent(legate):
    registry = Registry(legate)
    return registry.agent(registry.resource())


@pytest.mark.parametrize("htu", ["http://127.0.0.1/token", "/token", "https://as.example.com/token", "", "x:y"])
def test_DP_17_another_url(world, holder, htu):
    bad(ask(holder, world, htu=htu))


@pytest.mark.parametrize("offset", [-10, 10])
def test_DP_18_clocks_that_differ(world, holder, offset):
    bound(ask(holder, world, iat=int(time.time()) + offset), holder)


@pytest.mark.parametrize("offset", [-3600, -70, 70, 3600])
def test_DP_18_clocks_that_differ_too_much(world, holder, offset):
    bad(ask(holder, world, iat=int(time.time()) + offset))


def test_DP_20_more_claims(world, holder):
    now = int(time.time())
    bound(ask(holder, world, nbf=now - 1, exp=now + 60, iss="x", sub=[1], anything={"at": "all"}), holder)


def test_DP_21_a_proof_is_used_once(world, holder):
    proof = holder.proof("POST", holder.url("/token"))
    bound(holder.post(proof, resource=world.r1.uri), holder)
    for _ in range(3):
        bad(holder.post(proof, resource=world.r1.uri))
    jti = secrets.token_urlsafe()
    bound(ask(holder, world, jti=jti), holder)
    bad(ask(holder, world, jti=jti))


def test_DP_21_a_restart_does_not_forget(make_legate):
    legate = make_legate().start()
    client = _agent(legate)
    holder = Holder(client)
    proof = None
    for _ in range(2):
        proof = holder.proof("POST", holder.url("/token"), iat=int(time.time()) + 50)
        answer = holder.post(proof)
        if not holder.learn(answer):
            break
    bound(answer, holder)
    legate.kill9()
    legate.start()
    refused(holder.post(proof), "use_dpop_nonce")
    # The same claims without the nonce of the earlier run are no better.
    claims = {**decode(proof)[1]}
    del claims["nonce"]
    refused(holder.post(holder.key.sign(claims, holder.header())), "use_dpop_nonce")


def test_DP_22_nonce_wanted(own_legate):
    """Every server wants them in the first minute after its start."""
    holder = Holder(_agent(own_legate))
    answer = holder.post(holder.proof("POST", holder.url("/token")))
    refused(answer, "use_dpop_nonce")
    assert len(answer.raw.headers.getlist("DPoP-Nonce")) == 1
    is_no_store(answer)


def test_DP_22_nonce_always_wanted(make_legate):
    legate = make_legate(flags=("--dpop-nonce", "required")).start()
    holder = Holder(_agent(legate))
    token = holder.ask()
    assert token.status_code == 200
    # DP-25: the next nonce comes with the answer.
    assert token.headers["DPoP-Nonce"]
    bound(holder.ask(), holder)


@pytest.mark.parametrize("nonce", ["wrong", "A" * 43, "x" * 200])
def test_DP_24_wrong_nonce(world, holder, nonce):
    answer = holder.post(holder.proof("POST", holder.url("/token"), nonce=nonce), resource=world.r1.uri)
    refused(answer, "use_dpop_nonce")
    assert answer.headers["DPoP-Nonce"] != nonce
    assert holder.learn(answer)
    bound(ask(holder, world), holder)


def test_DP_24_nonce_of_another_server(world, holder, own_legate):
    other = Holder(_agent(own_legate))
    other.token()
    assert other.nonce
    answer = holder.post(holder.proof("POST", holder.url("/token"), nonce=other.nonce), resource=world.r1.uri)
    refused(answer, "use_dpop_nonce")


def test_DP_26_syntax_of_nonces(world, holder):
    answer = holder.post(holder.proof("POST", holder.url("/token"), nonce="wrong"), resource=world.r1.uri)
    nonce = answer.headers["DPoP-Nonce"]
    assert nonce and all(c == "!" or "#" <= c <= "[" or "]" <= c <= "~" for c in nonce)
    assert len(nonce) >= 22


def test_DP_26_nobody_can_tell_a_nonce_from_another_server_or_run(world, own_legate):
    """Asked in the same minute, by the same request; a nonce is what the minute and a key of the run make of it."""

    def nonce(holder: Holder) -> str:
        answer = holder.post(holder.proof("POST", holder.url("/token"), nonce="wrong"))
        refused(answer, "use_dpop_nonce")
        return answer.headers["DPoP-Nonce"]

    other = _agent(own_legate)
    nonces = [nonce(Holder(world.cb))]
    for _ in range(3):
        nonces.append(nonce(Holder(other)))
        own_legate.restart()
    assert len(set(nonces)) == len(nonces)
    # No part of them is a counter or a time.
    assert len({value[:8] for value in nonces}) == len(nonces)


@pytest.mark.parametrize("value", [None, 1, ["http://127.0.0.1/token"], {}, True])
def test_DP_33_htu_that_is_no_text(world, holder, value):
    claims = {**holder.claims("POST", holder.url("/token")), "htu": value}
    bad(holder.post(holder.key.sign(claims, holder.header()), resource=world.r1.uri))


@pytest.mark.parametrize("value", ['"1"', "1.5", "-1", "1e300", "1e999", "null", "true", "[1]", "9223372036854775807", "{}"])
def test_DP_33_iat_that_is_no_time(world, holder, legate, value):
    claims = json.dumps({**holder.claims("POST", holder.url("/token")), "iat": 0}).replace('"iat": 0', f'"iat": {value}')
    bad(holder.post(holder.key.sign(claims.encode(), holder.header()), resource=world.r1.uri))
    assert legate.get("/health/live").status_code == 200


@pytest.mark.parametrize("proof", ["", "x", "a.b.c", "..", "." * 100, "e30.e30.", "x" * 9000])
def test_DP_not_a_proof_at_all(world, holder, proof):
    bad(holder.post(proof, resource=world.r1.uri))


def test_DP_strangers_have_no_signatures_checked(world, holder):
    """Who does not prove itself learns nothing about its proof, not even a nonce."""
    for proof in (holder.proof("POST", holder.url("/token")), "garbage"):
        answer = world.legate.post(
            "/token", {"grant_type": "client_credentials"}, auth=(world.cb.id + "x", "wrong"), headers={"DPoP": proof}
        )
        refused(answer, "invalid_client", status=401)
        assert "DPoP-Nonce" not in answer.headers


def test_DP_bound_client_needs_a_proof(registry, world):
    client = registry.agent(world.r1, dpop_bound=True)
    bad(client.ask(resource=world.r1.uri))
    holder = Holder(client)
    bound(holder.ask(form={"resource": world.r1.uri}), holder)


def test_DP_resource_that_demands_binding(registry):
    resource = registry.resource(require_dpop=True)
    client = registry.agent(resource)
    bad(client.ask(resource=resource.uri))
    holder = Holder(client)
    bound(holder.ask(form={"resource": resource.uri}), holder)
    legate = registry.legate
    document = legate.get(f"/resources/{resource.name}/oauth-protected-resource").json()
    assert document["dpop_bound_access_tokens_required"] is True
    assert set(document["dpop_signing_alg_values_supported"]) == {"ES256", "Ed25519", "PS256"}


def test_CONC_04_fifty_uses_of_one_proof(world, holder):
    proof = holder.proof("POST", holder.url("/token"))
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: holder.post(proof, resource=world.r1.uri), range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 49
    for answer in answers:
        if answer.status_code == 400:
            bad(answer)


# Attacks on the proof as a JWT (the rows of HOST, O.3, for this surface)


def sign(holder, header: bytes | dict, claims: bytes | dict) -> str:
    """A proof with exactly these segments."""
    raw = header if isinstance(header, bytes) else json.dumps({"alg": holder.key.alg, **header}).encode()
    return holder.key.sign(claims, raw)


def good(holder) -> tuple[dict, dict]:
    header = {"typ": "dpop+jwt", "jwk": holder.key._public_members()}
    return header, holder.claims("POST", holder.url("/token"))


def test_HOST_41_public_key_as_hmac_secret(world, holder):
    _, claims = good(holder)
    for secret in (holder.key.public_pem(), json.dumps(holder.key._public_members()).encode()):
        for alg in ("HS256", "ES256"):
            bad(holder.post(hs256(holder.header(alg=alg), claims, secret), resource=world.r1.uri))


@pytest.mark.parametrize("alg", ["ES384", "RS256", "PS256", "EdDSA", "Ed25519", None, 7, ["ES256"]], ids=repr)
def test_HOST_42_algorithm_that_the_key_is_not_for(world, holder, alg):
    header, claims = good(holder)
    bad(holder.post(sign(holder, {**header, "alg": alg}, claims), resource=world.r1.uri))


@pytest.mark.parametrize("member", ["jku", "x5u"])
def test_HOST_44_addresses_in_the_header_are_not_fetched(world, holder, key_server, member):
    url = key_server.serve("/keys", Key.make("ES256").jwks())
    header, claims = good(holder)
    bound(holder.post(sign(holder, {**header, member: url}, claims), resource=world.r1.uri), holder)
    del header["jwk"]
    bad(holder.post(sign(holder, {**header, member: url}, claims), resource=world.r1.uri))
    assert key_server.requests["/keys"] == 0


@pytest.mark.parametrize("more", [{"crit": ["exp"]}, {"crit": ["alg"]}, {"crit": []}, {"b64": False}, {"b64": True}], ids=repr)
def test_HOST_45_critical_extensions(world, holder, more):
    header, claims = good(holder)
    bad(holder.post(sign(holder, {**header, **more}, claims), resource=world.r1.uri))


def test_HOST_48_base64url(world, holder):
    proof = holder.proof("POST", holder.url("/token"))
    head, payload, signature = proof.split(".")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = last[last.index(signature[-1]) ^ 1]
    for text in (
        f"{head}=.{payload}.{signature}", f"{head}.{payload}.{signature}==", f"{head}.{payload}.{signature[:-1]}{other}",
        f"{head}.{payload} .{signature}", f"{head}.{payload}.{signature}%3D",
    ):  # fmt: skip
        bad(holder.post(text, resource=world.r1.uri))
    bound(holder.post(proof, resource=world.r1.uri), holder)


@pytest.mark.parametrize("name", ["jti", "htm", "htu", "iat"])
def test_HOST_49_duplicate_claims(world, holder, name):
    header, claims = good(holder)
    text = json.dumps(claims)[:-1] + f', "{name}": {json.dumps(claims[name])}' + "}"
    bad(holder.post(sign(holder, header, text.encode()), resource=world.r1.uri))


def test_HOST_49_duplicate_header(world, holder):
    header, claims = good(holder)
    text = json.dumps({"alg": "ES256", **header})[:-1] + ', "alg": "ES256"}'
    bad(holder.post(sign(holder, text.encode(), claims), resource=world.r1.uri))


@pytest.mark.parametrize("payload", [b"[]", b"1", b'"x"', b"null", b"", b"\xff\xfe", "{}".encode("utf-16"), b"{" * 5000])
def test_HOST_58_payload_that_is_no_object(world, holder, payload):
    header, _ = good(holder)
    bad(holder.post(sign(holder, header, payload), resource=world.r1.uri))


def test_HOST_62_encrypted(world, holder):
    header = segment({"alg": "dir", "enc": "A128GCM", "zip": "DEF", "typ": "dpop+jwt"})
    bad(holder.post(f"{header}..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA", resource=world.r1.uri))


def test_HOST_65_far_too_long(world, holder):
    header, claims = good(holder)
    bad(holder.post(sign(holder, header, {**claims, "x": "y" * 8000}), resource=world.r1.uri))


# At the resource: our own APIs


@pytest.fixture
def operator(registry) -> tuple[Holder, str]:
    holder = Holder(registry.operator("clients:read"))
    return holder, holder.token()


PATH = "/admin/clients"


@pytest.mark.parametrize("scheme", ["DPoP", "dpop", "DPOP"])
def test_DP_34_a_proof_for_each_call(operator, scheme):
    holder, token = operator
    assert holder.call(token, "GET", PATH, scheme=scheme).status_code == 200
    assert holder.call(token, "GET", PATH + "?limit=1", scheme=scheme).status_code == 200


def test_DP_34_wrong_token_digest(operator):
    holder, token = operator
    for ath in (None, "", "x", "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"):
        dpop_challenge(holder.call(token, "GET", PATH, proof={"ath": ath}), "invalid_dpop_proof")


def test_DP_34_another_key(operator):
    holder, token = operator
    thief = Holder(holder.client)
    dpop_challenge(thief.call(token, "GET", PATH), "invalid_dpop_proof")


def test_DP_36_bound_token_as_bearer(operator):
    holder, token = operator
    dpop_challenge(holder.legate.admin("GET", "/clients", token=token), "invalid_token")
    dpop_challenge(holder.call(token, "GET", PATH, scheme="Bearer"), "invalid_token")


def test_DP_37_unbound_token_under_dpop(registry, operator):
    holder, _ = operator
    token = holder.client.token()
    dpop_challenge(holder.call(token, "GET", PATH), "invalid_token")


def test_DP_38_both_schemes(operator, legate):
    holder, token = operator
    proof = holder.proof("GET", holder.url(PATH), token)
    for headers in (
        (f"Authorization: DPoP {token}", f"Authorization: Bearer {token}"),
        (f"Authorization: Bearer {token}", f"Authorization: DPoP {token}"),
        (f"Authorization: DPoP {token}, Bearer {token}",),
    ):
        answer = talk(legate.port, request(f"GET {PATH} HTTP/1.1", *headers, f"DPoP: {proof}"))
        assert answer.status in (400, 401), answer.received


def test_DP_40_nonce_at_the_resource(make_legate):
    legate = make_legate(flags=("--dpop-nonce", "required")).start()
    holder = Holder(Registry(legate).operator("clients:read"))
    token = holder.token()
    holder.nonce = None
    headers = holder.headers(token, "GET", holder.url(PATH))
    answer = legate.request("GET", PATH, headers=headers)
    dpop_challenge(answer, "use_dpop_nonce")
    assert holder.learn(answer)
    answer = holder.call(token, "GET", PATH)
    assert answer.status_code == 200 and answer.headers["DPoP-Nonce"]


def test_DP_41_no_cors_where_nonces_are(legate, world, holder):
    """The endpoints that give nonces are not for browsers: there is no CORS answer that could hide the header."""
    answer = holder.post(
        holder.proof("POST", holder.url("/token"), nonce="wrong"), headers={"Origin": "https://spa.example.com"}
    )
    refused(answer, "use_dpop_nonce")
    assert not any(name.lower().startswith("access-control-") for name in answer.headers)


def test_DP_42_thumbprint_of_the_rfc(world):
    assert thumbprint(RFC_KEY) == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
    holder = Holder(world.cb)
    token = holder.token(resource=world.r1.uri)
    assert claims_of(token)["cnf"]["jkt"] == holder.thumbprint


# Exchange


def exchange(holder, subject: str, resource, **options):
    form = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token": subject,
        "subject_token_type": options.pop("type", ACCESS_TOKEN),
        "resource": resource.uri,
    }
    return holder.ask(form=form, **options)


def test_TX_40_subject_token_is_bound(world):
    holder = Holder(world.ag1)
    token = bound(exchange(holder, world.user(world.ag1).id_token(), world.r1, type=JWT), holder)
    refused(world.ag1.exchange(token, resource=world.r2.uri), "invalid_dpop_proof")
    refused(exchange(Holder(world.ag1), token, world.r2), "invalid_dpop_proof")
    bound(exchange(holder, token, world.r2), holder)


def test_TX_41_result_is_bound_to_the_exchanging_key(world):
    holder, other = Holder(world.ag1), Holder(world.ag2)
    token = bound(exchange(holder, world.user(world.ag1).id_token(), world.r1, type=JWT), holder)
    bound(exchange(other, token, world.r2), other)


def test_HOST_72_a_bound_token_is_not_laundered(world):
    holder = Holder(world.ag1)
    token = bound(exchange(holder, world.user(world.ag1).id_token(), world.r1, type=JWT), holder)
    for client in (world.ag1, world.ag2):
        refused(client.exchange(token, resource=world.r2.uri), "invalid_dpop_proof")


def test_INTR_02_a_proof_is_no_token(world, holder):
    inactive(world.rs1.introspect(holder.proof("POST", holder.url("/token"))))


def test_META_12_algorithms_are_published(legate):
    listed = legate.metadata["dpop_signing_alg_values_supported"]
    assert set(listed) == {"ES256", "Ed25519", "PS256"}
    for path in ("/.well-known/oauth-protected-resource/admin", "/.well-known/oauth-protected-resource/vault"):
        assert legate.get(path).json()["dpop_signing_alg_values_supported"] == listed
