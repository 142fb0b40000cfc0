"""REV: revocation (RFC 7009), and everything that ends with a delegation."""

import threading

import pytest

from actors import JWT, Registry, World
from checks import active, granted, inactive, not_authenticated, refused, unauthenticated
from jose import Key, claims_of


def test_REV_01_own_token(world):
    token = world.cb.token(resource=world.r1.uri)
    active(world.rs1.introspect(token))
    assert world.cb.revoke(token).status_code == 200
    inactive(world.rs1.introspect(token))


def test_REV_01_only_that_token(world):
    one, two = world.cb.token(resource=world.r1.uri), world.cb.token(resource=world.r1.uri)
    assert world.cb.revoke(one).status_code == 200
    inactive(world.rs1.introspect(one))
    active(world.rs1.introspect(two))


def test_REV_01_revoked_token_is_no_subject(world):
    token = world.user().delegated()
    granted(world.ag2.exchange(token, resource=world.r2.uri, scope="a:read"))
    assert world.ag1.revoke(token).status_code == 200
    refused(world.ag2.exchange(token, resource=world.r2.uri, scope="a:read"), "invalid_request")


def test_REV_unknown_token(world):
    for token in ("nonsense", "a.b.c", world.idp.token("someone")):
        assert world.cb.revoke(token).status_code == 200


def test_REV_twice(world):
    token = world.cb.token(resource=world.r1.uri)
    assert [world.cb.revoke(token).status_code for _ in range(2)] == [200, 200]


def test_REV_04_no_token(world):
    refused(world.cb.post("/revoke", {}), "invalid_request")
    refused(world.cb.post("/revoke", {"token": ""}), "invalid_request")


@pytest.mark.parametrize("hint", ["refresh_token", "nonsense"])
def test_REV_05_wrong_hint(world, hint):
    token = world.cb.token(resource=world.r1.uri)
    assert world.cb.revoke(token, token_type_hint=hint).status_code == 200
    inactive(world.rs1.introspect(token))


def test_REV_06_token_of_another_client(legate, world):
    token = world.cb.token(resource=world.r1.uri)
    refused(world.ag1.revoke(token), "invalid_grant")
    refused(world.rs1.revoke(token), "invalid_grant")
    active(world.rs1.introspect(token))
    denials = legate.audit(client_id=world.ag1.id, decision="deny")
    assert any(record.get("jti") == claims_of(token)["jti"] for record in denials), "the attempt is audited"


def test_REV_no_authentication(legate, registry, world):
    client = registry.agent(world.r1)
    token = client.token()
    not_authenticated(legate.post("/revoke", {"token": token}))
    unauthenticated(legate.post("/revoke", {"token": token}, auth=(client.id, "wrong")))
    active(world.rs1.introspect(token))


def test_REV_09_get(legate, world):
    token = world.cb.token(resource=world.r1.uri)
    answer = legate.get(f"/revoke?token={token}", auth=world.cb.basic)
    assert answer.status_code in (400, 405)
    assert legate.get("/revoke", auth=world.cb.basic).headers["Allow"] == "POST"
    active(world.rs1.introspect(token))


def test_REV_09_token_in_the_query(legate, world):
    token = world.cb.token(resource=world.r1.uri)
    refused(legate.post(f"/revoke?token={token}", {}, auth=world.cb.basic), "invalid_request")
    active(world.rs1.introspect(token))


def test_REV_10_no_javascript(world):
    answer = world.cb.revoke("nonsense", callback="package.revoked")
    assert answer.status_code == 200
    assert "package" not in answer.text and "javascript" not in answer.headers.get("Content-Type", "")


def test_REV_13_revocation_survives_a_kill(own_legate):
    world = World(Registry(own_legate))
    user = world.user()
    own, delegated = world.cb.token(resource=world.r1.uri), user.delegated()
    assert world.cb.revoke(own).status_code == 200
    path = f"/delegations/{user.delegation['delegation_id']}/revoke"
    assert own_legate.admin("POST", path, {}).status_code == 200
    own_legate.kill9()
    own_legate.start()
    inactive(world.rs1.introspect(own))
    inactive(world.rs1.introspect(delegated))
    active(world.rs1.introspect(world.cb.token(resource=world.r1.uri)))


