"""Signing keys: they change by themselves, are taken away in an emergency, and are brought from elsewhere."""

import http.client
import json
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

from actors import Registry, World
from checks import active, inactive
from clock import Clock
from jose import decode, thumbprint, verify
from test_feed import feed_client

DAY = 86_400
NOTICE = 360
CACHE = 300
LONGEST_TOKEN = 900
PASSPHRASE = "correct horse battery staple"
JWKS = "/.well-known/jwks.json"


def kid_of(token: str) -> str:
    return decode(token)[0]["kid"]


def kids(jwks: dict) -> list[str]:
    return [key["kid"] for key in jwks["keys"]]


def states(legate) -> dict[str, str]:
    return {key["kid"]: key["status"] for key in legate.items("/keys")}


def eventually(condition, within: float = 15) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def key_file(directory: Path, key, name: str = "key.pem", passphrase: str = PASSPHRASE) -> Path:
    """A key as another program writes it: encrypted PKCS#8, or PKCS#12 when the name says so."""
    protection = BestAvailableEncryption(passphrase.encode())
    path = directory / name
    if path.suffix == ".p12":
        path.write_bytes(serialize_key_and_certificates(b"legate", key, None, None, protection))
    else:
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection))
    return path


def passphrase_file(directory: Path, passphrase: str = PASSPHRASE) -> Path:
    path = directory / "passphrase"
    path.write_text(passphrase + "\n")
    path.chmod(0o600)
    return path


class TestSchedule:
    """Keys change once a day, and nobody who reads the key set as it says has to know."""

    @pytest.fixture
    def clock(self, tmp_path, monkeypatch) -> Clock:
        return Clock(tmp_path, monkeypatch)

    @pytest.mark.timeout(180)
    def test_JWKS_06_JWKS_17_a_key_is_published_before_it_signs_and_leaves_when_its_tokens_are_over(
        self, clock, make_legate
    ):
        legate = make_legate().start()
        world = World(Registry(legate))

        def mint() -> str:
            return world.cb.token(resource=world.r1.uri)

        old = kid_of(mint())
        begun = clock.offset
        # A gateway that keeps the set for as long as it may.
        kept, kept_at = legate.jwks, clock.offset
        first_seen, signed = {old: 0}, {}
        tokens = []

        def step(seconds: int) -> None:
            nonlocal kept, kept_at
            clock.turn(seconds)
            legate.forget_operator_token()
            # The server looks every five seconds.
            time.sleep(0.05)
            for kid in kids(legate.jwks):
                first_seen.setdefault(kid, clock.offset)
            if clock.offset - kept_at >= CACHE:
                kept, kept_at = legate.jwks, clock.offset
            token = mint()
            assert verify(token, kept)
            signed.setdefault(kid_of(token), clock.offset)
            tokens.append((kid_of(token), token, clock.offset))

        step(DAY - NOTICE - 120)
        assert kids(legate.jwks) == [old]
        clock.turn(121)
        eventually(lambda: len(kids(legate.jwks)) == 2)
        new = next(kid for kid in kids(legate.jwks) if kid != old)
        while clock.offset - begun < DAY + CACHE:
            step(30)
        assert set(signed) == {old, new}
        assert signed[new] - first_seen[new] >= CACHE
        assert states(legate) == {old: "retiring", new: "active"}
        # Each key stays published as long as one of its tokens lives.
        while clock.offset - begun < DAY + LONGEST_TOKEN - 200:
            step(60)
        assert set(kids(legate.jwks)) == {old, new}
        clock.turn(begun + DAY + LONGEST_TOKEN + 2 - clock.offset)
        legate.forget_operator_token()
        assert kids(legate.jwks) == [new]
        eventually(lambda: states(legate)[old] == "retired")
        erased = next(key for key in legate.items("/keys") if key["kid"] == old)
        eventually(lambda: "erased_at" in legate.fetch(f"/keys/{old}"))
        assert erased["alg"] == "ES256"
        legate.restart()
        assert kids(legate.jwks) == [new] and states(legate) == {old: "retired", new: "active"}

    def test_a_rotation_that_was_due_while_the_server_was_off_is_made_up_for_once(self, clock, make_legate):
        legate = make_legate().start()
        old = kids(legate.jwks)
        assert legate.stop() == 0
        clock.turn(5 * DAY)
        for _ in range(3):
            legate.start()
            legate.forget_operator_token()
            eventually(lambda: len(kids(legate.jwks)) == 2)
            assert sorted(states(legate).values()) == ["active", "next"]
            assert states(legate)[old[0]] == "active"
            legate.kill9()
        legate.start()
        legate.forget_operator_token()
        assert [record["event"] for record in legate.audit()].count("key.rotated") == 1

    def test_never_leaves_it_to_people(self, clock, make_legate):
        legate = make_legate(flags=("--key-rotation", "never")).start()
        clock.turn(30 * DAY)
        legate.forget_operator_token()
        time.sleep(6)
        assert len(kids(legate.jwks)) == 1

    @pytest.mark.timeout(120)
    def test_HOST_82_clock_steps_of_an_hour_lose_no_token_and_make_no_key(self, clock, make_legate):
        # What is registered is older than any step: a token from before its resource was there is worth nothing.
        clock.turn(-2 * 3600)
        legate = make_legate().start()
        world = World(Registry(legate))
        clock.turn(2 * 3600)
        for step in (-3600, 3600, 3600, -3600):
            clock.turn(step)
            legate.forget_operator_token()
            time.sleep(1.1)
            active(world.rs1.introspect(world.cb.token(resource=world.r1.uri)))
        assert list(states(legate).values()) == ["active"]

    @pytest.mark.parametrize("period", ["14m", "0s", "367d", "often", "-24h"])
    def test_a_period_that_is_not_sensible_is_refused_at_the_start(self, make_legate, period):
        legate = make_legate(flags=(f"--key-rotation={period}",))
        run = subprocess.run(legate.serve_arguments, capture_output=True, text=True, timeout=30, cwd=legate.directory)
        assert run.returncode != 0 and "key-rotation" in run.stderr
        assert not (legate.data / "legate.db").exists()


