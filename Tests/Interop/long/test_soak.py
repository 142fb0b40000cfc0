"""Ten minutes of honest load while connections are killed, the clock is set, the disk is full and the process dies.

No wrong acceptance, no lost record, and recovery without a restart when the fault has ended.
LEGATE_SOAK_SECONDS says how long; LEGATE_SOAK_SEED repeats a run's order of faults.
"""

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import pytest

from clock import Clock
from long.crowd import Crowd
from long.faults import HOUR, KilledConnections, Server, SmallDisk

SECONDS = int(os.environ.get("LEGATE_SOAK_SECONDS", "600"))
SEED = int(os.environ.get("LEGATE_SOAK_SEED", str(random.SystemRandom().randrange(10**6))))
FAULT = 6  # Seconds that a fault lasts.
CALM = 6  # Seconds without a fault after each, in which every honest request must succeed.
RECOVERY = 10  # Seconds that the server may take to be itself again.
MEGABYTES = 768  # Of the small disk. A minute of this load takes some thirty.


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(tmp_path, monkeypatch)


@pytest.fixture
def disk(tmp_path: Path):
    disk = SmallDisk(tmp_path / "disk", MEGABYTES)
    yield disk
    disk.close()


@pytest.fixture
def server(binary: Path, tmp_path: Path, clock: Clock, disk: SmallDisk):
    server = Server(binary, tmp_path, clock, disk.folder / "data").start()
    yield server
    if server.process is not None:
        server.kill9()


class Soak:
    """The run: one fault after the other, with calm between them."""

    def __init__(self, crowd: Crowd, disk: SmallDisk):
        self.crowd, self.server, self.disk = crowd, crowd.server, disk
        self.random = random.Random(SEED)
        self.counts: dict[str, int] = {}
        self.uncalm: list[str] = []

    @property
    def missing(self) -> set[str]:
        """Faults that there were none of."""
        return {fault.__name__ for fault in self.faults} - set(self.counts)

    @property
    def faults(self) -> list[Callable[[], None]]:
        faults = [self.killed_connections, self.clock_ahead, self.clock_behind, self.kill_nine, self.stopped_process]
        return [*faults, self.full_disk] if self.disk.mounted else faults

    def run(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        waiting: list[Callable[[], None]] = []
        while time.monotonic() < end:
            # Each once before any comes twice.
            if not waiting:
                waiting = self.random.sample(self.faults, len(self.faults))
            fault = waiting.pop()
            fault()
            self.counts[fault.__name__] = self.counts.get(fault.__name__, 0) + 1
            self.recover(fault.__name__)
            self.calm(fault.__name__)

    def recover(self, after: str) -> None:
        end = time.monotonic() + RECOVERY
        while True:
            try:
                self.crowd.issue()
                self.crowd.revoke()
                self.crowd.read()
                return
            except Exception as failure:
                assert time.monotonic() < end, f"no recovery in {RECOVERY} s after {after}: {failure}"
                time.sleep(0.2)

    def calm(self, after: str) -> None:
        # Requests that began in the fault may still fail.
        time.sleep(1.5)
        start = time.monotonic()
        time.sleep(CALM)
        self.uncalm += [f"after {after}: {what}" for what in self.crowd.told.failures_between(start, time.monotonic())]

    # Faults

    def killed_connections(self) -> None:
        client = self.crowd.world.cb
        form = f"grant_type=client_credentials&client_id={client.id}&client_secret={client.secret}"
        with KilledConnections(self.server, form).everywhere():
            time.sleep(FAULT)

    @contextmanager
    def _clock(self, offset: int):
        self.server.clock.turn(offset)
        try:
            yield
        finally:
            self.server.clock.turn(-offset)

    def clock_ahead(self) -> None:
        with self._clock(HOUR):
            time.sleep(FAULT)
            self.recover("the clock went an hour ahead")

    def clock_behind(self) -> None:
        with self._clock(-HOUR):
            time.sleep(FAULT)
            self.recover("the clock went an hour back")

    def full_disk(self) -> None:
        failed = len(self.crowd.told.failures)
        self.disk.fill()
        try:
            end = time.monotonic() + 30
            # The log of the database may have room left, which has to be used up first.
            while len(self.crowd.told.failures) < failed + 5 and time.monotonic() < end:
                time.sleep(0.2)
            time.sleep(FAULT)
            process = self.server.process
            assert process is not None and process.poll() is None, "a full disk ended the server"
            assert self.server.get("/health/live").status_code == 200
            assert len(self.crowd.told.failures) > failed, "a full disk was not noticed"
        finally:
            self.disk.empty()

    def kill_nine(self) -> None:
        time.sleep(self.random.uniform(0, 1))
        self.server.kill9()
        self.server.start()

    def stopped_process(self) -> None:
        """As when a machine is suspended: everything stands still, and every timer is late."""
        process = self.server.process
        assert process is not None
        process.send_signal(signal.SIGSTOP)
        time.sleep(FAULT / 2)
        process.send_signal(signal.SIGCONT)


@pytest.mark.timeout(SECONDS + 600)
def test_soak_with_faults(server: Server, disk: SmallDisk, record_property):
    if not disk.mounted:
        assert os.getuid() != 0, "the small disk could not be mounted, so the disk would never be full"
        print("the disk is never full in this run: only root may mount a small one")
    crowd = Crowd(server)
    soak = Soak(crowd, disk)
    crowd.start()
    start = server.resident_megabytes
    try:
        soak.run(SECONDS)
    finally:
        disk.empty()
        crowd.stop()
    told = crowd.told
    summary = (
        f"seed {SEED}: {told.done} steps, {len(told.tokens)} tokens, {len(told.revoked)} revocations, "
        f"{len(told.ended)} ended delegations, {len(told.read)} secrets, {len(told.assertions)} assertions, "
        f"{len(told.proofs)} proofs and {told.replays} replays of them, "
        f"{len(told.failures)} failures in faults {soak.counts}; memory {start:.0f} to {server.resident_megabytes:.0f} MB"
    )
    record_property("soak", summary)
    print(summary)
    # Six kinds of them take less than three minutes.
    assert SECONDS < 300 or not soak.missing, f"there was no {soak.missing}; {summary}"
    assert told.proofs and told.replays, f"no proof was used twice; {summary}"
    assert told.wrong == [], f"{len(told.wrong)} wrong acceptances, such as {told.wrong[:5]}; {summary}"
    assert soak.uncalm == [], f"{len(soak.uncalm)} failed without a fault, such as {soak.uncalm[:5]}; {summary}"
    report = server.fetch("/audit/verify")
    assert report["valid"] is True, report
    lost = crowd.lost(crowd.audit())
    assert lost == [], f"{len(lost)} records are lost, such as {lost[:5]}; {summary}"
    assert server.restart().fetch("/audit/verify")["valid"] is True
    # Whatever is still alive by its own expiry was revoked, or works.
    for token in told.revoked[-50:]:
        assert not crowd.world.rs1.sees(token)
