"""`kill -9` in the middle of the job: after the next start everything is there, once."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.plans.terms import china_date, school_year_of
from shared.database import utc_now
from tests.running import BIN, DATA, System
from tests.servers import need_servers


@pytest.fixture(params=["embedded", pytest.param("servers", marks=pytest.mark.servers)])
def own_system(request: pytest.FixtureRequest) -> Iterator[System]:
    """A system of this test alone, since it is going to be killed."""
    if request.param == "servers":
        need_servers()
    running = System(request.param)
    try:
        yield running.start()
    finally:
        running.remove()


KILLED_AFTER = ("县级待办", "审核成绩 200 人", "共两行", "收到授权函")


def test_killed_again_and_again_and_resumed(own_system: System, tmp_path: Path) -> None:
    """Cut off right after each of these steps; in the end every number is right and nothing was applied twice."""
    options: list[str] = []
    # Thirteen processes take their time to start, so there the power is cut at every second of the steps only.
    for word in KILLED_AFTER if own_system.kind == "embedded" else KILLED_AFTER[1::2]:
        demo = _start_demo(own_system, tmp_path, *options)
        _wait_for_step(demo, word)
        own_system.kill()
        assert demo.wait(60) == 1, "a demonstration whose system is gone must fail"
        own_system.start()
        options = ["--resume"]
    last = subprocess.run(_command(own_system, "--resume"), cwd=tmp_path, capture_output=True, text=True, timeout=180)
    assert last.returncode == 0, last.stdout + last.stderr
    assert "续演" in last.stdout


def test_a_second_start_keeps_all_data(own_system: System) -> None:
    """Stopped as by Ctrl-C it ends with 0, and the next start knows what was done."""
    today = china_date(utc_now())
    project = own_system.sign_in("county.donghu").post(
        "/plans/api/v1/projects",
        {
            "title": "重启前发布的项目",
            "category": "county_training",
            "mode": "online",
            "convert": True,
            "school_year": school_year_of(today),
            "held_from": today.isoformat(),
            "held_to": today.isoformat(),
            "hours": "20",
        },
    )
    assert own_system.stop() == 0, own_system.text
    own_system.start()
    again = own_system.sign_in("county.donghu").get(f"/plans/api/v1/projects/{project['id']}")
    assert again["title"] == "重启前发布的项目"


@pytest.mark.parametrize("own_system", ["embedded"], indirect=True)  # servers: tests/house/test_prepare_servers.py
def test_two_on_one_data_folder_are_refused(own_system: System) -> None:
    """The second says why and what to do, in one line."""
    second = subprocess.run(
        [str(BIN / "xuefen"), "run", "--data", str(own_system.folder), "--port", "1"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert second.returncode == 1
    assert "DATA=" in second.stderr
    assert "Traceback" not in second.stderr


def _command(system: System, *options: str) -> list[str]:
    return [str(BIN / "xuefen"), "demo", "--url", system.url, "--files", str(DATA), *options]


def _wait_for_step(demo: subprocess.Popen[str], word: str) -> None:
    """Reads what the demonstration prints until that step; no pause, or it would be far ahead."""
    assert demo.stdout is not None
    said: list[str] = []
    watchdog = threading.Timer(90, demo.kill)
    watchdog.start()
    for line in demo.stdout:
        said.append(line)
        if word in line:
            watchdog.cancel()
            return
    raise AssertionError("the demonstration ended before: " + "".join(said))


def _start_demo(system: System, folder: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        _command(system, *options),
        cwd=folder,
        env={"PYTHONUNBUFFERED": "1", "PATH": str(BIN)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
