"""The people of the play, by name: agents, gateways, resource servers, operators and an identity provider."""

import itertools
import secrets
import time
from dataclasses import dataclass
from typing import Any

import requests

from jose import Key
from keyserver import KeyServer
from server import Legate

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
JWT = "urn:ietf:params:oauth:token-type:jwt"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"

_numbers = itertools.count(1)
_run = secrets.token_hex(2)


def unique(name: str = "x") -> str:
    """A name that nothing else on this server has."""
    return f"{name}-{_run}{next(_numbers)}"


@dataclass
class Resource:
    uri: str
    name: str
    scopes: list[str]


@dataclass
class Client:
    """A registered client and what it proves itself with: a secret, a key, or (a workload) nothing."""

    legate: Legate
    id: str
    secret: str | None = None
    key: Key | None = None

    @property
    def basic(self) -> tuple[str, str]:
        assert self.secret is not None
        return (self.id, self.secret)

    def assertion_claims(self, **changes: Any) -> dict:
        """Claims of a good client assertion (RFC 7523bis), with changes; a change to None removes the claim."""
        now = int(time.time())
        claims = {
            "iss": self.id,
            "sub": self.id,
            "aud": self.legate.issuer,
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_urlsafe(16),
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def assertion(self, header: dict | None = None, *, key: Key | None = None, **changes: Any) -> str:
        signer = key or self.key
        assert signer is not None
        return signer.sign(self.assertion_claims(**changes), header)

    def credentials(self) -> dict:
        """Form members that authenticate this client."""
        if self.key is not None:
            return {"client_assertion_type": JWT_BEARER, "client_assertion": self.assertion()}
        return {}

    def post(self, path: str, form: dict, **options: Any) -> requests.Response:
        """An authenticated form post."""
        if self.secret is not None:
            options.setdefault("auth", self.basic)
        return self.legate.post(path, {**form, **self.credentials()}, **options)

    def ask(self, **form: Any) -> requests.Response:
        """A client_credentials request."""
        return self.post("/token", {"grant_type": "client_credentials", **_present(form)})

    def token(self, **form: Any) -> str:
        """An access token, or a failed test."""
        return _token(self.ask(**form))

    def exchange(self, subject_token: str, subject_token_type: str = ACCESS_TOKEN, **form: Any) -> requests.Response:
        """A token exchange (RFC 8693)."""
        body = {"grant_type": TOKEN_EXCHANGE, "subject_token": subject_token, "subject_token_type": subject_token_type}
        return self.post("/token", {**body, **_present(form)})

    def exchanged(self, subject_token: str, subject_token_type: str = ACCESS_TOKEN, **form: Any) -> str:
        return _token(self.exchange(subject_token, subject_token_type, **form))

    def introspect(self, token: str, **form: Any) -> requests.Response:
        return self.post("/introspect", {"token": token, **_present(form)})

    def sees(self, token: str) -> bool:
        """Whether introspection calls the token active."""
        answer = self.introspect(token)
        assert answer.status_code == 200, answer.text
        return answer.json()["active"]

    def revoke(self, token: str, **form: Any) -> requests.Response:
        return self.post("/revoke", {"token": token, **_present(form)})


def _present(form: dict) -> dict:
    return {name: value for name, value in form.items() if value is not None}


def _token(answer: requests.Response) -> str:
    assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
    return answer.json()["access_token"]


@dataclass
class IdentityProvider:
    """A trusted issuer: it signs for its users, and publishes its keys in a file or on a key server."""

    legate: Legate
    name: str
    issuer: str
    key: Key

    def claims(self, subject: str, **changes: Any) -> dict:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": subject,
            "aud": self.legate.issuer,
            "iat": now,
            "exp": now + 600,
            "jti": secrets.token_urlsafe(16),
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, subject: str, header: dict | None = None, *, key: Key | None = None, **changes: Any) -> str:
        return (key or self.key).sign(self.claims(subject, **changes), header)


