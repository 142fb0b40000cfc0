"""What every test starts from: the binary, a server that lives through the session, and servers for a single test."""

import os
from pathlib import Path

import pytest

from actors import Registry, World
from keyserver import KeyServer
from server import Legate

ROOT = Path(__file__).resolve().parents[2]

# What takes many minutes runs only when it is asked for: Scripts/test --long.
collect_ignore = [] if os.environ.get("LEGATE_LONG") else ["long"]


@pytest.fixture(scope="session")
def binary() -> Path:
    """`LEGATE_BINARY`, or the newest that was built in this checkout."""
    if named := os.environ.get("LEGATE_BINARY"):
        path = Path(named).resolve()
        assert path.is_file(), f"LEGATE_BINARY names no file: {path}"
        return path
    built = [path for kind in ("debug", "release") if (path := ROOT / ".build" / kind / "legate").is_file()]
    assert built, "no binary: run swift build, or set LEGATE_BINARY"
    return max(built, key=lambda path: path.stat().st_mtime).resolve()


@pytest.fixture(scope="session")
def legate(binary: Path, tmp_path_factory: pytest.TempPathFactory):
    """The server most tests share. They use unique names, and never stop it."""
    with Legate(binary, tmp_path_factory.mktemp("legate")) as server:
        yield server


@pytest.fixture(scope="session")
def registry(legate: Legate) -> Registry:
    return Registry(legate)


@pytest.fixture(scope="session")
def world(registry: Registry) -> World:
    return World(registry)


@pytest.fixture
def make_legate(binary: Path, tmp_path: Path):
    """Makes servers for one test, which may kill them."""
    made: list[Legate] = []

    def make(**options) -> Legate:
        directory = tmp_path / f"legate{len(made)}"
        directory.mkdir()
        server = Legate(binary, directory, **options)
        made.append(server)
        return server

    yield make
    for server in made:
        if server.process is not None:
            server.kill9()


@pytest.fixture
def own_legate(make_legate) -> Legate:
    """A running server of the test's own."""
    return make_legate().start()


@pytest.fixture
def key_server():
    server = KeyServer()
    yield server
    server.stop()
