"""TX: token exchange and delegation (RFC 8693)."""

import secrets
import threading
import time

import pytest

from actors import ACCESS_TOKEN, ID_TOKEN, JWT, TOKEN_EXCHANGE, unique
from checks import active, granted, inactive, not_authenticated, refused, scopes
from jose import Key, claims_of, verify


@pytest.fixture(scope="module")
def user(world):
    """One who has delegated to AG1, and stays as is."""
    return world.user()


@pytest.fixture(scope="module")
def both(world):
    """One who has delegated to AG1 and to AG2."""
    return world.user(world.ag1, world.ag2)


def exchange(world, user, client=None, **form):
    """The exchange that works: a user's token from the identity provider, for R1. Changes in `form`."""
    form = {"subject_token": user.id_token(), "subject_token_type": JWT, "resource": world.r1.uri, **form}
    body = {name: value for name, value in form.items() if value is not None}
    return (client or world.ag1).post("/token", {"grant_type": TOKEN_EXCHANGE, **body})


# What comes back


@pytest.mark.parametrize("kind", [JWT, ID_TOKEN, ACCESS_TOKEN], ids=["jwt", "id_token", "access_token"])
def test_TX_01_a_users_token_becomes_a_delegated_one(world, user, kind):
    actor = world.ag1.token(resource=world.r1.uri)
    body = granted(
        exchange(world, user, subject_token_type=kind, scope="a:read", actor_token=actor, actor_token_type=ACCESS_TOKEN)
    )
    assert body["issued_token_type"] == ACCESS_TOKEN


def test_TX_02_who_acts_for_whom(legate, world, user):
    claims = verify(granted(exchange(world, user, scope="a:read"))["access_token"], legate.jwks)
    assert claims["sub"] == user.sub
    assert claims["client_id"] == world.ag1.id
    assert claims["act"] == {"sub": world.ag1.id}
    assert claims["aud"] == world.r1.uri
    assert claims["scope"] == "a:read"
    assert claims["delegation_id"] == user.delegation["delegation_id"]


def test_TX_02_the_instance_is_named_in_act(world, user):
    claims = claims_of(granted(exchange(world, user, agent_id="w1", task_id="t1"))["access_token"])
    assert claims["act"] == {"sub": world.ag1.id, "agent_id": f"{world.ag1.id}/w1"}
    assert claims["agent_id"] == f"{world.ag1.id}/w1" and claims["txn"] == f"{world.ag1.id}/t1"


def test_TX_04_the_chain_grows_outwards(world, user):
    first = user.delegated(task_id="t4")
    actor = world.ag2.token(resource=world.r2.uri)
    token = world.ag2.exchanged(
        first, resource=world.r2.uri, scope="a:read", actor_token=actor, actor_token_type=ACCESS_TOKEN
    )
    claims = claims_of(token)
    assert claims["act"] == {"sub": world.ag2.id, "act": {"sub": world.ag1.id}}
    assert claims["sub"] == user.sub and claims["client_id"] == world.ag2.id
    assert claims["delegation_id"] == user.delegation["delegation_id"]
    assert claims["txn"] == f"{world.ag1.id}/t4", "the task is kept verbatim"


def test_TX_05_nested_actors_have_no_rights(registry, world, user):
    token = world.ag2.exchanged(user.delegated(), resource=world.r2.uri, scope="a:read")
    # AG1 is only history in this token: it may neither see, nor revoke, nor exchange it.
    inactive(world.ag1.introspect(token))
    refused(world.ag1.revoke(token), "invalid_grant")
    refused(world.ag1.exchange(token, resource=world.r1.uri), "invalid_request")
    active(world.rs2.introspect(token))


# What must be there


@pytest.mark.parametrize(
    "form",
    [{"subject_token": None}, {"subject_token_type": None}, {"subject_token": ""}, {"subject_token_type": ""}],
    ids=["no token", "no type", "empty token", "empty type"],
)
def test_TX_06_subject_token_and_type_are_required(world, user, form):
    refused(exchange(world, user, **form), "invalid_request")


def test_TX_08_actor_token_without_type(world, user):
    refused(exchange(world, user, actor_token=world.ag1.token(resource=world.r1.uri)), "invalid_request")


