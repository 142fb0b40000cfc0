"""Keys of trusted issuers: fetched when needed, seldom, and only from where they may be fetched."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from actors import JWT, IdentityProvider, Registry, World, unique
from checks import granted, problem, refused
from jose import Key
from server import Legate
from test_tls import Authority


@pytest.fixture
def provider(registry, key_server):
    """An identity provider with published keys, and the path they are published at."""
    idp = registry.identity_provider(served_by=key_server)
    return idp, f"/{idp.name}/jwks"


def exchanging(world, idp):
    """A function that exchanges a token of one of the provider's users; its arguments shape the token."""
    name = unique("user")
    world.registry.delegation(idp, name, world.ag1, [world.r1], ["a:read"])

    def exchange(**options):
        return world.ag1.exchange(idp.token(name, **options), JWT, resource=world.r1.uri)

    return exchange


# How often


def test_keys_are_fetched_once(world, key_server, provider):
    idp, path = provider
    exchange = exchanging(world, idp)
    for _ in range(6):
        granted(exchange())
    assert key_server.requests[path] == 1


def test_unknown_key_causes_a_fetch_but_not_a_storm(world, key_server, provider):
    idp, path = provider
    exchange = exchanging(world, idp)
    granted(exchange())
    before = key_server.requests[path]
    for number in range(30):
        refused(exchange(key=Key.make("ES256", kid=f"unknown-{number}")), "invalid_request")
    assert key_server.requests[path] - before <= 1
    granted(exchange())


def test_new_key_is_found(world, key_server, provider):
    idp, path = provider
    exchange = exchanging(world, idp)
    granted(exchange())
    new = Key.make("ES256")
    key_server.serve(path, {"keys": [idp.key.jwk(), new.jwk()]})
    end = time.monotonic() + 45
    while (answer := exchange(key=new)).status_code != 200 and time.monotonic() < end:
        refused(answer, "invalid_request")
        time.sleep(2)
    granted(answer)
    assert key_server.requests[path] == 2
    granted(exchange())
    assert key_server.requests[path] == 2


def test_keys_given_by_file_are_never_fetched(world, registry, key_server):
    idp = registry.identity_provider()
    granted(exchanging(world, idp)())
    refused(exchanging(world, idp)(key=Key.make("ES256")), "invalid_request")
    assert key_server.connections == 0


def test_outage_does_not_forget_known_keys(world, key_server, provider):
    idp, path = provider
    exchange = exchanging(world, idp)
    granted(exchange())
    key_server.answer(path, b"gone", status=500)
    refused(exchange(key=Key.make("ES256", kid="unknown")), "invalid_request")
    granted(exchange())


# What comes back


FAULTS = ["hangs", "drips", "500", "404", "10 MB", "endless", "HTML", "not JSON", "no key set", "empty", "redirect"]


@pytest.mark.parametrize("fault", FAULTS)
def test_keys_that_cannot_be_had(registry, world, key_server, fault):
    path, key = f"/{unique('jwks')}", Key.make("ES256")

    def endless(request) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "application/json")
        request.end_headers()
        request.wfile.write(b'{"keys":[')
        for _ in range(2000):
            request.wfile.write(b" " * 10_000)

    url = {
        "hangs": lambda: key_server.hang(path),
        "drips": lambda: key_server.hang(path, after_headers=True),
        "500": lambda: key_server.answer(path, b"{}", status=500),
        "404": lambda: key_server.url(path),
        "10 MB": lambda: key_server.answer(path, b'{"keys":[' + b" " * 10_000_000 + b"]}"),
        "endless": lambda: key_server.behave(path, endless),
        "HTML": lambda: key_server.answer(path, b"<html><body>sign in</body></html>", content_type="text/html"),
        "not JSON": lambda: key_server.answer(path, b"keys"),
        "no key set": lambda: key_server.answer(path, b'{"error":"x"}'),
        "empty": lambda: key_server.answer(path, b'{"keys":[]}'),
        "redirect": lambda: key_server.redirect(path, key_server.serve(f"{path}/elsewhere", key.jwks())),
    }[fault]()
    idp = registry.identity_provider(key=key, jwks_uri=url)
    started = time.monotonic()
    refused(exchanging(world, idp)(), "invalid_request")
    assert time.monotonic() - started < 15
    assert key_server.requests[f"{path}/elsewhere"] == 0
    started = time.monotonic()
    granted(world.cb.ask(resource=world.r1.uri))
    assert time.monotonic() - started < 2, "others noticed"


def test_one_fetch_serves_all_who_wait(world, key_server, registry):
    """A slow identity provider is asked once, not once for each waiting request."""
    key, path = Key.make("ES256"), f"/{unique('jwks')}"
    url = key_server.serve(path, key.jwks())
    quick = key_server._handlers[path]

    def slow(request) -> None:
        time.sleep(0.5)
        quick(request)

    key_server.behave(path, slow)
    exchange = exchanging(world, registry.identity_provider(key=key, jwks_uri=url))
    with ThreadPoolExecutor(8) as pool:
        for answer in pool.map(lambda _: exchange(), range(8)):
            granted(answer)
    assert key_server.requests[path] == 1


