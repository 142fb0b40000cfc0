"""HTTP: error format, caching, methods, tracing."""

import json
import re
import secrets
import time

import pytest

from checks import LEGAL, granted, is_no_store, problem, refused
from jose import claims_of
from raw import form_post, request, talk

POST_ONLY = ["/token", "/introspect", "/revoke"]


def line_about(legate, answer) -> str:
    """The one line of the server's log about this request; the log may be a moment behind."""
    identifier, end = answer.headers["X-Request-Id"], time.monotonic() + 5
    while not (lines := [line for line in legate.log.read_text().splitlines() if identifier in line]):
        assert time.monotonic() < end, "no line in the log"
        time.sleep(0.05)
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize("path", POST_ONLY)
def test_HTTP_01_oauth_errors_are_oauth_json(world, path):
    answer = world.cb.post(path, {})
    body = refused(answer, "invalid_request")
    assert isinstance(body["error"], str) and "status" not in body and "type" not in body


@pytest.mark.parametrize("path", ["/nothing", "/token/more", "/.well-known/nothing", "/"])
def test_HTTP_01_unknown_path_is_404_json(legate, path):
    answer = legate.get(path)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].split(";")[0] in ("application/json", "application/problem+json")
    assert answer.json() and answer.headers["X-Request-Id"]


FUZZ = ['"\\', "<script>", "\r\nX-Evil: 1", "\x00", "é" * 50, "%s%n", "A" * 3000, "\x1b[31m", "${jndi:ldap://x}"]


@pytest.mark.parametrize(
    "parameter",
    [
        "grant_type",
        "scope",
        "resource",
        "audience",
        "client_id",
        "task_id",
        "session_id",
        "agent_id",
        "reason",
        "subject_token",
        "subject_token_type",
        "client_assertion_type",
        "requested_token_type",
        "delegation_id",
    ],
)
def test_HTTP_02_nothing_illegal_is_reflected(world, parameter):
    for value in FUZZ:
        form = {"grant_type": "client_credentials", "resource": world.r1.uri, parameter: value}
        answer = world.cb.post("/token", form)
        assert answer.status_code in (200, 400, 401), answer.text
        if answer.status_code != 200:
            description = answer.json().get("error_description", "")
            assert LEGAL.fullmatch(description) and len(description) <= 1024
        assert "X-Evil" not in answer.headers


@pytest.mark.parametrize("path", POST_ONLY)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_HTTP_04_wrong_method(legate, path, method):
    answer = legate.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"
    assert "json" in answer.headers["Content-Type"]


@pytest.mark.parametrize("method", ["HEAD", "TRACE", "FOO"])
def test_HTTP_05_odd_methods(legate, method):
    said = talk(legate.port, request(f"{method} /token HTTP/1.1", "X-Secret: echo-me"))
    assert said.status in (400, 404, 405, 501)
    assert b"echo-me" not in said.received


def test_HTTP_05_connect(legate):
    said = talk(legate.port, request("CONNECT 127.0.0.1:80 HTTP/1.1"))
    assert said.status is None or said.status >= 400


def test_HTTP_06_method_override_is_ignored(legate, world):
    form = {"grant_type": "client_credentials", "resource": world.r1.uri, "_method": "POST"}
    answer = legate.get("/token", params=form, auth=world.cb.basic, headers={"X-HTTP-Method-Override": "POST"})
    assert answer.status_code == 405


def test_HTTP_08_parameters_in_the_query(legate, world):
    answer = legate.post(f"/token?grant_type=client_credentials&resource={world.r1.uri}", {}, auth=world.cb.basic)
    refused(answer, "invalid_request")


def test_HTTP_09_empty_body(world):
    refused(world.cb.post("/token", {}), "invalid_request")


@pytest.mark.parametrize(
    "kind", ["application/json", "multipart/form-data; boundary=x", "text/plain", None, "nonsense"]
)
def test_HTTP_09_other_content_types(legate, world, kind):
    body = f"grant_type=client_credentials&resource={world.r1.uri}".encode()
    headers = {"Content-Type": kind} if kind else {}
    refused(legate.request("POST", "/token", data=body, headers=headers, auth=world.cb.basic), "invalid_request")


def test_HTTP_09_content_type_with_parameters_and_case(legate, world):
    body = f"grant_type=client_credentials&resource={world.r1.uri}".encode()
    for kind in ("application/x-www-form-urlencoded; charset=UTF-8", "Application/X-WWW-Form-Urlencoded"):
        answer = legate.request("POST", "/token", data=body, headers={"Content-Type": kind}, auth=world.cb.basic)
        granted(answer)


@pytest.mark.parametrize(
    "method, path, body, status",
    [
        ("GET", "/clients/nobody", None, 404),
        ("POST", "/clients", {"name": 7}, 400),
        ("POST", "/clients", [], 400),
        ("GET", "/clients?limit=0", None, 400),
        ("GET", "/clients?limit=1001", None, 400),
        ("GET", "/nothing", None, 404),
        ("PUT", "/clients", {}, 405),
    ],
)
def test_HTTP_10_admin_errors_are_problems(legate, method, path, body, status):
    answer = legate.admin(method, path, body)
    problem(answer, status)
    if status == 405:
        assert {"GET", "POST"} <= set(re.split(r",\s*", answer.headers["Allow"]))