def test_TX_09_actor_token_type_without_token(world, user):
    refused(exchange(world, user, actor_token_type=ACCESS_TOKEN), "invalid_request")


@pytest.mark.parametrize("kind", ["id_token", "saml1", "saml2", "refresh_token", "nonsense"])
def test_TX_10_type_that_the_token_is_not(world, user, kind):
    token = user.delegated(world.ag1)
    kind = f"urn:ietf:params:oauth:token-type:{kind}"
    refused(world.ag1.exchange(token, kind, resource=world.r1.uri), "invalid_request")


MUTATIONS = {
    "garbage": lambda world, claims: "garbage",
    "expired": lambda world, claims: world.idp.key.sign(
        {**claims, "iat": claims["iat"] - 700, "exp": claims["iat"] - 1}
    ),
    "other key": lambda world, claims: Key.make("ES256", kid=world.idp.key.kid).sign(claims),
    "wrong audience": lambda world, claims: world.idp.key.sign({**claims, "aud": "https://elsewhere.example"}),
    "untrusted issuer": lambda world, claims: world.idp.key.sign({**claims, "iss": "https://nobody.example"}),
    "not yet valid": lambda world, claims: world.idp.key.sign({**claims, "nbf": claims["iat"] + 300}),
    "no expiry": lambda world, claims: world.idp.key.sign({n: v for n, v in claims.items() if n != "exp"}),
    "no subject": lambda world, claims: world.idp.key.sign({n: v for n, v in claims.items() if n != "sub"}),
    "flipped signature": lambda world, claims: _flip(world.idp.key.sign(claims)),
}


def _flip(token: str) -> str:
    position = token.rindex(".") + 10
    return token[:position] + ("A" if token[position] != "A" else "B") + token[position + 1 :]


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_TX_bad_subject_token(world, user, mutation):
    token = MUTATIONS[mutation](world, world.idp.claims(user.name))
    refused(exchange(world, user, subject_token=token), "invalid_request")
    granted(exchange(world, user))


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_TX_12_bad_actor_token(world, user, mutation):
    token = MUTATIONS[mutation](world, world.idp.claims(world.ag1.id))
    refused(exchange(world, user, actor_token=token, actor_token_type=JWT), "invalid_request")


@pytest.mark.parametrize("kind", ["id_token", "saml2", "refresh_token"])
def test_TX_12_actor_type_that_the_token_is_not(world, user, kind):
    actor = world.ag1.token(resource=world.r1.uri)
    kind = f"urn:ietf:params:oauth:token-type:{kind}"
    refused(exchange(world, user, actor_token=actor, actor_token_type=kind), "invalid_request")


def test_TX_12_actor_token_of_another_client(world, user):
    actor = world.ag2.token(resource=world.r1.uri)
    refused(exchange(world, user, actor_token=actor, actor_token_type=ACCESS_TOKEN), "invalid_request")


# Who may act


def test_TX_13_may_act_names_the_actor(world, both):
    token = both.id_token(may_act={"sub": world.ag1.id})
    granted(exchange(world, both, subject_token=token))


def test_TX_14_may_act_names_someone_else(world, both):
    token = both.id_token(may_act={"sub": world.ag1.id})
    actor = world.ag2.token(resource=world.r1.uri)
    answer = exchange(world, both, world.ag2, subject_token=token, actor_token=actor, actor_token_type=ACCESS_TOKEN)
    refused(answer, "invalid_request")
    granted(exchange(world, both, world.ag2))


@pytest.mark.parametrize("value", ["AG1", ["AG1"], {}, 7, {"sub": 7}, {"sub": ""}, True], ids=repr)
def test_TX_16_malformed_may_act(world, user, value):
    if value in ("AG1", ["AG1"]):
        value = world.ag1.id if value == "AG1" else [world.ag1.id]
    refused(exchange(world, user, subject_token=user.id_token(may_act=value)), "invalid_request")


def test_TX_17_may_act_without_an_actor_token(world, both):
    token = both.id_token(may_act={"sub": world.ag1.id})
    refused(exchange(world, both, world.ag2, subject_token=token), "invalid_request")


