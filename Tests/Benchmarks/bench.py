"""Measures Legate beside a bare Hummingbird handler on this machine.

Every operation runs interleaved on (a) Legate with its durable audit trail and (b) a bare Hummingbird handler that
reads the body of POST /token and answers 600 bytes. CPU per request is the figure to compare: it does not depend on
what wrk or a neighbour takes. Runs with an answer that is not 2xx are marked INVALID: a refused request is no work.

operations:  token            client_credentials with a secret
             private_key_jwt  client_credentials with a client assertion, each used once
             exchange         token exchange of the agent's own token
             introspection    of a live token, by the resource that it is for
             jwks             GET of the key set (the bare handler: POST with an empty body)
             check            forward authentication of a live token, each call in the audit trail (the bare handler
                              as above)
states:      memory           resident memory after a million tokens
             disk             bytes on disk for each audit record
             scale            start to first token, and the cost of a token, with 100,000 clients and a million records
             tombstones       start, memory, and the cost of a check, with 1,000,000 live revocations
             revocation       how long a revoked token still works, place by place; the cost of revoking much at once
             possession       a token with DPoP beside the bare handler, TLS beside plain HTTP, full handshakes a second
             hostile          honest clients under floods of bad requests, and among idle and slow connections
             vault            reads with lease and audit, beside the bare handler and beside OpenBao; 100,000 secrets
                              with 3 versions each; reads while all of them are sealed anew; 1,000 that are due at once
"""

import argparse
import http.client
import json
import os
import platform
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from urllib.parse import quote, urlencode

import fronts
import hostile
import possession
import registry
import revocation
import vault
from load import CONNECTIONS, SCRIPT, Side, interleave
from servers import BareHandler, BenchmarkFailed, Legate, Server

OPERATIONS = ["token", "private_key_jwt", "exchange", "introspection", "jwks", "check"]
STATES = ["memory", "disk", "scale"]
REVOCATIONS = ["tombstones", "revocation"]
VAULT = ["vault"]
POSSESSION = ["possession"]
HOSTILE = ["hostile"]
EVERYTHING = OPERATIONS + STATES + REVOCATIONS + VAULT + POSSESSION + HOSTILE
MOST_RATIO = {"token": 3.0, "exchange": 5.0, "introspection": 5.0}
MOST_P99_MS = {"token": 20.0, "private_key_jwt": 20.0}
MOST_MEGABYTES = 100.0
MOST_BYTES_PER_RECORD = 600.0
MOST_START_MS = 300.0
MOST_GROWTH_PERCENT = 20.0
LEAST_CHECKS = 1 / 3
"""Of the bare handler's requests a second."""
TOMBSTONES = 1_000_000
MOST_TOMBSTONE_MEGABYTES = 200.0
MOST_TOMBSTONE_START_MS = 3000.0
REVOKED = 200
MOST_FOLLOWER_MS = {1: 50.0, 1000: 250.0}
MOST_TIMES_FOR_A_LARGE_TREE = 2.0
DIFFERENT_BODIES = 10_000
FILL_SECONDS = 900
REGISTER_SECONDS = 900


def say(text: str) -> None:
    print(f"  … {text}", file=sys.stderr, flush=True)


@dataclass
class Verdict:
    """A figure beside the most that it may be."""

    name: str
    reached: float
    most: float
    unit: str
    valid: bool = True

    @property
    def word(self) -> str:
        if not self.valid:
            return "INVALID"
        return "ok" if self.reached <= self.most else "MISSED"


