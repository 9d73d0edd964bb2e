"""RabbitMQ is stopped before an audit and started after it: people go on working, and the credits arrive once."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.node import Node
from tests.running import BIN, DATA, System

DOWN, UP = "until [ -e broker-down ]; do sleep 0.05; done", "until [ -e broker-up ]; do sleep 0.05; done"


@pytest.fixture
def system(node: Node) -> Iterator[System]:
    """The processes of production on a broker that may be killed."""
    running = System("servers", environment={"XUEFEN_AMQP_ADMIN_URL": node.url})
    try:
        yield running.start()
    finally:
        running.remove()


@pytest.mark.servers
def test_broker_killed_before_the_audit(node: Node, system: System, tmp_path: Path) -> None:
    """The demonstration, whose every number is checked, with the broker away while the audit is made."""
    options = ["--url", system.url, "--files", str(DATA), "--before-audit", DOWN, "--after-audit", UP]
    demo = subprocess.Popen(
        [str(BIN / "xuefen"), "demo", *options],
        cwd=tmp_path,
        env={"PYTHONUNBUFFERED": "1", "PATH": f"{BIN}:/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert demo.stdout is not None
    said: list[str] = []
    for line in demo.stdout:
        said.append(line)
        if DOWN in line:
            node.kill()
            (tmp_path / "broker-down").touch()
        if UP in line:
            assert any("审核成绩 200 人" in earlier for earlier in said), "the audit was made while the broker was away"
            node.start()
            (tmp_path / "broker-up").touch()
    assert demo.wait(60) == 0, "".join(said) + system.text
    assert "全部数字与规则一致" in "".join(said)