def test_TX_17_delegations_list_of_further_actors_is_exclusive(registry, world):
    """A non-empty `may_act` list of the delegation: the named may exchange, the audience that is not named may not."""
    named = registry.agent(world.r1, world.r2)
    user = world.user(may_act=[named.id])
    token = user.delegated()
    assert claims_of(token)["may_act"] == {"sub": named.id}
    second = named.exchanged(token, resource=world.r2.uri, scope="a:read")
    assert claims_of(second)["act"] == {"sub": named.id, "act": {"sub": world.ag1.id}}
    refused(world.ag2.exchange(token, resource=world.r2.uri, scope="a:read"), "invalid_request")


def test_TX_18_no_actor_token_is_delegation_still(world, user):
    """The authenticated client is the acting party: there is no impersonation."""
    claims = claims_of(granted(exchange(world, user))["access_token"])
    assert claims["act"]["sub"] == world.ag1.id


def test_TX_18_own_token_adds_no_level(world, user):
    token = user.delegated()
    again = claims_of(world.ag1.exchanged(token, resource=world.r2.uri, scope="a:read"))
    assert again["act"] == {"sub": world.ag1.id}
    assert again["aud"] == world.r2.uri


# Scope and target


def test_TX_20_more_than_the_subject_token_holds(world, user):
    token = user.delegated(scope="a:read")
    refused(world.ag1.exchange(token, resource=world.r1.uri, scope="a:read a:write"), "invalid_scope")
    refused(world.ag1.exchange(token, resource=world.r1.uri, scope="a:write"), "invalid_scope")


def test_TX_20_more_than_the_delegation_holds(world):
    user = world.user(scopes=("a:read",))
    refused(exchange(world, user, scope="a:write"), "invalid_scope")
    assert scopes(granted(exchange(world, user))) == {"a:read"}


def test_TX_21_more_than_the_client_holds(registry, world):
    reader = registry.agent(world.r1, scopes=("a:read",))
    user = world.user(reader)
    refused(exchange(world, user, reader, scope="a:write"), "invalid_scope")
    assert scopes(granted(exchange(world, user, reader))) == {"a:read"}


def test_TX_22_no_scope_asked_is_the_intersection_and_said(world, user):
    body = granted(exchange(world, user))
    assert scopes(body) == {"a:read", "a:write"} == scopes(claims_of(body["access_token"]))


def test_TX_22_empty_intersection(world):
    user = world.user(scopes=("b:read",))
    refused(exchange(world, user), "invalid_scope")


def test_TX_22_mapped_scope_downstream(registry, world):
    """A mapping from a scope at the gateway's own resource to one downstream; the delegation is the ceiling."""
    front, back = registry.resource("front", ("f:use",)), registry.resource("back", ("g:read",))
    agent = registry.agent(front)
    gateway = registry.client(
        "gw",
        resources=[front, back],
        acts_as=front,
        exchange_scopes=[{"from": "f:use", "to": "g:read", "resource": back.uri}],
    )
    for delegated, works in ((["f:use", "g:read"], True), (["f:use"], False)):
        name = unique("user")
        registry.delegation(world.idp, name, agent, [front, back], delegated)
        token = agent.exchanged(world.idp.token(name), JWT, resource=front.uri)
        answer = gateway.exchange(token, resource=back.uri, scope="g:read")
        if works:
            assert scopes(claims_of(granted(answer)["access_token"])) == {"g:read"}
        else:
            refused(answer, "invalid_scope")


def test_TX_24_target_without_permission(world, user):
    refused(exchange(world, user, resource=world.r3.uri), "invalid_target")
    refused(exchange(world, user, resource=world.r9), "invalid_target")


def test_TX_24_target_outside_the_delegation(registry, world):
    name = unique("user")
    registry.delegation(world.idp, name, world.ag1, [world.r1], ["a:read"])
    token = world.idp.token(name)
    granted(world.ag1.exchange(token, JWT, resource=world.r1.uri))
    # Which of the two it is depends on whether one looks for a delegation that covers the request, or at the only one.
    refused(world.ag1.exchange(token, JWT, resource=world.r2.uri), "invalid_target")


