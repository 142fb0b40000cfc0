"""What goes wrong around a server that is to go on: its clock, its disk, its connections, its process."""

import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from clock import Clock
from raw import form_post
from server import Legate

HOUR = 3600


class SmallDisk:
    """A file system of its own below a folder, so that it can be full without harm to others. Only root may mount."""

    def __init__(self, folder: Path, megabytes: int):
        self.folder = folder
        self.folder.mkdir(parents=True)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", str(folder)]
        self.mounted = shutil.which("mount") is not None and subprocess.run(mount, capture_output=True).returncode == 0
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        with self._ballast.open("ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        file.write(b"\0" * size)
                except OSError:
                    continue

    def empty(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def close(self) -> None:
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.folder)], check=True)


class Server(Legate):
    """A server whose clock can be set, and whose data may lie on a small disk."""

    def __init__(self, binary: Path, directory: Path, clock: Clock, data: Path):
        super().__init__(binary, directory)
        self.clock = clock
        self.data = data

    def now(self) -> int:
        """What the server takes for the time."""
        return int(time.time()) + self.clock.offset

    def _session(self) -> requests.Session:
        """Keeps a connection for each of many threads."""
        session = super()._session()
        session.mount("http://", HTTPAdapter(pool_maxsize=64))
        return session

    def admin(self, *call: Any, **options: Any) -> requests.Response:
        """The operator's token may have ended by a step of the clock: whoever is told so gets a new one."""
        answer = super().admin(*call, **options)
        if answer.status_code == 401:
            self.forget_operator_token()
            answer = super().admin(*call, **options)
        return answer


class KilledConnections:
    """Others who connect, say a part, or all, and are gone before they are answered."""

    def __init__(self, server: Legate, form: str):
        self._server = server
        self._whole = form_post("/token", form.encode())

    @contextmanager
    def everywhere(self, threads: int = 4) -> Iterator[None]:
        ending = threading.Event()
        running = [threading.Thread(target=self._run, args=(ending, number), daemon=True) for number in range(threads)]
        for thread in running:
            thread.start()
        try:
            yield
        finally:
            ending.set()
            for thread in running:
                thread.join(timeout=30)

    def _run(self, ending: threading.Event, number: int) -> None:
        part = number
        while not ending.wait(0.01):
            part = (part * 7 + 13) % (len(self._whole) + 40)
            try:
                with socket.create_connection(("127.0.0.1", self._server.port), timeout=5) as connection:
                    # RST instead of FIN, whatever was not read yet.
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    connection.sendall(self._whole[:part])
            except OSError:
                continue
