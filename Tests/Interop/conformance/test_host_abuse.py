"""HOST, O.4: abuse by those who hold something genuine."""

import threading
from concurrent.futures import ThreadPoolExecutor

import requests

from actors import Client, Registry, World, unique
from checks import granted, inactive, refused, scopes
from jose import claims_of
from server import FromAddress


def test_HOST_70_no_loop_of_exchanges_widens(registry, world):
    """A → B → A: what the root token lacked, none of its descendants has."""
    back = registry.agent(world.r1, world.r2, acts_as=world.r2)
    user = world.user()
    token = user.delegated(scope="a:read")
    for _ in range(2):
        token = world.ag2.exchanged(token, resource=world.r2.uri)
        assert scopes(claims_of(token)) == {"a:read"}
        refused(back.exchange(token, resource=world.r1.uri, scope="a:read a:write"), "invalid_scope")
        token = back.exchanged(token, resource=world.r1.uri)
        assert scopes(claims_of(token)) == {"a:read"}


def test_HOST_73_audience_cannot_be_laundered(registry, world):
    """A resource server may not turn what it was sent into a token for a resource it was not granted."""
    greedy = registry.resource_server(world.r1, grants=("token_exchange",))
    token = world.user().delegated()
    refused(greedy.exchange(token, resource=world.r2.uri), "invalid_target", "invalid_scope")
    refused(greedy.exchange(token, resource=world.r1.uri), "invalid_target", "invalid_scope")


def test_HOST_74_token_in_the_wrong_hands_is_refused_and_audited(legate, registry, world):
    thief = registry.agent(world.r1, world.r2)
    token = world.user().delegated()
    refused(thief.exchange(token, resource=world.r2.uri), "invalid_request")
    denials = legate.audit(client_id=thief.id, decision="deny")
    assert [record["event"] for record in denials] == ["token.refused"]
    assert denials[0]["policy_evaluation"]["verdict"] == "refuse"
    assert denials[0]["policy_evaluation"]["reason"]


def test_HOST_76_identifiers_cannot_be_guessed(legate, world):
    identifiers = [world.user().delegation["delegation_id"] for _ in range(5)]
    tokens = [claims_of(world.cb.token(resource=world.r1.uri))["jti"] for _ in range(5)]
    for made in (identifiers, tokens):
        assert len(set(made)) == 5
        # Past any common prefix (a kind, a time) there must be 128 bits: 22 characters of base64, 26 of base32.
        prefix = max(len(_common(a, b)) for a in made for b in made if a != b)
        assert min(map(len, made)) - prefix >= 16, made
    assert legate.admin("GET", f"/delegations/{identifiers[0][:-1]}x").status_code == 404


def _common(one: str, two: str) -> str:
    length = next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    return one[:length]


def test_HOST_77_disabling_during_issue_leaves_no_live_token(legate, registry, world):
    client = registry.agent(world.r1)
    tokens, refusals, lock = [], [], threading.Lock()

    def work() -> None:
        for _ in range(40):
            answer = client.ask()
            with lock:
                if answer.status_code == 200:
                    tokens.append(answer.json()["access_token"])
                else:
                    refusals.append(answer.status_code)
            if answer.status_code != 200:
                return

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    while len(tokens) < 10:
        pass
    assert legate.admin("PATCH", f"/clients/{client.id}", {"enabled": False}).status_code == 200
    for worker in workers:
        worker.join()
    assert client.ask().status_code in (401, 429)
    for token in tokens:
        inactive(world.rs1.introspect(token))


def test_HOST_78_concurrent_rotations_leave_one_secret(legate, registry, world):
    client = registry.agent(world.r1)
    legate.operator_token()
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: legate.admin("POST", f"/clients/{client.id}/rotate-secret", {}), range(5)))
    assert {answer.status_code for answer in answers} <= {200, 409, 412}
    made = [answer.json()["client_secret"] for answer in answers if answer.status_code == 200]
    assert made and len(set(made)) == len(made)
    works = [Client(legate, client.id, secret).ask().status_code for secret in (client.secret, *made)]
    assert works.count(200) == 1 and works[0] == 401


def test_HOST_81_guessing_from_many_addresses_locks_nobody_out(legate, registry, world):
    client = registry.agent(world.r1)
    for number in range(2, 12):
        with requests.Session() as session:
            session.mount("http://", FromAddress(f"127.0.0.{number}"))
            for _ in range(3):
                answer = session.post(
                    f"{legate.base}/token", {"grant_type": "client_credentials"}, auth=(client.id, "guess"), timeout=5
                )
                assert answer.status_code in (401, 429)
    granted(client.ask())


def test_HOST_86_nothing_secret_lies_in_the_data_directory(own_legate):
    world = World(Registry(own_legate))
    operator = own_legate.operator
    token = world.user().delegated(reason=unique("why"))
    own_legate.admin("POST", "/keys/rotate")
    root_key = own_legate.root_key.read_text().strip()
    assert own_legate.stop() == 0
    assert own_legate.root_key.stat().st_mode & 0o077 == 0
    assert own_legate.profile.stat().st_mode & 0o077 == 0
    secrets = [world.cb.secret, world.ag1.secret, operator["client_secret"], token, token.split(".")[2], root_key]
    for file in own_legate.data.rglob("*"):
        if not file.is_file() or file == own_legate.profile:
            continue
        content = file.read_bytes()
        for secret in secrets:
            assert secret.encode() not in content, f"{secret[:4]}… in {file.name}"
        assert b"PRIVATE KEY" not in content
        assert b'"d":"' not in content, f"a private JWK in {file.name}"
    assert token not in own_legate.log.read_text() and world.cb.secret not in own_legate.log.read_text()