def test_HTTP_10_problem_names_every_wrong_field(legate):
    body = {"name": "x", "kind": "dragon", "auth": "client_secret_basic", "unheard_of": 1}
    problem(legate.admin("POST", "/clients", body), 400, "kind", "unheard_of")


def test_HTTP_14_limit_says_when_to_come_back(legate, registry, world):
    client = registry.agent(world.r1)
    for _ in range(40):
        answer = legate.post("/token", {"grant_type": "client_credentials"}, auth=(client.id, "wrong"))
        if answer.status_code == 429:
            break
    assert answer.status_code == 429
    assert "error" in answer.json() and answer.headers["Content-Type"].split(";")[0] == "application/json"
    is_no_store(answer)
    policy = re.fullmatch(r'"([\w-]+)";(?:.*;)?q=(\d+)(?:;.*)?', answer.headers["RateLimit-Policy"])
    state = re.fullmatch(r'"([\w-]+)";(?:.*;)?r=(\d+)(?:;t=(\d+))?', answer.headers["RateLimit"])
    assert policy and state and policy[1] == state[1]
    assert state[2] == "0"
    assert int(answer.headers["Retry-After"]) >= int(state[3] or 0)


def test_HTTP_16_trace_is_continued(legate, world):
    trace = secrets.token_hex(16)
    answer = world.cb.post(
        "/token",
        {"grant_type": "client_credentials", "resource": world.r1.uri},
        headers={"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"},
    )
    claims = claims_of(granted(answer)["access_token"])
    record = legate.fetch(f"/audit/trace/{claims['jti']}")["token"]
    assert record["trace_id"] == trace
    assert record["request_id"] == answer.headers["X-Request-Id"]
    assert f'"{trace}"' in line_about(legate, answer)


@pytest.mark.parametrize(
    "value",
    [
        "00-" + "0" * 32 + "-" + "1" * 16 + "-01",
        "00-" + "1" * 32 + "-" + "0" * 16 + "-01",
        "ff-" + "1" * 32 + "-" + "1" * 16 + "-01",
        "00-" + "A" * 32 + "-" + "1" * 16 + "-01",
        "00-" + "1" * 31 + "-" + "1" * 16 + "-01",
        "nonsense",
        "",
    ],
    ids=["zero trace", "zero parent", "version ff", "upper case", "short", "nonsense", "empty"],
)
def test_HTTP_17_malformed_trace_is_started_anew(legate, world, value):
    form = {"grant_type": "client_credentials", "resource": world.r1.uri}
    answer = world.cb.post("/token", form, headers={"traceparent": value})
    claims = claims_of(granted(answer)["access_token"])
    trace = legate.fetch(f"/audit/trace/{claims['jti']}")["token"].get("trace_id")
    assert trace is None or (re.fullmatch("[0-9a-f]{32}", trace) and trace not in value and trace != "0" * 32)


def test_HTTP_17_two_traceparents_and_a_long_tracestate(legate, world):
    parent = f"traceparent: 00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    body = f"grant_type=client_credentials&resource={world.r1.uri}&client_id={world.cb.id}"
    body += f"&client_secret={world.cb.secret}"
    said = talk(legate.port, form_post("/token", body.encode(), parent, parent))
    assert said.status == 200
    said = talk(legate.port, form_post("/token", body.encode(), parent, "tracestate: a=" + "x" * 8000))
    assert said.status == 200


def test_HTTP_18_no_cors_where_credentials_are(legate, world):
    for path in ("/token", "/introspect", "/revoke"):
        answer = world.cb.post(path, {"grant_type": "client_credentials"}, headers={"Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in answer.headers
    answer = legate.get("/authorize?client_id=x", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers
    answer = legate.admin("GET", "/clients?limit=1", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_HTTP_20_accept_html_is_json_still(world):
    form = {"grant_type": "client_credentials", "resource": world.r1.uri}
    granted(world.cb.post("/token", form, headers={"Accept": "text/html"}))
    form["grant_type"] = "foo"
    refused(world.cb.post("/token", form, headers={"Accept": "text/html"}), "unsupported_grant_type")


def test_HTTP_22_expect(legate, world):
    body = f"grant_type=client_credentials&resource={world.r1.uri}&client_id={world.cb.id}"
    body += f"&client_secret={world.cb.secret}"
    said = talk(legate.port, form_post("/token", body.encode(), "Expect: 100-continue"))
    assert said.status == 200
    said = talk(legate.port, form_post("/token", body.encode(), "Expect: foo"))
    assert said.status in (200, 417)


def test_HTTP_every_answer_has_its_own_request_id(legate):
    answers = [legate.get(path) for path in ("/health/live", "/.well-known/jwks.json", "/nothing", "/token")]
    names = [answer.headers["X-Request-Id"] for answer in answers]
    assert len(set(names)) == len(names)
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_HTTP_health_and_metrics(legate, world):
    granted(world.cb.ask(resource=world.r1.uri))
    assert legate.get("/health/live").status_code == 200
    assert legate.get("/health/ready").status_code == 200
    answer = legate.get("/metrics")
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/plain")
    assert re.search(r"^# TYPE \w+ counter$", answer.text, re.M)
    assert world.cb.id not in answer.text, "label values come from closed sets only"


def test_HTTP_log_is_one_json_line_for_each_request(legate, world):
    answer = world.cb.ask(resource=world.r1.uri)
    line = line_about(legate, answer)
    assert world.cb.id in str(json.loads(line))
    assert answer.json()["access_token"] not in line and world.cb.secret not in line
