"""What every gateway must do, whatever its name. A test of a gateway sets it up and inherits these tests."""

import base64
import json
import shutil
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest
import requests

from actors import JWT, Client, Registry, Resource, unique
from checks import challenge
from gateways.kit import Document, Gateway, Upstream
from jose import Key, decode, hs256, unsigned
from server import Legate, free_port
from test_tls import Authority

RESOURCE = "https://orders.example.com"
SCOPES = ("orders:read", "orders:write")
REPEATS = 3


def forgeries(token: str, secret: bytes) -> list[str]:
    """What looks more and more like this token and is not; one is signed with a secret that was never one."""
    header, claims = decode(token)
    head, payload, signature = token.split(".")
    foreign = Key.make("ES256", kid=header["kid"])
    return [
        "garbage",
        "a.b.c",
        f"{head}.{payload}.",
        f"{head}.{payload}.{signature[:-8]}AAAAAAAA",
        unsigned({**header, "alg": "none"}, claims),
        hs256({**header, "alg": "HS256"}, claims, secret),
        foreign.sign({**claims, "sub": "root"}, {"typ": "at+jwt"}),
    ]


class Stage:
    """A Legate of the gateway's own, set up with the commands of its page, an agent, a user, and the API behind."""

    def __init__(
        self,
        binary: Path,
        directory: Path,
        page: str,
        *,
        resource: str = RESOURCE,
        scopes: tuple[str, ...] = SCOPES,
        tls: bool = False,
        flags: tuple[str, ...] = (),
    ):
        self.document = Document(page)
        self.directory = directory
        self.port = free_port()
        self.upstream = Upstream()
        self.gateway: Gateway | None = None
        self.secrets: dict[str, str] = {}
        self._open_directories: list[Path] = []
        self.authority = Authority(directory, "localhost") if tls else None
        if self.authority is not None:
            flags = (*self.authority.flags, *flags)
        certificates = self.authority.file if self.authority is not None else None
        self.legate = Legate(binary, directory, flags=flags, certificate_authority=certificates).start()
        try:
            self._register(resource.replace("PORT", str(self.port)), list(scopes))
        except BaseException:
            self.stop()
            raise

    def _register(self, resource: str, scopes: list[str]) -> None:
        feed = f"{self.legate.issuer}/revocations"
        changes = {
            RESOURCE: resource,
            "https://mcp.example.com/mcp": resource,
            "https://auth.example.com/revocations": feed,
        }
        for words in self.document.commands(changes):
            made = self.legate.cli(*words)
            if "client_secret" in made:
                self.secrets[made["client_id"]] = made["client_secret"]
        found = self.legate.fetch("/resources")["items"]
        name = next(item["name"] for item in found if item["resource"] == resource)
        self.registry = Registry(self.legate)
        self.resource = Resource(resource, name, scopes)
        self.other = self.registry.resource("other", tuple(scopes))
        self.agent = self.new_agent()
        self.provider = self.registry.identity_provider()

    def new_agent(self, **members) -> Client:
        return self.registry.agent(self.resource, self.other, **members)

    def token(self, agent: Client | None = None, resource: Resource | None = None, **form) -> str:
        return (agent or self.agent).token(resource=(resource or self.resource).uri, **form)

    def delegated(self, **form) -> tuple[str, dict]:
        """A token on behalf of a new user, and the delegation that it stands on."""
        user = unique("user")
        delegation = self.registry.delegation(
            self.provider, user, self.agent, [self.resource], self.resource.scopes, purpose="a test"
        )
        return self.agent.exchanged(self.provider.token(user), JWT, resource=self.resource.uri, **form), delegation

    def basic(self, client_id: str) -> str:
        """Credentials as Basic wants them (RFC 7617)."""
        return base64.b64encode(f"{client_id}:{self.secrets[client_id]}".encode()).decode()

    def revoke(self, kind: str, name: str) -> None:
        answer = self.legate.admin("POST", "/revocations", {"kind": kind, "id": name, "reason": "a test"})
        assert answer.status_code == 201, answer.text

    @contextmanager
    def without_legate(self) -> Iterator[None]:
        """Stops Legate for a while."""
        self.legate.http.close()
        assert self.legate.stop() == 0
        try:
            yield
        finally:
            self.legate.start()

    def open_directory(self) -> Path:
        """A directory that a server under another user can enter; those of the tests are closed to it."""
        directory = Path(tempfile.mkdtemp(prefix="legate-gateway-"))
        directory.chmod(0o755)
        self._open_directories.append(directory)
        return directory

    def stop(self) -> None:
        if self.gateway is not None:
            self.gateway.stop()
        self.upstream.stop()
        if self.legate.process is not None:
            self.legate.kill9()
        for directory in self._open_directories:
            shutil.rmtree(directory)


