"""REV-18 to REV-30: other ways to see a revocation — status lists, and security events."""

import base64
import statistics
import time
import zlib

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from actors import Registry, unique
from jose import claims_of

STATUS_LIST = "application/statuslist+jwt"


def unpacked(text: str) -> bytes:
    return zlib.decompress(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def statuses(bits: int, data: bytes) -> list[int]:
    """Every status of a list, least significant bits first."""
    return [byte >> shift & (1 << bits) - 1 for byte in data for shift in range(0, 8, bits)]


class Reader:
    """A gateway that believes only what is signed."""

    def __init__(self, legate):
        self.legate = legate

    def keys(self) -> KeySet:
        return KeySet.import_key_set(self.legate.jwks)

    def fetch(self, uri: str, **options):
        assert uri.startswith(self.legate.issuer + "/status-lists/")
        return self.legate.get(uri.removeprefix(self.legate.issuer), **options)

    def document(self, uri: str) -> dict:
        answer = self.fetch(uri, headers={"Accept": STATUS_LIST})
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == STATUS_LIST
        token = jwt.decode(answer.text, self.keys(), algorithms=["ES256"])
        assert token.header["typ"] == "statuslist+jwt"
        claims = token.claims
        assert claims["sub"] == uri
        assert abs(claims["iat"] - time.time()) < 30 and claims["exp"] > time.time() and claims["ttl"] > 0
        assert claims["status_list"]["bits"] == 1
        return claims

    def status(self, token: str) -> int:
        reference = claims_of(token)["status"]["status_list"]
        found = statuses(1, unpacked(self.document(reference["uri"])["status_list"]["lst"]))
        assert reference["idx"] < len(found)
        return found[reference["idx"]]


@pytest.fixture(scope="module")
def reader(legate):
    return Reader(legate)


@pytest.fixture(scope="module")
def listed(registry):
    """A resource whose tokens are in a status list."""
    return registry.resource("listed", ("a:read", "a:write"), status_list=True)


def test_REV_18_a_token_names_its_list(legate, registry, listed, reader):
    agent = registry.agent(listed)
    token = agent.token()
    assert reader.status(token) == 0
    reference = claims_of(token)["status"]["status_list"]
    assert set(reference) == {"idx", "uri"}
    assert legate.metadata["status_list_aggregation_endpoint"] == f"{legate.issuer}/status-lists"
    assert reference["uri"] in legate.get("/status-lists").json()["status_lists"]


def test_REV_18_a_token_of_another_resource_has_no_status(world):
    assert "status" not in claims_of(world.cb.token(resource=world.r1.uri))


def test_REV_18_an_index_shows_only_its_own_revocation(registry, listed, reader):
    agent = registry.agent(listed)
    one, two = agent.token(), agent.token()
    assert agent.revoke(one).status_code == 200
    assert (reader.status(one), reader.status(two)) == (1, 0)


@pytest.mark.parametrize("kind", ["client", "delegation", "subject", "task", "agent", "session", "issuer"])
def test_REV_18_whatever_kills_a_token_shows(legate, registry, listed, reader, kind):
    provider = registry.identity_provider()
    agent = registry.agent(listed)
    user = unique("user")
    delegation = registry.delegation(provider, user, agent, [listed], listed.scopes)
    names = {"task_id": "t1", "session_id": "s1", "agent_id": "i1"}
    token = agent.exchanged(provider.token(user), "urn:ietf:params:oauth:token-type:jwt", resource=listed.uri, **names)
    other = registry.agent(listed).token()
    ids = {
        "client": agent.id,
        "delegation": delegation["delegation_id"],
        "subject": f"{provider.name}|{user}",
        "task": f"{agent.id}/t1",
        "session": f"{agent.id}/s1",
        "agent": f"{agent.id}/i1",
        "issuer": provider.name,
    }
    assert reader.status(token) == 0
    legate.create("/revocations", {"kind": kind, "id": ids[kind]})
    assert (reader.status(token), reader.status(other)) == (1, 0)


def test_REV_18_disabling_the_resource_shows(legate, registry, reader):
    resource = registry.resource("listed", ("a:read",), status_list=True)
    token = registry.agent(resource).token()
    assert reader.status(token) == 0
    legate.admin("PATCH", f"/resources/{resource.name}", {"enabled": False}).raise_for_status()
    assert reader.status(token) == 1


def test_REV_18_cacheable_conditional_open_to_all(legate, registry, listed, reader):
    uri = claims_of(registry.agent(listed).token())["status"]["status_list"]["uri"]
    answer = reader.fetch(uri)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"] == f"public, max-age={reader.document(uri)['ttl']}"
    again = reader.fetch(uri, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code in (200, 304)
    if again.status_code == 304:
        assert not again.content and again.headers["ETag"] == answer.headers["ETag"]
    for accept in ("*/*", "application/*", f"text/html, {STATUS_LIST};q=0.5"):
        assert reader.fetch(uri, headers={"Accept": accept}).status_code == 200
    for accept in ("application/statuslist+cwt", f"{STATUS_LIST};q=0", "text/html"):
        assert reader.fetch(uri, headers={"Accept": accept}).status_code == 406
    assert reader.fetch(uri + "?time=1700000000").status_code == 501
    for path in ("/status-lists/nothing", "/status-lists/..%2fadmin", "/status-lists/%00"):
        assert legate.get(path).status_code == 404


def test_REV_18_right_after_a_restart(make_legate):
    legate = make_legate().start()
    registry, reader = Registry(legate), Reader(legate)
    resource = registry.resource("listed", ("a:read",), status_list=True)
    dead, dies, lives = (registry.agent(resource) for _ in range(3))
    tokens = [agent.token() for agent in (dead, dies, lives)]
    legate.create("/revocations", {"kind": "client", "id": dead.id})
    legate.kill9()
    legate.start()
    legate.forget_operator_token()
    assert [reader.status(token) for token in tokens] == [1, 0, 0]
    legate.create("/revocations", {"kind": "client", "id": dies.id})
    assert [reader.status(token) for token in tokens] == [1, 1, 0]
    before = {claims_of(token)["status"]["status_list"]["uri"] for token in tokens}
    after = claims_of(lives.token())["status"]["status_list"]["uri"]
    assert len(before) == 1 and after not in before, "a list is filled by one process only"


@pytest.mark.parametrize(
    ("bits", "text", "data", "expected"),
    [
        (1, "eNrbuRgAAhcBXQ", "b9a3", [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]),
        (2, "eNo76fITAAPfAgc", "c944f9", [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]),
    ],
)
def test_REV_20_vectors(bits, text, data, expected):
    """The reader of these tests reads the vectors; OAuthTests has the writer."""
    assert unpacked(text).hex() == data
    assert statuses(bits, unpacked(text)) == expected


def test_REV_21_indexes_are_unique_and_scattered(registry, listed):
    agent = registry.agent(listed)
    references = [claims_of(agent.token())["status"]["status_list"] for _ in range(1000)]
    assert len({(reference["uri"], reference["idx"]) for reference in references}) == 1000
    indexes = [reference["idx"] for reference in references]
    assert abs(statistics.correlation(range(1000), indexes)) < 0.15
    steps = [abs(b - a) for a, b in zip(indexes, indexes[1:])]
    assert statistics.median(steps) > 1000
