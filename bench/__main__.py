"""`make bench`: every measurement, or those named: `python -m bench messaging`."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

NAMES = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))

for name in sys.argv[1:] or NAMES:
    print(f"── {name}", flush=True)
    import_module(f"bench.{name}").main()
