"""The server under test: a real process, started, stopped and killed from outside."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import requests
from requests.adapters import HTTPAdapter

START_TIMEOUT = 30
ANSWER_TIMEOUT = 20


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class CommandFailed(AssertionError):
    """A `legate` command that should have succeeded did not."""

    def __init__(self, run: subprocess.CompletedProcess):
        super().__init__(f"{' '.join(map(str, run.args))}\nexit {run.returncode}\n{run.stdout}\n{run.stderr}")
        self.run = run


class Legate:
    """One installation: a data directory, a root key, an issuer. The process comes and goes; the installation stays."""

    def __init__(
        self,
        binary: Path,
        directory: Path,
        *,
        path: str = "",
        issuer: str | None = None,
        flags: tuple[str, ...] = (),
        certificate_authority: Path | None = None,
    ):
        self.binary = binary
        self.directory = directory
        self.port = free_port()
        scheme = "https" if certificate_authority else "http"
        self.base = f"{scheme}://127.0.0.1:{self.port}{path}"
        self.issuer = (issuer or self.base).replace("PORT", str(self.port))
        self.flags = flags
        self.certificate_authority = certificate_authority
        self.data = directory / "data"
        self.root_key = directory / "root.key"
        self.log = directory / "legate.log"
        self.process: subprocess.Popen | None = None
        self.http = self._session()
        self._admin_token: tuple[str, float] | None = None

    # The process

    @property
    def cpu_seconds(self) -> float:
        """What the process has used of the processors, in user and kernel mode."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def resident_megabytes(self) -> float:
        """The memory that the process holds."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    @property
    def serve_arguments(self) -> list[str]:
        return [
            str(self.binary),
            "serve",
            "--issuer",
            self.issuer,
            "--listen",
            f"127.0.0.1:{self.port}",
            "--data",
            str(self.data),
            "--root-key",
            str(self.root_key),
            *self.flags,
        ]

    def start(self) -> "Legate":
        assert self.process is None
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.serve_arguments, stdout=subprocess.PIPE, stderr=log, text=True, cwd=self.directory
            )
        lines: Queue[str] = Queue()
        threading.Thread(target=_drain, args=(self.process.stdout, lines), daemon=True).start()
        expected = f"legate: serving {self.issuer} on 127.0.0.1:{self.port}"
        deadline = time.monotonic() + START_TIMEOUT
        while (left := deadline - time.monotonic()) > 0:
            try:
                line = lines.get(timeout=min(left, 0.2)).strip()
            except Empty:
                if self.process.poll() is not None:
                    break
                continue
            assert line == expected, line
            self.http = self._session()
            return self
        code = self.kill9()
        raise AssertionError(f"the server did not start (exit {code}):\n{self.log.read_text()[-4000:]}")

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        return self._end(signal.SIGTERM)

    def kill9(self) -> int:
        return self._end(signal.SIGKILL)

    def __enter__(self) -> "Legate":
        return self.start()

    def __exit__(self, *failure: object) -> None:
        """Stops what still runs; after a success it must stop cleanly."""
        if self.process is not None:
            if failure[0] is None:
                assert self.stop() == 0
            else:
                self.kill9()

    def restart(self) -> "Legate":
        assert self.stop() == 0
        return self.start()

    def _end(self, with_signal: signal.Signals) -> int:
        process, self.process = self.process, None
        assert process is not None
        process.send_signal(with_signal)
        try:
            return process.wait(timeout=ANSWER_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"the server did not end {ANSWER_TIMEOUT} s after {with_signal.name}") from None

    # HTTP

    def _session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.mount("http", HTTPAdapter(pool_maxsize=64))
        if self.certificate_authority:
            session.verify = str(self.certificate_authority)
        return session

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """One request to this server; `path` is below the issuer."""
        options.setdefault("timeout", ANSWER_TIMEOUT)
        options.setdefault("allow_redirects", False)
        return self.http.request(method, self.base + path, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, form: Any = None, **options: Any) -> requests.Response:
        return self.request("POST", path, data=form, **options)

    @property
    def metadata(self) -> dict:
        return self.get("/.well-known/oauth-authorization-server").json()

    @property
    def jwks(self) -> dict:
        return self.get("/.well-known/jwks.json").json()

    def assert_refuses_to_start(self, *flags: str, mentions: str, listen: str | None = None) -> None:
        arguments = ["--data", self.data, "--root-key", self.root_key, "--issuer", self.issuer]
        arguments += ["--listen", listen or f"127.0.0.1:{self.port}"]
        run = self.run("serve", *arguments, *flags, environment={"LEGATE_PROFILE": ""})
        assert run.returncode != 0 and "serving" not in run.stdout
        assert mentions in run.stderr, run.stderr

    def assert_alive(self) -> None:
        assert self.get("/health/live").status_code == 200

    # The operator

    @property
    def profile(self) -> Path:
        return self.data / "admin.json"

    @property
    def operator(self) -> dict:
        """`{"server", "client_id", "client_secret"}` of the first operator."""
        return json.loads(self.profile.read_text())

    def operator_token(self) -> str:
        if self._admin_token is None or self._admin_token[1] < time.monotonic():
            operator = self.operator
            answer = self.post(
                "/token",
                {"grant_type": "client_credentials", "resource": f"{self.issuer}/admin"},
                auth=(operator["client_id"], operator["client_secret"]),
            )
            assert answer.status_code == 200, answer.text
            body = answer.json()
            self._admin_token = (body["access_token"], time.monotonic() + body["expires_in"] - 20)
        return self._admin_token[0]

    def forget_operator_token(self) -> None:
        self._admin_token = None

    def admin(self, method: str, path: str, json: Any = None, token: str | None = None, **options: Any):
        """A call of the admin API as the first operator, or as whoever holds `token`."""
        headers = {"Authorization": f"Bearer {token or self.operator_token()}", **options.pop("headers", {})}
        return self.request(method, f"/admin{path}", json=json, headers=headers, **options)

    def fetch(self, path: str, **options: Any) -> Any:
        answer = self.admin("GET", path, **options)
        assert answer.status_code == 200, f"GET /admin{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def create(self, path: str, body: dict) -> dict:
        answer = self.admin("POST", path, body)
        assert answer.status_code == 201, f"POST /admin{path} {body}: {answer.status_code} {answer.text}"
        return answer.json()

    def items(self, path: str) -> list[dict]:
        """A whole list, page by page."""
        found, cursor, separator = [], None, "&" if "?" in path else "?"
        while True:
            page = self.fetch(f"{path}{separator}limit=1000" + (f"&cursor={cursor}" if cursor else ""))
            found += page["items"]
            cursor = page["next"]
            if cursor is None:
                return found

    def audit(self, **filters: Any) -> list[dict]:
        query = "&".join(f"{name}={requests.utils.quote(str(value), safe='')}" for name, value in filters.items())
        return self.items(f"/audit?{query}" if query else "/audit")

    # The command line

    def run(
        self, *arguments: Any, profile: Path | None = None, stdin: str | None = None, environment: dict | None = None
    ) -> subprocess.CompletedProcess:
        """Runs `legate ARGUMENTS` into a pipe, with this installation's operator or another profile."""
        variables = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self.directory),
            "LEGATE_PROFILE": str(profile or self.profile),
            **({"LEGATE_CA_FILE": str(self.certificate_authority)} if self.certificate_authority else {}),
            **(environment or {}),
        }
        return subprocess.run(
            [str(self.binary), *map(str, arguments)],
            env=variables,
            cwd=self.directory,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def cli(self, *arguments: Any, **options: Any) -> Any:
        """The parsed JSON of a command that must succeed; None when it prints nothing."""
        run = self.run(*arguments, **options)
        if run.returncode != 0:
            raise CommandFailed(run)
        return json.loads(run.stdout) if run.stdout.strip() else None


class FromAddress(HTTPAdapter):
    """Connects from another loopback address, as another machine would."""

    def __init__(self, address: str):
        self._address = address
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options, source_address=(self._address, 0))


def _drain(stream: Any, lines: Queue) -> None:
    for line in stream:
        lines.put(line)
