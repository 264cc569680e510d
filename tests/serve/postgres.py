"""A PostgreSQL server of its own on loopback, where there is one to be started."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest


class Server:
    """Starts, can be killed, and starts again over the same tables."""

    def __init__(self) -> None:
        pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
        places = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), *map(Path, os.get_exec_path())]
        self.programs = next((one for one in places if (one / "initdb").exists() and (one / "postgres").exists()), None)
        if self.programs is None:
            pytest.skip("no PostgreSQL server is installed (apt-get install postgresql)")
        self.user = "postgres" if os.getuid() == 0 else None  # it refuses to run as root
        if self.user is not None and self.user not in [one.pw_name for one in pwd.getpwall()]:
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
        self.folder = Path(tempfile.mkdtemp(prefix="plantain-postgres-"))
        if self.user is not None:
            shutil.chown(self.folder, self.user)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"postgresql://plantain@127.0.0.1:{self.port}/postgres"
        self._run("initdb", "--auth=trust", "--username=plantain", "--no-sync", "--encoding=UTF8", "--locale=C")
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def _run(self, program: str, *words: str) -> None:
        command = [str(self.programs / program), "-D", str(self.folder / "data"), *words]
        subprocess.run(command, user=self.user, cwd="/", check=True, stdout=subprocess.DEVNULL)

    def start(self) -> None:
        """Waits until it lets people in; once more where what a killed one left is still ending."""
        import psycopg

        end = time.monotonic() + 30
        places = ["listen_addresses=127.0.0.1", f"port={self.port}", "unix_socket_directories="]
        options = [word for one in (*places, "fsync=off") for word in ("-c", one)]
        command = [str(self.programs / "postgres"), "-D", str(self.folder / "data"), *options]
        while True:
            if self.process is None or self.process.poll() is not None:
                self.process = subprocess.Popen(command, user=self.user, cwd="/", stderr=subprocess.DEVNULL)
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                assert time.monotonic() < end
                time.sleep(0.1)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)
