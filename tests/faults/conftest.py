"""Whole processes around a broker of the test's own, so that everything may be killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests import servers
from tests.faults.node import Node, program
from tests.shared import fake


class Site:
    """Both fake services on servers: their databases, and the processes that a supervisor would keep running."""

    def __init__(self, node: Node, urls: dict[str, str]) -> None:
        self.node, self.urls = node, urls
        self.plans = fake.make("plans", urls["plans"], node.url)
        self.credits = fake.make("credits", urls["credits"], node.url)
        for runtime in (self.plans, self.credits):
            fake.create_tables(runtime)
        self.processes: dict[tuple[str, str], subprocess.Popen[bytes]] = {}

    def start(self, part: str, service: str) -> None:
        """Starts a process, `bus` or `worker`."""
        command = [sys.executable, "-m", "tests.shared.process", part, service, self.urls[service], self.node.url]
        self.processes[part, service] = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def kill(self, part: str, service: str) -> None:
        """`kill -9`; a worker's children are left to find out."""
        process = self.processes.pop((part, service))
        process.kill()
        process.wait()

    def supervise(self) -> None:
        """Starts again what has ended by itself."""
        for (part, service), process in list(self.processes.items()):
            if process.poll() is not None:
                self.start(part, service)

    def close(self) -> None:
        """Ends everything."""
        for process in self.processes.values():
            process.kill()
            process.wait()
        for runtime in (self.plans, self.credits):
            runtime.database.dispose()


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A broker that may be killed; the tests leave it running."""
    servers.need_servers(rabbitmq=False)
    if program() is None:
        servers.leave_out("no rabbitmq-server on this machine to start a broker of the test's own")
    made = Node(tmp_path_factory.mktemp("rabbitmq"))
    made.start()
    yield made
    made.kill()


@pytest.fixture
def site(node: Node) -> Iterator[Site]:
    """Both services with running bus processes, on databases of their own and on a broker that has nothing yet."""
    urls = {service: servers.create_database("xuefen_test") for service in ("plans", "credits")}
    made = Site(node, urls)
    for service in urls:
        made.start("bus", service)
    yield made
    made.close()
    for url in urls.values():
        servers.drop_database(url)
