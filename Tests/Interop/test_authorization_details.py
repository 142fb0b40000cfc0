"""Rich authorization requests (RFC 9396) on the real wire: a bank, a buying agent, and a user with a small purse."""

import json
import random
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import pytest

from actors import JWT, Client, IdentityProvider, Registry, Resource, World, unique
from checks import active, bearer_challenge, granted, inactive, refused
from jose import Key, claims_of

ERROR = "invalid_authorization_details"

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["amount", "currency", "creditor"],
    "properties": {
        "amount": {"type": "number", "minimum": 0, "maximum": 100000, "x-legate-narrows": "max"},
        "currency": {"type": "string", "enum": ["EUR", "USD"]},
        "creditor": {"type": "string", "minLength": 1, "maxLength": 34, "x-legate-narrows": "pin"},
        "actions": {
            "type": "array",
            "minItems": 1,
            "uniqueItems": True,
            "x-legate-narrows": "subset",
            "items": {"type": "string", "enum": ["initiate", "status", "cancel"]},
        },
    },
}


def payment(amount: float, creditor: str | None = "ACME", at: Resource | None = None, **members) -> dict:
    """A detail; without a creditor and with a place it is one to be registered."""
    detail = {"type": "payment", "amount": amount, "currency": "EUR", **members}
    if creditor is not None:
        detail["creditor"] = creditor
    if at is not None:
        detail["locations"] = [at.uri]
    return detail


def details(*items: dict) -> dict[str, str]:
    return {"authorization_details": json.dumps(items)}


@dataclass
class Market:
    world: World
    bank: Resource
    buyer: Client
    api: Client
    user: str

    def buy(self, *items: dict, **form):
        """The buyer asks to act for the user."""
        token = self.world.idp.token(self.user)
        return self.buyer.exchange(token, JWT, resource=self.bank.uri, **(details(*items) if items else {}), **form)

    def own(self, *items: dict, **form):
        """The buyer asks for itself."""
        return self.buyer.ask(resource=self.bank.uri, **(details(*items) if items else {}), **form)


@pytest.fixture(scope="module")
def market(world: World, registry: Registry) -> Market:
    bank = registry.resource(
        "bank", ("payments:write",), authorization_details_types=[{"type": "payment", "schema": SCHEMA}]
    )
    buyer = registry.agent(
        bank,
        world.r1,
        authorization_details=[
            payment(500, None, bank),
            payment(500, None, bank, actions=["initiate", "status"]),
        ],
    )
    user = unique("user")
    registry.delegation(
        world.idp, user, buyer, [bank], ["payments:write"], authorization_details=[payment(200, None, bank)]
    )
    return Market(world, bank, buyer, registry.resource_server(bank), user)


def test_the_details_stand_in_answer_token_introspection_and_trail(market: Market, legate):
    wanted = [payment(120), payment(30, "Other")]
    registry = Registry(legate)
    generous = unique("user")
    registry.delegation(
        market.world.idp,
        generous,
        market.buyer,
        [market.bank],
        ["payments:write"],
        authorization_details=[payment(200, None, market.bank)],
    )
    token = market.world.idp.token(generous)
    body = granted(market.buyer.exchange(token, JWT, resource=market.bank.uri, **details(*wanted)))
    assert body["authorization_details"] == wanted
    claims = claims_of(body["access_token"])
    assert claims["authorization_details"] == wanted and claims["scope"] == "payments:write"
    assert active(market.api.introspect(body["access_token"]))["authorization_details"] == wanted
    records = [r for r in legate.audit(client_id=market.buyer.id) if r.get("jti") == claims["jti"]]
    assert [r["authorization_details"] for r in records if r["event"] == "token.exchanged"] == [wanted]
    assert legate.fetch("/audit/verify")["valid"] is True


def test_INTR_14_introspection_tells_those_concerned(market: Market, registry: Registry):
    body = granted(market.own(payment(1)))
    token = body["access_token"]
    for party in (market.api, market.buyer, registry.gateway(market.bank), registry.operator("tokens:read")):
        assert active(party.introspect(token))["authorization_details"] == [payment(1)]
    for party in (market.world.rs1, registry.gateway(market.world.r1), registry.agent(market.bank)):
        inactive(party.introspect(token))


