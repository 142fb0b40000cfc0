"""Forward authentication at /check: what a gateway is told about a call, on the real wire."""

import threading
import time
from typing import Any

import pytest
import requests

from actors import Client, Registry, Resource, unique
from checks import bearer_challenge, is_no_store, refused
from jose import Key, claims_of, decode
from raw import request, talk

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT"]


def ask(
    legate,
    token: str | None,
    *,
    resource: Resource | str | None = None,
    scope: str | None = None,
    gateway: Client | None = None,
    path: str = "/check",
    method: str = "GET",
    **options: Any,
) -> requests.Response:
    """What a gateway asks about a call that came with a token."""
    named = resource.name if isinstance(resource, Resource) else resource
    query = {name: value for name, value in (("resource", named), ("scope", scope)) if value is not None}
    headers = options.pop("headers", {})
    if token is not None:
        headers = {"Authorization": f"Bearer {token}", **headers}
    if gateway is not None:
        basic = requests.Request("GET", "http://x", auth=gateway.basic).prepare().headers["Authorization"]
        headers = {"Legate-Gateway-Authorization": basic, **headers}
    return legate.request(method, path, params=query, headers=headers, **options)


def passed(answer: requests.Response) -> dict[str, str]:
    """The identity that the upstream is told."""
    assert answer.status_code == 204, f"{answer.status_code} {answer.text}"
    assert answer.content == b""
    is_no_store(answer)
    assert "WWW-Authenticate" not in answer.headers
    return {name.lower(): value for name, value in answer.headers.items() if name.lower().startswith("x-auth-")}


def denied(legate, answer: requests.Response, resource: Resource, status: int, error: str | None) -> dict[str, str]:
    is_no_store(answer)
    parameters = bearer_challenge(answer, status, error)
    expected = f"{legate.issuer}/resources/{resource.name}/oauth-protected-resource"
    assert parameters["resource_metadata"] == expected
    document = legate.http.get(expected.replace(legate.issuer, legate.base), timeout=10).json()
    assert document["resource"] == resource.uri and document["authorization_servers"] == [legate.issuer]
    return parameters


def dead(legate, token: str, resource: Resource) -> None:
    denied(legate, ask(legate, token, resource=resource), resource, 401, "invalid_token")


# What passes


def test_a_client_on_its_own_behalf(legate, world):
    token = world.cb.token(resource=world.r1.uri, scope="a:read")
    for named in (world.r1.name, world.r1.uri):
        told = passed(ask(legate, token, resource=named, scope="a:read"))
        assert told == {
            "x-auth-subject": world.cb.id,
            "x-auth-client": world.cb.id,
            "x-auth-agent": world.cb.id,
            "x-auth-scope": "a:read",
        }


def test_an_agent_for_a_user(legate, world):
    user = world.user()
    token = user.delegated(scope="a:read a:write", agent_id="i7")
    assert passed(ask(legate, token, resource=world.r1, scope="a:write a:read")) == {
        "x-auth-subject": user.sub,
        "x-auth-client": world.ag1.id,
        "x-auth-agent": f"{world.ag1.id}/i7",
        "x-auth-delegation": user.delegation["delegation_id"],
        "x-auth-scope": claims_of(token)["scope"],
    }


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", ["/check", "/check/", "/check/orders/7", "/check//x/"])
def test_any_method_and_any_path_behind(legate, world, method, path):
    token = world.cb.token(resource=world.r1.uri)
    assert passed(ask(legate, token, resource=world.r1, method=method, path=path))["x-auth-client"] == world.cb.id
    assert ask(legate, None, resource=world.r1, method=method, path=path).status_code == 401


