"""META: authorization server metadata (RFC 8414) and protected resource metadata (RFC 9728)."""

import json

import pytest
import requests

from actors import TOKEN_EXCHANGE, unique
from checks import bearer_challenge, granted, refused
from jose import verify
from raw import request, talk

WELL_KNOWN = "/.well-known/oauth-authorization-server"

REGISTERED_MEMBERS = {
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "registration_endpoint",
    "scopes_supported",
    "response_types_supported",
    "response_modes_supported",
    "grant_types_supported",
    "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported",
    "service_documentation",
    "ui_locales_supported",
    "op_policy_uri",
    "op_tos_uri",
    "revocation_endpoint",
    "revocation_endpoint_auth_methods_supported",
    "revocation_endpoint_auth_signing_alg_values_supported",
    "introspection_endpoint",
    "introspection_endpoint_auth_methods_supported",
    "introspection_endpoint_auth_signing_alg_values_supported",
    "code_challenge_methods_supported",
    "signed_metadata",
    "status_list_aggregation_endpoint",
    "introspection_signing_alg_values_supported",
    "protected_resources",
    "authorization_response_iss_parameter_supported",
    "dpop_signing_alg_values_supported",
    "tls_client_certificate_bound_access_tokens",
    "mtls_endpoint_aliases",
    "authorization_details_types_supported",
    "pushed_authorization_request_endpoint",
    "require_pushed_authorization_requests",
    "client_id_metadata_document_supported",
    "authorization_grant_profiles_supported",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
}

# Of drafts that ask for their registration, and without which their clients would not find the endpoint.
DRAFT_MEMBERS = {
    "global_token_revocation_endpoint",
    "global_token_revocation_endpoint_auth_methods_supported",
}

GRANTS_OF_THE_WORLD = [
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "password",
    "implicit",
    TOKEN_EXCHANGE,
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "urn:ietf:params:oauth:grant-type:saml2-bearer",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:openid:params:grant-type:ciba",
]


@pytest.fixture(scope="module")
def metadata(legate):
    return legate.metadata


def test_META_01_document_names_the_issuer(legate):
    answer = legate.get(WELL_KNOWN)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].split(";")[0] == "application/json"
    assert answer.json()["issuer"] == legate.issuer


def test_META_02_path_of_the_issuer_is_inserted(make_legate):
    server = make_legate(path="/t1").start()
    host = f"http://127.0.0.1:{server.port}"
    answer = requests.get(f"{host}{WELL_KNOWN}/t1", timeout=5)
    assert answer.status_code == 200
    document = answer.json()
    assert document["issuer"] == server.issuer == f"{host}/t1"
    for name in ("token_endpoint", "jwks_uri", "introspection_endpoint", "revocation_endpoint"):
        assert document[name].startswith(f"{host}/t1/"), document[name]
    assert requests.get(document["jwks_uri"], timeout=5).json()["keys"]
    operator = server.operator
    token = requests.post(
        document["token_endpoint"],
        {"grant_type": "client_credentials", "resource": f"{server.issuer}/admin"},
        auth=(operator["client_id"], operator["client_secret"]),
        timeout=5,
    ).json()["access_token"]
    assert verify(token, server.jwks)["iss"] == server.issuer
    for name in ("openid-configuration/t1", "oauth-protected-resource/t1/admin"):
        assert requests.get(f"{host}/.well-known/{name}", timeout=5).status_code == 200, name
    assert requests.get(f"{host}/t1/.well-known/openid-configuration", timeout=5).json()["issuer"] == server.issuer


def test_META_04_openid_configuration_is_the_same_document(legate, metadata):
    answer = legate.get("/.well-known/openid-configuration")
    assert answer.status_code == 200
    assert answer.json() == metadata
    assert "S256" in metadata["code_challenge_methods_supported"]


def test_META_05_required_members(legate, metadata):
    assert metadata["token_endpoint"] == f"{legate.issuer}/token"
    assert metadata["response_types_supported"]
    assert metadata["authorization_endpoint"] == f"{legate.issuer}/authorize"


@pytest.mark.parametrize("grant", GRANTS_OF_THE_WORLD, ids=lambda grant: grant.rpartition(":")[2])
def test_META_06_exactly_the_listed_grants_work(world, metadata, grant):
    answer = world.cb.post("/token", {"grant_type": grant, "resource": world.r1.uri})
    listed = grant in metadata["grant_types_supported"]
    supported = answer.status_code == 200 or answer.json()["error"] != "unsupported_grant_type"
    assert supported == listed


