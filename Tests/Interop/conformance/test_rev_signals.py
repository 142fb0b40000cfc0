"""REV-18 to REV-30: other ways to see a revocation — status lists, and security events."""

import base64
import statistics
import threading
import time
import zlib

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from actors import Registry, unique
from checks import refused
from jose import claims_of
from server import free_port
from sink import Sink

STATUS_LIST = "application/statuslist+jwt"
CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
VERIFICATION = "https://schemas.openid.net/secevent/ssf/event-type/verification"


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


# Security events


@pytest.fixture(scope="module")
def sink():
    sink = Sink()
    yield sink
    sink.stop()


def subscriber(registry: Registry):
    """A client that may follow what is revoked."""
    return registry.client(
        "siem", kind="gateway", resources=(f"{registry.legate.issuer}/revocations",), scopes=("revocations:read",)
    )


@pytest.fixture
def receivers(legate):
    """Registers receivers for one test: those of another would hold up nothing, but see everything."""
    made = []

    def register(**members) -> dict:
        made.append(legate.create("/event-receivers", members))
        return made[-1]

    yield register
    for receiver in made:
        legate.admin("DELETE", f"/event-receivers/{receiver['receiver_id']}")


def event(legate, compact: str, receiver: dict) -> tuple[str, dict, dict]:
    """The type, the content and the claims of a security event that is as the profile wants it."""
    token = jwt.decode(compact, KeySet.import_key_set(legate.jwks), algorithms=["ES256"])
    assert token.header["typ"] == "secevent+jwt"
    claims = token.claims
    assert claims["iss"] == legate.issuer and claims["aud"] == receiver["audience"]
    assert abs(claims["iat"] - time.time()) < 60
    assert claims["jti"] and claims["sub_id"]["format"]
    assert "sub" not in claims and "exp" not in claims
    ((kind, content),) = claims["events"].items()
    return kind, content, claims


def revoke_task(legate, name: str, reason: str | None = None) -> str:
    """Ends a task that nobody has; its id is what the event is about."""
    legate.create("/revocations", {"kind": "task", "id": f"nobody/{name}", **({"reason": reason} if reason else {})})
    return f"task/nobody/{name}"


def subjects(sets) -> list[str]:
    return [claims_of(compact)["sub_id"].get("id") for compact in sets]


def rejections(legate, receiver: dict) -> list[dict]:
    """The audit records of what a receiver would not have."""
    target = f"receiver/{receiver['receiver_id']}"
    denied = legate.audit(decision="deny")
    return [record for record in denied if record["event"] == "event.rejected" and record.get("target") == target]


def test_REV_22_configuration_of_the_transmitter(legate):
    answer = legate.get("/.well-known/ssf-configuration")
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/json"
    document = answer.json()
    assert document["spec_version"] == "1_0"
    assert document["issuer"] == legate.issuer
    assert document["jwks_uri"] == f"{legate.issuer}/.well-known/jwks.json"
    assert document["delivery_methods_supported"] == ["urn:ietf:rfc:8935", "urn:ietf:rfc:8936"]
    for name, value in document.items():
        if name.endswith("_endpoint"):
            path = value.removeprefix(legate.issuer)
            assert value != path
            # What is there asks who is calling.
            verb = "POST" if name == "verification_endpoint" else "GET"
            assert legate.request(verb, path).status_code == 401, name


def test_REV_22_issuer_with_a_path(make_legate):
    legate = make_legate(path="/t1").start()
    answer = legate.http.get(f"http://127.0.0.1:{legate.port}/.well-known/ssf-configuration/t1", timeout=10)
    assert answer.json()["issuer"] == legate.issuer


def test_REV_23_a_client_sees_its_own_streams(legate, registry, receivers):
    siem, other = subscriber(registry), subscriber(registry)
    mine = receivers(client_id=siem.id)
    receivers(client_id=other.id)
    (stream,) = legate.get("/ssf/streams", auth=siem.basic).json()
    assert stream["stream_id"] == mine["receiver_id"]
    assert stream["iss"] == legate.issuer and stream["aud"] == siem.id
    assert stream["delivery"] == {"method": "urn:ietf:rfc:8936", "endpoint_url": f"{legate.issuer}/ssf/poll"}
    assert CAEP + "session-revoked" in stream["events_delivered"]
    path = f"?stream_id={mine['receiver_id']}"
    assert legate.get("/ssf/streams" + path, auth=siem.basic).json() == stream
    assert legate.get("/ssf/status" + path, auth=siem.basic).json()["status"] == "enabled"
    for room in ("streams", "status"):
        assert legate.get(f"/ssf/{room}{path}", auth=other.basic).status_code == 404
    assert legate.get("/ssf/streams", auth=registry.agent().basic).status_code == 403