def test_the_body_is_not_read_and_the_connection_goes_on(legate, world):
    token = world.cb.token(resource=world.r1.uri)
    headers = (f"Authorization: Bearer {token}",)
    target = f"/check/orders?resource={world.r1.name}"
    body = b"x" * 1_000_000  # More than any endpoint of ours would read.
    plain = request(f"POST {target} HTTP/1.1", *headers, f"Content-Length: {len(body)}", body=body)
    chunked = request(
        f"PUT {target} HTTP/1.1", *headers, "Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n"
    )
    form = b"access_token=nonsense&resource=nothing"
    posted = request(
        f"POST {target} HTTP/1.1",
        *headers,
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(form)}",
        body=form,
    )
    said = talk(legate.port, plain, chunked, posted, request(f"GET {target} HTTP/1.1", *headers))
    assert [answer.status for answer in said.final] == [204] * 4
    assert not said.closed


def test_an_answer_that_came_before_the_body_does_not_wait_for_it(legate, world):
    token = world.cb.token(resource=world.r1.uri)
    head = request(
        f"POST /check?resource={world.r1.name} HTTP/1.1", f"Authorization: Bearer {token}", "Content-Length: 5000000"
    )
    started = time.monotonic()
    assert talk(legate.port, head).status == 204
    assert time.monotonic() - started < 3


# What does not pass


def test_no_credentials(legate, world):
    parameters = denied(legate, ask(legate, None, resource=world.r1, scope="a:read a:write"), world.r1, 401, None)
    assert parameters["scope"] == "a:read a:write" and "error_description" not in parameters
    assert "scope" not in denied(legate, ask(legate, None, resource=world.r1), world.r1, 401, None)
    basic = ask(legate, None, resource=world.r1, headers={"Authorization": "Basic eDp5"})
    denied(legate, basic, world.r1, 401, None)


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "..", "x" * 5000])
def test_garbage(legate, world, token):
    denied(legate, ask(legate, token, resource=world.r1), world.r1, 401, "invalid_token")


def test_forged_and_foreign_tokens(legate, world):
    token = world.cb.token(resource=world.r1.uri)
    header, claims = decode(token)
    head, payload, signature = token.split(".")
    document = legate.get(f"/resources/{world.r1.name}/oauth-protected-resource").json()
    for other in (
        Key.make("ES256", kid=header["kid"]).sign({**claims, "scope": "everything"}, {"typ": "at+jwt"}),
        f"{head}.{payload}.{signature[:-6]}AAAAAA",
        f"{head}.{payload}.",
        document["signed_metadata"],
        world.idp.token("user", aud=world.r1.uri),
    ):
        dead(legate, other, world.r1)
    passed(ask(legate, token, resource=world.r1))


def test_wrong_audience(legate, world):
    token = world.cb.token(resource=world.r2.uri)
    dead(legate, token, world.r1)
    passed(ask(legate, token, resource=world.r2))


def test_expired(legate, registry):
    brief = registry.resource(token_ttl=1)
    token = registry.agent(brief).token()
    passed(ask(legate, token, resource=brief))
    time.sleep(1.1)
    dead(legate, token, brief)


def test_missing_scope(legate, world):
    token = world.cb.token(resource=world.r1.uri, scope="a:read")
    answer = ask(legate, token, resource=world.r1, scope="a:read a:write")
    parameters = denied(legate, answer, world.r1, 403, "insufficient_scope")
    assert parameters["scope"] == "a:read a:write"
    assert "a:write" in parameters["error_description"]


@pytest.mark.parametrize("form", ["Bearer {t} x", "Bearer  {t}", "Bearer", "Bearer {t},Bearer {t}"])
def test_malformed_header(legate, world, form):
    header = form.format(t=world.cb.token(resource=world.r1.uri))
    said = talk(legate.port, request(f"GET /check?resource={world.r1.name} HTTP/1.1", f"Authorization: {header}"))
    assert said.status in (400, 401)


def test_two_authorization_headers(legate, world):
    line = f"Authorization: Bearer {world.cb.token(resource=world.r1.uri)}"
    assert talk(legate.port, request(f"GET /check?resource={world.r1.name} HTTP/1.1", line, line)).status == 400


def test_resource_that_is_unknown_absent_or_named_twice(legate, world):
    token = world.cb.token(resource=world.r1.uri)
    for named in (unique("nothing"), "https://nothing.example.com", world.r1.uri + "/", None, ""):
        refused(ask(legate, token, resource=named), "invalid_target")
    twice = legate.get(
        f"/check?resource={world.r1.name}&resource={world.r2.name}", headers={"Authorization": f"Bearer {token}"}
    )
    refused(twice, "invalid_target")


