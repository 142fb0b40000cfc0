"""HAProxy with `legate gateway follow`, as Docs/Gateways/HAProxy.md sets it up."""

import json
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from checks import bearer_challenge
from gateways import kit
from gateways.contract import Gate, Gatekeeping, Stage
from gateways.following import RevocationSoon, assert_follows, eventually, until
from gateways.possession import Holder
from jose import decode


class Follower:
    """`legate gateway follow`, started, stopped and killed from outside."""

    def __init__(self, stage: Stage, directory: Path):
        self.stage, self.directory = stage, directory
        self.files = directory / "legate"
        self.files.mkdir()
        self.log = directory / "follow.log"
        self.profile = directory / "edge.json"
        self.profile.write_text(
            json.dumps(
                {"server": stage.legate.issuer, "client_id": "edge", "client_secret": stage.secrets["edge"]}
            )
        )
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        """Returns when it has written what HAProxy needs to start."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    str(self.stage.legate.binary), "gateway", "follow",
                    "--haproxy-directory", str(self.files),
                    "--haproxy-socket", str(self.directory / "admin.sock"),
                    "--haproxy-master-socket", str(self.directory / "master.sock"),
                    "--fail-closed-after", "4s",
                ],
                env={"LEGATE_PROFILE": str(self.profile)}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        eventually(lambda: (self.files / "keys.map").is_file() and (self.files / "denied.map").is_file())

    def told(self) -> int:
        """How often HAProxy was told everything."""
        return self.log.read_text().count("was told everything")

    def end(self, number: signal.Signals) -> int:
        process, self.process = self.process, None
        process.send_signal(number)
        return process.wait(timeout=10)


@pytest.fixture(scope="module")
def gate(binary, tmp_path_factory):
    stage = Stage(binary, tmp_path_factory.mktemp("haproxy"), "HAProxy.md")
    follower = Follower(stage, stage.directory)
    try:
        follower.start()
        address = f"http://127.0.0.1:{stage.port}"
        configuration = stage.document.file(
            "/etc/haproxy/haproxy.cfg",
            {
                "bind :8000": f"bind 127.0.0.1:{stage.port}",
                "127.0.0.1:8080": f"127.0.0.1:{stage.legate.port}",
                "127.0.0.1:9000": stage.upstream.address,
                "/run/haproxy/admin.sock": f"{stage.directory}/admin.sock",
                "/etc/haproxy/legate": str(follower.files),
                "https://auth.example.com": stage.legate.issuer,
                "https://orders.example.com/.well-known": f"{address}/.well-known",
            },
        )
        file = stage.directory / "haproxy.cfg"
        file.write_text(configuration)
        program = kit.program("haproxy", "apt-get install haproxy")
        stage.gateway = kit.Gateway(
            stage.port, [program, "-W", "-S", f"{stage.directory}/master.sock", "-f", str(file)], stage.directory,
            follower.log,
        )  # fmt: skip
        gate = Gate(stage)
        gate.follower = follower
        until(gate, stage.token(), 200, within=10)
        yield gate
    finally:
        if follower.process is not None:
            follower.end(signal.SIGTERM)
        stage.stop()


class TestHAProxy(Gatekeeping, RevocationSoon):
    # HAProxy counts whole seconds.
    rounding = 1.1

    def test_a_call_that_writes_needs_another_scope(self, gate):
        gate.refused(gate.stage.token(scope="orders:read"), 403, method="POST")
        gate.passed(gate.stage.token(scope="orders:write"), "POST")

    def test_a_scope_is_a_whole_word(self, gate):
        stage = gate.stage
        gate.passed(stage.token(scope="orders:write orders:read"))
        gate.refused(stage.token(scope="orders:write"), 403)

    def test_garbage_is_answered_with_a_challenge(self, gate):
        bearer_challenge(gate.refused("garbage"), 401, "invalid_token")

    def test_two_tokens_are_refused(self, gate):
        token = gate.stage.token()
        with socket.create_connection(("127.0.0.1", gate.stage.port), timeout=5) as connection:
            lines = ["GET / HTTP/1.1", "Host: x", "Connection: close", *[f"Authorization: Bearer {token}"] * 2]
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            assert connection.recv(65536).startswith(b"HTTP/1.1 401 ")

    def test_a_token_that_is_bound_to_a_key_is_refused_with_and_without_proof(self, gate):
        holder = Holder(gate.stage)
        token = holder.token()
        gate.refused(token)
        gate.refused(None, headers=holder.headers(token))

    def test_haproxy_closes_when_the_follower_dies_and_misses_nothing(self, gate):
        stage = gate.stage
        token, marked = stage.token(), stage.token()
        gate.passed(marked)
        gate.follower.end(signal.SIGKILL)
        try:
            stage.revoke("token", decode(marked)[1]["jti"])
            until(gate, token, 503, within=6)
        finally:
            told = gate.follower.told()
            gate.follower.start()
        eventually(lambda: gate.follower.told() > told)
        until(gate, token, 200, within=10)
        gate.refused(marked)

    def test_a_follower_that_is_stopped_ends_well_and_its_successor_takes_over_unseen(self, gate):
        token = gate.stage.token()
        assert gate.follower.end(signal.SIGTERM) == 0
        told = gate.follower.told()
        gate.follower.start()
        eventually(lambda: gate.follower.told() > told)
        for _ in range(50):
            gate.passed(token)
            time.sleep(0.02)
        assert_follows(gate)

    def test_a_haproxy_that_somebody_reloads_is_told_everything(self, gate):
        stage = gate.stage
        token, marked = stage.token(), stage.token()
        stage.revoke("token", decode(marked)[1]["jti"])
        until(gate, marked, 401)
        stage.gateway.process.send_signal(signal.SIGUSR2)
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            gate.refused(marked, 401, 503)
            time.sleep(0.005)
        gate.passed(token)
        assert_follows(gate)

    def test_the_command_says_what_is_wrong(self, gate):
        legate = gate.stage.legate
        needed = ("gateway", "follow", "--haproxy-directory", "/tmp", "--haproxy-socket", "/tmp/x")
        assert legate.run(*needed, "--fail-closed-after", "1s").returncode == 2
        assert legate.run(*needed[:4]).returncode == 2
        missing = legate.run("gateway", "follow", "--haproxy-directory", "/nowhere", "--haproxy-socket", "/tmp/x")
        assert missing.returncode == 1 and "/nowhere" in missing.stderr