@dataclass
class Gate:
    """A gateway in place, seen from the agent's side."""

    stage: Stage
    http: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.http.trust_env = False

    def call(self, token: str | None, method: str = "GET", path: str = "/v1/orders", **options) -> requests.Response:
        headers = options.pop("headers", {})
        if token is not None:
            headers = {"Authorization": f"Bearer {token}", **headers}
        url = f"{self.stage.gateway.url}{path}"
        return self.http.request(method, url, headers=headers, timeout=20, allow_redirects=False, **options)

    def passed(self, token: str | None, *arguments, **options) -> dict[str, list[str]]:
        """What the upstream was told about a call that must reach it."""
        answer = self.call(token, *arguments, **options)
        assert answer.status_code == 200, f"{answer.status_code} {answer.text}\n{self.stage.gateway.log()[-4000:]}"
        told: dict[str, list[str]] = {}
        for name, value in answer.json()["headers"]:
            told.setdefault(name, []).append(value)
        return told

    def twice(self, headers: dict[str, str], *more: tuple[str, str]) -> bytes:
        """The beginning of the answer to a call that has a header more than once, which no honest library sends."""
        lines = [f"{name}: {value}" for name, value in (*headers.items(), *more)]
        address = ("127.0.0.1", self.stage.port)
        with socket.create_connection(address, timeout=10) as connection:
            request = ["GET /v1/orders HTTP/1.1", "Host: {}:{}".format(*address), "Connection: close", *lines, "", ""]
            connection.sendall("\r\n".join(request).encode())
            return connection.recv(65536)

    def refused(self, token: str | None, *statuses: int, **options) -> requests.Response:
        """A call that must not reach the upstream."""
        before = self.stage.upstream.calls
        answer = self.call(token, **options)
        assert answer.status_code in (statuses or (401,)), f"{answer.status_code} {answer.text}"
        assert self.stage.upstream.calls == before, "refused, but the upstream was called"
        return answer


class Expiry:
    """A token ends by itself, whatever the gateway remembers of it."""

    # Seconds after `exp` at which the gateway must refuse at last.
    rounding: ClassVar[float] = 0.1

    def test_a_token_is_refused_when_it_has_expired(self, gate):
        token = gate.stage.token(gate.stage.new_agent(token_ttl=2))
        gate.passed(token)
        time.sleep(max(0, decode(token)[1]["exp"] + self.rounding - time.time()))
        gate.refused(token)


