"""Load by wrk, interleaved over two servers, and what the servers paid for it."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from servers import BenchmarkFailed, Server

CONNECTIONS = 64
SCRIPT = Path(__file__).with_name("load.lua")


@dataclass
class Side:
    """One of the servers compared, and the request that it gets."""

    server: Server
    path: str
    method: str = "POST"
    bodies: Path | None = None
    proofs: Path | None = None
    """One DPoP proof a request; with `once` none is sent twice."""
    paths: Path | None = None
    """Takes the place of `path` when the requests differ in it."""
    once: bool = False
    """Whether a body must not be sent twice."""
    authorization: Callable[[], str] | None = None
    """Makes the header of a run."""
    prepare: Callable[[int], None] | None = None
    """Makes at least so many bodies afresh, before each run."""
    runs: list[dict] = field(default_factory=list)
    resident_megabytes: float = 0

    def run(self, seconds: int, expected_rate: float) -> dict:
        if self.prepare:
            self.prepare(int(seconds * expected_rate))
        self.server.require_running()
        self.server.empty_log()
        before = self.server.cpu_seconds()
        result = wrk(self, seconds)
        result["cpu_seconds"] = self.server.cpu_seconds() - before
        self.resident_megabytes = self.server.resident_megabytes()
        return result

    def figures(self) -> dict:
        """Medians over the rounds."""
        return {
            "server": self.server.name,
            "requests_per_second": median(run["requests"] / run["seconds"] for run in self.runs),
            "p50_ms": median(run["p50_ms"] for run in self.runs),
            "p99_ms": median(run["p99_ms"] for run in self.runs),
            "cpu_seconds_per_1000": median(run["cpu_seconds"] * 1000 / run["requests"] for run in self.runs),
            "resident_mb": self.resident_megabytes,
            "invalid": self.why_invalid(),
            "runs": self.runs,
        }

    def why_invalid(self) -> str | None:
        rejected = sum(run["rejected"] for run in self.runs)
        broken = sum(run["broken"] for run in self.runs)
        reasons = [f"{rejected:,} answers were not 2xx"] * (rejected > 0)
        reasons += [f"{broken:,} connections broke or timed out"] * (broken > 0)
        reasons += ["wrk ran out of bodies"] * any(run["exhausted"] for run in self.runs)
        return "; ".join(reasons) or None


def wrk(side: Side, seconds: int) -> dict:
    """One run; the answer is what load.lua reports at its end."""
    environment = {"PATH": os.environ.get("PATH", ""), "BENCH_METHOD": side.method}
    if side.bodies:
        environment["BENCH_BODIES"] = str(side.bodies)
    if side.proofs:
        environment["BENCH_PROOFS"] = str(side.proofs)
    if side.paths:
        environment["BENCH_PATHS"] = str(side.paths)
    if side.authorization:
        environment["BENCH_AUTHORIZATION"] = side.authorization()
    if side.once:
        environment["BENCH_ONCE"] = "yes"
    url = side.server.address + side.path
    run = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", SCRIPT, url],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds + 60,
    )
    for line in run.stdout.splitlines():
        if line.startswith("RESULT "):
            result = json.loads(line.removeprefix("RESULT "))
            if result["requests"] > 0:
                return result
    raise BenchmarkFailed(f"wrk got no answer from {side.server.name}:\n{run.stdout}{run.stderr}")


def p99_of(runs: list[dict]) -> float:
    """Milliseconds within which 99 of 100 answers of all these runs came, rounded up."""
    counts: dict[int, int] = {}
    for run in runs:
        for milliseconds, count in run["histogram"].items():
            counts[int(milliseconds)] = counts.get(int(milliseconds), 0) + count
    left = 0.99 * sum(counts.values())
    for milliseconds in sorted(counts):
        left -= counts[milliseconds]
        if left <= 0:
            return milliseconds + 1
    raise BenchmarkFailed("there was no answer")


def interleave(sides: list[Side], seconds: int, rounds: int, warm_up: int) -> list[dict]:
    """Runs the sides in turn (A B, B A, …), so that a drift of the machine hits both alike."""
    rates = []
    for side in sides:
        warm = side.run(warm_up, 25_000)
        rates.append(warm["requests"] / warm["seconds"])
    for number in range(rounds):
        order = list(zip(sides, rates, strict=True))
        for side, rate in order if number % 2 == 0 else reversed(order):
            side.runs.append(side.run(seconds, 1.5 * rate))
            time.sleep(0.3)
    return [side.figures() for side in sides]
