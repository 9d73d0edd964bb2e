"""The demonstration is a test of the real thing: it fails with the first number that is not as the rules demand."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.running import BIN, DATA, System


def demo(system: System, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Runs `xuefen demo` against the system, with its state file in `folder`."""
    return subprocess.run(
        [str(BIN / "xuefen"), "demo", "--url", system.url, "--files", str(DATA), *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=180,
    )


def test_the_whole_job_and_again(system: System, tmp_path: Path) -> None:
    """Plan → three approvals → training → audit, taken back, again → credits; letter → account → suspended."""
    first = demo(system, tmp_path)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "全部数字与规则一致" in first.stdout
    second = demo(system, tmp_path)
    assert second.returncode == 0, "a second run on the same data: " + second.stdout + second.stderr


def test_what_was_cut_off_is_resumed(system: System, tmp_path: Path) -> None:
    """Cut off right after the audit: `--resume` goes through it again, and nothing has happened twice."""
    cut = demo(system, tmp_path, "--after-audit", "false")
    assert cut.returncode != 0
    assert "审核成绩 200 人" in cut.stdout
    resumed = demo(system, tmp_path, "--resume")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "续演" in resumed.stdout
    assert "全部数字与规则一致" in resumed.stdout


def test_a_wrong_number_fails_it(system: System, tmp_path: Path) -> None:
    """With a roster of other hours the credits are not 6.0, and the demonstration says so."""
    for name in DATA.iterdir():
        (tmp_path / name.name).symlink_to(name)
    (tmp_path / "roster.xlsx").unlink()
    (tmp_path / "roster.xlsx").symlink_to(DATA / "roster_school.xlsx")
    run = demo(system, tmp_path, "--files", str(tmp_path))
    assert run.returncode == 1
    assert "✗" in run.stderr
