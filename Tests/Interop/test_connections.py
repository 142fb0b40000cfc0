"""Accounts at a third party, whose authorization server is Authlib's, a process of its own: connected in a browser,
refreshed for many at once, killed at every step, and given up."""

import base64
import json
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from actors import ACCESS_TOKEN, JWT, Client
from custody import Custody
from server import ANSWER_TIMEOUT, Legate

HERE = Path(__file__).parent
CLIENT_ID = "legate-at-the-provider"
CLIENT_SECRET = "provider:client secret/+%"
NAME = "users/alice/drive"


class Provider:
    """The third party, as a process."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "provider.py")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        line = self.process.stdout.readline()
        assert line, "the provider did not start"
        self.base = f"http://127.0.0.1:{json.loads(line)['port']}"
        self.http = requests.Session()
        self.http.trust_env = False

    def control(self, **settings) -> dict:
        answer = self.http.post(f"{self.base}/control", json=settings, timeout=ANSWER_TIMEOUT)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def accepts(self, token: str) -> bool:
        headers = {"Authorization": f"Bearer {token}"}
        return self.http.get(f"{self.base}/api/me", headers=headers, timeout=ANSWER_TIMEOUT).status_code == 200

    def document(self, **members) -> dict:
        return {
            "authorization_endpoint": f"{self.base}/authorize",
            "token_endpoint": f"{self.base}/token",
            "revocation_endpoint": f"{self.base}/revoke",
            "issuer": self.base,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "scopes": ["files.read"],
            **members,
        }

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=ANSWER_TIMEOUT)


class Browser:
    """Goes where a person is sent, one redirect after the other."""

    def __init__(self) -> None:
        self.http = requests.Session()
        self.http.trust_env = False

    def answer_of(self, url: str) -> str:
        """Where the provider sends the browser back to."""
        answer = self.http.get(url, allow_redirects=False, timeout=ANSWER_TIMEOUT)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def get(self, url: str) -> requests.Response:
        return self.http.get(url, allow_redirects=False, timeout=ANSWER_TIMEOUT)


def code_on(page: requests.Response) -> str:
    assert page.status_code == 200, page.text
    found = re.search(r'<p class="code">([0-9a-z-]+)</p>', page.text)
    assert found, page.text
    return found.group(1)


@pytest.fixture
def provider():
    provider = Provider()
    yield provider
    provider.stop()


@pytest.fixture
def custody(own_legate: Legate) -> Custody:
    return Custody(own_legate)


def connect(custody: Custody, provider: Provider, *readers: Client, name: str = NAME, **members) -> dict:
    """From start to finish, over the API."""
    started = start(custody, provider, name=name, **members)
    for reader in readers:
        custody.manage("POST", f"rules/{name}", {"client_id": reader.id})
    browser = Browser()
    code = code_on(browser.get(browser.answer_of(started["authorization_url"])))
    return custody.manage("POST", f"connections/finish/{name}", {"code": code})


def start(custody: Custody, provider: Provider, name: str = NAME, **members) -> dict:
    body = {"provider": provider.document(**members.pop("provider", {})), **members}
    started = custody.manage("POST", f"connections/start/{name}", body)
    provider.control(redirect_uri=started["redirect_uri"])
    return started


def shown(custody: Custody, name: str = NAME) -> dict:
    return custody.manage("GET", f"connections/{name}")


def expect_refused(answer: requests.Response, status: int) -> str:
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.json()["detail"]


# The way in


def test_an_account_is_connected_on_the_command_line_and_an_agent_uses_it(custody: Custody, provider: Provider):
    legate, agent = custody.legate, custody.agent()
    secret = legate.directory / "provider.secret"
    secret.write_text(CLIENT_SECRET + "\n")
    started = legate.cli(
        *("connection", "start", NAME, "--account", "alice's drive"),
        *("--authorization-endpoint", f"{provider.base}/authorize", "--token-endpoint", f"{provider.base}/token"),
        *("--revocation-endpoint", f"{provider.base}/revoke", "--issuer", provider.base),
        *("--client-id", CLIENT_ID, "--client-secret-file", secret, "--scope", "files.read"),
    )
    provider.control(redirect_uri=started["redirect_uri"])
    legate.cli("secret", "allow", NAME, "--reader", agent.id)
    browser = Browser()
    page = browser.get(browser.answer_of(started["authorization_url"]))
    assert page.headers["Cache-Control"] == "no-store" and page.headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert expect_refused(custody.read(agent, NAME), 404)
    finished = legate.cli("connection", "finish", NAME, "--code", code_on(page))
    assert finished["status"] == "connected" and finished["account"] == "alice's drive"
    token = custody.value(agent, NAME)
    assert provider.accepts(token)
    assert [item["name"] for item in legate.cli("connection", "list")["items"]] == [NAME]
    assert legate.cli("connection", "show", NAME)["granted_scopes"] == ["files.read"]
    nothing_leaked(custody, provider)
    ended = legate.cli("connection", "disconnect", NAME)
    assert ended["revoked_at_provider"] is True
    assert not provider.accepts(token) and provider.control()["families"] == 0
    assert custody.read(agent, NAME).status_code == 404
    assert legate.cli("connection", "list")["items"] == []


def nothing_leaked(custody: Custody, provider: Provider) -> None:
    """No token and no client secret in the database, its log, the server's log, the trail or the list."""
    secrets = [CLIENT_SECRET, *provider.control()["secrets"]]
    texts = [path.read_bytes() for path in custody.legate.data.rglob("*") if path.is_file()]
    texts.append(custody.legate.log.read_bytes())
    texts.append(json.dumps(custody.legate.audit()).encode())
    texts.append(json.dumps(custody.manage("GET", "connections")).encode())
    for secret in secrets:
        for text in (secret.encode(), base64.b64encode(secret.encode()).rstrip(b"=")):
            assert all(text not in found for found in texts), secret[:8]


