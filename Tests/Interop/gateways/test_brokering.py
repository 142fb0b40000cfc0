"""The API's own key, which no agent holds: nginx and Caddy as their pages set it up, before an API that takes the key alone."""

import base64
import json
import time

import pytest
import requests

from actors import JWT, Client, Registry, unique
from gateways import kit
from peer import Handler, Peer
from server import Legate, free_port

KEY = "sk_live_Zq7pWv3mXt9aRk5uYb2n"
RESOURCE = "https://payments.example.com"
SCOPE = "payments:charge"


class KeyedAPI:
    """An API that takes one key. It remembers what it was sent, and repeats none of it."""

    def __init__(self) -> None:
        self.calls: list[list[tuple[str, str]]] = []
        self.is_gone = False
        outer = self

        class Answering(Handler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def answer(self) -> None:
                if outer.is_gone:
                    self.close_connection = True
                    return
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = [(name.lower(), value) for name, value in self.headers.items()]
                outer.calls.append(headers)
                known = [value for name, value in headers if name == "authorization"] == [f"Bearer {KEY}"]
                status = {"/moved": 302, "/broken": 500}.get(self.path, 200) if known else 401
                body = json.dumps({"status": status}).encode()
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                if status == 401:
                    self.send_header("WWW-Authenticate", 'Bearer realm="payments"')
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = do_TRACE = answer

        self._server = Peer(Answering)
        self.address = f"127.0.0.1:{self._server.port}"

    def stop(self) -> None:
        self._server.stop()


class Brokerage:
    """Legate with the key in its vault, the gateway, and an agent whom a rule lets through."""

    def __init__(self, binary, directory, page: str):
        self.directory = directory
        self.document = kit.Document(page, kit.BROKERING)
        self.port = free_port()
        self.api = KeyedAPI()
        self.gateway: kit.Gateway | None = None
        self.secrets: dict[str, str] = {}
        self.seen: list[str] = []
        self.legate = Legate(binary, directory).start()
        (directory / "payments.key").write_text(KEY + "\n")
        for words in self.document.commands({}):
            made = self.legate.cli(*words)
            if made and "client_secret" in made:
                self.secrets[made["client_id"]] = made["client_secret"]
        (directory / "payments.key").unlink()
        self.planner = Client(self.legate, "planner", self.secrets["planner"])
        self.registry = Registry(self.legate)
        self.http = requests.Session()
        self.http.trust_env = False

    def basic(self) -> str:
        return base64.b64encode(f"payments-edge:{self.secrets['payments-edge']}".encode()).decode()

    def token(self, **form) -> str:
        return self.planner.token(resource=RESOURCE, **form)

    def delegated(self) -> tuple[str, dict]:
        provider = self.registry.identity_provider()
        user = unique("user")
        delegation = self.legate.create(
            "/delegations",
            {
                "issuer": provider.name, "subject": user, "client_id": "planner", "resources": [RESOURCE],
                "scopes": [SCOPE],
            },
        )  # fmt: skip
        return self.planner.exchanged(provider.token(user), JWT, resource=RESOURCE), delegation

    def call(self, token: str | None, path: str = "/v1/charges", method: str = "GET", headers=None):
        """A call of an agent. All that it gets to see is kept."""
        sent = {"Authorization": f"Bearer {token}"} if token else {}
        answer = self.http.request(
            method, self.gateway.url + path, headers={**sent, **(headers or {})}, timeout=20, allow_redirects=False
        )
        self.seen.append(f"{answer.status_code} {answer.reason}\n{answer.headers}\n{answer.text}")
        return answer

    def refused(self, token: str | None, *statuses: int, **options):
        before = len(self.api.calls)
        answer = self.call(token, **options)
        assert answer.status_code in statuses, f"{answer.status_code} {answer.text}"
        assert len(self.api.calls) == before, "refused, but the API was called"
        return answer

    def stop(self) -> None:
        if self.gateway is not None:
            self.gateway.stop()
        self.api.stop()
        if self.legate.process is not None:
            self.legate.kill9()


def nginx(stage: Brokerage) -> kit.Gateway:
    credentials = stage.directory / "legate-payments-edge"
    credentials.write_text(f'proxy_set_header Legate-Gateway-Authorization "Basic {stage.basic()}";\n')
    site = stage.document.file(
        "/etc/nginx/conf.d/payments.conf",
        {
            "server 127.0.0.1:8080;": f"server 127.0.0.1:{stage.legate.port};",
            "127.0.0.1:9001": stage.api.address,
            "listen 8001;": f"listen 127.0.0.1:{stage.port};",
            "/etc/nginx/legate-payments-edge": str(credentials),
        },
    )
    return kit.nginx(stage.directory, stage.port, site)


def caddy(stage: Brokerage) -> kit.Gateway:
    site = stage.document.file(
        "/etc/caddy/payments.Caddyfile",
        {
            "payments.example.com {": f"http://127.0.0.1:{stage.port} {{\n    log\n",
            "127.0.0.1:8080": f"127.0.0.1:{stage.legate.port}",
            "127.0.0.1:9001": stage.api.address,
        },
    )
    return kit.caddy(stage.directory, stage.port, site, LEGATE_PAYMENTS_EDGE=stage.basic())


@pytest.fixture(scope="module", params=[("nginx.md", nginx), ("Caddy.md", caddy)], ids=["nginx", "caddy"])
def stage(request, binary, tmp_path_factory):
    page, start = request.param
    made = Brokerage(binary, tmp_path_factory.mktemp("brokering"), page)
    try:
        made.gateway = start(made)
        yield made
    finally:
        made.stop()


class TestBrokering:
    def test_the_api_gets_its_key_and_the_agent_gets_through(self, stage):
        token = stage.token()
        for method in ("GET", "POST"):
            assert stage.call(token, method=method).status_code == 200
        names = [name for name, _ in stage.api.calls[-1]]
        assert not any("legate" in name for name in names), names
        assert not any(token in value for call in stage.api.calls for _, value in call)

    def test_a_rule_must_let_the_caller_through(self, stage):
        other = stage.registry.client("other", resources=(RESOURCE,), scopes=(SCOPE,))
        answer = stage.refused(other.token(resource=RESOURCE), 403)
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]

    def test_without_a_good_token_nobody_gets_through(self, stage):
        stage.refused(None, 401)
        stage.refused("garbage", 401)
        stage.refused(None, 401, headers={"Authorization": f"Bearer {KEY}"})

    def test_the_agent_cannot_choose_the_key(self, stage):
        spoofed = {
            "Legate-Upstream-Credential": "Bearer mine", "Legate-Upstream-Header": "X-Mine",
            "Legate_Upstream_Credential": "Bearer mine",
        }  # fmt: skip
        assert stage.call(stage.token(), headers=spoofed).status_code == 200
        assert not any("mine" in value for _, value in stage.api.calls[-1])
        stage.refused(None, 401, headers=spoofed)

    def test_a_call_that_asks_for_its_own_headers_back_is_not_passed_on(self, stage):
        stage.refused(stage.token(), 405, method="TRACE")

    @pytest.mark.parametrize("what", ["token", "delegation", "task", "client", "rule"])
    def test_what_is_revoked_is_refused_at_the_next_call(self, stage, what):
        delegation = None
        if what == "delegation":
            token, delegation = stage.delegated()
        elif what == "task":
            token = stage.token(task_id="t-1")
        else:
            token = stage.token()
        assert stage.call(token).status_code == 200
        if what == "rule":
            stage.legate.cli("secret", "disallow", "payments/key", "--reader", "planner")
            stage.refused(token, 403)
            stage.legate.cli("secret", "allow", "payments/key", "--reader", "planner", "--door", RESOURCE)
            assert stage.call(token).status_code == 200
            return
        kind, name = {
            "token": ("token", _jti(token)), "task": ("task", "planner/t-1"), "client": ("client", "planner"),
            "delegation": ("delegation", delegation and delegation["delegation_id"]),
        }[what]  # fmt: skip
        answer = stage.legate.admin("POST", "/revocations", {"kind": kind, "id": name, "reason": "a test"})
        assert answer.status_code == 201, answer.text
        stage.refused(token, 401)
        # The tombstone kills its whole second.
        time.sleep(1.1)
        assert stage.call(stage.token()).status_code == 200

    def test_whoever_is_not_the_gateway_is_not_told_the_key(self, stage):
        token = stage.token()
        asked = {"Authorization": f"Bearer {token}"}
        anonymous = stage.legate.get("/check?resource=payments", headers=asked)
        assert anonymous.status_code == 204
        assert not any("upstream" in name.lower() for name in anonymous.headers)
        own = base64.b64encode(f"planner:{stage.secrets['planner']}".encode()).decode()
        for proof in (f"Basic {own}", f"Bearer {token}"):
            answer = stage.legate.get(
                "/check?resource=payments", headers={**asked, "Legate-Gateway-Authorization": proof}
            )
            assert answer.status_code == 401
            assert KEY not in str(answer.headers) + answer.text

    def test_nothing_that_an_agent_sees_and_no_log_has_the_key(self, stage):
        token = stage.token()
        assert stage.call(token, "/moved").status_code == 302
        assert stage.call(token, "/broken").status_code == 500
        stage.call(token, "/" + "x" * 3000)
        stage.refused("garbage", 401)
        stage.api.is_gone = True
        assert stage.call(token).status_code in (502, 503, 504)
        told = "\n".join(stage.seen)
        trail = json.dumps(stage.legate.audit())
        logs = stage.gateway.log() + stage.legate.log.read_text(errors="replace")
        for name, text in (("the agent's view", told), ("the trail", trail), ("the logs", logs)):
            for form in (KEY, base64.b64encode(KEY.encode()).decode().rstrip("="), KEY.encode().hex()):
                assert form not in text, f"{name} has the key"
        released = [record for record in stage.legate.audit() if record["event"] == "secret.released"]
        assert len(released) >= 10
        assert {record["resource"] for record in released} == {RESOURCE}


def _jti(token: str) -> str:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["jti"]
