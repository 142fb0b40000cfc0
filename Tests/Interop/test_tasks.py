"""Tasks end: their tokens die along the whole chain, their limits hold, and a crash changes nothing of it."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from actors import JWT, Registry, World, unique
from jose import claims_of
from server import Legate


def next_second() -> None:
    """Tokens issued from here on are younger than tombstones made before."""
    time.sleep(1.01 - time.time() % 1)


@pytest.fixture
def chain(world: World):
    """An agent, the resource server it calls, and tokens of one task in both hands."""
    task = unique("task")
    user = world.user()
    first = user.delegated(task_id=task)
    second = world.ag2.exchanged(first, resource=world.r2.uri)
    assert claims_of(first)["txn"] == claims_of(second)["txn"] == f"{world.ag1.id}/{task}"
    return task, [first, second]


def test_a_client_completes_its_task_and_every_hand_is_empty(world: World, chain):
    task, tokens = chain
    other = world.ag1.token(resource=world.r1.uri, task_id=unique("task"))
    answer = world.ag1.post(f"/tasks/{task}/complete", {"reason": "done"})
    assert (answer.status_code, answer.content) == (204, b"")
    for token, reader in zip(tokens, (world.rs1, world.rs2), strict=True):
        assert not reader.sees(token)
    assert world.ag1.sees(other)
    for answer in (
        world.ag1.ask(resource=world.r1.uri, task_id=task),
        world.ag1.exchange(world.user().id_token(), JWT, resource=world.r1.uri, task_id=task),
        world.ag2.exchange(tokens[0], resource=world.r2.uri),
        world.ag2.exchange(tokens[1], resource=world.r2.uri),
    ):
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), answer.text


def test_completing_twice_is_the_same_as_once(world: World, legate: Legate):
    task = unique("task")
    for _ in range(3):
        assert world.cj.post(f"/tasks/{task}/complete", {}).status_code == 204
    records = [r for r in legate.audit(task_id=f"{world.cj.id}/{task}") if r["event"] == "task.completed"]
    assert [(r["decision"], r["client_id"]) for r in records] == [("allow", world.cj.id)]


def test_many_completions_at_once(world: World):
    task = unique("task")
    token = world.ag1.token(resource=world.r1.uri, task_id=task)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: world.ag1.post(f"/tasks/{task}/complete", {}).status_code, range(24)))
    assert set(answers) == {204}
    assert not world.ag1.sees(token)


def test_no_client_ends_another_clients_task(world: World, legate: Legate, chain):
    task, tokens = chain
    qualified = f"{world.ag1.id}%2F{task}"
    answer = world.ag2.post(f"/tasks/{qualified}/complete", {})
    assert (answer.status_code, answer.json()["error"]) == (403, "access_denied")
    assert world.ag2.post(f"/tasks/{task}/complete", {}).status_code == 204  # its own task of that name
    assert legate.post(f"/tasks/{task}/complete").status_code == 401
    assert legate.post(f"/tasks/{task}/complete", auth=(world.ag1.id, "wrong")).status_code == 401
    assert world.rs1.sees(tokens[0])
    assert world.ag1.post(f"/tasks/{qualified}/complete", {}).status_code == 204
    assert not world.rs1.sees(tokens[0])


@pytest.mark.parametrize("road", ["endpoint", "admin", "cli", "cli of the client"])
def test_an_operator_or_the_command_line_ends_a_task(road: str, world: World, registry: Registry, legate: Legate, chain):
    task, tokens = chain
    reader = registry.operator("tasks:write")
    if road == "endpoint":
        token = reader.token(resource=f"{legate.issuer}/admin")
        answer = legate.post(
            f"/tasks/{world.ag1.id}%2F{task}/complete", headers={"Authorization": f"Bearer {token}"}
        )
        assert answer.status_code == 204, answer.text
    elif road == "admin":
        token = reader.token(resource=f"{legate.issuer}/admin")
        answer = legate.admin("POST", f"/tasks/{world.ag1.id}/{task}/complete", {"reason": "wrong"}, token=token)
        assert answer.status_code == 204, answer.text
    elif road == "cli":
        assert legate.cli("task", "complete", f"{world.ag1.id}/{task}", "--reason", "wrong") is None
    else:
        secret = legate.directory / unique("secret")
        secret.write_text(world.ag1.secret or "")
        assert legate.cli("task", "complete", task, "--client", world.ag1.id, "--secret-file", secret) is None
    assert not world.rs1.sees(tokens[0])
    assert not world.rs2.sees(tokens[1])


def test_an_operator_without_the_scope_ends_nothing(world: World, registry: Registry, legate: Legate, chain):
    task, tokens = chain
    token = registry.operator("revocations:write").token(resource=f"{legate.issuer}/admin")
    bearer = {"Authorization": f"Bearer {token}"}
    assert legate.post(f"/tasks/{world.ag1.id}%2F{task}/complete", headers=bearer).status_code == 403
    assert legate.admin("POST", f"/tasks/{world.ag1.id}/{task}/complete", {}, token=token).status_code == 403
    assert world.rs1.sees(tokens[0])


def test_limits_hold_exactly_however_many_ask_at_once(registry: Registry, world: World):
    agent = registry.agent(world.r1, max_task_tokens=25)
    task = unique("task")
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: agent.ask(resource=world.r1.uri, task_id=task), range(80)))
    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(answers) - len(refused) == 25
    for answer in refused:
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert f"{agent.id}/{task}" in answer.json()["error_description"]
        assert "max_task_tokens" in answer.json()["error_description"]
    assert agent.ask(resource=world.r1.uri, task_id=unique("task")).status_code == 200
    assert agent.ask(resource=world.r1.uri).status_code == 200


def test_a_task_lives_no_longer_than_it_may(registry: Registry, world: World):
    agent = registry.agent(world.r1, max_task_life=3)
    task = unique("task")
    first = agent.ask(resource=world.r1.uri, task_id=task)
    assert first.json()["expires_in"] <= 3
    ends = claims_of(first.json()["access_token"])["exp"]
    time.sleep(1.2)
    later = agent.ask(resource=world.r1.uri, task_id=task)
    assert claims_of(later.json()["access_token"])["exp"] <= ends
    time.sleep(max(0, ends - time.time()) + 0.1)
    refused = agent.ask(resource=world.r1.uri, task_id=task)
    assert refused.status_code == 400
    assert "max_task_life" in refused.json()["error_description"]


def test_completion_and_counts_survive_kill_9(make_legate):
    legate = make_legate().start()
    registry = Registry(legate)
    resource = registry.resource()
    agent = registry.agent(resource, max_task_tokens=3)
    token = agent.token(resource=resource.uri, task_id="done")
    for _ in range(2):
        agent.token(resource=resource.uri, task_id="going")
    assert agent.post("/tasks/done/complete", {}).status_code == 204
    legate.kill9()
    legate.start()
    assert not agent.sees(token)
    assert agent.ask(resource=resource.uri, task_id="done").status_code == 400
    next_second()
    assert agent.ask(resource=resource.uri, task_id="going").status_code == 200
    assert agent.ask(resource=resource.uri, task_id="going").status_code == 400
    assert legate.fetch("/audit/verify")["valid"]


def test_limits_on_the_command_line(legate: Legate, world: World):
    name = unique("limited")
    made = legate.cli(
        "client", "create", name, "--id", name, "--resource", world.r1.uri, "--scope", "a:read",
        "--max-task-life", "8h", "--max-task-tokens", "50",
    )  # fmt: skip
    assert (made["max_task_life"], made["max_task_tokens"]) == (28_800, 50)
    legate.cli("client", "update", name, "--max-task-tokens", "7", "--max-task-life", "none")
    shown = legate.cli("client", "show", name)
    assert (shown["max_task_life"], shown["max_task_tokens"]) == (None, 7)
    assert legate.run("client", "update", name, "--max-task-life", "31d").returncode == 1
    assert legate.run("client", "update", name, "--max-task-tokens", "-3").returncode == 2


def test_all_clients_of_an_owner_are_disabled_at_once(registry: Registry, world: World, legate: Legate):
    owner = unique("Team É")
    agents = [registry.agent(world.r1, owner=owner) for _ in range(3)]
    tokens = [agent.token(resource=world.r1.uri) for agent in agents]
    done = legate.cli("client", "disable", "--owner", owner)
    assert done == {"owner": owner, "disabled": sorted(agent.id for agent in agents)}
    for agent, token in zip(agents, tokens, strict=True):
        assert agent.ask(resource=world.r1.uri).status_code == 401
        assert not world.rs1.sees(token)
    updates = [r for r in legate.audit() if r["event"] == "client.updated"]
    assert {f"client/{agent.id}" for agent in agents} <= {r["target"] for r in updates}
    assert legate.cli("client", "disable", "--owner", owner)["disabled"] == []
    assert legate.run("client", "disable", "--owner", unique("nobody")).returncode == 1
    assert legate.run("client", "disable", agents[0].id, "--owner", owner).returncode == 2
    next_second()
    legate.cli("client", "enable", agents[0].id)
    assert not world.rs1.sees(tokens[0])
    assert agents[0].ask(resource=world.r1.uri).status_code == 200
