"""The vault as tests use it: an operator who keeps secrets, agents who read them, crashes at chosen steps."""

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from actors import Client, Registry
from server import ANSWER_TIMEOUT, Legate, free_port  # noqa: F401

FAULT_POINTS = Path(__file__).resolve().parents[2] / "Sources" / "Vault" / "FaultPoint.swift"


def fault_points() -> list[str]:
    """Every step at which a debug build can be made to crash."""
    return re.findall(r"^    case (\w+)$", FAULT_POINTS.read_text(), re.MULTILINE)


class Custody:
    """One installation's vault."""

    def __init__(self, legate: Legate):
        self.legate = legate
        self.registry = Registry(legate)
        self._token: tuple[str, float] | None = None

    @property
    def resource(self) -> str:
        return f"{self.legate.issuer}/vault"

    # The operator

    def operator_token(self) -> str:
        if self._token is None or self._token[1] < time.monotonic():
            operator = self.legate.operator
            answer = self.legate.post(
                "/token",
                {"grant_type": "client_credentials", "resource": self.resource},
                auth=(operator["client_id"], operator["client_secret"]),
            )
            assert answer.status_code == 200, answer.text
            body = answer.json()
            self._token = (body["access_token"], time.monotonic() + body["expires_in"] - 20)
        return self._token[0]

    def call(self, method: str, path: str, body: Any = None, token: str | None = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {token or self.operator_token()}"}
        return self.legate.request(method, f"/vault/{path}", json=body, headers=headers)

    def manage(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.call(method, path, body)
        assert answer.status_code < 300, f"{method} /vault/{path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def create(self, name: str, value: str | None = None, *readers: Client, **members: Any) -> dict:
        body = {"rules": [{"client_id": reader.id} for reader in readers], **members}
        if value is not None:
            body["value"] = value
        return self.manage("PUT", f"secrets/{name}", body)

    def put(self, name: str, value: str, **members: Any) -> int:
        return self.manage("PUT", f"values/{name}", {"value": value, **members})["version"]

    def versions(self, name: str) -> dict[int, str]:
        """The state of each version."""
        return {item["version"]: item["state"] for item in self.manage("GET", f"versions/{name}")["items"]}

    def current(self, name: str) -> int | None:
        return self.manage("GET", f"secrets/{name}")["current_version"]

    def leases(self, name: str) -> list[dict]:
        return self.manage("GET", f"leases?secret={name}")["items"]

    # Agents

    def agent(self, **members: Any) -> Client:
        return self.registry.client(
            "reader", resources=(self.resource,), scopes=("secrets:read",), grants=("client_credentials",), **members
        )

    def read(self, agent: Client, name: str, version: int | None = None) -> requests.Response:
        token = agent.token(resource=self.resource)
        return self.call("GET", f"values/{name}" + (f"?version={version}" if version else ""), token=token)

    def value(self, agent: Client, name: str, version: int | None = None) -> str:
        answer = self.read(agent, name, version)
        assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
        return answer.json()["value"]

    # Crashes

    def restart(self) -> None:
        if self.legate.process is not None:
            assert self.legate.stop() == 0
        self.legate.start()

    def crash(self, fault: str, action: Callable[[], Any]) -> None:
        """Runs the action on a server that ends at this step, and starts the server again as it is."""
        require_debug_build(self.legate.binary)
        assert fault in fault_points(), f"{fault} is no fault point"
        self.operator_token()
        assert self.legate.stop() == 0
        os.environ["LEGATE_FAULT"] = fault
        try:
            self.legate.start()
        finally:
            del os.environ["LEGATE_FAULT"]
        with pytest.raises(requests.ConnectionError):
            action()
        process, self.legate.process = self.legate.process, None
        assert process.wait(timeout=ANSWER_TIMEOUT) == -signal.SIGKILL, f"{fault} was not reached"
        self.legate.start()

    def verify_trail(self) -> dict:
        report = self.legate.fetch("/audit/verify")
        assert report["valid"] is True, report
        return report

    def records(self, event: str, target: str | None = None) -> list[dict]:
        """Audit records of an event, about a target when there is one."""
        return [
            record
            for record in self.legate.audit()
            if record["event"] == event and (target is None or record["target"] == target)
        ]


def require_debug_build(binary: Path) -> None:
    if b"LEGATE_FAULT" not in binary.read_bytes():
        pytest.skip("a release build has no fault points")