class Registry:
    """Registers actors on one server through the admin API."""

    def __init__(self, legate: Legate):
        self.legate = legate

    def resource(self, name: str = "api", scopes: tuple[str, ...] = ("a:read", "a:write"), **members: Any) -> Resource:
        name = unique(name)
        body = {"resource": f"https://{name}.example.com/v1", "name": name, "scopes": list(scopes), **members}
        self.legate.create("/resources", body)
        return Resource(body["resource"], name, list(scopes))

    def client(
        self,
        name: str = "agent",
        *,
        kind: str = "agent",
        resources: tuple[Resource | str, ...] | list = (),
        scopes: tuple[str, ...] | None = None,
        grants: tuple[str, ...] = ("client_credentials", "token_exchange"),
        key: Key | None = None,
        acts_as: Resource | None = None,
        legate: Legate | None = None,
        **members: Any,
    ) -> Client:
        """A client with a secret, or with `key` for private_key_jwt; its scopes are all those of its resources."""
        legate = legate or self.legate
        if scopes is None:
            scopes = tuple({s: None for r in resources if isinstance(r, Resource) for s in r.scopes})
        body: dict[str, Any] = {
            "client_id": unique(name),
            "name": name,
            "kind": kind,
            "grants": list(grants),
            "resources": [r.uri if isinstance(r, Resource) else r for r in resources],
            "scopes": list(scopes),
            **members,
        }
        if key is not None:
            body |= {"auth": "private_key_jwt"} | ({} if "jwks_uri" in members else {"jwks": key.jwks()})
        if acts_as is not None:
            body["acts_as"] = acts_as.uri
        created = legate.create("/clients", body)
        return Client(legate, created["client_id"], created.get("client_secret"), key)

    def agent(self, *resources: Resource, **members: Any) -> Client:
        return self.client("agent", resources=resources, **members)

    def resource_server(self, resource: Resource, **members: Any) -> Client:
        """A client that is the resource: it may introspect, and exchange, tokens addressed to it."""
        return self.client("rs", kind="resource", acts_as=resource, **members)

    def gateway(self, *resources: Resource, **members: Any) -> Client:
        return self.client("gateway", kind="gateway", resources=resources, **members)

    def operator(self, *scopes: str, **members: Any) -> Client:
        """A client of the admin API with these scopes only."""
        admin = f"{self.legate.issuer}/admin"
        return self.client("operator", kind="admin", resources=(admin,), scopes=scopes, **members)

    def identity_provider(
        self, alg: str = "ES256", *, served_by: KeyServer | None = None, key: Key | None = None, **members: Any
    ) -> IdentityProvider:
        name = unique("idp")
        provider = IdentityProvider(self.legate, name, f"https://{name}.example.org", key or Key.make(alg))
        body: dict[str, Any] = {"name": name, "issuer": provider.issuer}
        if served_by is not None:
            body["jwks_uri"] = served_by.serve(f"/{name}/jwks", provider.key.jwks())
        elif "jwks_uri" not in members and "jwks" not in members:
            body["jwks"] = provider.key.jwks()
        self.legate.create("/issuers", {**body, **members})
        return provider

    def delegation(
        self,
        provider: IdentityProvider,
        subject: str,
        client: Client,
        resources: list[Resource],
        scopes: list[str],
        **members: Any,
    ) -> dict:
        body = {
            "issuer": provider.name,
            "subject": subject,
            "client_id": client.id,
            "resources": [resource.uri for resource in resources],
            "scopes": scopes,
            **members,
        }
        return self.legate.create("/delegations", body)

    def rule(self, provider: IdentityProvider, client: Client, resources: list[Resource], scopes: list[str], **members):
        body = {
            "issuer": provider.name,
            "client_id": client.id,
            "resources": [resource.uri for resource in resources],
            "scopes": scopes,
            **members,
        }
        return self.legate.create("/delegation-rules", body)


class World:
    """What the conformance rows are about: resources R1 to R3, clients by their way of proving themselves, one user.

    Tests that fail a client's authentication make a client of their own: ten failures a minute close the door for it.
    """

    def __init__(self, registry: Registry):
        self.registry = registry
        self.legate = registry.legate
        self.r1 = registry.resource("r1", ("a:read", "a:write"))
        self.r2 = registry.resource("r2", ("a:read", "b:read"))
        self.r3 = registry.resource("r3", ("a:read", "c:read"))
        self.r9 = f"https://{unique('r9')}.example.com/v1"
        self.cb = registry.agent(self.r1, self.r2)
        self.cj = registry.agent(self.r1, self.r2, key=Key.make("ES256"))
        self.ag1 = registry.agent(self.r1, self.r2)
        self.ag2 = registry.agent(self.r1, self.r2, acts_as=self.r1)
        self.nox = registry.agent(self.r1, self.r2, grants=("client_credentials",))
        self.rs1 = registry.resource_server(self.r1)
        self.rs2 = registry.resource_server(self.r2)
        self.idp = registry.identity_provider()

    def user(
        self, *clients: Client, scopes: tuple[str, ...] = ("a:read", "a:write", "b:read"), **members: Any
    ) -> "User":
        """A new user who has delegated R1 and R2 to the clients (AG1 unless named)."""
        name = unique("user")
        delegations = [
            self.registry.delegation(self.idp, name, client, [self.r1, self.r2], list(scopes), **members)
            for client in clients or (self.ag1,)
        ]
        return User(self, name, delegations)


@dataclass
class User:
    world: World
    name: str
    delegations: list[dict]

    @property
    def sub(self) -> str:
        """How our tokens name this user."""
        return f"{self.world.idp.name}|{self.name}"

    @property
    def delegation(self) -> dict:
        assert len(self.delegations) == 1
        return self.delegations[0]

    def id_token(self, header: dict | None = None, **changes: Any) -> str:
        return self.world.idp.token(self.name, header, **changes)

    def delegated(self, client: Client | None = None, resource: Resource | None = None, **form: Any) -> str:
        """The user's token, exchanged by the client (AG1) into one for the resource (R1)."""
        world = self.world
        return (client or world.ag1).exchanged(self.id_token(), JWT, resource=(resource or world.r1).uri, **form)
