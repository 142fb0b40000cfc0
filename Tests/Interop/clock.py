"""A server whose clock a test turns: hours pass in a moment."""

import mmap
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("clock.c")


class Clock:
    """The servers that a test starts take for the time what it is, and `offset` seconds."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch):
        compiler = next(filter(None, map(shutil.which, ("clang", "cc", "gcc"))), None)
        assert compiler is not None, "no C compiler: clang comes with the Swift toolchain"
        library, file = directory / "clock.so", directory / "clock"
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
        file.write_bytes(struct.pack("=q", 0))
        self._page = mmap.mmap(os.open(file, os.O_RDWR | os.O_CLOEXEC), 8)
        self.offset = 0
        # A server is started with the environment of its test.
        monkeypatch.setenv("LD_PRELOAD", str(library))
        monkeypatch.setenv("LEGATE_TEST_CLOCK", str(file))

    def turn(self, seconds: int) -> None:
        """Turns the clock on, or back."""
        self.offset += seconds
        self._page[:] = struct.pack("=q", self.offset)
