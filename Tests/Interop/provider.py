"""A third party's authorization server and API, made of Authlib: authorization code with PKCE, refresh tokens that
rotate and give away a thief, revocation, `iss` in the answer. Run as a process of its own, it prints its port;
`/control` is how a test speaks to it."""

import json
import os
import secrets
import signal
import threading
import time

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207.parameter import IssuerParameter
from flask import Flask, jsonify, request
from werkzeug.serving import WSGIRequestHandler, make_server

CLIENT_ID = "legate-at-the-provider"
CLIENT_SECRET = "provider:client secret/+%"
USER = "alice@provider"


class Client:
    def __init__(self) -> None:
        self.redirect_uris: list[str] = []

    def get_client_id(self) -> str:
        return CLIENT_ID

    def get_default_redirect_uri(self) -> str:
        return ""

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, uri: str) -> bool:
        return uri in self.redirect_uris

    def check_client_secret(self, secret: str) -> bool:
        return secrets.compare_digest(secret.encode(), CLIENT_SECRET.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in ("client_secret_basic", "client_secret_post")

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in ("authorization_code", "refresh_token")


class Code:
    def __init__(self, code, request) -> None:
        payload = request.payload
        self.code = code
        self.redirect_uri = payload.redirect_uri
        self.scope = payload.scope
        self.code_challenge = payload.data.get("code_challenge")
        self.code_challenge_method = payload.data.get("code_challenge_method")

    def get_redirect_uri(self):
        return self.redirect_uri

    def get_scope(self):
        return self.scope


class Token:
    def __init__(self, values: dict, family: str) -> None:
        self.values = values
        self.family = family
        self.made = time.time()
        self.spent = False

    def check_client(self, client) -> bool:
        return True

    def get_scope(self):
        return self.values.get("scope")

    def is_live(self) -> bool:
        return self.family in state.families and time.time() < self.made + self.values["expires_in"]


class State:
    def __init__(self) -> None:
        self.client = Client()
        self.codes: dict[str, Code] = {}
        self.tokens: list[Token] = []
        self.families: set[str] = set()
        self.lifetime = 3600
        self.fault: dict | None = None
        self.delay = 0.0
        self.denies = False
        self.iss: str | None = None
        self.refreshes = 0
        self.reuses = 0
        self.revocations = 0


state = State()
lock = threading.RLock()


class CodeGrant(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]

    def save_authorization_code(self, code, request):
        state.codes[code] = Code(code, request)

    def query_authorization_code(self, code, client):
        return state.codes.get(code)

    def delete_authorization_code(self, authorization_code):
        state.codes.pop(authorization_code.code, None)

    def authenticate_user(self, authorization_code):
        return USER


class RefreshGrant(grants.RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token):
        for token in state.tokens:
            if token.values.get("refresh_token") == refresh_token:
                if token.spent:
                    # Somebody has it twice: the whole grant ends (RFC 9700 section 4.14.2).
                    state.reuses += 1
                    state.families.discard(token.family)
                    return None
                return token if token.family in state.families else None
        return None

    def authenticate_user(self, refresh_token):
        return USER

    def revoke_old_credential(self, refresh_token):
        refresh_token.spent = True
        state.refreshes += 1


class Revocation(RevocationEndpoint):
    CLIENT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]

    def query_token(self, token_string, token_type_hint):
        for token in state.tokens:
            if token_string in (token.values.get("refresh_token"), token.values["access_token"]):
                return token
        return None

    def revoke_token(self, token, request):
        state.revocations += 1
        state.families.discard(token.family)


class Issuer(IssuerParameter):
    def get_issuer(self):
        return state.iss or request.host_url.rstrip("/")


app = Flask(__name__)
app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True


def save_token(values, request):
    family = request.refresh_token.family if getattr(request, "refresh_token", None) else secrets.token_hex(8)
    state.families.add(family)
    values["expires_in"] = state.lifetime
    state.tokens.append(Token(values, family))


server = AuthorizationServer(
    app, query_client=lambda client_id: state.client if client_id == CLIENT_ID else None, save_token=save_token
)
server.register_grant(CodeGrant, [CodeChallenge(required=True)])
server.register_grant(RefreshGrant)
server.register_endpoint(Revocation)
server.register_extension(Issuer())


@app.get("/authorize")
def authorize():
    with lock:
        grant = server.get_consent_grant(end_user=USER)
        return server.create_authorization_response(grant_user=None if state.denies else USER, grant=grant)


@app.post("/token")
def token():
    with lock:
        fault, delay = state.fault, state.delay
    if delay:
        time.sleep(delay)
    if fault:
        return jsonify({"error": fault["error"]}), fault["status"]
    with lock:
        return server.create_token_response()


@app.post("/revoke")
def revoke():
    with lock:
        return server.create_endpoint_response("revocation")


@app.get("/api/me")
def me():
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    with lock:
        for token in state.tokens:
            if scheme == "Bearer" and token.values["access_token"] == value and token.is_live():
                return jsonify({"user": USER})
    return jsonify({"error": "invalid_token"}), 401


@app.post("/control")
def control():
    with lock:
        for name, value in request.get_json().items():
            if name == "redirect_uri":
                state.client.redirect_uris.append(value)
            elif name == "withdraw":
                state.families.clear()
            else:
                setattr(state, name, value)
        return jsonify(
            {
                "refreshes": state.refreshes,
                "reuses": state.reuses,
                "revocations": state.revocations,
                "families": len(state.families),
                "secrets": [
                    text
                    for token in state.tokens
                    for text in (token.values["access_token"], token.values.get("refresh_token"))
                    if text
                ],
            }
        )


class Quiet(WSGIRequestHandler):
    def log(self, *arguments) -> None:
        pass


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    listener = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    print(json.dumps({"port": listener.server_port}), flush=True)
    listener.serve_forever()
