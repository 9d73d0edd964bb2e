"""How long the embedded default takes to be ready, first and second time, and what memory it needs.

A start is not compared with a ceiling: the issue gives absolute limits (5 s, 300 MB). The interpreter's own start with
the same imports is measured beside it, since a noisy machine slows both.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.running import BIN, DATA, System


def memory(pid: int) -> tuple[float, float]:
    """Resident and peak memory of a process, in MB."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(lines["VmRSS"].split()[0]) / 1024, int(lines["VmHWM"].split()[0]) / 1024


def main() -> None:
    """Prints the figures."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", "import shared.embedded, services.plans.app, services.credits.app"], check=True
    )
    print(f"imports alone                    {time.perf_counter() - began:6.2f} s")
    system = System("embedded")
    try:
        for which in ("first start, with sample", "second start"):
            began = time.perf_counter()
            system.start()
            print(f"{which:32} {time.perf_counter() - began:6.2f} s   (limit 5 s)")
            assert system.process is not None
            print(
                f"{'':32} {memory(system.process.pid)[0]:6.0f} MB resident, {memory(system.process.pid)[1]:.0f} MB peak"
            )
            if which.startswith("second"):
                began = time.perf_counter()
                subprocess.run(
                    [str(BIN / "xuefen"), "demo", "--url", system.url, "--files", str(DATA)],
                    cwd=system.folder,
                    check=True,
                    stdout=subprocess.DEVNULL,
                )
                print(f"{'the whole demonstration':32} {time.perf_counter() - began:6.2f} s")
                resident, peak = memory(system.process.pid)
                print(f"{'':32} {resident:6.0f} MB resident, {peak:.0f} MB peak   (limit 300 MB)")
            system.stop()
    finally:
        system.remove()


if __name__ == "__main__":
    main()
