"""What is written agrees with what is there; `python -m tests.house.test_docs` writes the catalogue of events."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from shared.events.catalogue import render
from shared.service import load_service
from shared.settings import SERVICES

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = ROOT / "docs" / "events.md"
GUIDES = ("README.md", "README.zh-CN.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "docs/runbook.md")

MAX_LINES = 300


def catalogue() -> str:
    """The catalogue as it should stand in `docs/events.md`."""
    listeners: dict[str, list[str]] = {}
    for service in SERVICES:
        for event in load_service(service).handlers:
            listeners.setdefault(event.name, []).append(service)
    return render(listeners)


def test_the_catalogue_of_events_is_up_to_date() -> None:
    assert CATALOGUE.exists(), "run `make event-docs`"
    assert CATALOGUE.read_text() == catalogue(), "run `make event-docs`"


def targets() -> dict[str, str]:
    """The targets of the Makefile that `make` lists, with their line."""
    return dict(re.findall(r"^([a-z-]+):.*?## (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("guide", GUIDES)
def test_guides_name_only_commands_that_are_there(guide: str) -> None:
    named = set(re.findall(r"`make ([a-z-]+)", (ROOT / guide).read_text()))
    named |= set(re.findall(r"^\s*make ([a-z-]+)", (ROOT / guide).read_text(), re.MULTILINE))
    assert named <= set(targets()), f"{guide} names what the Makefile has not"


def test_readme_names_the_commands_one_needs() -> None:
    readme = (ROOT / "README.md").read_text()
    for target in ("run", "run-servers", "demo", "test"):
        assert f"make {target}" in readme


@pytest.mark.parametrize("guide", GUIDES)
def test_files_that_guides_name_are_there(guide: str) -> None:
    """Links, and paths in backticks that start with one of our folders."""
    text = (ROOT / guide).read_text()
    links = [target for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text) if not target.startswith("/")]
    missing = [target for target in links if not ((ROOT / guide).parent / target).exists()]
    paths = re.findall(r"`((?:services|shared|tests|docs|deploy|bench)/[\w./-]+)`", text)
    missing += [path for path in paths if not (ROOT / path).exists()]
    assert not missing


def tracked() -> list[Path]:
    """Text files of the project: what git tracks or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    binary = {".png", ".jpg", ".jpeg", ".pdf", ".xlsx", ".ttf", ".woff2", ".ico"}
    files = [ROOT / name for name in listed if Path(name).suffix not in binary]
    return [path for path in files if path.is_file()]


# Split, so that this very file does not name them.
FOREIGN = re.compile(
    "|".join(
        (
            r"/ho" + r"me/(?!xuefen)\w",
            r"/Us" + r"ers/\w",
            r"/ro" + r"ot/",
            r"/wo" + r"rk/",
            r"py" + r"pi\.org",
            r"files\.python" + r"hosted",
            r"registry\.npm" + r"js",
            r"deb\.deb" + r"ian\.org",
        )
    )
)


def test_no_file_names_a_machine_or_a_registry() -> None:
    vendored = ROOT / "shared" / "ui" / "static" / "vendor"
    found = [
        f"{path.relative_to(ROOT)}: {match.group(0)}"
        for path in tracked()
        if not path.is_relative_to(vendored)
        for match in [FOREIGN.search(path.read_text(errors="replace"))]
        if match
    ]
    assert not found


def test_files_can_be_read_in_one_go() -> None:
    """About 300 lines; a file of the program that outgrows it is split by feature (ARCHITECTURE.md)."""
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in ("services", "shared")
        if path.parent.name != "versions"
        for lines in [len(path.read_text().splitlines())]
        if lines > MAX_LINES * 1.1
    }
    assert not long


def test_no_loose_ends() -> None:
    words = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    found = [str(p.relative_to(ROOT)) for p in tracked() if p.suffix == ".py" and words.search(p.read_text())]
    assert not found


if __name__ == "__main__":
    CATALOGUE.write_text(catalogue())