def test_a_head_request_to_the_callback_spends_nothing(custody: Custody, provider: Provider):
    started = start(custody, provider)
    browser = Browser()
    url = browser.answer_of(started["authorization_url"])
    assert browser.http.head(url, timeout=ANSWER_TIMEOUT).status_code == 405
    code = code_on(browser.get(url))
    assert custody.manage("POST", f"connections/finish/{NAME}", {"code": code})["status"] == "connected"


def test_who_logged_in_and_who_started_must_be_one(custody: Custody, provider: Provider):
    """Cross-user session fixation: the victim follows the attacker's link; the attacker has no code."""
    started = start(custody, provider)
    browser = Browser()
    page = browser.get(browser.answer_of(started["authorization_url"]))
    assert custody.legate.operator["client_id"] in page.text and NAME in page.text
    wrong = custody.call("POST", f"connections/finish/{NAME}", {"code": "0000-0000-0000-0000"})
    assert "not the code" in expect_refused(wrong, 409)
    other = custody.registry.client("keeper", resources=(custody.resource,), scopes=("secrets:write",))
    token = other.token(resource=custody.resource)
    stolen = custody.call("POST", f"connections/finish/{NAME}", {"code": code_on(page)}, token=token)
    assert "another has started" in expect_refused(stolen, 409)
    assert provider.control()["families"] == 0
    assert len(custody.records("connection.refused", f"secret/{NAME}")) == 2


def test_mixing_up_providers_and_connections_leads_nowhere(custody: Custody, provider: Provider):
    browser = Browser()
    first, second = start(custody, provider), start(custody, provider, name="users/mallory/tool")
    assert first["redirect_uri"] != second["redirect_uri"]
    query = urlsplit(browser.answer_of(first["authorization_url"])).query
    assert browser.get(f"{second['redirect_uri']}?{query}").status_code == 400
    assert browser.get(f"{first['redirect_uri']}?{query.replace('state=', 'state=x')}").status_code == 400
    assert browser.get(f"{first['redirect_uri']}?{query}&{query}").status_code == 400
    assert shown(custody)["flow"]["answered"] is False
    provider.control(iss="https://evil.example")
    page = browser.get(browser.answer_of(first["authorization_url"]))
    assert page.status_code == 400 and "another provider" in page.text
    assert shown(custody)["flow"] is None
    provider.control(iss=None)
    assert browser.get(f"{first['redirect_uri']}?{query}").status_code == 400


