"""`make bench`: every measurement, or those named: `python -m bench messaging`."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

NAMES = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))

chosen = sys.argv[1:] or NAMES
del sys.argv[1:]  # a measurement may have options of its own, for when it is run alone
for name in chosen:
    print(f"── {name}", flush=True)
    import_module(f"bench.{name}").main()
