"""HTTPS served by Legate itself, with a certificate of a private authority."""

import json
import shutil
import signal
import socket
import ssl
import subprocess
import time

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from actors import Registry, World
from certificates import Authority
from checks import granted
from curl import curl
from jose import claims_of, verify
from raw import form_post, talk
from server import Legate


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "legate.example")


@pytest.fixture
def secure(make_legate, authority):
    return make_legate(flags=authority.flags, certificate_authority=authority.file).start()


@pytest.fixture(scope="module")
def shared(binary, tmp_path_factory, authority):
    """One server for all who only look."""
    directory = tmp_path_factory.mktemp("shared")
    with Legate(binary, directory, flags=authority.flags, certificate_authority=authority.file) as server:
        yield server


def test_token_over_https(secure):
    assert secure.issuer.startswith("https://")
    world = World(Registry(secure))
    answer = world.cb.ask(resource=world.r1.uri)
    token = granted(answer)["access_token"]
    assert verify(token, secure.jwks)["iss"] == secure.issuer
    assert "max-age=" in answer.headers["Strict-Transport-Security"]


def test_no_hsts_without_tls(legate):
    assert "Strict-Transport-Security" not in legate.get("/health/live").headers


def test_command_line_trusts_the_named_authority(secure, authority):
    assert secure.cli("client", "list")["items"]
    without = {"LEGATE_CA_FILE": ""}
    assert secure.run("client", "list", environment=without).returncode == 1
    assert secure.cli("client", "list", "--ca", authority.file, environment=without)["items"]


def test_certificate_is_checked_by_ordinary_clients(secure):
    with requests.Session() as stranger, pytest.raises(requests.exceptions.SSLError):
        stranger.trust_env = False
        stranger.get(f"{secure.base}/health/live", timeout=5)


def test_HTTP_21_plain_http_at_the_tls_port(secure):
    operator = secure.operator
    form = f"grant_type=client_credentials&client_id={operator['client_id']}&client_secret={operator['client_secret']}"
    said = talk(secure.port, form_post("/token", form.encode()))
    assert b"access_token" not in said.received and b"Location" not in said.received
    assert said.status is None or said.status >= 400
    secure.assert_alive()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_tls_is_refused(secure, authority, version):
    context = ssl.create_default_context(cafile=authority.file)
    try:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
    except (ssl.SSLError, ValueError):
        pytest.skip("this machine's OpenSSL cannot speak it")
    with socket.create_connection(("127.0.0.1", secure.port), timeout=5) as connection, pytest.raises(OSError):
        context.wrap_socket(connection, server_hostname="127.0.0.1")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_current_tls_is_spoken(secure, authority, version):
    context = ssl.create_default_context(cafile=authority.file)
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", secure.port), timeout=5) as connection:
        with context.wrap_socket(connection, server_hostname="127.0.0.1") as spoken:
            assert spoken.version() == version.name.replace("_", ".").replace("TLSv1", "TLSv1", 1)


def test_issuer_may_be_another_name_than_the_listener(make_legate, authority):
    server = make_legate(
        issuer="https://legate.example", flags=authority.flags, certificate_authority=authority.file
    ).start()
    assert server.metadata["issuer"] == "https://legate.example"
    assert server.metadata["token_endpoint"] == "https://legate.example/token"
    assert claims_of(server.operator_token())["iss"] == "https://legate.example"


def start(server, *flags):
    arguments = ["--data", server.data, "--root-key", server.root_key, "--issuer", server.issuer]
    arguments += ["--listen", f"127.0.0.1:{server.port}"]
    return server.run("serve", *arguments, *flags, environment={"LEGATE_PROFILE": ""})


def test_non_loopback_issuer_must_be_https(make_legate):
    run = start(make_legate(issuer="http://auth.example.com"))
    assert run.returncode != 0 and "issuer" in run.stderr and "https" in run.stderr