def test_REV_24_and_25_verification(legate, registry, receivers, sink):
    siem = subscriber(registry)
    receiver = receivers(client_id=siem.id, endpoint=sink.url("/verify"))
    body = {"stream_id": receiver["receiver_id"], "state": "VGhpcyBpcyBhbiBleGFtcGxl"}
    answer = legate.post("/ssf/verify", json=body, auth=siem.basic)
    assert answer.status_code == 204 and not answer.content
    (push,) = sink.wait("/verify")
    kind, content, claims = event(legate, push.body, receiver)
    assert kind == VERIFICATION and content == {"state": body["state"]}
    assert claims["sub_id"] == {"format": "opaque", "id": receiver["receiver_id"]}
    again = legate.post("/ssf/verify", json=body, auth=siem.basic)
    assert again.status_code == 429
    assert 0 < int(again.headers["Retry-After"]) <= 60
    refused(legate.post("/ssf/verify", json={}, auth=siem.basic), "invalid_request")
    assert legate.post("/ssf/verify", json={**body, "stream_id": "nothing"}, auth=siem.basic).status_code == 404


def test_REV_26_a_revoked_delegation_is_told(legate, registry, world, receivers, sink):
    audience = "https://siem.example.com"
    receiver = receivers(endpoint=sink.url("/told"), audience=audience, authorization_header="Bearer s3")
    delegation = world.user().delegation["delegation_id"]
    answer = legate.admin("POST", f"/delegations/{delegation}/revoke", {"reason": "left"})
    assert answer.status_code == 200
    (push,) = sink.wait("/told")
    assert push.headers["Content-Type"] == "application/secevent+jwt"
    assert push.headers["Authorization"] == "Bearer s3"
    kind, content, claims = event(legate, push.body, receiver)
    assert kind == CAEP + "session-revoked"
    assert abs(content["event_timestamp"] - time.time()) < 30
    assert content["reason_admin"] == {"en": "left"}
    assert claims["sub_id"] == {"format": "opaque", "id": f"delegation/{delegation}"}


def test_REV_26_subjects_by_what_was_revoked(legate, registry, receivers, sink):
    receivers(endpoint=sink.url("/subjects"))
    resource = registry.resource("r")
    agent = registry.agent(resource)
    provider = registry.identity_provider()
    token = agent.token()
    agent.revoke(token)
    legate.create("/revocations", {"kind": "client", "id": agent.id})
    legate.create("/revocations", {"kind": "subject", "id": f"{provider.name}|alice"})
    revoke_task(legate, "t-subjects")
    found = [push.claims["sub_id"] for push in sink.wait("/subjects", 4)]
    assert {"format": "jwt_id", "iss": legate.issuer, "jti": claims_of(token)["jti"]} in found
    assert {"format": "iss_sub", "iss": legate.issuer, "sub": agent.id} in found
    assert {"format": "iss_sub", "iss": provider.issuer, "sub": "alice"} in found
    assert {"format": "opaque", "id": "task/nobody/t-subjects"} in found


def test_REV_26_one_transaction_id_for_all_receivers(legate, receivers, sink):
    receivers(endpoint=sink.url("/one"))
    receivers(endpoint=sink.url("/two"))
    revoke_task(legate, "t-twice")
    one, two = sink.wait("/one")[0].claims, sink.wait("/two")[0].claims
    assert one["txn"] == two["txn"] and one["jti"] != two["jti"]


def test_REV_28_a_revoked_key_is_a_changed_credential(make_legate, sink):
    legate = make_legate().start()
    receiver = legate.create("/event-receivers", {"endpoint": sink.url("/keys"), "events": ["credential-change"]})
    (key,) = [key for key in legate.fetch("/keys")["items"] if key["status"] == "active"]
    revoke_task(legate, "t-not-asked-for")
    legate.create("/revocations", {"kind": "key", "id": key["kid"]})
    (push,) = sink.wait("/keys")
    kind, content, claims = event(legate, push.body, receiver)
    assert kind == CAEP + "credential-change"
    assert (content["credential_type"], content["change_type"]) == ("signing-key", "revoke")
    assert claims["sub_id"]["id"] == f"key/{key['kid']}"


def test_REV_29_delivered_once(legate, receivers, sink):
    receivers(endpoint=sink.url("/once"))
    name = revoke_task(legate, "t-once")
    assert subjects(push.body for push in sink.wait("/once")) == [name]
    time.sleep(1.5)
    assert len(sink.received("/once")) == 1