def test_REV_14_delegation_ends_everything_derived_from_it(legate, world):
    user, other = world.user(), world.user()
    first = user.delegated()
    second = world.ag2.exchanged(first, resource=world.r2.uri, scope="a:read")
    untouched = other.delegated()
    for server, token in ((world.rs1, first), (world.rs2, second), (world.rs1, untouched)):
        active(server.introspect(token))
    path = f"/delegations/{user.delegation['delegation_id']}"
    revoked = legate.admin("POST", f"{path}/revoke", {"reason": "user left"})
    assert revoked.status_code == 200 and revoked.json()["status"] == "revoked"
    inactive(world.rs1.introspect(first))
    inactive(world.rs2.introspect(second))
    active(world.rs1.introspect(untouched))
    refused(world.ag1.exchange(user.id_token(), JWT, resource=world.r1.uri), "invalid_request")
    assert legate.fetch(path)["status"] == "revoked"
    entries = legate.items("/revocations")
    assert any(e["kind"] == "delegation" and e["id"] == user.delegation["delegation_id"] for e in entries)


def test_REV_client_revoked_ends_its_tokens_but_not_the_client(legate, registry, world):
    client = registry.agent(world.r1)
    old = client.token()
    answer = legate.admin("POST", "/revocations", {"kind": "client", "id": client.id, "reason": "rotate"})
    assert answer.status_code == 201
    assert {"seq", "kind", "id", "issued_before", "expires", "reason"} <= set(answer.json())
    inactive(world.rs1.introspect(old))
    active(world.rs1.introspect(client.token()))
    inactive(world.rs1.introspect(old))


def test_REV_token_revoked_by_its_identifier(legate, world):
    token = world.cb.token(resource=world.r1.uri)
    answer = legate.admin("POST", "/revocations", {"kind": "token", "id": claims_of(token)["jti"]})
    assert answer.status_code == 201
    inactive(world.rs1.introspect(token))


def test_REV_unknown_identifier_is_accepted_and_unknown_kind_is_not(legate):
    assert legate.admin("POST", "/revocations", {"kind": "token", "id": "not-yet-seen"}).status_code == 201
    assert legate.admin("POST", "/revocations", {"kind": "nonsense", "id": "x"}).status_code == 400


def test_REV_own_apis_refuse_a_revoked_token(legate, registry):
    auditor = registry.operator("audit:read")
    token = auditor.token()
    assert legate.admin("GET", "/audit?limit=1", token=token).status_code == 200
    assert auditor.revoke(token).status_code == 200
    assert legate.admin("GET", "/audit?limit=1", token=token).status_code == 401


def test_REV_16_fifty_at_once_are_one(legate, world):
    user = world.user()
    token = user.delegated()
    identifier = user.delegation["delegation_id"]
    legate.operator_token()
    statuses, lock = [], threading.Lock()

    def work() -> None:
        for _ in range(5):
            answer = legate.admin("POST", f"/delegations/{identifier}/revoke", {})
            with lock:
                statuses.append(answer.status_code)

    workers = [threading.Thread(target=work) for _ in range(10)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert statuses == [200] * 50
    inactive(world.rs1.introspect(token))
    events = [record["event"] for record in legate.audit(delegation_id=identifier)]
    assert events.count("delegation.revoked") == 1


def test_REV_32_security_event_token_is_no_credential(legate, registry, world):
    user = world.user()
    event = {"events": {"https://schemas.openid.net/secevent/caep/event-type/session-revoked": {}}}
    foreign = user.id_token({"typ": "secevent+jwt"}, **event)
    refused(world.ag1.exchange(foreign, JWT, resource=world.r1.uri), "invalid_request")
    client = registry.agent(world.r1, key=Key.make("ES256"))
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": client.assertion({"typ": "secevent+jwt"}, **event),
    }
    unauthenticated(legate.post("/token", form))
    assert legate.admin("GET", "/clients", token=foreign).status_code == 401