@pytest.mark.parametrize(
    "fault", ["certificate alone", "key alone", "no such file", "key of another", "no certificate"]
)
def test_unusable_certificate_is_refused_by_name(make_legate, authority, tmp_path, fault):
    other = tmp_path / "other.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    other.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    certificate, private = str(authority.certificate), str(authority.certificate_key)
    flags, mentions = {
        "certificate alone": (["--tls-certificate", certificate], "tls-key"),
        "key alone": (["--tls-key", private], "tls-certificate"),
        "no such file": (["--tls-certificate", "/nonexistent", "--tls-key", private], "tls-certificate"),
        "key of another": (["--tls-certificate", certificate, "--tls-key", str(other)], "tls-"),
        "no certificate": (["--tls-certificate", str(other), "--tls-key", private], "tls-certificate"),
    }[fault]
    server = make_legate(certificate_authority=authority.file)
    run = start(server, *flags)
    assert run.returncode != 0 and mentions in run.stderr, run.stderr


# MTLS-13: what BCP 195 wants


def s_client(port: int, *options: str) -> str:
    """What openssl says of a handshake; `Cipher is (NONE)` when there was none."""
    run = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options],
        input="Q\n",
        capture_output=True,
        text=True,
        timeout=20,
    )
    return run.stdout + run.stderr


@pytest.mark.parametrize(
    "suite",
    [
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
    ],
)
def test_MTLS_13_suites_with_forward_secrecy_and_authenticated_encryption(shared, suite):
    assert f"Cipher is {suite}" in s_client(shared.port, "-tls1_2", "-cipher", suite)


@pytest.mark.parametrize(
    "suites",
    [
        "RC4",
        "3DES",
        "EXPORT",
        "NULL",
        "aNULL",
        "DES",
        "AES128-SHA",
        "AES256-GCM-SHA384",
        "ECDHE-ECDSA-AES128-SHA",
        "ECDHE-ECDSA-AES256-SHA384",
        "DHE-RSA-AES128-GCM-SHA256",
        "kRSA",
        "PSK",
    ],
)
def test_MTLS_13_old_suites_are_refused(shared, suites):
    said = s_client(shared.port, "-tls1_2", "-cipher", f"{suites}:@SECLEVEL=0")
    assert "Cipher is (NONE)" in said or "no cipher match" in said or "no ciphers available" in said, said


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_MTLS_13_old_versions_are_refused(shared, version):
    said = s_client(shared.port, version, "-cipher", "ALL:@SECLEVEL=0")
    assert "Cipher is (NONE)" in said or "no protocols available" in said, said