class Gatekeeping(Expiry):
    """Who gets in, who does not, and what the upstream hears."""

    # The header that tells the upstream for whom the agent works.
    subject_header: ClassVar[str] = "x-auth-subject"
    # The header that tells it by which delegation.
    delegation_header: ClassVar[str] = "x-auth-delegation"
    # Whether the refusal tells the agent where the metadata of the resource is (RFC 9728).
    names_metadata: ClassVar[bool] = True
    # What a token without the scope is answered, and whether the challenge then says what is missing.
    scope_status: ClassVar[int] = 403
    explains_scope: ClassVar[bool] = True

    def test_a_good_token_gets_in_and_the_upstream_learns_whose(self, gate):
        told = gate.passed(gate.stage.token())
        assert told[self.subject_header] == [gate.stage.agent.id]
        assert self.delegation_header not in told
        token, delegation = gate.stage.delegated()
        told = gate.passed(token)
        assert told[self.subject_header] == [decode(token)[1]["sub"]]
        assert told[self.delegation_header] == [delegation["delegation_id"]]

    def test_the_call_arrives_as_it_was_sent(self, gate):
        answer = gate.call(gate.stage.token(), "POST", "/v1/orders?a=b%20c", data=b"three apples")
        assert answer.status_code == 200, answer.text
        seen = answer.json()
        assert (seen["method"], seen["path"], seen["body"]) == ("POST", "/v1/orders?a=b%20c", "three apples")

    @pytest.mark.parametrize("chunked", [False, True])
    def test_a_body_does_not_get_into_the_next_check(self, gate, chunked):
        token = gate.stage.token()
        body = b"GET /check?resource=orders HTTP/1.1\r\nHost: smuggled\r\n\r\n"
        for _ in range(5):
            answer = gate.call(token, "POST", data=iter([body]) if chunked else body)
            assert answer.status_code == 200, f"{answer.status_code} {answer.text}\n{gate.stage.gateway.log()[-4000:]}"
            gate.passed(token)
            gate.refused("garbage")

    def test_the_upstream_never_sees_the_token(self, gate):
        token = gate.stage.token()
        told = gate.passed(token)
        assert "authorization" not in told
        assert token not in json.dumps(told)

    def test_the_log_never_sees_the_token(self, gate):
        token, other = gate.stage.token(), gate.stage.token(resource=gate.stage.other)
        gate.passed(token)
        gate.refused(other, 401, 403)
        log = gate.stage.gateway.log()
        assert not any(secret in log or secret.rsplit(".", 1)[1] in log for secret in (token, other)), log

    def test_the_agent_cannot_choose_who_it_is(self, gate):
        spoofed = {}
        for name in (self.subject_header, self.delegation_header):
            spoofed |= {name: "root", name.replace("-", "_"): "root", name.replace("_", "-"): "root"}
        told = gate.passed(gate.stage.token(), headers=spoofed)
        assert told[self.subject_header] == [gate.stage.agent.id]
        assert not any("root" in values for values in told.values()), told

    def test_no_token_is_a_challenge(self, gate):
        for method in ("GET", "POST", "OPTIONS"):
            answer = gate.refused(None, 401, method=method)
            scheme, parameters = challenge(answer)
            assert scheme == "Bearer", answer.headers
            if self.names_metadata:
                document = gate.stage.legate.http.get(parameters["resource_metadata"], timeout=5).json()
                assert document["resource"] == gate.stage.resource.uri
                assert document["authorization_servers"] == [gate.stage.legate.issuer]

    def test_garbage_is_refused(self, gate):
        token = gate.stage.token()
        for forged in forgeries(token, json.dumps(gate.stage.legate.jwks).encode()):
            challenge(gate.refused(forged))
        gate.refused(None, headers={"Authorization": f"Basic {base64.b64encode(token.encode()).decode()}"})
        gate.refused(None, path=f"/v1/orders?access_token={token}")

    def test_a_token_for_another_resource_is_refused(self, gate):
        gate.refused(gate.stage.token(resource=gate.stage.other), 401, 403)

    def test_a_token_without_the_scope_is_refused(self, gate):
        answer = gate.refused(gate.stage.token(scope="orders:write"), self.scope_status)
        if self.explains_scope:
            _, parameters = challenge(answer)
            assert (parameters["error"], parameters["scope"]) == ("insufficient_scope", "orders:read")
        gate.passed(gate.stage.token(scope="orders:read"))


@dataclass
class Victim:
    """A token, and the revocation that must end it."""

    token: str
    kind: str
    name: str


def victim(stage: Stage, kind: str) -> Victim:
    if kind == "token":
        token = stage.token()
        return Victim(token, kind, decode(token)[1]["jti"])
    if kind == "delegation":
        token, delegation = stage.delegated()
        return Victim(token, kind, delegation["delegation_id"])
    if kind == "client":
        agent = stage.new_agent()
        return Victim(stage.token(agent), kind, agent.id)
    task = unique("task")
    return Victim(stage.token(task_id=task), kind, f"{stage.agent.id}/{task}")


class RevocationAtOnce:
    """Nothing that has been revoked is accepted after the revoking call was answered."""

    @pytest.mark.parametrize("kind", ["token", "delegation", "client", "task"])
    def test_what_is_revoked_is_refused_at_once(self, gate, kind, record_property):
        times = []
        for _ in range(REPEATS):
            marked, bystander = victim(gate.stage, kind), gate.stage.token()
            gate.passed(marked.token)
            gate.stage.revoke(marked.kind, marked.name)
            answered = time.monotonic()
            accepted = 0
            while gate.call(marked.token).status_code == 200:
                accepted += 1
                assert time.monotonic() - answered < 5, f"a revoked {kind} is still accepted after 5 s"
            times.append((time.monotonic() - answered) * 1000)
            assert accepted == 0, f"accepted {accepted} times after its {kind} was revoked: {times} ms"
            gate.refused(marked.token)
            gate.passed(bystander)
        record_property(f"ms from the revocation of a {kind} to the first refusal", f"{statistics.median(times):.1f}")


class FailingClosed:
    """A gateway that cannot ask does not guess."""

    def test_nothing_passes_while_legate_is_down(self, gate):
        token = gate.stage.token()
        gate.passed(token)
        with gate.stage.without_legate():
            for credential in (token, None, "garbage"):
                gate.refused(credential, 401, 500, 502, 503, 504)
        gate.passed(token)