def test_a_user_who_says_no_cancels(custody: Custody, provider: Provider):
    started = start(custody, provider)
    provider.control(denies=True)
    browser = Browser()
    page = browser.get(browser.answer_of(started["authorization_url"]))
    assert page.status_code == 400 and "access_denied" in page.text
    assert shown(custody)["flow"] is None
    missing = custody.call("POST", f"connections/finish/{NAME}", {"code": "x"})
    assert "nothing was started" in expect_refused(missing, 409)


def test_the_callback_page_repeats_nothing_that_it_was_sent(custody: Custody, provider: Provider):
    started = start(custody, provider)
    state = parse_qs(urlsplit(started["authorization_url"]).query)["state"][0]
    attack = "<script>alert(1)</script>"
    for query in ({"error": attack, "state": state, "iss": provider.base}, {"code": attack, "state": attack}):
        page = requests.get(started["redirect_uri"], params=query, timeout=ANSWER_TIMEOUT)
        assert page.status_code == 400 and "<script" not in page.text and "alert" not in page.text


def test_a_user_s_own_account_is_for_agents_that_act_for_that_user(custody: Custody, provider: Provider):
    registry = custody.registry
    idp = registry.identity_provider()
    agent = registry.client("reader", resources=(custody.resource,), scopes=("secrets:read",))
    for user in ("alice", "bob"):
        body = {
            "issuer": idp.name,
            "subject": user,
            "client_id": agent.id,
            "resources": [custody.resource],
            "scopes": ["secrets:read"],
        }
        custody.legate.create("/delegations", body)
    connect(custody, provider, owner=f"{idp.name}|alice")

    def read(token: str) -> requests.Response:
        return custody.call("GET", f"values/{NAME}", token=token)

    mine = read(agent.exchanged(idp.token("alice"), JWT, resource=custody.resource))
    assert mine.status_code == 200 and provider.accepts(mine.json()["value"])
    theirs = read(agent.exchanged(idp.token("bob"), JWT, resource=custody.resource))
    nobody = custody.call("GET", "values/no/such", token=agent.token(resource=custody.resource))
    own = read(agent.token(resource=custody.resource))
    for answer in (theirs, own):
        assert answer.status_code == 404
        assert same(answer) == same(nobody)


def same(answer: requests.Response) -> tuple:
    """What of two refusals must be equal: everything but the request's own id."""
    headers = {k: v for k, v in answer.headers.items() if k not in ("X-Request-Id", "Date", "Content-Length")}
    body = {k: v for k, v in answer.json().items() if k not in ("instance", "request_id")}
    return answer.status_code, headers, body


def test_agents_see_nothing_of_connections(custody: Custody, provider: Provider):
    agent = custody.agent()
    connect(custody, provider, agent)
    token = agent.token(resource=custody.resource)
    for method, path, body in (
        ("GET", "connections", None),
        ("GET", f"connections/{NAME}", None),
        ("GET", "connections/no/such", None),
        ("POST", f"connections/start/{NAME}", {}),
        ("POST", f"connections/finish/{NAME}", {"code": "x"}),
        ("DELETE", f"connections/{NAME}", None),
    ):
        answer = custody.call(method, path, body, token=token)
        assert answer.status_code == 403, f"{method} {path}: {answer.status_code}"
        assert 'scope="secrets:write"' in answer.headers["WWW-Authenticate"]
    assert shown(custody)["status"] == "connected"
    expect_refused(custody.call("GET", "connections/no/such"), 404)


def test_names_that_look_like_verbs_are_names(custody: Custody, provider: Provider):
    for name in ("start/drive", "finish/drive"):
        agent = custody.agent()
        connect(custody, provider, agent, name=name)
        assert shown(custody, name)["name"] == name
        assert provider.accepts(custody.value(agent, name))
        assert custody.manage("DELETE", f"connections/{name}")["revoked_at_provider"] is True


