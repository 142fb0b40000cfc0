"""What gateways that follow the revocation feed must do: refuse soon, whatever was revoked, and never forget."""

import statistics
import time
from collections.abc import Callable
from typing import ClassVar

import pytest

from actors import JWT, unique
from gateways.contract import Gate, Stage, Victim, victim
from jose import decode

REPEATS = 5
# Seconds. The measured bound is a hundredth of it; this machine may be busy.
SOON = 2.0

KINDS = ["token", "delegation", "client", "task", "agent", "session", "subject", "earlier actor"]


def doomed(stage: Stage, kind: str) -> Victim:
    """A token, and the revocation of something that it stands on."""
    if kind in ("token", "delegation", "client", "task"):
        return victim(stage, kind)
    agent = stage.new_agent()
    if kind == "agent":
        return Victim(stage.token(agent, agent_id="seven"), kind, f"{agent.id}/seven")
    if kind == "session":
        return Victim(stage.token(agent, session_id="monday"), kind, f"{agent.id}/monday")
    if kind == "subject":
        # What an identity provider may call somebody: nothing of it may get lost on the way.
        user = unique('Zoë "O\'Brien" \\ <z;b>')
        stage.registry.delegation(stage.provider, user, agent, [stage.resource], stage.resource.scopes)
        token = agent.exchanged(stage.provider.token(user), JWT, resource=stage.resource.uri)
        return Victim(token, kind, decode(token)[1]["sub"])
    # The first agent acts through a second one: it is the inner actor of the token.
    middle = stage.registry.resource("middle", tuple(stage.resource.scopes))
    first = stage.registry.agent(middle, stage.resource)
    second = stage.registry.agent(stage.resource, acts_as=middle)
    user = unique("user")
    stage.registry.delegation(stage.provider, user, first, [middle, stage.resource], stage.resource.scopes)
    inner = first.exchanged(stage.provider.token(user), JWT, resource=middle.uri)
    token = second.exchanged(inner, resource=stage.resource.uri)
    claims = decode(token)[1]
    assert (claims["act"]["sub"], claims["act"]["act"]["sub"]) == (second.id, first.id)
    return Victim(token, "client", first.id)


def until(gate: Gate, token: str, *statuses: int, within: float = SOON) -> float:
    """Seconds until the gateway answers so."""
    started = time.monotonic()
    while (answer := gate.call(token)).status_code not in statuses:
        taken = time.monotonic() - started
        assert taken < within, f"{answer.status_code} {answer.text} after {taken:.1f} s\n{gate.stage.gateway.log()}"
        time.sleep(0.001)
    return time.monotonic() - started


class RevocationSoon:
    """What has been revoked is refused as soon as the feed has said so."""

    # Seconds without a heartbeat after which the gateway refuses everything.
    patience: ClassVar[float] = 4.0

    @pytest.mark.parametrize("kind", KINDS)
    def test_what_is_revoked_is_refused_soon(self, gate, kind, record_property):
        times = []
        for _ in range(REPEATS):
            marked, bystander = doomed(gate.stage, kind), gate.stage.token()
            gate.passed(marked.token)
            gate.stage.revoke(marked.kind, marked.name)
            times.append(until(gate, marked.token, 401) * 1000)
            gate.refused(marked.token)
            gate.passed(bystander)
        found = f"median {statistics.median(times):.1f}, longest {max(times):.1f}"
        print(f"ms from the revocation of a {kind} to the first refusal: {found}")
        record_property(f"ms from the revocation of a {kind} to the first refusal", found)

    def test_a_named_instance_lives_when_the_unnamed_one_is_revoked(self, gate):
        agent = gate.stage.new_agent()
        named, unnamed = gate.stage.token(agent, agent_id="seven"), gate.stage.token(agent)
        gate.stage.revoke("agent", agent.id)
        until(gate, unnamed, 401)
        gate.passed(named)

    def test_a_new_token_of_a_revoked_client_gets_in(self, gate):
        agent = gate.stage.new_agent()
        old = gate.stage.token(agent)
        gate.stage.revoke("client", agent.id)
        until(gate, old, 401)
        gate.passed(gate.stage.token(agent))
        gate.refused(old)

    def test_a_revoked_key_ends_its_tokens_and_its_successor_is_taken(self, gate):
        old = gate.stage.token()
        gate.passed(old)
        gate.stage.revoke("key", decode(old)[0]["kid"])
        gate.stage.legate.forget_operator_token()
        until(gate, old, 401)
        until(gate, gate.stage.token(), 200, within=5)
        gate.refused(old)

    def test_silence_closes_and_the_first_word_opens(self, gate):
        stage = gate.stage
        token, marked = stage.token(), stage.token()
        gate.passed(token)
        stage.revoke("token", decode(marked)[1]["jti"])
        until(gate, marked, 401)
        with stage.without_legate():
            closed = until(gate, token, 503, within=self.patience + 3)
            assert closed > self.patience / 2 - 2, closed
            gate.refused(None, 401, 503)
        until(gate, token, 200, within=10)
        gate.refused(marked)
        assert_follows(gate)


def assert_follows(gate: Gate) -> None:
    marked = gate.stage.token()
    gate.passed(marked)
    gate.stage.revoke("token", decode(marked)[1]["jti"])
    until(gate, marked, 401)


def eventually(condition: Callable[[], bool], within: float = 10) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
