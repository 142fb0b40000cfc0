"""Real gateways for a measurement, set up with the very files that their pages in Docs/Gateways show."""

import base64
import json
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Interop"))

from gateways import kit  # noqa: E402

from servers import BenchmarkFailed, Legate, free_port  # noqa: E402

RESOURCE = "https://orders.example.com"
SCOPES = ["orders:read", "orders:write"]
START_SECONDS = 20


def register(legate: Legate) -> dict[str, str]:
    """The API and the gateway of the pages; answers the gateway's credentials."""
    legate.create("resources", {"resource": RESOURCE, "name": "orders", "kind": "api", "scopes": SCOPES})
    made = legate.create(
        "clients",
        {
            "client_id": "edge", "name": "Edge", "kind": "gateway", "scopes": [*SCOPES, "revocations:read"],
            "resources": [RESOURCE, f"{legate.address}/revocations"], "grants": ["client_credentials"],
        },
    )  # fmt: skip
    return {"client_id": made["client_id"], "client_secret": made["client_secret"]}


class Nginx:
    """nginx, which asks Legate about each call."""

    def __init__(self, legate: Legate, credentials: dict[str, str], directory: Path):
        self.upstream = kit.Upstream()
        self.port = free_port()
        directory.mkdir()
        pair = f"{credentials['client_id']}:{credentials['client_secret']}"
        header = directory / "legate-gateway"
        basic = base64.b64encode(pair.encode()).decode()
        header.write_text(f'proxy_set_header Legate-Gateway-Authorization "Basic {basic}";\n')
        site = kit.Document("nginx.md").file(
            "/etc/nginx/conf.d/orders.conf",
            {
                "server 127.0.0.1:8080;": f"server 127.0.0.1:{legate.port};",
                "server 127.0.0.1:9000;": f"server {self.upstream.address};",
                "listen 8000;": f"listen 127.0.0.1:{self.port};",
                "/etc/nginx/legate-gateway": str(header),
            },
        )
        self.gateway = kit.nginx(directory, self.port, site)

    def stop(self) -> None:
        self.gateway.stop()
        self.upstream.stop()


class HAProxy:
    """HAProxy, which verifies tokens itself, and `legate gateway follow`, which tells it what is revoked."""

    def __init__(self, legate: Legate, credentials: dict[str, str], directory: Path):
        self.upstream = kit.Upstream()
        self.port = free_port()
        self.files = directory / "legate"
        self.files.mkdir(parents=True)
        profile = directory / "edge.json"
        profile.write_text(json.dumps({"server": legate.address, **credentials}))
        with (directory / "follow.log").open("ab") as log:
            self.follower = subprocess.Popen(
                [
                    str(legate.binary), "gateway", "follow", "--haproxy-directory", str(self.files),
                    "--haproxy-socket", str(directory / "admin.sock"),
                    "--haproxy-master-socket", str(directory / "master.sock"),
                ],
                env={"LEGATE_PROFILE": str(profile)}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while not ((self.files / "keys.map").is_file() and (self.files / "denied.map").is_file()):
            if time.monotonic() > deadline or self.follower.poll() is not None:
                raise BenchmarkFailed("the follower was not ready:\n" + (directory / "follow.log").read_text()[-2000:])
            time.sleep(0.02)
        file = directory / "haproxy.cfg"
        file.write_text(
            kit.Document("HAProxy.md").file(
                "/etc/haproxy/haproxy.cfg",
                {
                    "bind :8000": f"bind 127.0.0.1:{self.port}",
                    "127.0.0.1:8080": f"127.0.0.1:{legate.port}",
                    "127.0.0.1:9000": self.upstream.address,
                    "/run/haproxy/admin.sock": f"{directory}/admin.sock",
                    "/etc/haproxy/legate": str(self.files),
                    "https://auth.example.com": legate.address,
                },
            )
        )
        binary = kit.program("haproxy", "apt-get install haproxy")
        self.gateway = kit.Gateway(
            self.port, [binary, "-W", "-S", f"{directory}/master.sock", "-f", str(file)], directory
        )

    def stop(self) -> None:
        self.follower.terminate()
        self.follower.wait(timeout=10)
        self.gateway.stop()
        self.upstream.stop()