def test_META_06_nothing_unheard_of_is_listed(metadata):
    assert set(metadata["grant_types_supported"]) <= set(GRANTS_OF_THE_WORLD)
    assert {"client_credentials", TOKEN_EXCHANGE} <= set(metadata["grant_types_supported"])


def test_META_06_authorize_says_that_there_is_no_code_flow(legate, metadata):
    answer = legate.get("/authorize?response_type=code&client_id=x&redirect_uri=https://x.example/")
    if "authorization_code" in metadata["grant_types_supported"]:
        pytest.skip("the code flow exists")
    refused(answer, "unsupported_response_type")
    assert "Location" not in answer.headers


def test_META_08_signing_algorithms_of_client_assertions(metadata):
    assert "private_key_jwt" in metadata["token_endpoint_auth_methods_supported"]
    for endpoint in ("token", "introspection", "revocation"):
        algorithms = metadata[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]
        assert "ES256" in algorithms
        assert "none" not in algorithms and not [alg for alg in algorithms if alg.startswith("HS")]


def test_META_09_pkce_is_S256_only(metadata):
    assert metadata["code_challenge_methods_supported"] == ["S256"]


def test_META_10_no_empty_arrays_no_nulls_no_duplicates(legate):
    def members(pairs):
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names)), names
        return dict(pairs)

    document = json.loads(legate.get(WELL_KNOWN).text, object_pairs_hook=members)
    assert not [name for name, value in document.items() if value is None or value == []]


def test_META_14_no_url_client_ids_are_promised(metadata):
    assert metadata.get("client_id_metadata_document_supported", False) is False


def test_META_16_introspection_and_revocation_are_described(legate, world, metadata):
    for endpoint, path in (("introspection", "/introspect"), ("revocation", "/revoke")):
        assert metadata[f"{endpoint}_endpoint"] == legate.issuer + path
        methods = metadata[f"{endpoint}_endpoint_auth_methods_supported"]
        assert {"client_secret_basic", "client_secret_post", "private_key_jwt"} <= set(methods)
        post = {"token": "x", "client_id": world.cb.id, "client_secret": world.cb.secret}
        assert world.cb.post(path, {"token": "x"}).status_code == 200
        assert legate.post(path, post).status_code == 200
        assert world.cj.post(path, {"token": "x"}).status_code == 200


def test_META_18_authorization_details_types(legate, registry, world):
    kind = unique("kind")
    schema = {"type": "object", "properties": {}}
    resource = registry.resource(authorization_details_types=[{"type": kind, "schema": schema}])
    client = registry.agent(resource, authorization_details=[{"type": kind, "locations": [resource.uri]}])
    assert kind in legate.metadata["authorization_details_types_supported"]
    body = granted(client.ask(resource=resource.uri, authorization_details=f'[{{"type":"{kind}"}}]'))
    assert body["authorization_details"] == [{"type": kind}]
    for one, place, asked in ((client, resource, unique("kind")), (world.cb, world.r1, kind)):
        answer = one.ask(resource=place.uri, authorization_details=f'[{{"type":"{asked}"}}]')
        refused(answer, "invalid_authorization_details")


@pytest.mark.parametrize("path", [WELL_KNOWN, "/.well-known/jwks.json", "/.well-known/oauth-protected-resource/admin"])
def test_META_20_head_is_get_without_the_body(legate, path):
    get, head = legate.get(path), legate.request("HEAD", path)
    assert head.status_code == get.status_code == 200 and head.content == b""
    volatile = {"Date", "X-Request-Id"}
    assert {n: v for n, v in head.headers.items() if n not in volatile} == {
        n: v for n, v in get.headers.items() if n not in volatile
    }


@pytest.mark.parametrize(
    "headers",
    [
        ("Host: evil.test",),
        ("Host: 127.0.0.1", "X-Forwarded-Host: evil.test", "X-Forwarded-Proto: https"),
        ("Host: 127.0.0.1", "Forwarded: host=evil.test;proto=https"),
        ("Host: 127.0.0.1", "X-Original-URL: http://evil.test/x"),
    ],
    ids=["host", "x-forwarded-host", "forwarded", "x-original-url"],
)
def test_META_21_no_header_changes_the_issuer(legate, headers):
    said = talk(legate.port, request(f"GET {WELL_KNOWN} HTTP/1.1", *headers, host=None))
    assert b"evil.test" not in said.received
    if said.status == 200:
        assert json.loads(said.final[0].body) == legate.metadata
    else:
        assert said.status in (400, 421)


