"""A RabbitMQ of its own for a test, on a free port and a data folder of its own: it may be killed and wiped."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from shared.topology import probe
from tests.shared.fake import wait_for


def program() -> Path | None:
    """RabbitMQ's start script itself (Debian's wrapper would change the user), or None where it is not installed."""
    found = shutil.which("rabbitmq-server")
    script = Path(found).resolve().parent / "rabbitmq-server" if found else None
    return script if script and script.exists() else None


class Node:
    """One broker. `start` waits until it takes connections; `kill` is `kill -9`; `wipe` takes its data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        port, distribution = _free_port(), _free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{port}//"
        (folder / "rabbitmq.conf").write_text(f"listeners.tcp.local = 127.0.0.1:{port}\n")
        (folder / "plugins").write_text("[].\n")
        (folder / "env").write_text("")
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),  # the cookie is made here
            "LANG": "C.UTF-8",
            "RUNNING_UNDER_SYSTEMD": "1",  # the script becomes the broker, instead of watching it
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"xuefen_{secrets.token_hex(4)}@localhost",
            "RABBITMQ_CONF_ENV_FILE": str(folder / "env"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.data),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and waits until it takes connections."""
        script = program()
        assert script is not None
        with (self.folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [script],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        wait_for(self._answers, 60)

    def kill(self) -> None:
        """Kills it at once, with its helpers; nothing is flushed."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None

    def wipe(self) -> None:
        """Takes all that it has written; it must not run."""
        assert self._process is None
        shutil.rmtree(self.data)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "output").read_text()[-2000:]
        return probe(self.url) is None


def _free_port() -> int:
    with socket.socket() as probing:
        probing.bind(("127.0.0.1", 0))
        return int(probing.getsockname()[1])