def test_REV_29_a_refusal_is_final_and_recorded(legate, receivers, sink):
    error = {"err": "invalid_request", "description": "no"}
    receiver = receivers(endpoint=sink.script("/refuses", (400, error), 202))
    first, second = revoke_task(legate, "t-refused"), revoke_task(legate, "t-after")
    pushes = sink.wait("/refuses", 2)
    assert subjects(push.body for push in pushes) == [first, second]
    time.sleep(1)
    assert len(sink.received("/refuses")) == 2
    (record,) = rejections(legate, receiver)
    assert "invalid_request" in record["policy_evaluation"]["reason"]


def test_REV_29_errors_are_tried_again_with_backoff(legate, receivers, sink):
    receivers(endpoint=sink.script("/fails", 500, 503, 202))
    name = revoke_task(legate, "t-fails")
    pushes = sink.wait("/fails", 3, timeout=20)
    assert subjects(push.body for push in pushes) == [name] * 3
    assert len({push.claims["jti"] for push in pushes}) == 1
    first, second = pushes[1].at - pushes[0].at, pushes[2].at - pushes[1].at
    assert 0.4 < first < 3 and 0.9 < second < 5


def test_REV_29_credentials_that_are_not_accepted_can_be_mended(legate, receivers, sink):
    error = {"err": "authentication_failed"}
    receiver = receivers(endpoint=sink.script("/mended", (400, error), 202), authorization_header="Bearer old")
    name = revoke_task(legate, "t-mended")
    sink.wait("/mended")
    path = f"/event-receivers/{receiver['receiver_id']}"
    changed = legate.admin("PATCH", path, {"authorization_header": "Bearer new"}).json()
    assert changed["authorization_set_at"] and "Bearer" not in str(changed)
    last = sink.wait("/mended", 2)[-1]
    assert subjects([last.body]) == [name] and last.headers["Authorization"] == "Bearer new"


def test_REV_29_a_receiver_that_hangs_holds_up_nobody(legate, receivers, sink):
    receivers(endpoint=sink.script("/hangs", "hang", 202))
    receivers(endpoint=sink.url("/beside"))
    name = revoke_task(legate, "t-hangs")
    started = time.monotonic()
    sink.wait("/beside", timeout=4)
    pushes = sink.wait("/hangs", 2, timeout=20)
    assert subjects(push.body for push in pushes) == [name] * 2
    assert 4 < pushes[1].at - started < 15


def test_REV_29_redirects_are_not_followed(legate, receivers, sink):
    receivers(endpoint=sink.script("/redirects", "redirect", 202))
    revoke_task(legate, "t-redirects")
    sink.wait("/redirects", 2)
    assert not sink.received("/elsewhere") and not sink.received("GET /elsewhere")


def test_REV_29_never_to_an_address_that_is_not_allowed(make_legate):
    """Only a server on loopback speaks to loopback, and nobody to a cloud's metadata."""
    legate = make_legate().start()
    sink = Sink()
    try:
        legate.create("/event-receivers", {"receiver_id": "cloud", "endpoint": "https://169.254.169.254/latest"})
        revoke_task(legate, "t-ssrf")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and "never fetched" not in legate.log.read_text():
            time.sleep(0.1)
        assert "never fetched" in legate.log.read_text()
        refused_urls = ["http://siem.example.com/", "ftp://siem.example.com/", "https://u:p@siem.example.com/", "siem"]
        for url in refused_urls:
            assert legate.admin("POST", "/event-receivers", {"endpoint": url}).status_code == 400, url
    finally:
        sink.stop()


def test_REV_29_kill_between_revocation_and_delivery(make_legate):
    """The event is stored with the revocation: it arrives after the crash."""
    legate = make_legate().start()
    port = free_port()
    receiver = legate.create("/event-receivers", {"endpoint": f"http://127.0.0.1:{port}/after", "receiver_id": "late"})
    names = [revoke_task(legate, f"t-killed-{number}") for number in range(5)]
    legate.kill9()
    sink = Sink(port)
    try:
        legate.start()
        legate.forget_operator_token()
        pushes = sink.wait("/after", 5, timeout=20)
        assert sorted(subjects(push.body for push in pushes)) == names
        event(legate, pushes[0].body, receiver)
        assert legate.restart()
        time.sleep(1.5)
        assert len(sink.received("/after")) == 5, "what was acknowledged does not come again"
    finally:
        sink.stop()


def poll(legate, client, **body):
    return legate.post("/ssf/poll", json=body, auth=client.basic)


def polled(legate, client, **body) -> dict:
    answer = poll(legate, client, **{"returnImmediately": True, **body})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json" and "no-store" in answer.headers["Cache-Control"]
    return answer.json()