def test_TX_25_resource_and_audience(world, user):
    same = granted(exchange(world, user, audience=world.r1.uri))
    assert claims_of(same["access_token"])["aud"] == world.r1.uri
    refused(exchange(world, user, audience=world.r2.uri), "invalid_target")
    refused(exchange(world, user, resource=None, audience=[world.r1.uri, world.r2.uri]), "invalid_target")
    refused(exchange(world, user, resource=None, audience="unheard-of"), "invalid_target")


@pytest.mark.parametrize("by", ["uri", "name", "client"])
def test_TX_25_audience_by_uri_by_name_and_by_client(world, user, by):
    audience = {"uri": world.r1.uri, "name": world.r1.name, "client": world.rs1.id}[by]
    body = granted(exchange(world, user, resource=None, audience=[audience, audience]))
    assert claims_of(body["access_token"])["aud"] == world.r1.uri


@pytest.mark.parametrize("kind", ["refresh_token", "id_token", "saml2", "id-jag", "nonsense"])
def test_TX_26_unsupported_requested_token_type(world, user, kind):
    answer = exchange(world, user, requested_token_type=f"urn:ietf:params:oauth:token-type:{kind}")
    refused(answer, "invalid_request")


def test_TX_26_requested_access_token(world, user):
    granted(exchange(world, user, requested_token_type=ACCESS_TOKEN))


def test_TX_28_no_refresh_token_on_request(world, user):
    kind = "urn:ietf:params:oauth:token-type:refresh_token"
    refused(exchange(world, user, requested_token_type=kind), "invalid_request")


def test_TX_29_no_refresh_token_ever(world, user):
    assert "refresh_token" not in granted(exchange(world, user))


# Time


def test_TX_30_never_past_the_subject_token(world, user):
    end = int(time.time()) + 20
    body = granted(exchange(world, user, subject_token=user.id_token(exp=end)))
    assert claims_of(body["access_token"])["exp"] <= end
    assert body["expires_in"] <= 20


def test_TX_30_never_past_the_actor_token(registry, world):
    short = registry.resource(token_ttl=15)
    agent = registry.agent(short, world.r1)
    user = world.user(agent)
    actor = agent.token(resource=short.uri)
    answer = exchange(world, user, agent, actor_token=actor, actor_token_type=ACCESS_TOKEN)
    assert claims_of(granted(answer)["access_token"])["exp"] <= claims_of(actor)["exp"]


def test_TX_30_never_past_the_delegation(world):
    user = world.user(expires_in=12)
    body = granted(exchange(world, user))
    assert body["expires_in"] <= 12


def test_TX_30_never_past_an_own_subject_token(registry, world, user):
    short = registry.resource("short", ("a:read",), token_ttl=10)
    relay = registry.agent(short, world.r1, acts_as=short)
    agent = registry.agent(short)
    token = agent.token()
    later = relay.exchanged(token, resource=world.r1.uri, scope="a:read")
    assert claims_of(later)["exp"] <= claims_of(token)["exp"]


# The chain


def test_TX_32_chain_is_kept_exactly_and_ends_at_five(registry, world):
    """Five actors are allowed; a sixth is refused."""
    stations = [registry.resource(f"hop{number}", ("a:read",)) for number in range(6)]
    clients = [
        registry.agent(stations[number], *stations[number + 1 :], acts_as=stations[number - 1] if number else None)
        for number in range(6)
    ]
    name = unique("user")
    registry.delegation(world.idp, name, clients[0], stations, ["a:read"])
    token = clients[0].exchanged(world.idp.token(name), JWT, resource=stations[0].uri)
    act = {"sub": clients[0].id}
    for number in range(1, 5):
        token = clients[number].exchanged(token, resource=stations[number].uri)
        act = {"sub": clients[number].id, "act": act}
        assert claims_of(token)["act"] == act
    refused(clients[5].exchange(token, resource=stations[5].uri), "invalid_request")


def test_TX_32_chain_of_a_foreign_token_is_never_mixed_with_ours(world, user):
    """Another issuer's actors are not our clients, and might be named like them: such a token is refused."""
    refused(exchange(world, user, subject_token=user.id_token(act={"sub": world.ag2.id})), "invalid_request")