@pytest.mark.parametrize(
    "path",
    [
        f"{WELL_KNOWN}/other-tenant",
        f"{WELL_KNOWN}//",
        f"/{WELL_KNOWN}",
        "/.well-known/%2e%2e/.well-known/oauth-authorization-server",
        "/.well-known/../.well-known/oauth-authorization-server",
        "/.Well-Known/OAuth-Authorization-Server",
        "/.well-known/oauth-authorization-server%00",
    ],
)
def test_META_22_only_the_exact_path(legate, path):
    said = talk(legate.port, request(f"GET {path} HTTP/1.1"))
    assert said.status in (400, 404)
    assert legate.issuer.encode() + b'/token"' not in said.received


@pytest.mark.parametrize("path", [WELL_KNOWN, "/.well-known/openid-configuration"])
def test_META_24_cacheable_and_conditional(legate, path):
    answer = legate.get(path)
    assert "max-age=" in answer.headers["Cache-Control"] or "ETag" in answer.headers
    if "max-age=" in answer.headers["Cache-Control"]:
        assert int(answer.headers["Cache-Control"].split("max-age=")[1].split(",")[0]) <= 3600
    again = legate.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304 and again.content == b""


def test_META_25_signed_resource_metadata_verifies(legate, world):
    document = legate.get(f"/resources/{world.r1.name}/oauth-protected-resource").json()
    claims = verify(document["signed_metadata"], legate.jwks)
    assert claims["iss"] == legate.issuer
    assert claims["resource"] == world.r1.uri
    for name in claims.keys() & document.keys():
        assert claims[name] == document[name], name


def test_META_26_only_registered_members(metadata):
    unknown = set(metadata) - REGISTERED_MEMBERS - DRAFT_MEMBERS
    assert not unknown, unknown
    assert all(
        isinstance(value, list)
        for name, value in metadata.items()
        if name.endswith("_supported") and not isinstance(value, bool)
    )


@pytest.mark.parametrize("room", ["admin", "vault", "revocations"])
def test_META_28_own_resources_have_documents_at_their_well_known_path(legate, room):
    answer = legate.get(f"/.well-known/oauth-protected-resource/{room}")
    assert answer.status_code == 200
    document = answer.json()
    assert document["resource"] == f"{legate.issuer}/{room}"
    assert document["authorization_servers"] == [legate.issuer]
    assert document["bearer_methods_supported"] == ["header"]


def test_META_28_registered_resource_has_a_document_for_its_gateway(legate, world):
    answer = legate.get(f"/resources/{world.r1.name}/oauth-protected-resource")
    assert answer.status_code == 200
    document = answer.json()
    assert document["resource"] == world.r1.uri
    assert document["authorization_servers"] == [legate.issuer]
    assert set(document["scopes_supported"]) == set(world.r1.scopes)
    assert not [name for name, value in document.items() if value is None or value == []]


@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/oauth-protected-resource/nothing",
        "/.well-known/oauth-protected-resource/admin/clients",
        "/.well-known/oauth-protected-resource/ADMIN",
        "/resources/nothing/oauth-protected-resource",
    ],
)
def test_META_30_unknown_resource_has_no_document(legate, path):
    answer = legate.get(path)
    assert answer.status_code == 404
    assert "resource" not in answer.json()


def test_META_32_challenge_leads_to_metadata_that_covers_the_url(legate):
    parameters = bearer_challenge(legate.get("/admin/clients"))
    url = parameters["resource_metadata"]
    document = requests.get(url, timeout=5).json()
    assert f"{legate.issuer}/admin/clients".startswith(document["resource"])
    assert legate.issuer in document["authorization_servers"]


def test_META_33_listed_resources_point_back(legate, metadata):
    for resource in metadata.get("protected_resources", []):
        path = resource.removeprefix(legate.issuer)
        document = legate.get(f"/.well-known/oauth-protected-resource{path}").json()
        assert document["resource"] == resource
        assert legate.issuer in document["authorization_servers"]


def test_META_34_everything_public_is_public(legate, registry):
    name = registry.resource(unique("open")).name
    for path in (
        WELL_KNOWN,
        "/.well-known/openid-configuration",
        "/.well-known/jwks.json",
        "/.well-known/oauth-protected-resource/admin",
        f"/resources/{name}/oauth-protected-resource",
    ):
        answer = requests.get(legate.base + path, timeout=5, allow_redirects=False)
        assert answer.status_code == 200, path
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers
