"""JWKS: published keys and their rotation."""

import threading
import time
from datetime import datetime

import pytest

from actors import JWT, Registry, World
from checks import active, granted, inactive
from jose import decode, thumbprint, unb64, unb64_int, verify

PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
P256_PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1
P256_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B


def kid_of(token: str) -> str:
    return decode(token)[0]["kid"]


def kids(jwks: dict) -> set[str]:
    return {key["kid"] for key in jwks["keys"]}


def test_JWKS_01_key_set(legate):
    answer = legate.get(legate.metadata["jwks_uri"].removeprefix(legate.issuer))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].split(";")[0] in ("application/json", "application/jwk-set+json")
    assert answer.json()["keys"]


def test_JWKS_02_members_of_a_key(legate):
    for key in legate.jwks["keys"]:
        assert key["kty"] and key["kid"] and key["alg"]
        assert key.get("use") == "sig" or key.get("key_ops") == ["verify"]
        assert not PRIVATE & set(key)


@pytest.mark.parametrize("alg", ["ES256", "Ed25519", "RS256"])
def test_JWKS_04_sizes_and_points(legate, registry, alg):
    registry.agent(registry.resource(signing_alg=alg)).token()
    found = [key for key in legate.jwks["keys"] if key["alg"] == alg]
    assert found
    for key in found:
        if key["kty"] == "RSA":
            assert unb64_int(key["n"]).bit_length() >= 2048
            assert unb64_int(key["e"]) >= 65537 and unb64_int(key["e"]) % 2 == 1
        elif key["kty"] == "EC":
            x, y = unb64_int(key["x"]), unb64_int(key["y"])
            assert key["crv"] == "P-256"
            assert (y * y - (x * x * x - 3 * x + P256_B)) % P256_PRIME == 0
        else:
            assert key["crv"] == "Ed25519" and len(unb64(key["x"])) == 32


@pytest.mark.parametrize("alg", ["ES256", "Ed25519", "RS256"])
def test_JWKS_05_tokens_of_every_grant_verify_with_their_key(legate, registry, world, alg):
    resource = registry.resource(signing_alg=alg)
    agent = registry.agent(resource)
    own = agent.token()
    registry.delegation(world.idp, "user", agent, [resource], ["a:read"])
    delegated = agent.exchanged(world.idp.token("user"), JWT, resource=resource.uri)
    for token in (own, delegated):
        assert decode(token)[0]["alg"] == alg
        assert verify(token, legate.jwks)["aud"] == resource.uri


def test_JWKS_06_next_key_is_published_before_its_first_use(own_legate):
    world = World(Registry(own_legate))
    before = own_legate.jwks
    answer = own_legate.admin("POST", "/keys/rotate", {})
    assert answer.status_code in (200, 201), answer.text
    made = answer.json()
    assert made["status"] == "next" and made["kid"] not in kids(before)
    published = own_legate.get("/.well-known/jwks.json")
    assert made["kid"] in kids(published.json()), "published at once"
    # It signs once whoever fetched the set just before it was published must have fetched it again.
    max_age = int(published.headers["Cache-Control"].split("max-age=")[1].split(",")[0])
    begins = datetime.fromisoformat(made["active_from"]).timestamp()
    assert begins >= time.time() + max_age - 2
    token = world.cb.token(resource=world.r1.uri)
    assert kid_of(token) in kids(before)
    statuses = {key["kid"]: key["status"] for key in own_legate.items("/keys")}
    assert statuses[kid_of(token)] == "active" and statuses[made["kid"]] == "next"
    # One at a time: a second rotation would shorten the notice of the first.
    assert own_legate.admin("POST", "/keys/rotate", {}).status_code in (400, 409)


def test_JWKS_08_revoked_key(own_legate):
    world = World(Registry(own_legate))
    token = world.cb.token(resource=world.r1.uri)
    operators = own_legate.operator_token()
    active(world.rs1.introspect(token))
    assert own_legate.admin("POST", "/revocations", {"kind": "key", "id": kid_of(token)}).status_code == 201
    assert kid_of(token) not in kids(own_legate.jwks)
    inactive(world.rs1.introspect(token))
    assert own_legate.admin("GET", "/clients", token=operators).status_code == 401
    assert world.ag1.exchange(token, resource=world.r1.uri).status_code == 400
    new = world.cb.token(resource=world.r1.uri)
    assert kid_of(new) != kid_of(token)
    active(world.rs1.introspect(new))
    own_legate.restart()
    assert kid_of(token) not in kids(own_legate.jwks)
    inactive(world.rs1.introspect(token))
    active(world.rs1.introspect(new))


def test_JWKS_09_rotation_under_load(own_legate):
    world = World(Registry(own_legate))
    statuses, unverifiable, revoked = [], [], set()
    ending, lock = threading.Event(), threading.Lock()

    def work() -> None:
        while not ending.is_set():
            answer = world.cb.ask(resource=world.r1.uri)
            with lock:
                statuses.append(answer.status_code)
            if answer.status_code == 200 and len(statuses) % 7 == 0:
                token = answer.json()["access_token"]
                if kid_of(token) not in kids(own_legate.jwks) and kid_of(token) not in revoked:
                    with lock:
                        unverifiable.append(token)

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for alg in ("ES256", "Ed25519"):
        time.sleep(0.4)
        assert own_legate.admin("POST", "/keys/rotate", {"alg": alg}).status_code in (200, 201)
    # And the hard way: the key that is signing is taken away.
    signing = kid_of(world.cb.token(resource=world.r1.uri))
    revoked.add(signing)
    answer = own_legate.admin("POST", "/revocations", {"kind": "key", "id": signing}, token=own_legate.operator_token())
    assert answer.status_code == 201
    time.sleep(0.4)
    ending.set()
    for worker in workers:
        worker.join()
    assert set(statuses) == {200} and len(statuses) > 20
    assert not unverifiable


def test_JWKS_12_caching_headers(legate):
    answer = legate.get("/.well-known/jwks.json")
    control = answer.headers["Cache-Control"]
    assert "public" in control and 0 < int(control.split("max-age=")[1].split(",")[0]) <= 3600
    same = legate.get("/.well-known/jwks.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert same.status_code == 304 and same.content == b"" and same.headers["ETag"] == answer.headers["ETag"]
    other = legate.get("/.well-known/jwks.json", headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


def test_JWKS_13_odd_requests(legate):
    path = "/.well-known/jwks.json"
    assert legate.get(f"{path}?kid=nothing").json() == legate.jwks
    answer = legate.post(path, {})
    assert answer.status_code == 405 and "GET" in answer.headers["Allow"]
    assert legate.get(path, headers={"Range": "bytes=0-3"}).status_code in (200, 206, 416)
    started = time.monotonic()
    assert {legate.get(path).status_code for _ in range(300)} == {200}
    assert time.monotonic() - started < 10


def test_JWKS_14_kid_is_a_thumbprint_when_it_looks_like_one(legate):
    for key in legate.jwks["keys"]:
        if len(key["kid"]) == 43:
            assert key["kid"] == thumbprint(key)


def test_JWKS_18_only_public_signature_keys(legate):
    assert {key["kty"] for key in legate.jwks["keys"]} <= {"EC", "OKP", "RSA"}
    assert len(kids(legate.jwks)) == len(legate.jwks["keys"])


def test_JWKS_keys_survive_a_restart(own_legate):
    world = World(Registry(own_legate))
    token, before = world.cb.token(resource=world.r1.uri), own_legate.jwks
    own_legate.restart()
    assert own_legate.jwks == before
    active(world.rs1.introspect(token))
    granted(world.cb.ask(resource=world.r1.uri))