def test_TX_32_disabled_client_anywhere_in_the_chain(legate, registry, world):
    agent = registry.agent(world.r1, world.r2)
    user = world.user(agent)
    token = user.delegated(agent)
    granted(world.ag2.exchange(token, resource=world.r2.uri, scope="a:read"))
    assert legate.admin("PATCH", f"/clients/{agent.id}", {"enabled": False}).status_code == 200
    refused(world.ag2.exchange(token, resource=world.r2.uri, scope="a:read"), "invalid_request")


def test_TX_33_claims_as_form_parameters(world, user):
    body = granted(
        exchange(world, user, act='{"sub":"root"}', may_act='{"sub":"root"}', sub="root", client_name="root")
    )
    claims = claims_of(body["access_token"])
    assert claims["sub"] == user.sub and claims["act"] == {"sub": world.ag1.id} and "may_act" not in claims


def test_TX_34_actor_token_that_is_delegated_itself(world, user):
    actor = user.delegated()
    answer = exchange(world, user, actor_token=actor, actor_token_type=ACCESS_TOKEN)
    if answer.status_code == 200:
        assert claims_of(answer.json()["access_token"])["act"]["sub"] == world.ag1.id
    else:
        refused(answer, "invalid_request")


# Who may not


def test_TX_36_client_without_the_grant(world):
    user = world.user(world.nox)
    refused(exchange(world, user, world.nox), "unauthorized_client")


def test_TX_37_no_client_authentication(legate, world, user):
    form = {"grant_type": TOKEN_EXCHANGE, "subject_token": user.id_token(), "subject_token_type": JWT}
    not_authenticated(legate.post("/token", form))
    not_authenticated(legate.post("/token", {**form, "client_id": world.ag1.id}))


def test_TX_38_no_delegation_no_token(world):
    refused(exchange(world, world.user(), world.ag2), "invalid_request")
    stranger = world.idp.token(unique("stranger"))
    refused(world.ag1.exchange(stranger, JWT, resource=world.r1.uri), "invalid_request")


def test_TX_38_confused_deputy(registry, world, user):
    """A token that someone else holds is no use to a client that is neither its audience nor its owner."""
    bystander = registry.agent(world.r1, world.r2)
    refused(bystander.exchange(user.delegated(), resource=world.r2.uri), "invalid_request")
    refused(bystander.exchange(world.cb.token(resource=world.r1.uri), resource=world.r2.uri), "invalid_request")


def test_TX_rule_lets_users_delegate_by_presenting_themselves(registry, world):
    agent = registry.agent(world.r1, world.r2)
    idp = registry.identity_provider()
    registry.rule(idp, agent, [world.r1], ["a:read"], group="staff", max_ttl=120)
    name = unique("user")
    refused(agent.exchange(idp.token(name), JWT, resource=world.r1.uri), "invalid_request")
    refused(agent.exchange(idp.token(name, groups=["guests"]), JWT, resource=world.r1.uri), "invalid_request")
    body = granted(agent.exchange(idp.token(name, groups=["guests", "staff"]), JWT, resource=world.r1.uri))
    claims = claims_of(body["access_token"])
    assert claims["delegation_id"] and body["expires_in"] <= 120 and scopes(claims) == {"a:read"}
    made = registry.legate.fetch(f"/delegations/{claims['delegation_id']}")
    assert made["subject"] == {"iss": idp.issuer, "sub": name} and made["client_id"] == agent.id
    refused(
        agent.exchange(idp.token(name, groups=["staff"]), JWT, resource=world.r1.uri, scope="a:write"), "invalid_scope"
    )