def test_META_18_each_listed_type_is_accepted_and_no_other(market: Market, legate):
    assert "payment" in legate.metadata["authorization_details_types_supported"]
    document = legate.get(f"/resources/{market.bank.name}/oauth-protected-resource").json()
    assert document["authorization_details_types_supported"] == ["payment"]
    other = legate.get(f"/resources/{market.world.r1.name}/oauth-protected-resource").json()
    assert "authorization_details_types_supported" not in other
    granted(market.own(payment(1)))
    refused(market.own({**payment(1), "type": "transfer"}), ERROR)
    # What one resource lists is nothing at another.
    refused(market.buyer.ask(resource=market.world.r1.uri, **details(payment(1))), ERROR)


@pytest.mark.parametrize(
    "value",
    [
        "not json",
        "{}",
        "[]",
        "[[]]",
        "[null]",
        '[{"amount":1}]',
        '[{"type":7}]',
        '[{"type":"unknown"}]',
        json.dumps([{**payment(1), "iban": "x"}]),
        json.dumps([{**payment(1), "amount": "1"}]),
        json.dumps([{**payment(1), "amount": None}]),
        json.dumps([{**payment(1), "actions": "status"}]),
        json.dumps([{**payment(1), "actions": []}]),
        json.dumps([{**payment(1), "actions": ["status", "status"]}]),
        json.dumps([{**payment(1), "creditor": "a\u0007b"}]),
        json.dumps([{**payment(1), "locations": ["https://elsewhere.example.com"]}]),
        json.dumps([{**payment(1), "locations": []}]),
        '[{"type":"payment","amount":1,"amount":2,"currency":"EUR","creditor":"A"}]',
        '[{"type":"payment","amount":1e999,"currency":"EUR","creditor":"A"}]',
        '[{"type":"payment","amount":NaN,"currency":"EUR","creditor":"A"}]',
        json.dumps([payment(1)] * 17),
        "[" * 5000 + "]" * 5000,
        json.dumps([{**payment(1), "creditor": "x" * 9000}]),
    ],
    ids=lambda value: value[:40],
)
def test_CC_24_what_is_not_a_known_detail_is_refused(market: Market, legate, value):
    refused(market.buyer.ask(resource=market.bank.uri, authorization_details=value), ERROR)
    legate.assert_alive()


def test_the_parameter_twice(market: Market):
    form = {"grant_type": "client_credentials", "resource": market.bank.uri}
    twice = [json.dumps([payment(1)]), json.dumps([payment(2)])]
    refused(market.buyer.post("/token", {**form, "authorization_details": twice}), "invalid_request")


@pytest.mark.parametrize(
    ("detail", "member", "who"),
    [
        (payment(200.01), "[0].amount", "the delegation"),
        (payment(1, currency="USD"), "[0].currency", "the client"),
        (payment(1, actions=["status"]), "[0].actions", "the delegation"),
    ],
    ids=["amount", "currency", "actions"],
)
def test_nobody_gets_more_than_the_user_gave(market: Market, detail, member, who):
    body = refused(market.buy(detail), ERROR)
    assert f"{member} is not allowed by {who}" in body["error_description"]


def test_an_exchange_narrows_and_never_widens(market: Market):
    token = granted(market.buy(payment(120)))["access_token"]

    def again(subject: str, *items: dict):
        form = details(*items) if items else {}
        return market.buyer.exchange(subject, resource=market.bank.uri, **form)

    assert granted(again(token))["authorization_details"] == [payment(120)]
    less = granted(again(token, payment(80)))
    assert less["authorization_details"] == [payment(80)]
    for wider in (payment(81), payment(80, "Other"), payment(80, None), payment(80, actions=["status"])):
        refused(again(less["access_token"], wider), ERROR)
    refused(again(less["access_token"], payment(80), payment(80)), ERROR)


