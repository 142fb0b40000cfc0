"""Proof of possession and TLS: what they cost on top of everything else.

A token with DPoP: each request carries a proof of its own, signed before the run; the bare handler gets the same
requests. TLS: two Legates that differ in nothing else answer the same requests on connections that stay open. Full
handshakes: `openssl s_time` makes one connection after another, without resuming a session; that is a figure of this
machine with the client on it, so the server's own CPU per handshake stands beside it.
"""

import http.client
import json
import re
import secrets
import ssl
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import registry
from load import Side, interleave
from servers import BenchmarkFailed, Legate

MOST_DPOP_RATIO = 5.0
MOST_TLS_GROWTH_PERCENT = 25.0
HANDSHAKE_CLIENTS = 2
DIFFERENT_BODIES = 1_000
NO_BOUND = float("inf")


def measure(bench) -> None:
    dpop(bench)
    tls(bench)


# DPoP


class ProofSigner:
    """A client's P-256 key, and proofs that may be used once each."""

    def __init__(self, url: str):
        assertions = registry.AssertionSigner("possession", url)
        self.pem, self.url = assertions.pem, url
        self.jwk = {name: assertions.jwks["keys"][0][name] for name in ("kty", "crv", "x", "y")}

    def proofs(self, count: int, seconds: int, nonce: str | None) -> list[str]:
        """So many of them, for a run of so many seconds that begins now."""
        claims = {"htm": "POST", "htu": self.url, "iat": int(time.time()) + seconds // 2}
        if nonce is not None:
            claims["nonce"] = nonce
        if count < 1_000:
            return _signed_proofs(self.pem, self.jwk, claims, count)
        share = [count // registry.SIGNERS + (n < count % registry.SIGNERS) for n in range(registry.SIGNERS)]
        with ProcessPoolExecutor(registry.SIGNERS) as pool:
            parts = [pool.submit(_signed_proofs, self.pem, self.jwk, claims, part) for part in share]
            return [proof for part in parts for proof in part.result()]


def _signed_proofs(pem: bytes, jwk: dict, claims: dict, count: int) -> list[str]:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    encode = registry._base64url
    key, algorithm = serialization.load_pem_private_key(pem, None), ec.ECDSA(hashes.SHA256())
    header = encode(json.dumps({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}).encode())
    batch, proofs = secrets.token_hex(8), []
    for number in range(count):
        signed = f"{header}.{encode(json.dumps({**claims, 'jti': f'{batch}-{number}'}).encode())}"
        r, s = decode_dss_signature(key.sign(signed.encode(), algorithm))
        proofs.append(f"{signed}.{encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}")
    return proofs


def dpop(bench) -> None:
    """The token endpoint with a proof in each request, beside the bare handler."""
    bench.say("token with DPoP")
    legate, bare = bench.legate("dpop").start(), bench.bare().start()
    registry.register_resource(legate)
    agent = registry.register_agent(legate, "bench-dpop", dpop_bound=True)
    bodies = [registry.token_body(agent, f"task-{number}") for number in range(DIFFERENT_BODIES)]
    body_file, proof_file = bench.directory / "dpop-bodies", bench.directory / "dpop-proofs"
    body_file.write_text("".join(f"{body}\n" for body in bodies))
    signer = ProofSigner(f"{legate.address}/token")

    def prepare(count: int) -> None:
        nonce = nonce_of(legate, signer, bodies[0])
        proofs = signer.proofs(max(count, 1_000), bench.options.seconds, nonce)
        proof_file.write_text("".join(f"{proof}\n" for proof in proofs))

    ours = Side(legate, "/token", bodies=body_file, proofs=proof_file, once=True, prepare=prepare)
    theirs = Side(bare, "/token", bodies=body_file, proofs=proof_file)
    figures = interleave([ours, theirs], bench.options.seconds, bench.options.rounds, bench.options.warm_up)
    bench.comparisons["token, DPoP"] = figures
    figures[0]["ratio"] = figures[0]["cpu_seconds_per_1000"] / figures[1]["cpu_seconds_per_1000"]
    valid = not figures[0]["invalid"] and not figures[1]["invalid"]
    label = "possession: CPU per token with DPoP, times the bare handler's"
    bench.judge(label, figures[0]["ratio"], MOST_DPOP_RATIO, "×", valid)
    legate.stop()
    bare.stop()


def nonce_of(legate: Legate, signer: ProofSigner, body: str) -> str | None:
    """The nonce that a server wants when it has just started; nil when it takes a proof without one.

    Before thousands of requests it is one that says whether they are worth having.
    """
    nonce = None
    for _ in range(2):
        connection = legate.connect()
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "DPoP": signer.proofs(1, 0, nonce)[0],
        }
        connection.request("POST", "/token", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status == 200:
            if json.loads(text)["token_type"] != "DPoP":
                raise BenchmarkFailed("a token was issued for a proof, and is not bound to its key")
            return nonce
        nonce = answer.headers.get("DPoP-Nonce")
        if nonce is None:
            break
    raise BenchmarkFailed(f"no token for a proof: {answer.status} {text.decode(errors='replace')}")


# TLS


class SecureLegate(Legate):
    """An installation that serves TLS, with a certificate for this machine."""

    def __init__(self, binary: Path, directory: Path, name: str):
        super().__init__(binary, directory, name)
        self.certificate, self.key = directory / f"{name}.pem", directory / f"{name}.pem.key"
        command = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
            "-keyout", str(self.key), "-out", str(self.certificate),
        ]  # fmt: skip
        made = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if made.returncode != 0:
            raise BenchmarkFailed(f"openssl made no certificate:\n{made.stderr}")
        self.key.chmod(0o600)

    @property
    def address(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def arguments(self) -> list[str]:
        return [*super().arguments(), "--tls-certificate", str(self.certificate), "--tls-key", str(self.key)]

    def connect(self) -> http.client.HTTPConnection:
        context = ssl.create_default_context(cafile=str(self.certificate))
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=context)


def tls(bench) -> None:
    """The same requests with and without TLS, and how many connections can be made."""
    bench.say("TLS")
    plain = bench.legate("plain").start()
    secure = SecureLegate(bench.options.legate, bench.directory, "TLS")
    bench.servers.append(secure)
    secure.start()
    sides = []
    for server in (secure, plain):
        registry.register_resource(server)
        agent = registry.register_agent(server, "bench-secret")
        bodies = [registry.token_body(agent, f"task-{number}") for number in range(DIFFERENT_BODIES)]
        server.post_form("/token", bodies[0])
        file = bench.directory / f"{server.name}-tokens"
        file.write_text("".join(f"{body}\n" for body in bodies))
        sides.append(Side(server, "/token", bodies=file))
    figures = interleave(sides, bench.options.seconds, bench.options.rounds, bench.options.warm_up)
    bench.comparisons["token, TLS"] = figures
    figures[0]["ratio"] = figures[0]["cpu_seconds_per_1000"] / figures[1]["cpu_seconds_per_1000"]
    valid = not figures[0]["invalid"] and not figures[1]["invalid"]
    label = "possession: growth of CPU per token by TLS with keep-alive"
    bench.judge(label, (figures[0]["ratio"] - 1) * 100, MOST_TLS_GROWTH_PERCENT, "%", valid)
    plain.stop()
    handshakes(bench, secure)
    secure.stop()


def handshakes(bench, secure: SecureLegate) -> None:
    """Full TLS 1.3 handshakes a second, by two clients at once."""
    bench.say("full handshakes")
    before, begun = secure.cpu_seconds(), time.perf_counter()
    made = full_handshakes(secure, bench.options.seconds, HANDSHAKE_CLIENTS)
    elapsed = time.perf_counter() - begun
    used = secure.cpu_seconds() - before
    bench.judge("possession: full TLS handshakes a second, stated only", made / elapsed, NO_BOUND, "")
    bench.judge("possession: CPU of the server per full handshake, stated only", used * 1000 / made, NO_BOUND, "ms")


def full_handshakes(secure: SecureLegate, seconds: int, count: int) -> int:
    """How many connections so many clients make in this time, one after the other, without resuming a session."""
    command = [
        "openssl", "s_time", "-connect", f"127.0.0.1:{secure.port}", "-new", "-time", str(seconds),
        "-CAfile", str(secure.certificate), "-verify", "1",
    ]  # fmt: skip
    clients = [
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    made = 0
    for client in clients:
        try:
            output, errors = client.communicate(timeout=seconds + 60)
        except subprocess.TimeoutExpired:
            client.kill()
            raise BenchmarkFailed("openssl s_time did not end") from None
        counted = re.search(r"(\d+) connections in \d+ real seconds", output)
        if counted is None or int(counted[1]) == 0:
            raise BenchmarkFailed(f"openssl s_time made no connection:\n{output}{errors}")
        made += int(counted[1])
    return made