def test_TX_workload_proves_itself_by_its_actor_token(registry, world):
    """A client with `auth: workload` has no credential: a trusted issuer's token that is mapped to it is enough."""
    cluster = registry.identity_provider()
    account = "system:serviceaccount:agents:planner"
    workload = registry.client(
        "workload",
        resources=[world.r1],
        auth="workload",
        grants=("token_exchange",),
        workloads=[{"issuer": cluster.name, "subject": account}],
    )
    assert workload.secret is None
    user = world.user(workload)

    def ask(actor: str, **form):
        body = {
            "grant_type": TOKEN_EXCHANGE,
            "subject_token": user.id_token(),
            "subject_token_type": JWT,
            "actor_token": actor,
            "actor_token_type": JWT,
            "resource": world.r1.uri,
            **form,
        }
        return registry.legate.post("/token", body)

    claims = claims_of(granted(ask(cluster.token(account)))["access_token"])
    assert claims["client_id"] == workload.id and claims["act"]["sub"] == workload.id and claims["sub"] == user.sub
    assert ask(cluster.token("system:serviceaccount:agents:other")).status_code in (400, 401)
    assert ask(world.idp.token(account)).status_code in (400, 401)
    assert ask(cluster.token(account, exp=int(time.time()) - 1)).status_code in (400, 401)


# Ends


def test_TX_42_revoked_delegation(legate, world):
    user = world.user()
    first = user.delegated()
    second = world.ag2.exchanged(first, resource=world.r2.uri, scope="a:read")
    path = f"/delegations/{user.delegation['delegation_id']}/revoke"
    answer = legate.admin("POST", path, {"reason": "done"})
    assert answer.status_code == 200 and answer.json()["status"] == "revoked"
    inactive(world.rs1.introspect(first))
    inactive(world.rs2.introspect(second))
    refused(exchange(world, user), "invalid_request")
    refused(world.ag2.exchange(first, resource=world.r2.uri, scope="a:read"), "invalid_request")
    refused(world.ag1.exchange(first, resource=world.r2.uri, scope="a:read"), "invalid_request")


def test_TX_42_narrowed_delegation(legate, world):
    user = world.user()
    path = f"/delegations/{user.delegation['delegation_id']}"
    assert legate.admin("PATCH", path, {"scopes": ["a:read"]}).status_code == 200
    refused(exchange(world, user, scope="a:write"), "invalid_scope")
    assert scopes(granted(exchange(world, user))) == {"a:read"}
    assert legate.admin("PATCH", path, {"scopes": ["a:read", "a:write"]}).status_code == 400


def test_TX_42_expired_delegation(world):
    user = world.user(expires_in=1)
    time.sleep(2.1)
    refused(exchange(world, user), "invalid_request")


def test_TX_which_of_several_delegations(registry, world):
    """The request may name one; else the newest that covers all that is asked; never their union."""
    name = unique("user")
    reads = registry.delegation(world.idp, name, world.ag1, [world.r1], ["a:read"])
    writes = registry.delegation(world.idp, name, world.ag1, [world.r1], ["a:write"])
    token = world.idp.token(name)

    def ask(**form):
        return world.ag1.exchange(token, JWT, resource=world.r1.uri, **form)

    assert claims_of(granted(ask(scope="a:read"))["access_token"])["delegation_id"] == reads["delegation_id"]
    assert claims_of(granted(ask(scope="a:write"))["access_token"])["delegation_id"] == writes["delegation_id"]
    refused(ask(scope="a:read a:write"), "invalid_scope")
    named = granted(ask(delegation_id=reads["delegation_id"]))
    assert scopes(named) == {"a:read"}
    refused(ask(delegation_id=reads["delegation_id"], scope="a:write"), "invalid_scope")
    other = world.user().delegation["delegation_id"]
    for wrong in (other, "unheard-of", "x" * 300):
        refused(ask(delegation_id=wrong), "invalid_request")


def test_TX_44_revocation_during_exchanges(legate, world):
    user = world.user()
    subject = user.id_token()
    tokens, statuses, lock = [], [], threading.Lock()

    def work() -> None:
        for _ in range(25):
            answer = world.ag1.exchange(subject, JWT, resource=world.r1.uri)
            with lock:
                statuses.append(answer.status_code)
                if answer.status_code == 200:
                    tokens.append(answer.json()["access_token"])

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    while len(statuses) < 20:
        time.sleep(0.01)
    path = f"/delegations/{user.delegation['delegation_id']}/revoke"
    assert legate.admin("POST", path, {}).status_code == 200
    for worker in workers:
        worker.join()
    assert set(statuses) == {200, 400}, "the revocation came in the middle"
    assert not [token for token in tokens if world.rs1.sees(token)]


