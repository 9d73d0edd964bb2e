"""The whole system as a person starts it, for tests: the embedded process, or the processes of `make run-servers`."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from shared.client import Person, wait_for
from shared.demo import PASSWORD
from shared.migrations import ROOT

BIN = Path(sys.executable).parent
DATA = ROOT / "tests" / "data"


@dataclass
class System:
    """A running system. `start()` after `kill()` goes on with the same data."""

    kind: str
    """`embedded` or `servers`."""
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="xuefen-test-")))
    port: int = field(default_factory=lambda: free_ports(4))
    name: str = field(default_factory=lambda: f"xuefen_test_{secrets.token_hex(4)}")
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    output: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self, seconds: float = 90) -> System:
        """Starts it and waits until it says that it is ready."""
        command = {
            "embedded": [str(BIN / "xuefen"), "run"],
            "servers": [sys.executable, str(ROOT / "deploy" / "run_servers.py")],
        }[self.kind]
        mine = {"DATA": str(self.folder), "PORT": str(self.port), "XUEFEN_NAME": self.name, "PYTHONUNBUFFERED": "1"}
        clean = {key: value for key, value in os.environ.items() if not key.startswith("XUEFEN_")}
        self.output.clear()
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=clean | mine | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()
        wait_for(self._ready, f"{self.kind} system", seconds)
        return self

    def kill(self) -> None:
        """Ends it as a power cut would: SIGKILL, to every process of it at the same moment."""
        assert self.process is not None
        for pid in _family(self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(30)

    def stop(self) -> int:
        """Ends it as Ctrl-C would; returns its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(40)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise AssertionError("did not end within 40 s:\n" + self.text) from None

    def remove(self) -> None:
        """Stops it if need be, and removes what it made on the servers."""
        if self.process is not None and self.process.poll() is None:
            self.stop()
        self._drop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _drop(self) -> None:
        if self.kind == "servers":
            subprocess.run(
                [sys.executable, str(ROOT / "deploy" / "prepare_servers.py"), "drop"],
                env=os.environ | {"XUEFEN_NAME": self.name, "DATA": str(self.folder)} | self.environment,
                check=True,
                timeout=60,
            )

    def sign_in(self, username: str) -> Person:
        """A sample person, signed in."""
        return Person(self.url).sign_in(username, PASSWORD)

    @property
    def text(self) -> str:
        """What it has printed so far."""
        return "".join(self.output)

    def _read(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output.append(line)

    def _ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"ended with {self.process.returncode}:\n{self.text}")
        return "已就绪" in self.text


def _family(pid: int) -> list[int]:
    """The process and all that it has started, however deep."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # After the program's name, which may hold spaces: state, parent, …
            parents[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
    family = [pid]
    for member in family:
        family += [child for child, parent in parents.items() if parent == member]
    return family


def free_ports(count: int) -> int:
    """The first of `count` neighbouring ports that nobody listens on."""
    while True:
        base = 20000 + secrets.randbelow(20000)
        if all(_free(port) for port in range(base, base + count)):
            return base


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