# Refreshing


def test_many_readers_one_refresh(custody: Custody, provider: Provider):
    agent = custody.agent()
    provider.control(lifetime=4)
    connect(custody, provider, agent)
    first = custody.value(agent, NAME)
    token = agent.token(resource=custody.resource)
    time.sleep(2.5)
    provider.control(lifetime=3600, delay=0.3)

    def read(_: int) -> str:
        answer = custody.call("GET", f"values/{NAME}", token=token)
        assert answer.status_code == 200, answer.text
        return answer.json()["value"]

    with ThreadPoolExecutor(40) as pool:
        values = set(pool.map(read, range(100)))
    assert len(values) == 1 and values != {first}
    assert provider.accepts(values.pop())
    counts = provider.control(delay=0)
    assert counts["refreshes"] == 1 and counts["reuses"] == 0
    assert "legate_connection_refreshes_total 1" in metrics(custody)
    nothing_leaked(custody, provider)


def metrics(custody: Custody) -> str:
    return custody.legate.get("/metrics").text


def test_the_lease_ends_with_the_token(custody: Custody, provider: Provider):
    agent = custody.agent()
    provider.control(lifetime=120)
    connect(custody, provider, agent)
    answer = custody.read(agent, NAME).json()
    # The token's end has milliseconds, the lease's whole seconds.
    assert answer["lease"]["expires_at"][:19] == shown(custody)["expires_at"][:19]
    assert [lease["expires_at"] for lease in custody.leases(NAME)] == [answer["lease"]["expires_at"]]


def test_a_long_chain_of_refreshes_never_reuses_a_token(custody: Custody, provider: Provider):
    agent = custody.agent()
    provider.control(lifetime=2)
    connect(custody, provider, agent)
    for _ in range(5):
        time.sleep(1.1)
        assert provider.accepts(custody.value(agent, NAME))
    custody.restart()
    time.sleep(1.1)
    assert provider.accepts(custody.value(agent, NAME))
    counts = provider.control()
    assert counts["refreshes"] >= 5 and counts["reuses"] == 0


def test_a_withdrawn_grant_breaks_the_connection_and_a_person_mends_it(custody: Custody, provider: Provider):
    agent = custody.agent()
    provider.control(lifetime=2)
    connect(custody, provider, agent)
    provider.control(withdraw=True, lifetime=3600)
    time.sleep(1.1)
    assert "has to connect the account again" in expect_refused(custody.read(agent, NAME), 409)
    broken = shown(custody)
    assert broken["status"] == "broken" and "invalid_grant" in broken["reason"]
    [record] = custody.records("connection.broken", f"secret/{NAME}")
    assert record["decision"] == "deny"
    assert "legate_connections_broken 1" in metrics(custody)
    assert re.search(r"^legate_alarms_total\{.*connection_broken.*\} 1$", metrics(custody), re.MULTILINE)
    assert "a person has to connect it again" in custody.legate.log.read_text()
    started = custody.manage("POST", f"connections/start/{NAME}", {})
    browser = Browser()
    code = code_on(browser.get(browser.answer_of(started["authorization_url"])))
    custody.manage("POST", f"connections/finish/{NAME}", {"code": code})
    assert provider.accepts(custody.value(agent, NAME))
    assert "legate_connections_broken 0" in metrics(custody)


def test_a_provider_that_is_down_is_left_alone(custody: Custody, provider: Provider):
    agent = custody.agent()
    provider.control(lifetime=8)
    connect(custody, provider, agent)
    provider.control(fault={"status": 503, "error": "temporarily_unavailable"})
    time.sleep(4.2)
    assert provider.accepts(custody.value(agent, NAME))
    assert "503" in shown(custody)["last_error"]
    time.sleep(4)
    gone = custody.read(agent, NAME)
    expect_refused(gone, 503)
    assert 1 <= int(gone.headers["Retry-After"]) <= 300
    provider.control(fault=None, lifetime=3600)
    deadline = time.monotonic() + ANSWER_TIMEOUT
    while (answer := custody.read(agent, NAME)).status_code != 200:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.2)
    assert provider.accepts(answer.json()["value"])


