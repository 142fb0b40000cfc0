"""curl, as other people use it."""

import subprocess
from pathlib import Path


def curl(authority: Path, *arguments: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess:
    """What curl prints that trusts this authority."""
    command = ["curl", "--silent", "--show-error", "--max-time", "10", "--cacert", authority, *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=20)