def test_agents_cannot_add_scopes_or_resources_of_their_own(legate, world):
    token = world.cb.token(resource=world.r1.uri, scope="a:read")
    header = {"Authorization": f"Bearer {token}"}
    # The query of the gateway, and behind it the one of the agent, as a proxy might put them together.
    appended = f"/check/x?resource={world.r1.name}&scope=a:write&p=/orders&scope=a:read"
    refused(legate.get(appended, headers=header), "invalid_request")


def test_token_in_the_query(legate, world):
    token = world.cb.token(resource=world.r1.uri)
    answer = legate.get(f"/check?resource={world.r1.name}&access_token={token}")
    assert answer.status_code == 400
    assert token not in legate.log.read_text()


# Revocation


@pytest.mark.parametrize("kind", ["token", "delegation", "client", "agent", "task", "session", "subject"])
def test_revoked_at_once(legate, registry, world, kind):
    agent = registry.agent(world.r1)
    user = world.user(agent)
    names = {"agent_id": "i1", "task_id": unique("task"), "session_id": unique("session")}
    token = user.delegated(agent, **names)
    untouched = world.cb.token(resource=world.r1.uri)
    claims = claims_of(token)
    identifier = {
        "token": claims["jti"],
        "delegation": claims["delegation_id"],
        "client": claims["client_id"],
        "agent": claims["agent_id"],
        "task": claims["txn"],
        "session": claims["sid"],
        "subject": claims["sub"],
    }[kind]
    passed(ask(legate, token, resource=world.r1))
    answer = legate.admin("POST", "/revocations", {"kind": kind, "id": identifier})
    assert answer.status_code == 201, answer.text
    dead(legate, token, world.r1)
    passed(ask(legate, untouched, resource=world.r1))


def test_never_accepted_after_the_answer(legate, registry, world):
    resource = registry.resource()
    agent = registry.agent(resource)
    tokens = [agent.token() for _ in range(12)]
    late: list[float] = []
    for token in tokens:
        ended = threading.Event()
        answered: list[float] = []

        def keep_asking(token: str = token, ended: threading.Event = ended, answered: list[float] = answered) -> None:
            with requests.Session() as session:
                session.trust_env = False
                session.headers["Authorization"] = f"Bearer {token}"
                while not ended.is_set():
                    begun = time.monotonic()
                    status = session.get(f"{legate.base}/check?resource={resource.name}", timeout=10).status_code
                    if status == 204 and answered and begun > answered[0]:
                        late.append(begun - answered[0])
                    assert status in (204, 401)

        workers = [threading.Thread(target=keep_asking) for _ in range(4)]
        for worker in workers:
            worker.start()
        time.sleep(0.05)
        assert agent.revoke(token).status_code == 200
        answered.append(time.monotonic())
        time.sleep(0.05)
        ended.set()
        for worker in workers:
            worker.join()
        dead(legate, token, resource)
    assert late == [], "a call that began after the revocation was answered has passed"


def test_revoked_by_its_own_client(legate, world):
    token = world.cb.token(resource=world.r1.uri)
    passed(ask(legate, token, resource=world.r1))
    assert world.cb.revoke(token).status_code == 200
    dead(legate, token, world.r1)


def test_disabled_resource_and_client(legate, registry):
    resource = registry.resource()
    agent = registry.agent(resource)
    token = agent.token()
    passed(ask(legate, token, resource=resource))
    assert legate.admin("PATCH", f"/resources/{resource.name}", {"enabled": False}).status_code == 200
    bearer_challenge(ask(legate, token, resource=resource), 401, "invalid_token")
    assert legate.admin("PATCH", f"/resources/{resource.name}", {"enabled": True}).status_code == 200
    passed(ask(legate, token, resource=resource))
    assert legate.admin("PATCH", f"/clients/{agent.id}", {"enabled": False}).status_code == 200
    dead(legate, token, resource)


# Gateways