def test_a_sealing_or_stopping_server_waits_for_the_provider(custody: Custody, provider: Provider):
    agent = custody.agent()
    provider.control(lifetime=2)
    connect(custody, provider, agent)
    time.sleep(1.1)
    provider.control(delay=1, lifetime=3600)
    token = agent.token(resource=custody.resource)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(custody.call, "GET", f"values/{NAME}", None, token)
        time.sleep(0.4)
        custody.restart()
        provider.control(delay=0)
        try:
            reading.result()
        except requests.RequestException:
            pass
    assert provider.accepts(custody.value(agent, NAME))
    counts = provider.control()
    assert counts["refreshes"] == 1 and counts["reuses"] == 0


# kill -9


def test_kill_before_the_provider_is_asked_loses_nothing(custody: Custody, provider: Provider):
    agent = custody.agent()
    provider.control(lifetime=2)
    connect(custody, provider, agent)
    time.sleep(1.1)
    token = agent.token(resource=custody.resource)
    custody.crash("refreshAsked", lambda: custody.call("GET", f"values/{NAME}", token=token))
    assert provider.accepts(custody.value(agent, NAME))
    assert provider.control()["reuses"] == 0
    custody.verify_trail()


def test_kill_after_the_commit_loses_nothing(custody: Custody, provider: Provider):
    agent = custody.agent()
    provider.control(lifetime=2)
    connect(custody, provider, agent)
    time.sleep(1.1)
    provider.control(lifetime=3600)
    token = agent.token(resource=custody.resource)
    custody.crash("refreshCommitted", lambda: custody.call("GET", f"values/{NAME}", token=token))
    assert provider.accepts(custody.value(agent, NAME))
    counts = provider.control()
    assert counts["refreshes"] == 1 and counts["reuses"] == 0
    custody.verify_trail()


def test_kill_between_answer_and_commit_is_found_and_told(custody: Custody, provider: Provider):
    """The one window that nobody can close: the provider has taken the old token back, and its answer is gone."""
    agent = custody.agent()
    provider.control(lifetime=2)
    connect(custody, provider, agent)
    time.sleep(1.1)
    token = agent.token(resource=custody.resource)
    custody.crash("refreshAnswered", lambda: custody.call("GET", f"values/{NAME}", token=token))
    assert "has to connect the account again" in expect_refused(custody.read(agent, NAME), 409)
    assert shown(custody)["status"] == "broken"
    assert len(custody.records("connection.broken", f"secret/{NAME}")) == 1
    assert provider.control()["reuses"] == 1
    custody.verify_trail()


def test_kill_when_it_is_broken_keeps_it_broken(custody: Custody, provider: Provider):
    agent = custody.agent()
    provider.control(lifetime=2)
    connect(custody, provider, agent)
    provider.control(withdraw=True)
    time.sleep(1.1)
    token = agent.token(resource=custody.resource)
    custody.crash("connectionBroken", lambda: custody.call("GET", f"values/{NAME}", token=token))
    assert shown(custody)["status"] == "broken"
    assert len(custody.records("connection.broken", f"secret/{NAME}")) == 1


def test_kill_while_connecting(custody: Custody, provider: Provider):
    agent, browser = custody.agent(), Browser()
    body = {"provider": provider.document()}
    custody.crash("connectionStarted", lambda: custody.call("POST", f"connections/start/{NAME}", body))
    assert shown(custody)["status"] == "pending"

    def started() -> str:
        made = custody.manage("POST", f"connections/start/{NAME}", {})
        provider.control(redirect_uri=made["redirect_uri"])
        return made["authorization_url"]

    custody.manage("POST", f"rules/{NAME}", {"client_id": agent.id})
    url = browser.answer_of(started())
    custody.crash("connectionAnswered", lambda: browser.get(url))
    assert browser.get(url).status_code == 400
    for fault in ("connectionClaimed", "connectionRedeemed"):
        code = code_on(browser.get(browser.answer_of(started())))
        finish = {"code": code}
        custody.crash(fault, lambda body=finish: custody.call("POST", f"connections/finish/{NAME}", body))
        assert shown(custody)["status"] == "pending" and shown(custody)["flow"] is None
        assert custody.read(agent, NAME).status_code == 404
        expect_refused(custody.call("POST", f"connections/finish/{NAME}", finish), 409)
    finish = {"code": code_on(browser.get(browser.answer_of(started())))}
    custody.crash("connectionKept", lambda: custody.call("POST", f"connections/finish/{NAME}", finish))
    assert shown(custody)["status"] == "connected"
    assert provider.accepts(custody.value(agent, NAME))
    custody.verify_trail()