def test_MTLS_13_no_compression_and_no_renegotiation(shared):
    assert "Compression: NONE" in s_client(shared.port, "-tls1_2", "-comp")
    run = subprocess.Popen(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{shared.port}", "-tls1_2"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        time.sleep(0.5)
        run.stdin.write("R\n")
        run.stdin.flush()
        time.sleep(0.7)
        said, _ = run.communicate("GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", timeout=10)
    finally:
        run.kill()
        run.wait()
    assert "RENEGOTIATING" in said and "HTTP/1.1 200" not in said
    shared.assert_alive()


def test_testssl_finds_nothing_worse_than_low(shared, tmp_path):
    program = shutil.which("testssl") or shutil.which("testssl.sh")
    if program is None:
        pytest.skip("no testssl.sh here")
    report = tmp_path / "report.json"
    subprocess.run(
        [
            program,
            "--quiet",
            "--color",
            "0",
            "--warnings",
            "off",
            "--ip",
            "one",
            "--jsonfile",
            str(report),
            "--protocols",
            "--server-defaults",
            "--server-preference",
            "--vulnerable",
            "--std",
            "--fs",
            "--headers",
            f"https://127.0.0.1:{shared.port}/health/live",
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=400,
    )
    found = json.loads(report.read_text())
    assert len(found) > 40
    # A private authority is not in the lists that the program knows, and its certificates cannot be revoked in public.
    private = {
        "cert_chain_of_trust",
        "cert_trust",
        "cert_revocation",
        "cert_crlDistributionPoints",
        "cert_ocspURL",
        "cert_caIssuers",
        "cert_commonName_wo_SNI",
        "OCSP_stapling",
        "certificate_transparency",
        "DNS_CAArecord",
        "cert_notAfter",
        "cert_expirationStatus",
        "cert_extlifeSpan",
        "cert_validityPeriod",
    }
    # The library lets the client choose, and every suite that it can choose is as good (checked above). Later versions
    # of the program no longer call that a finding.
    chosen = {"cipher_order"}
    worse = [
        one for one in found if one["severity"] in ("MEDIUM", "HIGH", "CRITICAL") and one["id"] not in private | chosen
    ]
    assert not worse, worse


# HTTP/2


def test_both_versions_of_http_are_offered(shared):
    assert "ALPN protocol: h2" in s_client(shared.port, "-alpn", "h2,http/1.1")
    assert "ALPN protocol: http/1.1" in s_client(shared.port, "-alpn", "http/1.1")
    assert "No ALPN negotiated" in s_client(shared.port)


def test_token_over_http2(shared, authority):
    world = World(Registry(shared))
    run = curl(
        authority.file, "--http2", "--user", f"{world.cb.id}:{world.cb.secret}",
        "--data", "grant_type=client_credentials", "--data-urlencode", f"resource={world.r1.uri}",
        "--write-out", "\n%{http_version} %{http_code}", f"{shared.base}/token",
    )  # fmt: skip
    body, version = run.stdout.rsplit("\n", 1)
    assert version == "2 200", run.stdout
    assert verify(json.loads(body)["access_token"], shared.jwks)["iss"] == shared.issuer


def test_an_answer_that_closes_the_connection_is_whole_over_http2(shared, authority):
    """HTTP/2 knows no `Connection: close`; an answer with it would be no answer."""
    run = curl(
        authority.file, "--http2", "--data-binary", "@-", "--write-out", "\n%{http_version} %{http_code}",
        f"{shared.base}/token", stdin="x" * 200_000,
    )  # fmt: skip
    assert run.stdout.rsplit("\n", 1)[1] == "2 413", run.stdout + run.stderr


def test_h2load_gets_every_answer(shared):
    if shutil.which("h2load") is None:
        pytest.skip("no h2load here")
    run = subprocess.run(
        ["h2load", "-n", "2000", "-c", "10", "-m", "20", f"{shared.base}/.well-known/jwks.json"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "2000 succeeded, 0 failed, 0 errored" in run.stdout, run.stdout
    assert "Application protocol: h2" in run.stdout


# Attacks on HTTP/2, frame by frame (RFC 9113)


class Frames:
    """A connection that speaks HTTP/2 by hand."""

    def __init__(self, port: int, authority: Authority):
        context = ssl.create_default_context(cafile=authority.file)
        context.set_alpn_protocols(["h2"])
        self.connection = context.wrap_socket(
            socket.create_connection(("127.0.0.1", port), timeout=10), server_hostname="127.0.0.1"
        )
        assert self.connection.selected_alpn_protocol() == "h2"
        self.connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self.send(4, 0, 0)

    def send(self, kind: int, flags: int, stream: int, payload: bytes = b"") -> None:
        self.connection.sendall(
            len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload
        )

    def read(self) -> tuple[int, int, bytes] | None:
        """The next frame as kind, stream and payload; None at the end."""
        head = self._exactly(9)
        if head is None:
            return None
        payload = self._exactly(int.from_bytes(head[:3], "big"))
        return (head[3], int.from_bytes(head[5:], "big"), payload) if payload is not None else None

    def _exactly(self, count: int) -> bytes | None:
        found = b""
        while len(found) < count:
            try:
                chunk = self.connection.recv(count - len(found))
            except (ConnectionError, ssl.SSLError):
                return None
            if not chunk:
                return None
            found += chunk
        return found

    def ends_with(self) -> int | None:
        """The error code of the GOAWAY with which the server ends the connection; None without one."""
        code = None
        while frame := self.read():
            if frame[0] == 7:
                code = int.from_bytes(frame[2][4:8], "big")
        return code


# :method GET, :scheme https, :path / and :authority a, from the static table.
HEAD = bytes([0x82, 0x87, 0x84, 0x41, 0x01, 0x61])


ATTACK_SECONDS = 3
"""Of the server's CPU, at most. What the largest of these attacks costs is a tenth of it."""


def attack(shared, authority, frames) -> int | None:
    """Sends frames until the server has had enough; the code of its goodbye."""
    before = shared.cpu_seconds
    speaker = Frames(shared.port, authority)
    try:
        frames(speaker)
    except (ConnectionError, ssl.SSLError, BrokenPipeError):
        pass
    code = speaker.ends_with()
    speaker.connection.close()
    shared.assert_alive()
    assert shared.cpu_seconds - before < ATTACK_SECONDS
    return code


def test_HOST_10_rapid_reset(shared, authority):
    """CVE-2023-44487: streams that are opened and reset at once."""

    def frames(speaker: Frames) -> None:
        for number in range(5000):
            speaker.send(1, 0x5, 2 * number + 1, HEAD)
            speaker.send(3, 0, 2 * number + 1, (8).to_bytes(4, "big"))

    assert attack(shared, authority, frames) != 0


def test_HOST_10_continuation_flood(shared, authority):
    """CVE-2024-27316 and its kin: headers that never end."""

    def frames(speaker: Frames) -> None:
        speaker.send(1, 0x1, 1, HEAD)
        for _ in range(2000):
            speaker.send(9, 0, 1, bytes([0x00, 0x01, 0x78, 0x7F, 0x81, 0x07]) + b"a" * 1024)

    assert attack(shared, authority, frames) != 0


def test_HOST_10_hpack_bomb(shared, authority):
    """A field of 3,000 bytes that is named ten thousand times, with one byte each: 30 MB of headers in one frame."""
    field = bytes([0x40, 0x01, 0x78, 0x7F, 0xB9, 0x16]) + b"a" * 3000

    def frames(speaker: Frames) -> None:
        for number in range(50):
            speaker.send(1, 0x5, 2 * number + 1, HEAD + field + bytes([0x80 | 62]) * 10_000)

    before = shared.resident_megabytes
    assert attack(shared, authority, frames) != 0
    assert shared.resident_megabytes - before < 30


@pytest.mark.parametrize("kind", [4, 6], ids=["settings", "ping"])
def test_HOST_10_flood_of_control_frames(shared, authority, kind):
    def frames(speaker: Frames) -> None:
        for _ in range(20_000):
            speaker.send(kind, 0, 0, b"" if kind == 4 else b"12345678")

    assert attack(shared, authority, frames) != 0


def test_more_streams_than_allowed_are_refused(shared, authority):
    speaker = Frames(shared.port, authority)
    settings = {}
    while not settings:
        kind, _, payload = speaker.read()
        if kind == 4:
            pairs = [payload[at : at + 6] for at in range(0, len(payload), 6)]
            settings = {int.from_bytes(pair[:2], "big"): int.from_bytes(pair[2:], "big") for pair in pairs}
    # SETTINGS_MAX_CONCURRENT_STREAMS and SETTINGS_MAX_HEADER_LIST_SIZE
    assert settings[3] == 100 and settings[6] <= 16_384
    speaker.connection.close()


class Asker(Frames):
    """Asks and reads the answers, so many at a time, for as long as the server lets it."""

    AT_A_TIME = 40

    def __init__(self, port: int, authority: Authority, hears: bool = True):
        super().__init__(port, authority)
        # Room for all the answers.
        self.send(8, 0, 0, (1 << 30).to_bytes(4, "big"))
        self.hears = hears
        self.asked = self.answered = 0
        self.goodbyes: list[tuple[int, int]] = []
        """Last stream and code of each GOAWAY."""
        self.refused: dict[int, int] = {}
        """The code with which a stream was reset."""

    def ask(self) -> bool:
        """False when the connection has ended."""
        try:
            for _ in range(self.AT_A_TIME):
                self.send(1, 0x5, 2 * self.asked + 1, HEAD)
                self.asked += 1
            while self.answered < self.asked:
                if not self.hear():
                    return False
        except (ConnectionError, ssl.SSLError, socket.timeout):
            return False
        return True

    def hear(self) -> bool:
        """Reads one frame; False at the end."""
        frame = self.read()
        if frame is None:
            return False
        kind, stream, payload = frame
        self.answered += kind == 1
        if kind == 6 and self.hears:
            self.send(6, 1, 0, payload)
        if kind == 3:
            self.refused[stream] = int.from_bytes(payload, "big")
        if kind == 7:
            self.goodbyes.append((int.from_bytes(payload[:4], "big"), int.from_bytes(payload[4:8], "big")))
        return True


def test_HOST_09_a_connection_over_http2_ends_after_ten_thousand_requests(shared, authority):
    """All are answered, the server says which was the last, and the next connection is unharmed."""
    asker = Asker(shared.port, authority)
    while asker.answered < 10_000:
        assert asker.ask()
    while asker.hear():
        pass
    assert asker.answered == 10_000
    assert asker.goodbyes[0] == (2**31 - 1, 0) and asker.goodbyes[-1] == (2 * 10_000 - 1, 0)
    asker.connection.close()
    shared.assert_alive()


def test_HOST_09_what_comes_before_the_goodbye_is_heard_is_refused_so_that_it_may_be_sent_again(shared, authority):
    """What was asked before it is answered all the same."""
    asker = Asker(shared.port, authority, hears=False)
    while asker.answered < 9_990 - asker.AT_A_TIME:
        assert asker.ask()
    for _ in range(10_050 - asker.asked):
        asker.send(1, 0x5, 2 * asker.asked + 1, HEAD)
        asker.asked += 1
    while asker.answered < 10_000 or len(asker.refused) < 50:
        assert asker.hear()
    assert asker.answered == 10_000 and asker.goodbyes == [(2**31 - 1, 0)]
    # REFUSED_STREAM, for each after the last.
    assert asker.refused == {2 * number + 1: 7 for number in range(10_000, 10_050)}
    asker.connection.close()
    shared.assert_alive()


def test_HOST_09_whoever_does_not_hear_the_goodbye_is_cut_off(shared, authority):
    asker = Asker(shared.port, authority, hears=False)
    while asker.answered < 10_000:
        assert asker.ask()
    begin = time.monotonic()
    asker.connection.settimeout(20)
    while asker.hear():
        pass
    assert 1 < time.monotonic() - begin < 15
    asker.connection.close()
    shared.assert_alive()


def test_large_headers_are_refused_over_http2(shared, authority):
    run = curl(
        authority.file, "--http2", "--header", "X-Large: " + "a" * 20_000, "--write-out", "%{http_code}",
        f"{shared.base}/health/live",
    )  # fmt: skip
    assert run.stdout[-3:] in ("431", "000"), run.stdout
    shared.assert_alive()


def test_a_handshake_that_never_ends_is_cut(binary, tmp_path, authority):
    server = Legate(binary, tmp_path, flags=authority.flags, certificate_authority=authority.file)
    with server, socket.create_connection(("127.0.0.1", server.port), timeout=40) as connection:
        connection.sendall(bytes.fromhex("160301020001"))
        begin = time.monotonic()
        assert connection.recv(1) == b""
        assert time.monotonic() - begin < 35


# Certificates that change while the server runs


def metric(server, name: str) -> float:
    token = server.operator_token()
    page = server.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    lines = [line for line in page.text.splitlines() if line.startswith(name)]
    assert len(lines) == 1, page.text[:500]
    return float(lines[0].split()[-1])


def served(port: int) -> bytes:
    """The certificate that a new connection is shown."""
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", port), timeout=5))


def until(condition, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)


@pytest.fixture
def changing(binary, tmp_path, authority):
    """A server whose certificate files can be replaced."""
    certificate, key = tmp_path / "tls.pem", tmp_path / "tls.key"
    certificate.write_bytes(authority.certificate.read_bytes())
    key.write_bytes(authority.certificate_key.read_bytes())
    flags = ("--tls-certificate", str(certificate), "--tls-key", str(key))
    with Legate(binary, tmp_path, flags=flags, certificate_authority=authority.file) as server:
        yield server, certificate, key


def renewed(authority: Authority, days: int = 90):
    return authority.issue("legate", ip=("127.0.0.1",), purpose=ExtendedKeyUsageOID.SERVER_AUTH, days=days)


def test_new_certificate_files_are_served_without_a_restart(changing, authority):
    server, certificate, key = changing
    pid = server.process.pid
    old = served(server.port)
    new = renewed(authority)
    # The certificate comes first, as certbot writes it: for a moment the two do not fit.
    certificate.write_bytes(new.file.read_bytes())
    time.sleep(2.5)
    assert served(server.port) == old
    server.assert_alive()
    key.write_bytes(new.key_file.read_bytes())
    until(lambda: served(server.port) == new.der)
    assert server.process.pid == pid and server.process.poll() is None
    assert metric(server, "legate_tls_reloads_total") == 1
    expiry = metric(server, "legate_tls_certificate_expiry_timestamp_seconds")
    assert expiry == int(new.certificate.not_valid_after_utc.timestamp())
    assert "new certificate files are served" in server.log.read_text()


def test_broken_certificate_files_change_nothing(changing, authority):
    server, certificate, key = changing
    old = served(server.port)
    certificate.write_text("not a certificate")
    until(lambda: metric(server, "legate_tls_reload_failures_total") >= 1)
    assert served(server.port) == old
    assert "the old ones stay" in server.log.read_text()
    failures = metric(server, "legate_tls_reload_failures_total")
    time.sleep(5)
    # Told once, not every two seconds.
    assert metric(server, "legate_tls_reload_failures_total") == failures
    key.unlink()
    time.sleep(2.5)
    assert served(server.port) == old


def test_sighup_reads_the_certificates_at_once(changing, authority):
    server, certificate, key = changing
    new = renewed(authority)
    key.write_bytes(new.key_file.read_bytes())
    certificate.write_bytes(new.file.read_bytes())
    server.process.send_signal(signal.SIGHUP)
    until(lambda: served(server.port) == new.der, 3)
    server.process.send_signal(signal.SIGHUP)
    until(lambda: "have not changed" in server.log.read_text(), 3)
    server.assert_alive()


def test_sighup_without_tls_ends_nothing(own_legate):
    own_legate.process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    own_legate.assert_alive()


def test_a_certificate_that_is_about_to_end_is_warned_of(binary, tmp_path, authority):
    soon = renewed(authority, days=20)
    flags = ("--tls-certificate", str(soon.file), "--tls-key", str(soon.key_file))
    with Legate(binary, tmp_path, flags=flags, certificate_authority=authority.file) as server:
        until(lambda: "the certificate ends in less than 30 days" in server.log.read_text())


def test_a_connection_that_is_open_outlives_a_new_certificate(changing, authority):
    server, certificate, key = changing
    before = server.get("/health/live")
    new = renewed(authority)
    key.write_bytes(new.key_file.read_bytes())
    certificate.write_bytes(new.file.read_bytes())
    until(lambda: served(server.port) == new.der)
    assert before.status_code == server.get("/health/live").status_code == 200