class TestEmergency:
    """`legate key revoke`: a new key at once, the old one out of the set, its tokens dead everywhere."""

    def test_JWKS_08_the_tokens_of_a_revoked_key_are_dead_everywhere(self, own_legate):
        legate = own_legate
        registry = Registry(legate)
        world = World(registry)
        listed = registry.resource(status_list=True)
        reader = registry.agent(listed)
        marked = reader.token()
        token = world.cb.token(resource=world.r1.uri)
        operator = legate.operator_token()
        vault = registry.client(
            "agent", resources=(f"{legate.issuer}/vault",), scopes=("secrets:read",)
        ).token(resource=f"{legate.issuer}/vault")
        kid = kid_of(token)
        active(world.rs1.introspect(token))
        bearer = {"Authorization": f"Bearer {token}"}
        assert legate.get(f"/check?resource={world.r1.name}", headers=bearer).status_code == 204
        gateway = feed_client(registry)
        head = legate.get("/revocations?snapshot", auth=gateway.basic).json()["head"]

        answer = legate.cli("key", "revoke", kid, "--reason", "host compromised")
        assert answer["kind"] == "key" and answer["id"] == kid

        legate.forget_operator_token()
        assert kid not in kids(legate.jwks)
        inactive(world.rs1.introspect(token))
        refused = legate.get(f"/check?resource={world.r1.name}", headers=bearer)
        assert refused.status_code == 401 and "invalid_token" in refused.headers["WWW-Authenticate"]
        assert legate.admin("GET", "/clients", token=operator).status_code == 401
        assert legate.get("/vault/values/db", headers={"Authorization": f"Bearer {vault}"}).status_code == 401
        assert world.ag1.exchange(token, resource=world.r1.uri).status_code == 400
        reference = decode(marked)[1]["status"]["status_list"]
        status = legate.http.get(reference["uri"], headers={"Accept": "application/statuslist+jwt"}, timeout=10)
        assert status.status_code == 200
        assert decode(status.text)[0]["kid"] != kid, "the list that tells of it is signed with its successor"
        # Who follows finds the batch that tells of it, signed with the successor; who is behind reads the snapshot.
        told = legate.get(f"/revocations?after={head}", auth=gateway.basic).json()
        assert [(entry["kind"], entry["id"]) for entry in told["entries"]] == [("key", kid)]
        assert verify(told["jws"], legate.jwks) and kid_of(told["jws"]) != kid
        new = world.cb.token(resource=world.r1.uri)
        assert kid_of(new) != kid and verify(new, legate.jwks)
        assert states(legate)[kid] == "revoked"
        eventually(lambda: "erased_at" in legate.fetch(f"/keys/{kid}"))

    def test_a_revocation_is_durable_when_it_is_answered(self, own_legate):
        world = World(Registry(own_legate))
        for _ in range(3):
            token = world.cb.token(resource=world.r1.uri)
            answer = own_legate.admin("POST", "/revocations", {"kind": "key", "id": kid_of(token)})
            own_legate.kill9()
            assert answer.status_code == 201
            own_legate.start()
            own_legate.forget_operator_token()
            assert kid_of(token) not in kids(own_legate.jwks)
            inactive(world.rs1.introspect(token))
            active(world.rs1.introspect(world.cb.token(resource=world.r1.uri)))

    def test_a_revocation_that_a_crash_meets_is_whole_or_was_not(self, own_legate):
        world = World(Registry(own_legate))
        for pause in (0, 0.001, 0.002, 0.004, 0.008, 0.02):
            token = world.cb.token(resource=world.r1.uri)
            kid, operator = kid_of(token), own_legate.operator_token()

            def ask(kid: str = kid, operator: str = operator) -> None:
                try:
                    own_legate.admin("POST", "/revocations", {"kind": "key", "id": kid}, token=operator)
                except OSError:
                    pass

            asking = threading.Thread(target=ask)
            asking.start()
            time.sleep(pause)
            own_legate.kill9()
            asking.join()
            own_legate.start()
            own_legate.forget_operator_token()
            is_gone = kid not in kids(own_legate.jwks)
            answer = world.rs1.introspect(token)
            if is_gone:
                inactive(answer)
            else:
                active(answer)
            assert states(own_legate)[kid] == ("revoked" if is_gone else "active")
            active(world.rs1.introspect(world.cb.token(resource=world.r1.uri)))
        assert own_legate.cli("audit", "verify")["valid"] is True

    def test_the_next_key_can_be_revoked_before_it_signs(self, own_legate):
        world = World(Registry(own_legate))
        made = own_legate.cli("key", "rotate")
        signing = kid_of(world.cb.token(resource=world.r1.uri))
        own_legate.cli("key", "revoke", made["kid"])
        assert kids(own_legate.jwks) == [signing]
        assert kid_of(world.cb.token(resource=world.r1.uri)) == signing
        assert own_legate.cli("key", "rotate")["status"] == "next"