def test_kill_while_disconnecting(custody: Custody, provider: Provider):
    agent = custody.agent()
    provider.control(lifetime=2)
    connect(custody, provider, agent)
    custody.crash("connectionRevoked", lambda: custody.call("DELETE", f"connections/{NAME}"))
    time.sleep(1.1)
    expect_refused(custody.read(agent, NAME), 409)
    assert shown(custody)["status"] == "broken"
    custody.crash("connectionDropped", lambda: custody.call("DELETE", f"connections/{NAME}"))
    expect_refused(custody.call("GET", f"connections/{NAME}"), 404)
    assert custody.read(agent, NAME).status_code == 404
    assert set(custody.versions(NAME).values()) == {"destroyed"}
    custody.verify_trail()


# Its other doors


def test_an_account_is_released_by_exchange_and_brokered(custody: Custody, provider: Provider):
    """A connected account behind the doors of a static key: token exchange, and a gateway that injects it."""
    legate, registry = custody.legate, custody.registry
    drive, shop = "https://drive.example.com", registry.resource("shop")
    body = {"resource": drive, "name": "drive", "kind": "third-party", "scopes": ["files.read"]}
    legate.create("/resources", body)
    idp = registry.identity_provider()
    agent = registry.client("helper", resources=(drive, shop), scopes=("files.read", *shop.scopes))
    gateway = registry.gateway(shop)
    for resource, scopes in ((drive, ["files.read"]), (shop.uri, shop.scopes)):
        delegation = {"issuer": idp.name, "subject": "alice", "client_id": agent.id}
        legate.create("/delegations", {**delegation, "resources": [resource], "scopes": scopes})

    connect(custody, provider)
    custody.manage("PATCH", f"secrets/{NAME}", {"resource": drive})
    custody.manage("POST", f"rules/{NAME}", {"client_id": agent.id, "resource": drive})
    answer = agent.exchange(idp.token("alice"), JWT, resource=drive)
    assert answer.status_code == 200, answer.text
    released = answer.json()
    assert provider.accepts(released["access_token"])
    assert (released["token_type"], released["issued_token_type"]) == ("Bearer", ACCESS_TOKEN)
    assert 0 < released["expires_in"] <= 300
    assert custody.read(custody.agent(), NAME).status_code == 404

    injection = {"header": "Authorization", "format": "Bearer {secret}"}
    custody.manage("PATCH", f"secrets/{NAME}", {"resource": shop.uri, "injection": injection})
    custody.manage("POST", f"rules/{NAME}", {"client_id": agent.id, "resource": shop.uri})
    token = agent.exchanged(idp.token("alice"), JWT, resource=shop.uri)
    basic = base64.b64encode(f"{gateway.id}:{gateway.secret}".encode()).decode()
    headers = {"Authorization": f"Bearer {token}", "Legate-Gateway-Authorization": f"Basic {basic}"}
    checked = legate.request("GET", f"/check?resource={shop.name}", headers=headers)
    assert checked.status_code == 204, checked.text
    assert checked.headers["Legate-Upstream-Header"] == "Authorization"
    scheme, _, upstream = checked.headers["Legate-Upstream-Credential"].partition(" ")
    assert scheme == "Bearer" and provider.accepts(upstream)
    unproven = legate.request("GET", f"/check?resource={shop.name}", headers={"Authorization": f"Bearer {token}"})
    assert unproven.status_code == 204 and "Legate-Upstream-Credential" not in unproven.headers
    nothing_leaked(custody, provider)