def write_lines(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


class Bench:
    def __init__(self, options: argparse.Namespace, directory: Path):
        self.options = options
        self.directory = directory
        self.servers: list[Server] = []
        self.comparisons: dict[str, list[dict]] = {}
        self.verdicts: list[Verdict] = []
        self.revoked: list[dict] = []

    def legate(self, name: str) -> Legate:
        server = Legate(self.options.legate, self.directory, name)
        self.servers.append(server)
        return server

    def bare(self) -> BareHandler:
        server = BareHandler(self.options.bare, self.directory)
        self.servers.append(server)
        return server

    def say(self, text: str) -> None:
        say(text)

    def judge(self, *figure) -> None:
        self.verdicts.append(Verdict(*figure))

    def stop(self) -> None:
        for server in self.servers:
            try:
                server.stop()
            except BenchmarkFailed as error:
                print(f"Scripts/bench: {error}", file=sys.stderr)

    def run(self) -> None:
        chosen = self.options.names or self.options.only or EVERYTHING
        if any(name in chosen for name in OPERATIONS):
            self.operations([name for name in OPERATIONS if name in chosen])
        if any(name in chosen for name in STATES):
            self.states([name for name in STATES if name in chosen])
        if "tombstones" in chosen:
            self.tombstones()
        if "revocation" in chosen:
            self.revocation()
        if "vault" in chosen:
            vault.measure(self)
        if "possession" in chosen:
            possession.measure(self)
        if "hostile" in chosen:
            hostile.measure(self)

    # Operations

    def operations(self, names: list[str]) -> None:
        legate, bare = self.legate("legate"), BareHandler(self.options.bare, self.directory)
        self.servers.append(bare)
        legate.start()
        bare.start()
        registry.register_resource(legate)
        for name in names:
            say(name)
            sides = getattr(self, f"sides_of_{name}")(legate, bare)
            figures = interleave(sides, self.options.seconds, self.options.rounds, self.options.warm_up)
            self.comparisons[name] = figures
            self.judge_operation(name, *figures)
        legate.stop()
        bare.stop()

    def judge_operation(self, name: str, ours: dict, bare: dict) -> None:
        ours["ratio"] = ours["cpu_seconds_per_1000"] / bare["cpu_seconds_per_1000"]
        valid = not ours["invalid"] and not bare["invalid"]
        if name in MOST_RATIO:
            label = f"{name}: CPU per request, times the bare handler's"
            self.verdicts.append(Verdict(label, ours["ratio"], MOST_RATIO[name], "×", valid))
        if name == "check":
            label = "check: the bare handler's requests a second, times ours"
            share = bare["requests_per_second"] / ours["requests_per_second"]
            self.verdicts.append(Verdict(label, share, 1 / LEAST_CHECKS, "×", valid))
        if name in MOST_P99_MS:
            label = f"{name}: p99 at {CONNECTIONS} connections"
            self.verdicts.append(Verdict(label, ours["p99_ms"], MOST_P99_MS[name], "ms", valid))

    def sides_of_token(self, legate: Legate, bare: Server) -> list[Side]:
        agent = registry.register_agent(legate, "bench-secret")
        bodies = [registry.token_body(agent, f"task-{number}") for number in range(DIFFERENT_BODIES)]
        file = write_lines(self.directory / "token", bodies)
        self.probe(legate, "/token", bodies[0], "access_token")
        return [Side(legate, "/token", bodies=file), Side(bare, "/token", bodies=file)]

    def sides_of_private_key_jwt(self, legate: Legate, bare: Server) -> list[Side]:
        signer = registry.AssertionSigner("bench-key", legate.address)
        body = registry.agent("bench-key", auth="private_key_jwt", jwks=signer.jwks)
        legate.create("clients", body)
        file = self.directory / "private_key_jwt"
        self.probe(legate, "/token", signer.bodies(1)[0], "access_token")

        def prepare(count: int) -> None:
            write_lines(file, signer.bodies(count))

        return [Side(legate, "/token", bodies=file, once=True, prepare=prepare), Side(bare, "/token", bodies=file)]

    def sides_of_exchange(self, legate: Legate, bare: Server) -> list[Side]:
        grants = ["client_credentials", "token_exchange"]
        agent = registry.register_agent(legate, "bench-exchange", grants=grants, token_ttl=registry.LONGEST_LIFE)
        file = self.directory / "exchange"

        def body() -> str:
            return registry.exchange_body(agent, legate.token(**agent, resource=registry.RESOURCE))

        def prepare(_: int) -> None:
            write_lines(file, [body()])

        self.probe(legate, "/token", body(), "access_token")
        return [Side(legate, "/token", bodies=file, prepare=prepare), Side(bare, "/token", bodies=file)]

    def sides_of_introspection(self, legate: Legate, bare: Server) -> list[Side]:
        agent = registry.register_agent(legate, "bench-holder", token_ttl=registry.LONGEST_LIFE)
        made = legate.create(
            "clients", {**registry.agent("bench-api"), "kind": "resource", "acts_as": registry.RESOURCE}
        )
        api = {"client_id": made["client_id"], "client_secret": made["client_secret"]}
        file = self.directory / "introspection"

        def body() -> str:
            return urlencode({**api, "token": legate.token(**agent, resource=registry.RESOURCE)})

        def prepare(_: int) -> None:
            write_lines(file, [body()])

        if self.probe(legate, "/introspect", body(), "active")["active"] is not True:
            raise BenchmarkFailed("introspection says that a live token is not active")
        return [Side(legate, "/introspect", bodies=file, prepare=prepare), Side(bare, "/token", bodies=file)]

    def sides_of_jwks(self, legate: Legate, bare: Server) -> list[Side]:
        path = "/.well-known/jwks.json"
        status, body = legate.request("GET", path)
        if status != 200 or not json.loads(body).get("keys"):
            raise BenchmarkFailed(f"GET {path}: {status}")
        return [Side(legate, path, method="GET"), Side(bare, "/token")]

    def sides_of_check(self, legate: Legate, bare: Server) -> list[Side]:
        agent = registry.register_agent(legate, "bench-caller", token_ttl=registry.LONGEST_LIFE)
        path = f"/check?resource={quote(registry.RESOURCE, safe='')}&scope=read"

        def authorization() -> str:
            return "Bearer " + legate.token(**agent, resource=registry.RESOURCE)

        status, _ = legate.request("GET", path, headers={"Authorization": authorization()})
        if status != 204:
            raise BenchmarkFailed(f"GET /check of a live token: {status}")
        return [Side(legate, path, method="GET", authorization=authorization), Side(bare, "/token")]

    def probe(self, legate: Legate, path: str, body: str, member: str) -> dict:
        """One request before thousands of it: the load must be of answers worth having."""
        answer = legate.post_form(path, body)
        if member not in answer:
            raise BenchmarkFailed(f"POST {path}: no {member} in the answer")
        return answer

    # States

    def states(self, names: list[str]) -> None:
        legate = self.legate("filled")
        records = self.fill(legate, judged=names)
        if "scale" in names:
            self.scale(legate, records)

    def fill(self, legate: Legate, judged: list[str]) -> int:
        """Issues real tokens until the database holds as many audit records as asked; answers how many were issued."""
        legate.start()
        registry.register_resource(legate)
        agent = registry.register_agent(legate, "bench-secret")
        legate.stop()
        empty = bytes_on_disk(legate.data)
        legate.start()
        bodies = [registry.token_body(agent, f"task-{number}") for number in range(DIFFERENT_BODIES)]
        side = Side(legate, "/token", bodies=write_lines(self.directory / "fill", bodies))
        issued, deadline = 0, time.monotonic() + FILL_SECONDS
        while issued < self.options.records:
            if time.monotonic() > deadline:
                raise BenchmarkFailed(f"only {issued:,} tokens were issued in {FILL_SECONDS} s")
            result = side.run(1 if self.options.quick else 10, 0)
            if result["rejected"] or result["broken"]:
                raise BenchmarkFailed(f"tokens were refused while filling the database:\n{legate.end_of_log()}")
            issued += result["requests"]
            say(f"{issued:,} of {self.options.records:,} tokens issued, {legate.resident_megabytes():.0f} MB resident")
        if "memory" in judged:
            label = f"memory: resident after {issued:,} tokens"
            self.verdicts.append(Verdict(label, legate.resident_megabytes(), MOST_MEGABYTES, "MB"))
        legate.stop()
        if "disk" in judged:
            label = f"disk: bytes for each of {issued:,} records"
            each = (bytes_on_disk(legate.data) - empty) / issued
            self.verdicts.append(Verdict(label, each, MOST_BYTES_PER_RECORD, "B"))
        return issued

    def scale(self, large: Legate, records: int) -> None:
        small = self.legate("small").start()
        registry.register_resource(small)
        few = registry.register_agents(small, 10, REGISTER_SECONDS, say)
        large.start()
        many = registry.register_agents(large, self.options.clients, REGISTER_SECONDS, say)
        large.stop()

        starts = []
        body = registry.token_body(many[-1], "first")
        for _ in range(5):
            starts.append(first_token_ms(large, body))
            large.stop()
        label = f"scale: start to first token, {len(many):,} clients and {records:,} records"
        self.verdicts.append(Verdict(label, median(starts), MOST_START_MS, "ms"))

        large.start()
        sides = []
        for server, agents in ((large, many), (small, few)):
            step = max(1, len(agents) // DIFFERENT_BODIES)
            chosen = agents[::step]
            bodies = [registry.token_body(chosen[n % len(chosen)], f"task-{n}") for n in range(DIFFERENT_BODIES)]
            sides.append(Side(server, "/token", bodies=write_lines(self.directory / f"{server.name}-bodies", bodies)))
        figures = interleave(sides, self.options.seconds, self.options.rounds, self.options.warm_up)
        figures[0]["server"], figures[1]["server"] = f"{len(many):,} clients", f"{len(few)} clients"
        figures[0]["ratio"] = figures[0]["cpu_seconds_per_1000"] / figures[1]["cpu_seconds_per_1000"]
        self.comparisons["scale"] = figures
        label = f"scale: growth of CPU per token from {len(few)} to {len(many):,} clients"
        valid = not figures[0]["invalid"] and not figures[1]["invalid"]
        self.verdicts.append(Verdict(label, (figures[0]["ratio"] - 1) * 100, MOST_GROWTH_PERCENT, "%", valid))
        large.stop()
        small.stop()


    # Revocations

    def tombstones(self) -> None:
        """A server with a million live tombstones beside one with ten."""
        servers = []
        for name, count in (("few", 10), ("many", self.options.tombstones)):
            server = self.legate(name).start()
            registry.register_resource(server)
            agent = registry.register_agent(server, "bench-secret", token_ttl=registry.LONGEST_LIFE)
            server.stop()
            write_tombstones(server.data / "legate.db", count)
            servers.append((server, agent, count))
        body = registry.token_body(servers[1][1], "first")
        starts = []
        for _ in range(3):
            starts.append(first_token_ms(servers[1][0], body))
            servers[1][0].stop()
        label = f"tombstones: start to first token with {self.options.tombstones:,} live revocations"
        self.verdicts.append(Verdict(label, median(starts), MOST_TOMBSTONE_START_MS, "ms"))
        sides = []
        for server, agent, _ in servers:
            server.start()
            sides.append(self.sides_of_introspection_by(server, agent))
        figures = interleave(sides, self.options.seconds, self.options.rounds, self.options.warm_up)
        for figure, (_, _, count) in zip(figures, servers, strict=True):
            figure["server"] = f"{count:,} revoked"
        few, many = figures
        many["ratio"] = many["cpu_seconds_per_1000"] / few["cpu_seconds_per_1000"]
        self.comparisons["tombstones"] = [many, few]
        valid = not few["invalid"] and not many["invalid"]
        label = "tombstones: growth of CPU per introspection from 10 to " + f"{self.options.tombstones:,}"
        self.verdicts.append(Verdict(label, (many["ratio"] - 1) * 100, MOST_GROWTH_PERCENT, "%", valid))
        label = f"tombstones: resident with {self.options.tombstones:,}"
        self.verdicts.append(
            Verdict(label, servers[1][0].resident_megabytes(), MOST_TOMBSTONE_MEGABYTES, "MB", valid)
        )
        for server, _, _ in servers:
            server.stop()

    def sides_of_introspection_by(self, server: Legate, agent: dict[str, str]) -> Side:
        file = self.directory / f"{server.name}-introspection"

        def prepare(_: int) -> None:
            write_lines(file, [urlencode({**agent, "token": server.token(**agent, resource=registry.RESOURCE)})])

        return Side(server, "/introspect", bodies=file, prepare=prepare)

    def revocation(self) -> None:
        legate = self.legate("revoking").start()
        registry.register_resource(legate, "load")
        credentials = fronts.register(legate)
        orders = {"resources": [fronts.RESOURCE], "scopes": fronts.SCOPES}
        agent = registry.register_agent(legate, "bench-agent", **orders)
        load = registry.register_agent(legate, "bench-load")
        own = registry.register_agent(legate, "bench-api", **orders, kind="resource", acts_as=fronts.RESOURCE)
        work = revocation.Revocations(legate, agent, say)
        bodies = [registry.token_body(load, f"task-{number}") for number in range(DIFFERENT_BODIES)]
        file = write_lines(self.directory / "load", bodies)
        gateway = revocation.Gateway(self.options.gateway, self.directory, legate, credentials)
        self.servers += [
            gateway,
            nginx := fronts.Nginx(legate, credentials, self.directory / "nginx"),
            haproxy := fronts.HAProxy(legate, credentials, self.directory / "haproxy"),
        ]
        gateway.start()
        for followers in (1, 1000):
            say(f"revocation with {followers:,} follower{'s' if followers > 1 else ''}")
            places = [
                revocation.Place("introspection", legate.port, "POST", "/introspect", introspects=True, credentials=own),
                revocation.Place("check", legate.port, "GET", "/check?resource=orders"),
                revocation.Place("nginx", nginx.port, "GET", "/"),
                revocation.Place("LegateGateway", gateway.port, "GET", "/"),
                revocation.Place("HAProxy", haproxy.port, "GET", "/"),
            ]
            with revocation.Followers(legate, credentials, followers) as crowd, revocation.Load(legate, file, SCRIPT):
                acknowledged = work.measure(self.options.revocations, places)
                received = crowd.latencies(acknowledged)
            for place in places:
                figures = {**place.figures(), "followers": followers}
                self.revoked.append(figures)
                label = f"revocation, {followers:,} following: "
                if place.name in ("LegateGateway", "HAProxy"):
                    most = MOST_FOLLOWER_MS[followers]
                    self.verdicts.append(Verdict(label + f"p99 at {place.name}", figures["p99_ms"], most, "ms"))
                else:
                    said = label + f"accepted after the answer at {place.name}"
                    self.verdicts.append(Verdict(said, figures["accepted_after"], 0, ""))
            everyone = {
                "place": "every follower", "followers": followers, "samples": len(received), "accepted_after": "",
                "p50_ms": revocation.percentile(received, 0.5), "p99_ms": revocation.percentile(received, 0.99),
                "worst_ms": max(received),
            }  # fmt: skip
            self.revoked.append(everyone)
            label = f"revocation, {followers:,} following: p99 until a follower has it"
            self.verdicts.append(Verdict(label, everyone["p99_ms"], MOST_FOLLOWER_MS[followers], "ms"))
        for server in (gateway, nginx, haproxy):
            server.stop()
        self.large_tree(legate)
        legate.stop()

    def large_tree(self, legate: Legate) -> None:
        """Revoking a delegation under which much was issued, beside one under which little was."""
        say("revoking a delegation with many tokens")
        trees = revocation.Trees(legate)
        large = [trees.grow(self.options.tree) for _ in range(5)]
        small = [trees.grow(1) for _ in range(15)]
        # In turn, so that whatever else the machine does hits both.
        times: dict[bool, list[float]] = {True: [], False: []}
        for number, tree in enumerate(small):
            times[False].append(trees.revoke(tree))
            if number % 3 == 2:
                times[True].append(trees.revoke(large[number // 3]))
        label = f"revocation: a delegation with {self.options.tree:,} tokens at 5 levels, times one with a single token"
        share = median(times[True]) / median(times[False])
        self.verdicts.append(Verdict(label, share, MOST_TIMES_FOR_A_LARGE_TREE, "×"))


def write_tombstones(database: Path, count: int) -> None:
    """Live revocations of tokens, as a stopped server would have left them."""
    connection = sqlite3.connect(database)
    now = int(time.time())
    first = connection.execute("SELECT coalesce(max(last), 0) FROM revocation_sequence").fetchone()[0]
    # As long and as random as a real one.
    rows = (
        (first + n + 1, "token", f"{secrets.token_urlsafe(17)}", now, (now + 3600) * 1000) for n in range(count)
    )
    connection.executemany(
        "INSERT INTO revocations (seq, kind, id, issued_before, expires) VALUES (?, ?, ?, ?, ?)", rows
    )
    connection.execute("INSERT OR REPLACE INTO revocation_sequence (one, last) VALUES (1, ?)", (first + count,))
    connection.commit()
    connection.close()


def bytes_on_disk(data: Path) -> int:
    """What a stopped server's data directory holds, its write-ahead log folded in."""
    files = [path for path in data.rglob("*") if path.is_file()]
    for path in files:
        with path.open("rb") as file:
            is_database = file.read(15) == b"SQLite format 3"
        if is_database:
            database = sqlite3.connect(path)
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            database.close()
    return sum(path.stat().st_size for path in files if path.exists())


def first_token_ms(legate: Legate, body: str) -> float:
    """From starting the process to a token in hand."""
    begun = time.perf_counter()
    legate.launch()
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", legate.port, timeout=30)
        try:
            connection.request("POST", "/token", body, {"Content-Type": "application/x-www-form-urlencoded"})
            answer = connection.getresponse()
            text = answer.read()
        except ConnectionError:
            legate.require_running()
            if time.perf_counter() - begun > 120:
                raise BenchmarkFailed("no token within 120 s of the start") from None
            time.sleep(0.001)
            continue
        finally:
            connection.close()
        if answer.status != 200 or "access_token" not in json.loads(text):
            raise BenchmarkFailed(f"the first token was refused: {answer.status} {text.decode(errors='replace')}")
        return (time.perf_counter() - begun) * 1000


# The report


def output_of(*command: str) -> str:
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except OSError:
        return ""
    return run.stdout.strip() if run.returncode == 0 else ""


def machine() -> dict:
    names = (line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    return {
        "commit": output_of("git", "rev-parse", "--short", "HEAD") or "uncommitted",
        "swift": output_of("swift", "--version").partition("(")[0].strip(),
        "cpu": next(islice(names, 1), platform.machine()),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
    }


def print_report(bench: Bench, about: dict) -> None:
    options = bench.options
    print(f"\n{about['commit']}, {about['swift']}, {about['cores']} × {about['cpu']}, Linux {about['kernel']}")
    print(f"data on {about['filesystem']}")
    print(f"wrk -t1 -c{CONNECTIONS}, {options.rounds} × {options.seconds} s each in turn, medians\n")
    if bench.comparisons:
        columns = ("operation", "server", "req/s", "p50 ms", "p99 ms", "CPU s/1000", "RSS MB", "CPU ratio")
        print("{:<16} {:<15} {:>9} {:>8} {:>8} {:>11} {:>7} {:>10}".format(*columns))
    for name, sides in bench.comparisons.items():
        for side in sides:
            ratio = f"{side['ratio']:.2f}" if "ratio" in side else ""
            print(
                f"{name:<16} {side['server']:<15} {side['requests_per_second']:>9,.0f} {side['p50_ms']:>8.2f} "
                f"{side['p99_ms']:>8.2f} {side['cpu_seconds_per_1000']:>11.4f} {side['resident_mb']:>7.0f} {ratio:>10}"
                + (f"  INVALID: {side['invalid']}" if side["invalid"] else "")
            )
            name = ""
    if bench.revoked:
        print(f"\n{options.revocations} revocations, each awaited, under a load of {revocation.LOAD_CONNECTIONS} busy clients")
        print("from the answer of the revoking call to the first refusal (the asking included)\n")
        print(f"{'place':<16} {'followers':>9} {'p50 ms':>8} {'p99 ms':>8} {'worst ms':>9} {'accepted after':>15} {'n':>9}")
        for row in bench.revoked:
            print(
                f"{row['place']:<16} {row['followers']:>9,} {row['p50_ms']:>8.2f} {row['p99_ms']:>8.2f} "
                f"{row['worst_ms']:>9.2f} {row['accepted_after']:>15} {row['samples']:>9,}"
            )
    if bench.verdicts:
        print(f"\n{'figure':<72} {'reached':>10} {'at most':>10}")
        for verdict in bench.verdicts:
            reached, most = f"{verdict.reached:.1f} {verdict.unit}", f"{verdict.most:.0f} {verdict.unit}"
            print(f"{verdict.name:<72} {reached:>10} {most:>10}  {verdict.word}")


def whole(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"from {least:,} to {most:,}")
        return value

    return parse


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="Scripts/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to measure (everything)")
    parser.add_argument("--quick", action="store_true", help="one round of 3 s; 30,000 records and 1,000 clients")
    parser.add_argument("--seconds", type=whole(1, 60), help="length of a run (10)")
    parser.add_argument("--rounds", type=whole(1, 20), help="runs of each side (3)")
    parser.add_argument("--records", type=whole(1_000, 5_000_000), help="tokens for the states (1,000,000)")
    parser.add_argument("--clients", type=whole(10, 1_000_000), help="clients for scale (100,000)")
    parser.add_argument("--only", action="append", choices=EVERYTHING, metavar="NAME", help="may repeat")
    parser.add_argument("--revocations", type=whole(1, 10_000), help=f"how many are awaited ({REVOKED})")
    parser.add_argument("--tombstones", type=whole(10, 5_000_000), help=f"live ones ({TOMBSTONES:,})")
    parser.add_argument("--tree", type=whole(10, 100_000), help="tokens under one delegation (10,000)")
    parser.add_argument("--secrets", type=whole(10, 1_000_000), help="secrets for the vault (100,000)")
    parser.add_argument("--due", type=whole(10, 10_000), help="secrets that are due at once (1,000)")
    parser.add_argument("--idle", type=whole(100, 50_000), help="idle connections, and a tenth as many slow ones (10,000)")
    parser.add_argument("--without-openbao", action="store_true", help="reads of secrets beside the bare handler alone")
    parser.add_argument(
        "--directory", type=Path, metavar="DIR",
        help="where the servers keep their data (beside the binaries); in memory, as /dev/shm, a sync costs nothing",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes every figure there")
    parser.add_argument("--check", action="store_true", help="exit 1 when a figure is MISSED or INVALID")
    parser.add_argument("--legate", type=Path, default=Path(".build/release/legate"), help=argparse.SUPPRESS)
    parser.add_argument("--gateway", type=Path, default=Path(".build/release/GatewayExample"), help=argparse.SUPPRESS)
    parser.add_argument("--bare", type=Path, default=Path(".build/release/BareHandler"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    quick = options.quick
    options.seconds = options.seconds or (3 if quick else 10)
    options.rounds = options.rounds or (1 if quick else 3)
    options.records = options.records or (30_000 if quick else 1_000_000)
    options.clients = options.clients or (1_000 if quick else 100_000)
    unknown = [name for name in options.names if name not in EVERYTHING]
    if unknown:
        parser.error(f"{unknown[0]} is not one of: {', '.join(EVERYTHING)}")
    options.revocations = options.revocations or (20 if quick else REVOKED)
    options.tombstones = options.tombstones or (20_000 if quick else TOMBSTONES)
    options.tree = options.tree or (200 if quick else 10_000)
    options.secrets = options.secrets or (2_000 if quick else 100_000)
    options.due = options.due or (100 if quick else 1_000)
    options.idle = options.idle or (1_000 if quick else hostile.IDLE)
    options.warm_up = 1 if quick else 3
    # On the disk of the project: a temporary directory may be in memory, where a sync costs nothing.
    options.directory = (options.directory or options.legate.parent).absolute()
    if not options.directory.is_dir():
        parser.error(f"--directory {options.directory} is no directory")
    for program in ("legate", "bare", "gateway"):
        setattr(options, program, getattr(options, program).absolute())
    return options


def main() -> int:
    options = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by way of the clean-up below
    about = machine()
    about["filesystem"] = output_of("stat", "--file-system", "--format=%T", str(options.directory))
    directory = Path(tempfile.mkdtemp(prefix="bench-", dir=options.directory))
    bench = Bench(options, directory)
    failure = None
    try:
        bench.run()
    except BenchmarkFailed as error:
        failure = error
    finally:
        bench.stop()
        shutil.rmtree(directory, ignore_errors=True)
    print_report(bench, about)
    if options.json:
        figures = {"machine": about, "operations": bench.comparisons, "revocation": bench.revoked}
        figures["verdicts"] = [{**asdict(verdict), "verdict": verdict.word} for verdict in bench.verdicts]
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    if failure:
        print(f"\nScripts/bench: {failure}", file=sys.stderr)
        return 2
    invalid = any(side["invalid"] for sides in bench.comparisons.values() for side in sides)
    unmet = invalid or any(verdict.word != "ok" for verdict in bench.verdicts)
    return 1 if options.check and unmet else 0


if __name__ == "__main__":
    sys.exit(main())