def test_a_gateway_with_one_resource_need_not_name_it(legate, registry, world):
    one, two = registry.gateway(world.r1), registry.gateway(world.r1, world.r2)
    token = world.cb.token(resource=world.r1.uri)
    passed(ask(legate, token, gateway=one))
    passed(ask(legate, token, gateway=two, resource=world.r1))
    refused(ask(legate, token, gateway=two), "invalid_target")


def test_a_gateway_asks_only_about_its_own(legate, registry, world):
    gateway = registry.gateway(world.r2)
    token = world.cb.token(resource=world.r1.uri)
    answer = ask(legate, token, gateway=gateway, resource=world.r1)
    refused(answer, "access_denied", status=403)
    assert "WWW-Authenticate" not in answer.headers


def test_wrong_gateway_credentials(legate, registry, world):
    gateway = registry.gateway(world.r1)
    wrong = Client(legate, gateway.id, "wrong")
    token = world.cb.token(resource=world.r1.uri)
    for impostor in (wrong, Client(legate, unique("nobody"), "x"), world.cb, world.rs1):
        answer = ask(legate, token, gateway=impostor, resource=world.r1)
        refused(answer, "invalid_client", status=401)
        assert "WWW-Authenticate" not in answer.headers, "the agent must not be asked for a password"
        assert answer.headers["Legate-Gateway-Authenticate"].startswith("Basic ")
    for header in ("Bearer nonsense", "Basic !", "Digest x", f"Bearer {token}"):
        answer = ask(legate, token, resource=world.r1, headers={"Legate-Gateway-Authorization": header})
        refused(answer, "invalid_client", status=401)
    passed(ask(legate, token, gateway=gateway))


def test_a_gateway_by_a_token_of_its_own(legate, registry, world):
    feed = f"{legate.issuer}/revocations"
    gateway = registry.gateway(world.r1, feed, scopes=("revocations:read", "a:read"))
    token = world.cb.token(resource=world.r1.uri)

    def by(proof: str) -> requests.Response:
        return ask(legate, token, headers={"Legate-Gateway-Authorization": f"Bearer {proof}"})

    own = gateway.token(resource=feed)
    passed(by(own))
    refused(by(gateway.token(resource=world.r1.uri)), "invalid_client", status=401)
    assert gateway.revoke(own).status_code == 200
    refused(by(own), "invalid_client", status=401)


# The trail


def records(legate, token: str) -> list[dict]:
    return [record for record in legate.audit(jti=claims_of(token)["jti"]) if record["event"].startswith("check.")]


def test_every_call_is_a_record_with_what_the_gateway_said(legate, registry, world):
    user = world.user()
    token = user.delegated(scope="a:read", task_id="t", session_id="s")
    gateway = registry.gateway(world.r1)
    trace = "0af7651916cd43dd8448eb211c80319c"
    forwarded = {
        "X-Forwarded-Method": "DELETE",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "api.example.com",
        "X-Forwarded-Uri": "/v1/orders/7?key=topsecret",
        "traceparent": f"00-{trace}-b7ad6b7169203331-01",
    }
    allowed = ask(legate, token, gateway=gateway, scope="a:read", headers=forwarded)
    passed(allowed)
    nginx = {"X-Original-Method": "PUT", "X-Original-URI": "/v1/orders/8?key=topsecret"}
    refusal = ask(legate, token, gateway=gateway, scope="a:write", headers=nginx)
    assert refusal.status_code == 403
    first, second = records(legate, token)
    expected = {
        "client_id": world.ag1.id,
        "agent_id": world.ag1.id,
        "delegating_user": user.sub,
        "delegation_id": user.delegation["delegation_id"],
        "session_id": f"{world.ag1.id}/s",
        "task_id": f"{world.ag1.id}/t",
        "jti": claims_of(token)["jti"],
        "resource": world.r1.uri,
        "scope_granted": "a:read",
        "target": f"gateway/{gateway.id}",
    }
    for record in (first, second):
        assert {name: record.get(name) for name in expected} == expected
    assert (first["event"], first["decision"]) == ("check.allowed", "allow")
    assert (second["event"], second["decision"]) == ("check.denied", "deny")
    assert first["api_endpoint"] == "DELETE /v1/orders/7" and first["trace_id"] == trace
    assert second["api_endpoint"] == "PUT /v1/orders/8"
    assert first["request_id"] == allowed.headers["X-Request-Id"]
    assert first["policy_evaluation"]["verdict"] == "permit"
    evaluation = second["policy_evaluation"]
    assert evaluation["verdict"] == "refuse" and "a:write" in evaluation["reason"]
    assert set(first) ^ set(second) == {"trace_id"}, "but for the trace, both have the same members"
    assert "topsecret" not in legate.log.read_text()