def test_REV_30_poll_acknowledge_and_poll_again(legate, registry, receivers):
    siem = subscriber(registry)
    receiver = receivers(client_id=siem.id)
    assert polled(legate, siem) == {"sets": {}, "moreAvailable": False}
    names = [revoke_task(legate, unique("t-poll")) for _ in range(3)]
    first = polled(legate, siem, maxEvents=1)
    ((jti, compact),) = first["sets"].items()
    assert first["moreAvailable"] is True
    assert event(legate, compact, receiver)[2]["jti"] == jti
    assert set(polled(legate, siem, maxEvents=1)["sets"]) == {jti}, "what is not acknowledged comes again"
    assert polled(legate, siem, maxEvents=0) == {"sets": {}, "moreAvailable": True}
    rest = polled(legate, siem, ack=[jti])
    assert jti not in rest["sets"] and rest["moreAvailable"] is False
    assert sorted(subjects([compact, *rest["sets"].values()])) == sorted(names)
    refusal, last = rest["sets"]
    error = {"err": "invalid_audience", "description": "not mine"}
    after = polled(legate, siem, setErrs={refusal: error, "never-heard-of": error}, ack=["unknown"])
    assert set(after["sets"]) == {last}
    (record,) = rejections(legate, receiver)
    assert "invalid_audience" in record["policy_evaluation"]["reason"]
    assert polled(legate, siem, ack=[last], maxEvents=0) == {"sets": {}, "moreAvailable": False}


def test_REV_30_a_long_poll_wakes_up(legate, registry, receivers):
    siem = subscriber(registry)
    receivers(client_id=siem.id)
    found = {}

    def wait():
        found["answer"] = poll(legate, siem).json()
        found["at"] = time.monotonic()

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.7)
    assert not found
    name = revoke_task(legate, unique("t-long"))
    at = time.monotonic()
    thread.join(10)
    assert subjects(found["answer"]["sets"].values()) == [name]
    assert found["at"] - at < 1


def test_REV_30_by_token(legate, registry, receivers):
    siem = subscriber(registry)
    receivers(client_id=siem.id)
    headers = {"Authorization": f"Bearer {siem.token()}"}
    answer = legate.post("/ssf/poll", json={"returnImmediately": True}, headers=headers)
    assert answer.status_code == 200 and answer.json()["sets"] == {}


def test_REV_30_who_may_not_poll(legate, registry, receivers):
    assert poll(legate, subscriber(registry), returnImmediately=True).status_code == 403
    assert poll(legate, registry.agent(registry.resource()), returnImmediately=True).status_code == 403
    assert legate.post("/ssf/poll", json={}).status_code == 401
    siem = subscriber(registry)
    receiver = receivers(client_id=siem.id)
    malformed = [{"maxEvents": -1}, {"maxEvents": "1"}, {"ack": "x"}, {"ack": [1]}, {"setErrs": []}]
    for body in (*malformed, {"returnImmediately": 1}):
        refused(poll(legate, siem, **body), "invalid_request")
    refused(legate.post("/ssf/poll", {"maxEvents": 1}, auth=siem.basic), "invalid_request")
    legate.admin("PATCH", f"/event-receivers/{receiver['receiver_id']}", {"enabled": False}).raise_for_status()
    assert poll(legate, siem, returnImmediately=True).status_code == 403


def test_REV_receivers_by_command(legate, registry, tmp_path, sink):
    siem = subscriber(registry)
    header = tmp_path / "header"
    header.write_text("Bearer from-a-file\n")
    name = unique("rcv")
    made = legate.cli(
        "receiver", "create", "--id", name, "--endpoint", sink.url("/cli"), "--client", siem.id,
        "--authorization-file", header, "--event", "session-revoked",
    )
    assert (made["receiver_id"], made["delivery"], made["audience"]) == (name, "push", siem.id)
    assert made["events"] == ["session-revoked"] and "from-a-file" not in str(made)
    assert name in [item["receiver_id"] for item in legate.cli("receiver", "list")["items"]]
    legate.cli("receiver", "verify", name, "--state", "hello")
    (push,) = sink.wait("/cli")
    assert push.headers["Authorization"] == "Bearer from-a-file"
    assert push.claims["events"][VERIFICATION] == {"state": "hello"}
    assert legate.cli("receiver", "disable", name)["enabled"] is False
    assert legate.cli("receiver", "enable", name)["enabled"] is True
    assert legate.cli("receiver", "update", name, "--event", "credential-change")["events"] == ["credential-change"]
    legate.cli("receiver", "delete", name)
    assert legate.run("receiver", "show", name).returncode == 1
    assert "from-a-file" not in str(legate.items("/audit")) and "from-a-file" not in legate.log.read_text()