# From where


@pytest.mark.parametrize(
    "url", ["ftp://idp.example.org/jwks", "file:///etc/passwd", "gopher://127.0.0.1/", "nonsense", "unix:/x"]
)
def test_HOST_85_only_http_is_fetched(legate, url):
    body = {"name": unique("idp"), "issuer": "https://idp.example.org", "jwks_uri": url}
    problem(legate.admin("POST", "/issuers", body), 400, "jwks_uri")


@pytest.mark.parametrize("url", ["http://idp.example.org/jwks"])
def test_HOST_85_plain_http_only_on_loopback(legate, url):
    body = {"name": unique("idp"), "issuer": "https://idp.example.org", "jwks_uri": url}
    problem(legate.admin("POST", "/issuers", body), 400, "jwks_uri")


def test_HOST_85_key_set_and_address_exclude_each_other(legate, key_server):
    key = Key.make("ES256")
    url = key_server.serve("/x", key.jwks())
    body = {"name": unique("idp"), "issuer": "https://idp.example.org", "jwks_uri": url, "jwks": key.jwks()}
    assert legate.admin("POST", "/issuers", body).status_code == 400
    del body["jwks"], body["jwks_uri"]
    assert legate.admin("POST", "/issuers", body).status_code == 400


# An installation whose issuer is not on loopback counts loopback among the private addresses. So the guard can be
# watched from outside, by a canary on loopback, and nothing is ever sent to anyone else.


@pytest.fixture(scope="module")
def public(binary, tmp_path_factory):
    directory = tmp_path_factory.mktemp("public")
    authority = Authority(directory, "legate.example")
    with Legate(
        binary, directory, issuer="https://legate.example", flags=authority.flags, certificate_authority=authority.file
    ) as server:
        yield World(Registry(server))


LOOPBACK = [
    "127.0.0.1",
    "localhost",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "[::ffff:127.0.0.1]",
    "0.0.0.0",
]


def refuses_to_fetch(world, idp_members: dict) -> None:
    """Refused when registered, or at the first use: fast, with a clear word, and without a request."""
    key, name = Key.make("ES256"), unique("idp")
    body = {"name": name, "issuer": f"https://{name}.example.org", **idp_members}
    answer = world.legate.admin("POST", "/issuers", body)
    if answer.status_code != 201:
        problem(answer, 400, "jwks_uri")
        return
    started = time.monotonic()
    refused(exchanging(world, IdentityProvider(world.legate, name, body["issuer"], key))(), "invalid_request")
    assert time.monotonic() - started < 5


def test_canary_sees_even_a_tls_greeting(world, key_server):
    idp = world.registry.identity_provider(jwks_uri=f"https://127.0.0.1:{key_server.port}/jwks")
    refused(exchanging(world, idp)(), "invalid_request")
    assert key_server.connections == 1 and key_server.requests.total() == 0


@pytest.mark.parametrize("host", LOOPBACK)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_HOST_85_private_addresses_are_not_fetched(public, key_server, scheme, host):
    key_server.serve("/jwks", Key.make("ES256").jwks())
    refuses_to_fetch(public, {"jwks_uri": f"{scheme}://{host}:{key_server.port}/jwks"})
    assert key_server.connections == 0


@pytest.mark.parametrize("host", ["10.255.255.1", "169.254.169.254", "[fd00::1]", "[::ffff:10.255.255.1]"])
def test_HOST_85_networks_of_others_are_refused_unseen(public, key_server, host):
    # First on loopback, where a fetch would be seen: without a working guard we would be knocking at strange doors.
    key_server.serve("/jwks", Key.make("ES256").jwks())
    refuses_to_fetch(public, {"jwks_uri": f"https://127.0.0.1:{key_server.port}/jwks"})
    assert key_server.connections == 0
    refuses_to_fetch(public, {"jwks_uri": f"https://{host}/jwks"})


def test_HOST_85_operator_may_allow_a_host(public, key_server):
    key, path = Key.make("ES256"), f"/{unique('jwks')}"
    url = key_server.serve(path, key.jwks())
    idp = public.registry.identity_provider(key=key, jwks_uri=url, allow_private_network=True)
    granted(exchanging(public, idp)())
    assert key_server.requests[path] == 1


def test_HOST_85_permission_ends_at_a_redirect(public, key_server):
    key, path = Key.make("ES256"), f"/{unique('jwks')}"
    url = key_server.redirect(path, key_server.serve(f"{path}/inner", key.jwks()))
    idp = public.registry.identity_provider(key=key, jwks_uri=url, allow_private_network=True)
    refused(exchanging(public, idp)(), "invalid_request")
    assert key_server.requests[f"{path}/inner"] == 0