class TestLoad:
    @pytest.mark.timeout(120)
    def test_JWKS_09_rotation_and_new_RSA_keys_under_load_cost_no_request(self, own_legate):
        registry = Registry(own_legate)
        world = World(registry)
        statuses, slow, unknown = [], [], []
        ending = threading.Event()
        revoked = set()

        def work() -> None:
            while not ending.is_set():
                begun = time.monotonic()
                answer = world.cb.ask(resource=world.r1.uri)
                statuses.append(answer.status_code)
                slow.append(time.monotonic() - begun)
                if len(statuses) % 11 == 0 and answer.status_code == 200:
                    kid = kid_of(answer.json()["access_token"])
                    if kid not in kids(own_legate.jwks) and kid not in revoked:
                        unknown.append(kid)

        with ThreadPoolExecutor(4) as pool:
            workers = [pool.submit(work) for _ in range(4)]
            registry.resource(signing_alg="RS256")
            for alg in ("ES256", "RS256"):
                assert own_legate.admin("POST", "/keys/rotate", {"alg": alg}).status_code == 201
            signing = kid_of(world.cb.token(resource=world.r1.uri))
            revoked.add(signing)
            own_legate.admin("POST", "/revocations", {"kind": "key", "id": signing})
            own_legate.forget_operator_token()
            rsa_key = next(key for key in own_legate.items("/keys") if key["alg"] == "RS256" and key["status"] == "active")
            own_legate.admin("POST", "/revocations", {"kind": "key", "id": rsa_key["kid"]})
            time.sleep(0.5)
            ending.set()
            for worker in workers:
                worker.result()
        assert set(statuses) == {200} and len(statuses) > 20
        assert not unknown

    @pytest.mark.timeout(120)
    def test_JWKS_13_ten_thousand_reads_of_the_key_set(self, legate):
        expected = legate.get(JWKS).content

        def read(count: int) -> int:
            connection = http.client.HTTPConnection("127.0.0.1", legate.port, timeout=20)
            good = 0
            for _ in range(count):
                connection.request("GET", f"{JWKS}?kid=nothing")
                answer = connection.getresponse()
                good += answer.status == 200 and answer.read() == expected
            connection.close()
            return good

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(read, [2_500] * 4)) == 10_000
        legate.assert_alive()


