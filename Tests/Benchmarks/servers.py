"""The processes under measurement: started, watched through /proc, and stopped."""

import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
from base64 import b64encode
from pathlib import Path
from urllib.parse import urlencode

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
START_TIMEOUT = 120
STOP_TIMEOUT = 60


class BenchmarkFailed(Exception):
    """The measurement could not be made; the text says why."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server process on 127.0.0.1."""

    def __init__(self, name: str, log: Path):
        self.name = name
        self.port = free_port()
        self.log = log
        self.process: subprocess.Popen | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def arguments(self) -> list[str]:
        raise NotImplementedError

    def launch(self) -> None:
        # Appending, so that emptying the log while the server runs leaves no hole in it.
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.arguments(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start(self) -> "Server":
        self.launch()
        deadline = time.monotonic() + START_TIMEOUT
        while not self.answers():
            self.require_running()
            if time.monotonic() > deadline:
                raise BenchmarkFailed(f"{self.name} was not ready after {START_TIMEOUT} s:\n{self.end_of_log()}")
            time.sleep(0.02)
        return self

    def answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        except OSError:
            return False

    def require_running(self) -> None:
        code = self.process.poll()
        if code is not None:
            raise BenchmarkFailed(f"{self.name} ended with exit code {code}:\n{self.end_of_log()}")

    def end_of_log(self) -> str:
        with self.log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 2_000))
            return log.read().decode(errors="replace")

    def stop(self) -> None:
        process, self.process = self.process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise BenchmarkFailed(f"{self.name} did not stop within {STOP_TIMEOUT} s") from None

    def empty_log(self) -> None:
        os.truncate(self.log, 0)

    def cpu_seconds(self) -> float:
        """User and system time of the process so far."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        fields = stat[stat.rindex(")") + 2 :].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND

    def resident_megabytes(self) -> float:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024 / 1e6
        raise BenchmarkFailed(f"{self.name}: no VmRSS in /proc")


class BareHandler(Server):
    """Hummingbird alone: reads the body of `POST /token` and answers 600 bytes."""

    def __init__(self, binary: Path, directory: Path):
        super().__init__("bare", directory / "bare.log")
        self.binary = binary

    def arguments(self) -> list[str]:
        return [str(self.binary), str(self.port)]


class Legate(Server):
    """One installation of Legate with its operator."""

    def __init__(self, binary: Path, directory: Path, name: str = "legate"):
        super().__init__(name, directory / f"{name}.log")
        self.binary = binary
        self.data = directory / name
        self.root_key = directory / f"{name}.key"
        self.operator_token = ("", 0.0)
        self.renewal = threading.Lock()

    def arguments(self) -> list[str]:
        return [
            str(self.binary), "serve", "--data", str(self.data), "--issuer", self.address,
            "--listen", f"127.0.0.1:{self.port}", "--root-key", str(self.root_key),
        ]  # fmt: skip

    # Requests of the harness itself

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def request(self, method: str, path: str, body: str | None = None, headers: dict | None = None):
        connection = self.connect()
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def post_form(self, path: str, form: str) -> dict:
        status, body = self.request("POST", path, form, {"Content-Type": "application/x-www-form-urlencoded"})
        if status != 200:
            raise BenchmarkFailed(f"POST {path}: {status} {body.decode(errors='replace')}")
        return json.loads(body)

    def token(self, **form: str) -> str:
        return self.post_form("/token", urlencode({"grant_type": "client_credentials", **form}))["access_token"]

    def operator_authorization(self) -> str:
        with self.renewal:
            if self.operator_token[1] < time.monotonic():
                profile = json.loads((self.data / "admin.json").read_text())
                basic = b64encode(f"{profile['client_id']}:{profile['client_secret']}".encode()).decode()
                status, body = self.request(
                    "POST",
                    "/token",
                    urlencode({"grant_type": "client_credentials", "resource": f"{self.address}/admin"}),
                    {"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Basic {basic}"},
                )
                if status != 200:
                    raise BenchmarkFailed(f"the operator got no token: {status} {body.decode(errors='replace')}")
                answer = json.loads(body)
                self.operator_token = (answer["access_token"], time.monotonic() + answer["expires_in"] / 2)
            return f"Bearer {self.operator_token[0]}"

    def create(self, kind: str, body: dict, connection: http.client.HTTPConnection | None = None) -> dict:
        """Registers one object through the admin API."""
        own = connection or self.connect()
        try:
            headers = {"Content-Type": "application/json", "Authorization": self.operator_authorization()}
            own.request("POST", f"/admin/{kind}", body=json.dumps(body), headers=headers)
            answer = own.getresponse()
            text = answer.read()
        finally:
            if connection is None:
                own.close()
        if answer.status != 201:
            raise BenchmarkFailed(f"POST /admin/{kind}: {answer.status} {text.decode(errors='replace')}")
        return json.loads(text)