def test_HOST_70_details_and_scopes_do_not_make_up_for_one_another(market: Market):
    plain = granted(market.own(scope="payments:write"))["access_token"]
    refused(market.buyer.exchange(plain, resource=market.bank.uri, **details(payment(1))), ERROR)
    bound = granted(market.own(payment(1)))["access_token"]
    answer = market.buyer.exchange(
        bound, resource=market.bank.uri, scope="payments:write a:read", **details(payment(1))
    )
    refused(answer, "invalid_scope")
    # There is no way to lose the details on a round trip through a resource that does not know them.
    refused(market.buyer.exchange(bound, resource=market.world.r1.uri), ERROR, "invalid_scope")


def test_a_resource_that_requires_details(registry: Registry):
    bank = registry.resource(
        "strict",
        ("p",),
        authorization_details_types=[{"type": "payment", "schema": SCHEMA}],
        require_authorization_details=True,
    )
    buyer = registry.agent(bank, authorization_details=[payment(5, None, bank)])
    refused(buyer.ask(resource=bank.uri), ERROR)
    granted(buyer.ask(resource=bank.uri, **details(payment(5))))


def test_RS_10_a_call_beyond_the_details_is_denied(market: Market, legate):
    token = granted(market.own(payment(100)))["access_token"]

    def check(*items: dict):
        query = {"resource": market.bank.name, **(details(*items) if items else {})}
        return legate.request("GET", "/check", params=query, headers={"Authorization": f"Bearer {token}"})

    assert check().status_code == 204
    assert check(payment(99.5)).status_code == 204
    for beyond in ([payment(101)], [payment(1, "Other")], [payment(60), payment(60)]):
        parameters = bearer_challenge(check(*beyond), 403, "insufficient_authorization")
        assert parameters["resource_metadata"]
    assert check({"type": "unknown"}).status_code == 400


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}, "properties.a.pattern"),
        ({"type": "object", "properties": {"a": {"$ref": "#"}}}, "properties.a.type"),
        ({"type": "object", "properties": {}, "additionalProperties": True}, "additionalProperties"),
        ({"type": "object", "properties": {"a": {"type": "string"}}, "anyOf": []}, "anyOf"),
        ({"type": "array", "items": {"type": "string"}}, "type"),
        (True, ""),
    ],
    ids=["pattern", "reference", "open", "combinator", "array", "boolean"],
)
def test_HOST_33_a_schema_that_is_not_all_understood_is_refused_by_path(legate, schema, path):
    name = unique("api")
    types = [{"type": "t", "schema": schema}]
    body = {"resource": f"https://{name}.example.com", "name": name, "authorization_details_types": types}
    answer = legate.admin("POST", "/resources", body)
    assert answer.status_code == 400, answer.text
    fields = [error["field"] for error in answer.json()["errors"]]
    assert ("authorization_details_types[0].schema." + path).rstrip(".") in fields


@pytest.mark.parametrize("seed", range(3))
def test_an_independent_validator_agrees(market: Market, seed):
    """Whatever Legate accepts as a detail is valid by the JSON Schema of the type, and the other way round."""
    dice = random.Random(seed)
    validator = jsonschema.Draft202012Validator({**SCHEMA, "additionalProperties": False})
    accepted = 0
    for _ in range(60):
        content = {
            "amount": dice.choice([0, 1, 2.5, 499, -1, 100001, "1", True, None]),
            "currency": dice.choice(["EUR", "EUR", "EUR", "eur", 7]),
            "creditor": dice.choice(["ACME", "Ä", "", "x" * 34, "x" * 35, ["ACME"]]),
            "actions": dice.choice([["status"], ["status", "initiate"], [], ["status", "status"], "status"]),
            "more": 1,
        }
        for member, odds in (("actions", 0.6), ("more", 0.9), ("amount", 0.1), ("currency", 0.1), ("creditor", 0.1)):
            if dice.random() < odds:
                del content[member]
        valid = validator.is_valid(content)
        answer = market.own({"type": "payment", **content})
        assert (answer.status_code == 200) == valid, f"{content} {answer.text}"
        accepted += valid
    assert accepted, "the dice never made a valid detail"


