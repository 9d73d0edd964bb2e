"""A judgement in sentences for people: its remarks, and what is missing."""

from __future__ import annotations

from services.credits import words
from services.credits.judgement import ANNUAL, Judgement, Status
from shared.events.plans import Bucket


def notes(judgement: Judgement) -> list[str]:
    """The sentences of its marks; those of years below the yearly minimum are one."""
    yearly = [flag for flag in judgement.flags if flag.startswith(ANNUAL)]
    told = [sentence for flag, sentence in judgement.flags.items() if flag not in yearly[1:] or len(yearly) == 1]
    if len(yearly) > 1:
        years = "、".join(flag.removeprefix(ANNUAL) for flag in yearly)
        merged = f"{years} 学年计入的学分都不足每年的要求；仅作提示，不影响达标判断。"
        told[list(judgement.flags).index(yearly[0])] = merged
    return told


def missing(judgement: Judgement) -> list[str]:
    """What is still to be earned, in sentences for the teacher; empty where nothing is asked."""
    if judgement.status is Status.NOT_ASSESSED:
        return []
    full = {
        Bucket.COORDINATED: "统筹学分已满，可不参加全员培训（问答第 13 问）。",
        Bucket.SELF_ORGANIZED: "自主学分已满；超出部分不能抵统筹学分（问答第 2 问）。",
    }
    sentences = []
    for bucket, standing in judgement.buckets.items():
        title = words.BUCKETS[bucket]
        if standing.shortfall is None:
            sentences.append(f"{title}学分的要求尚未公布。")
        elif standing.shortfall > 0:
            waiting = f"（另有 {standing.pending} 条记录待定）" if standing.pending else ""
            sentences.append(f"{title}还差 {words.credits(standing.shortfall)} 学分{waiting}。")
        else:
            sentences.append(full[bucket])
    return sentences