def test_strangers_leave_no_record(own_legate):
    registry = Registry(own_legate)
    resource = registry.resource()
    before = own_legate.audit()[-1]["seq"]
    for token in (None, "garbage", "a.b.c"):
        for _ in range(5):
            assert ask(own_legate, token, resource=resource).status_code == 401
    assert ask(own_legate, "x", gateway=Client(own_legate, "nobody", "x")).status_code == 401
    assert own_legate.audit()[-1]["seq"] == before
    gateway = registry.gateway(resource)
    assert ask(own_legate, None, gateway=gateway).status_code == 401
    last = own_legate.audit()[-1]
    assert (last["event"], last["decision"], last["client_id"]) == ("check.denied", "deny", gateway.id)


def test_counted_only(legate, registry):
    resource = registry.resource(check_audit="count")
    token = registry.agent(resource).token(scope="a:read")
    for _ in range(3):
        passed(ask(legate, token, resource=resource))
    assert records(legate, token) == []
    assert ask(legate, token, resource=resource, scope="a:write").status_code == 403
    assert [record["event"] for record in records(legate, token)] == ["check.denied"]
    shown = legate.cli("resource", "update", resource.name, "--check-audit", "all")
    assert shown["check_audit"] == "all"
    passed(ask(legate, token, resource=resource))
    assert [record["event"] for record in records(legate, token)] == ["check.denied", "check.allowed"]
    name = unique("counted")
    made = legate.cli(
        "resource", "create", f"https://{name}.example.com", "--name", name, "--scope", "x", "--check-audit", "count"
    )
    assert made["check_audit"] == "count"
    assert legate.run("resource", "update", name, "--check-audit", "some").returncode == 2
    assert legate.admin("PATCH", f"/resources/{name}", {"check_audit": "some"}).status_code == 400


def test_records_and_settings_survive_a_kill(own_legate):
    registry = Registry(own_legate)
    resource, counted = registry.resource(), registry.resource(check_audit="count")
    agent = registry.agent(resource, counted)
    token = agent.token(resource=resource.uri)
    for _ in range(20):
        passed(ask(own_legate, token, resource=resource))
    own_legate.kill9()
    own_legate.start()
    assert len(records(own_legate, token)) == 20
    assert own_legate.fetch("/audit/verify")["valid"] is True
    assert own_legate.fetch(f"/resources/{counted.name}")["check_audit"] == "count"
    passed(ask(own_legate, token, resource=resource))


def test_calls_are_counted(own_legate):
    registry = Registry(own_legate)
    resource = registry.resource(check_audit="count")
    token = registry.agent(resource).token(scope="a:read")
    for _ in range(4):
        passed(ask(own_legate, token, resource=resource))
    ask(own_legate, None, resource=resource)
    ask(own_legate, "x", resource=resource)
    ask(own_legate, token, resource=resource, scope="a:write")
    ask(own_legate, token, resource="nothing")
    ask(own_legate, token, gateway=Client(own_legate, "nobody", "x"))
    lines = own_legate.get("/metrics").text.splitlines()
    for outcome, count in (
        ("allowed", 4),
        ("no_credentials", 1),
        ("invalid_token", 1),
        ("insufficient_scope", 1),
        ("request", 1),
        ("gateway", 1),
        ("unavailable", 0),
    ):
        assert f'legate_checks_total{{outcome="{outcome}"}} {count}' in lines
