"""`xuefen demo`: the whole job over HTTP, as the sample persons would do it, with every number checked.

Nothing here knows what is inside the services. Each POST has a key that follows from the run and the step, so a run
that was cut off is resumed by simply going through it again: what had happened answers as it did the first time.
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import httpx

from shared.client import Refused
from shared.demo.letter import answer_a_letter
from shared.demo.plan import approve_a_plan
from shared.demo.stage import PASSWORD, STATE, Demo, DemoFailed
from shared.demo.training import train_a_county, train_a_school

__all__ = ["PASSWORD", "DemoFailed", "run_demo"]


def run_demo(
    url: str,
    files: Path,
    *,
    resume: bool = False,
    before_audit: str | None = None,
    after_audit: str | None = None,
) -> None:
    """Goes through the whole job. Raises `DemoFailed` with the first thing that is not as the rules demand."""
    state = json.loads(STATE.read_text()) if resume and STATE.exists() else {}
    resumed = state.get("url") == url
    if not resumed:
        state = {"url": url, "run_id": str(uuid.uuid4())}
        STATE.write_text(json.dumps(state))
    demo = Demo(url, files, state["run_id"], resumed, before_audit, after_audit)
    demo.say(f"{'续演' if resumed else '演示开始'}：{url}")
    try:
        plan_id = approve_a_plan(demo)
        train_a_county(demo)
        train_a_school(demo, plan_id)
        answer_a_letter(demo)
    except Refused as error:
        raise DemoFailed(str(error)) from error
    except (TimeoutError, httpx.HTTPError) as error:
        raise DemoFailed(f"{type(error).__name__}: {error}") from error
    STATE.unlink()
    demo.say("全部数字与规则一致。")