class TestImport:
    """A key of one's own, in a file of another program."""

    @pytest.mark.parametrize("name", ["key.pem", "key.p12"])
    @pytest.mark.parametrize("alg", ["ES256", "Ed25519", "RS256"])
    def test_an_encrypted_key_becomes_the_next_one(self, legate, tmp_path, alg, name):
        key = {
            "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "Ed25519": ed25519.Ed25519PrivateKey.generate,
            "RS256": lambda: rsa.generate_private_key(65537, 2048),
        }[alg]()
        made = legate.cli(
            "key", "import", key_file(tmp_path, key, name), "--passphrase-file", passphrase_file(tmp_path)
        )
        assert (made["alg"], made["status"], made["origin"]) == (alg, "next", "imported")
        published = next(key for key in legate.jwks["keys"] if key["kid"] == made["kid"])
        assert thumbprint(published) == made["kid"] and published["alg"] == alg

    @pytest.mark.parametrize("format", ["pkcs8", "scrypt", "pkcs12"])
    def test_what_openssl_writes_is_read(self, legate, tmp_path, format):
        plain, out = tmp_path / "plain.pem", tmp_path / "key"
        subprocess.run(
            ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", plain],
            check=True, capture_output=True,
        )  # fmt: skip
        password = ["-passout", f"pass:{PASSPHRASE}", "-out", out]
        if format == "pkcs12":
            certificate = tmp_path / "crt.pem"
            subprocess.run(
                ["openssl", "req", "-x509", "-new", "-key", plain, "-subj", "/CN=legate", "-out", certificate],
                check=True, capture_output=True,
            )  # fmt: skip
            command = ["openssl", "pkcs12", "-export", "-inkey", plain, "-in", certificate, *password]
        else:
            method = ["-scrypt"] if format == "scrypt" else ["-v2", "aes-256-cbc", "-iter", "600000"]
            command = ["openssl", "pkcs8", "-topk8", "-in", plain, *method, *password]
        subprocess.run(command, check=True, capture_output=True)
        made = legate.cli("key", "import", out, "--passphrase-file", passphrase_file(tmp_path))
        assert made["kid"] in kids(legate.jwks)

    def test_in_a_pipe_the_passphrase_is_the_first_line(self, legate, tmp_path):
        path = key_file(tmp_path, ec.generate_private_key(ec.SECP256R1()))
        made = legate.cli("key", "import", path, stdin=PASSPHRASE + "\n")
        assert made["status"] == "next"

    def test_the_key_signs_after_its_notice_and_the_schedule_leaves_it_alone(self, tmp_path, monkeypatch, make_legate):
        clock = Clock(tmp_path, monkeypatch)
        legate = make_legate().start()
        world = World(Registry(legate))
        path = key_file(tmp_path, ec.generate_private_key(ec.SECP256R1()))
        made = legate.cli("key", "import", path, "--passphrase-file", passphrase_file(tmp_path))
        assert kid_of(world.cb.token(resource=world.r1.uri)) != made["kid"]
        clock.turn(NOTICE + 1)
        token = world.cb.token(resource=world.r1.uri)
        assert kid_of(token) == made["kid"] and verify(token, legate.jwks)
        clock.turn(3 * DAY)
        legate.forget_operator_token()
        time.sleep(6)
        assert kids(legate.jwks) == [made["kid"]]
        legate.restart()
        assert kid_of(world.cb.token(resource=world.r1.uri)) == made["kid"]

    def test_attack_neither_key_nor_passphrase_is_in_log_trail_and_database(self, own_legate, tmp_path):
        key = ec.generate_private_key(ec.SECP256R1())
        path = key_file(tmp_path, key)
        own_legate.cli("key", "import", path, "--passphrase-file", passphrase_file(tmp_path))
        wrong = own_legate.run(
            "key", "import", path, "--passphrase-file", passphrase_file(tmp_path, "wrong passphrase")
        )
        assert wrong.returncode == 1
        trail = json.dumps(own_legate.cli("audit", "list", "--limit", 1000)).encode()
        own_legate.stop()
        scalar = key.private_numbers().private_value.to_bytes(32, "big")
        raw = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        needles = [PASSPHRASE.encode(), b"wrong passphrase", scalar, raw, scalar.hex().encode()]
        files = [own_legate.log.read_bytes(), trail, wrong.stderr.encode()]
        files += [path.read_bytes() for path in own_legate.data.iterdir() if path.is_file()]
        for needle in needles:
            assert not any(needle in content for content in files), needle[:8]

    @pytest.mark.parametrize(
        ("make", "says"),
        [
            (lambda: rsa.generate_private_key(65537, 1024), "2048"),
            (lambda: rsa.generate_private_key(3, 2048), "65537"),
            (lambda: ec.generate_private_key(ec.SECP384R1()), "P-256"),
            (lambda: ec.generate_private_key(ec.SECP256K1()), "P-256"),
        ],
        ids=["short RSA", "small exponent", "P-384", "secp256k1"],
    )
    def test_attack_a_weak_key_is_not_taken(self, legate, tmp_path, make, says):
        before = legate.jwks
        run = legate.run(
            "key", "import", key_file(tmp_path, make()), "--passphrase-file", passphrase_file(tmp_path)
        )
        assert run.returncode == 1 and says in run.stderr, run.stderr
        assert legate.jwks == before

    def test_other_files_are_refused_saying_what_they_are(self, legate, tmp_path):
        key = ec.generate_private_key(ec.SECP256R1())
        public = tmp_path / "public.pem"
        public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        plain = tmp_path / "plain.pem"
        plain.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        two = tmp_path / "two.pem"
        two.write_bytes(b"".join(key_file(tmp_path, ec.generate_private_key(ec.SECP256R1())).read_bytes() for _ in "ab"))
        junk = tmp_path / "junk"
        junk.write_bytes(b"not a key")
        right = key_file(tmp_path, key, "right.pem")
        for path, passphrase, says in (
            (public, PASSPHRASE, "no private key"),
            (plain, PASSPHRASE, "not encrypted"),
            (two, PASSPHRASE, "more than one"),
            (junk, PASSPHRASE, "PKCS#8"),
            (right, "wrong", "passphrase: does not open the file"),
        ):
            run = legate.run(
                "key", "import", path, "--passphrase-file", passphrase_file(tmp_path, passphrase)
            )
            assert run.returncode == 1 and says in run.stderr, run.stderr
        legate.cli("key", "import", right, "--passphrase-file", passphrase_file(tmp_path))
        again = legate.run("key", "import", right, "--passphrase-file", passphrase_file(tmp_path))
        assert again.returncode == 1 and "a key is brought once" in again.stderr
        assert legate.run("key", "import", tmp_path / "nothing").returncode == 1
        assert legate.run("key", "import", right, "--passphrase", PASSPHRASE).returncode != 0

    def test_it_needs_keys_write(self, legate, registry):
        body = {"file": "AAAA", "passphrase": "x"}
        assert legate.request("POST", "/admin/keys/import", json=body).status_code == 401
        answer = legate.admin("POST", "/keys/import", body)
        assert answer.status_code == 400
        assert [error["field"] for error in answer.json()["errors"]] == ["file"]


def test_JWKS_16_a_rotation_of_the_vault_leaves_signing_keys_alone(own_legate):
    world = World(Registry(own_legate))
    token, before = world.cb.token(resource=world.r1.uri), own_legate.jwks
    own_legate.cli("vault", "rotate")
    eventually(lambda: own_legate.cli("vault", "status")["pending"]["boxes_to_reseal"] == 0, within=20)
    assert own_legate.jwks == before
    active(world.rs1.introspect(token))
    own_legate.restart()
    assert own_legate.jwks == before
    active(world.rs1.introspect(token))
    assert kid_of(world.cb.token(resource=world.r1.uri)) == kid_of(token)


def test_the_metrics_show_the_line_of_keys(own_legate):
    own_legate.cli("key", "rotate")
    text = own_legate.get("/metrics").text
    assert 'legate_signing_keys{alg="ES256",state="active"} 1\n' in text
    assert 'legate_signing_keys{alg="ES256",state="next"} 1\n' in text
    assert "legate_signing_key_rotations_total 1\n" in text
    since = next(line for line in text.splitlines() if line.startswith("legate_signing_key_active_since_seconds{"))
    assert abs(float(since.split()[-1]) - time.time()) < 120
