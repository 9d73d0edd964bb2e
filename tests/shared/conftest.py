"""The worlds in which delivery is tested: SQLite with calls inside the process, PostgreSQL with RabbitMQ."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.topology import connect, dead_queue, events_queue, jobs_queue
from tests import servers
from tests.shared import fake


@pytest.fixture(scope="session")
def vhost() -> Iterator[str]:
    """A virtual host for the whole run; see `amqp_url`."""
    servers.need_servers()
    url = servers.create_vhost("xuefen_test")
    yield url
    servers.drop_vhost(url)


@pytest.fixture
def amqp_url(vhost: str) -> Iterator[str]:
    """A virtual host in which nothing has been declared yet."""
    yield vhost
    connection = connect(vhost)
    channel = connection.channel()
    for service in ("plans", "credits", "accounts"):
        for queue in (events_queue(service), jobs_queue(service), dead_queue(service)):
            channel.queue_delete(queue.name)
        channel.exchange_delete(f"xuefen.epoch.{service}")
    for exchange in ("xuefen.events", "xuefen.jobs", "xuefen.dead"):
        channel.exchange_delete(exchange)
    connection.close()


@pytest.fixture(scope="session")
def databases() -> Iterator[list[str]]:
    """Two databases on PostgreSQL for the whole run; see `postgres`."""
    servers.need_servers(rabbitmq=False)
    urls = [servers.create_database("xuefen_test") for _ in range(2)]
    yield urls
    for url in urls:
        servers.drop_database(url)


@pytest.fixture
def postgres(databases: list[str]) -> Iterator[list[str]]:
    """Two databases on PostgreSQL with nothing in them."""
    yield databases
    for url in databases:
        servers.reset_database(url)


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[fake.World]:
    """Both services in this process, on SQLite."""
    world = fake.World(
        fake.make("plans", f"sqlite:///{tmp_path}/plans.db"), fake.make("credits", f"sqlite:///{tmp_path}/credits.db")
    )
    yield world
    world.close()


@pytest.fixture
def on_servers(amqp_url: str, postgres: list[str]) -> Iterator[fake.World]:
    """Both services on PostgreSQL, with RabbitMQ between them."""
    world = fake.World(fake.make("plans", postgres[0], amqp_url), fake.make("credits", postgres[1], amqp_url))
    yield world
    world.close()


@pytest.fixture(params=["embedded", pytest.param("on_servers", marks=pytest.mark.servers)])
def world(request: pytest.FixtureRequest) -> fake.World:
    """Each of both in turn: what holds must hold in either."""
    made: fake.World = request.getfixturevalue(request.param)
    return made