@pytest.mark.parametrize(
    "typ", ["secevent+jwt", "dpop+jwt", "statuslist+jwt", "oauth-id-jag+jwt", "token-introspection+jwt"]
)
def test_TX_45_other_kinds_of_jwt_as_subject(world, user, typ):
    refused(exchange(world, user, subject_token=user.id_token({"typ": typ})), "invalid_request")


@pytest.mark.parametrize("kind", [JWT, ACCESS_TOKEN], ids=["jwt", "access_token"])
def test_TX_45_our_own_other_jwts_as_subject(legate, world, user, kind):
    assertion = world.cj.assertion()
    metadata = legate.get(f"/resources/{world.r1.name}/oauth-protected-resource").json()["signed_metadata"]
    answer = world.rs1.post(
        "/introspect", {"token": user.delegated()}, headers={"Accept": "application/token-introspection+jwt"}
    )
    for token in (assertion, metadata, answer.text):
        refused(exchange(world, user, subject_token=token, subject_token_type=kind), "invalid_request")


@pytest.mark.parametrize("typ", [None, "JWT", "at+jwt"])
def test_TX_45_types_of_foreign_tokens_that_are_taken(world, user, typ):
    granted(exchange(world, user, subject_token=user.id_token({"typ": typ})))


def test_TX_46_subject_token_twice(world, user):
    token = user.id_token()
    refused(exchange(world, user, subject_token=[token, token]), "invalid_request")
    refused(exchange(world, user, subject_token_type=[JWT, JWT]), "invalid_request")


@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "Ed25519", "RS256", "PS256"])
def test_TX_algorithms_of_trusted_issuers(registry, world, alg):
    idp = registry.identity_provider(alg)
    name = unique("user")
    registry.delegation(idp, name, world.ag1, [world.r1], ["a:read"])
    token = world.ag1.exchanged(idp.token(name), JWT, resource=world.r1.uri)
    assert claims_of(token)["sub"] == f"{idp.name}|{name}"


def test_TX_agreed_audience_and_subject_claim(registry, world):
    idp = registry.identity_provider(audiences=["api://agents"], subject_claim="oid")
    name = unique("user")
    registry.delegation(idp, name, world.ag1, [world.r1], ["a:read"])
    granted(world.ag1.exchange(idp.token("pairwise", aud="api://agents", oid=name), JWT, resource=world.r1.uri))
    granted(
        world.ag1.exchange(idp.token("x", aud=["api://other", "api://agents"], oid=name), JWT, resource=world.r1.uri)
    )
    refused(world.ag1.exchange(idp.token("x", oid=name), JWT, resource=world.r1.uri), "invalid_request")
    refused(world.ag1.exchange(idp.token(name, aud="api://agents"), JWT, resource=world.r1.uri), "invalid_request")


def test_TX_key_of_one_issuer_signs_for_no_other(registry, world, user):
    other = registry.identity_provider()
    forged = other.key.sign(world.idp.claims(user.name))
    refused(exchange(world, user, subject_token=forged), "invalid_request")
    forged = other.key.sign(world.idp.claims(user.name), {"kid": world.idp.key.kid})
    refused(exchange(world, user, subject_token=forged), "invalid_request")


def test_TX_distrusted_issuer(legate, registry, world):
    idp = registry.identity_provider()
    name = unique("user")
    registry.delegation(idp, name, world.ag1, [world.r1], ["a:read"])
    token = world.ag1.exchanged(idp.token(name), JWT, resource=world.r1.uri)
    active(world.rs1.introspect(token))
    assert legate.admin("DELETE", f"/issuers/{idp.name}").status_code == 204
    inactive(world.rs1.introspect(token))
    refused(world.ag1.exchange(idp.token(name), JWT, resource=world.r1.uri), "invalid_request")


def test_TX_reason_goes_to_the_audit_and_not_into_the_token(legate, world, user):
    reason = f"because {secrets.token_hex(4)}"
    token = user.delegated(reason=reason)
    assert reason not in str(claims_of(token))
    record = legate.fetch(f"/audit/trace/{claims_of(token)['jti']}")["token"]
    assert record["request_context"] == reason or reason in str(record["request_context"])
    assert record["delegating_user"] and record["delegation_id"] == user.delegation["delegation_id"]