def test_the_command_line(market: Market, legate, tmp_path, registry: Registry):
    def file(name: str, content) -> str:
        path = tmp_path / name
        path.write_text(json.dumps(content))
        return str(path)

    name = unique("shop")
    uri = f"https://{name}.example.com"
    kind = file("payment.json", {"type": "payment", "schema": SCHEMA})
    made = legate.cli(
        *("resource", "create", uri, "--name", name, "--scope", "p"),
        *("--authorization-details-type", kind, "--require-authorization-details"),
    )
    assert made["authorization_details_types"][0]["type"] == "payment" and made["require_authorization_details"]
    place = Resource(uri, name, ["p"])
    ceiling = file("ceiling.json", [payment(50, None, place)])
    client = unique("cli")
    secret = legate.cli(
        *("client", "create", "Buyer", "--id", client, "--resource", uri, "--scope", "p"),
        *("--grant", "client_credentials", "token_exchange", "--authorization-details", ceiling),
    )["client_secret"]
    purse = file("secret", "")
    (tmp_path / "secret").write_text(secret)
    common = ("--issuer", market.world.idp.name, "--client", client, "--scope", "p", "--resource", uri)
    rule = legate.cli("delegation", "allow", *common, "--authorization-details", ceiling)
    assert rule["authorization_details"] == [payment(50, None, place)]
    user = unique("user")
    delegation = legate.cli("delegation", "create", *common, "--subject", user, "--authorization-details", ceiling)
    smaller = file("smaller.json", [payment(20, None, place)])
    narrowed = legate.cli("delegation", "narrow", delegation["delegation_id"], "--authorization-details", smaller)
    assert narrowed["authorization_details"] == [payment(20, None, place)]
    order = file("order.json", [payment(20)])
    acting = ("--client", client, "--secret-file", purse)
    issued = legate.cli("token", "issue", *acting, "--resource", uri, "--authorization-details", order)
    assert issued["authorization_details"] == [payment(20)]
    (tmp_path / "user.jwt").write_text(market.world.idp.token(user))
    subject = ("--subject-token-file", str(tmp_path / "user.jwt"), "--subject-token-type", "jwt")
    exchanged = legate.cli("token", "exchange", *acting, *subject, "--resource", uri, "--authorization-details", order)
    assert exchanged["authorization_details"] == [payment(20)]
    updated = legate.cli("client", "update", client, "--authorization-details", "")
    assert updated["authorization_details"] == []
    updated = legate.cli(
        "resource", "update", name, "--no-require-authorization-details", "--authorization-details-type", ""
    )
    assert updated["authorization_details_types"] == [] and not updated["require_authorization_details"]


def test_the_example_of_the_page_works_as_it_stands(own_legate):
    """Docs/AuthorizationDetails.md: its JSON goes into the files, its commands are run, its refusal is what comes."""
    page = (Path(__file__).resolve().parents[2] / "Docs" / "AuthorizationDetails.md").read_text()
    kind, buyer, order, refusal = map(json.loads, re.findall(r"```json\n(.*?)```", page, re.DOTALL))
    blocks = re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
    commands = [shlex.split(block.replace("\\\n", " ")) for block in blocks]
    assert [command[1:3] for command in commands] == [
        ["resource", "create"],
        ["client", "create"],
        ["delegation", "create"],
        ["token", "exchange"],
    ]
    corp = IdentityProvider(own_legate, "corp", "https://corp.example.org", Key.make("ES256"))
    own_legate.create("/issuers", {"name": "corp", "issuer": corp.issuer, "jwks": corp.key.jwks()})
    files = {
        "payment.json": kind,
        "buyer.json": buyer,
        "alice.json": [{**buyer[0], "amount": 200}],
        "order.json": order,
    }
    for name, content in files.items():
        (own_legate.directory / name).write_text(json.dumps(content))
    (own_legate.directory / "alice.jwt").write_text(corp.token("alice"))
    own_legate.cli(*commands[0][1:])
    made = own_legate.cli(*commands[1][1:])
    (own_legate.directory / "buyer.secret").write_text(made["client_secret"])
    own_legate.cli(*commands[2][1:])
    assert own_legate.cli(*commands[3][1:])["authorization_details"] == order
    client = Client(own_legate, "buyer", made["client_secret"])
    form = details({**order[0], "amount": 250})
    assert client.exchange(corp.token("alice"), JWT, resource="https://bank.example.com", **form).json() == refusal
