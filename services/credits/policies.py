"""Pending policy (待定政策, N19) as pure rules: the questions, whom each concerns, what a decision changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from marshmallow import fields, validate

from services.credits.clause_schemas import DateField, Table, WhenSchema, bucket_field, text, texts
from services.credits.clauses import GapRule, PersonRule
from services.credits.editions import Cycle, Edition
from services.credits.judgement import Person, fits
from shared.events.plans import Bucket
from shared.schemas import Schema
from shared.tables import load_table

REGISTER = Path(__file__).parent / "pending.toml"
PENDING, DECIDED = "PENDING_POLICY_", "POLICY_DECIDED_"
"""What the marks of an open and of a decided question begin with."""
REMARK_ONLY = ""
"""Status of a rule about people that no longer decides anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question that the province has not decided."""

    id: str
    """`P-18`, for example."""
    title: str
    faq: str
    question: str
    interim: str
    """How those whom it concerns are treated until it is decided."""
    opened_on: date
    review_on: date
    bucket: Bucket | None = None
    """The credits that it is about; None: the whole judgement."""
    concerns: dict[str, str | bool] = field(default_factory=dict)
    having: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)

    def is_about(self, person: Person, categories: Collection[str], cycle: Cycle, day: date) -> bool:
        """Whether it concerns that person, who has records of those categories in the cycle."""
        mine = fits(PersonRule(self.concerns, REMARK_ONLY, "", "", ""), person, cycle, day)
        has = not self.having or not set(self.having).isdisjoint(categories)
        return mine and has and set(self.lacking).isdisjoint(categories)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The province's word on one question."""

    policy: str
    document: str
    text: str
    effective_on: date
    ends_interim: bool
    """Whether the interim treatment ends on that day."""

    @property
    def flag(self) -> str:
        """The mark on the standing of everybody whom it concerns."""
        return f"{DECIDED}{self.policy}"

    def words(self, day: date) -> str:
        """What those whom it concerns read on `day`."""
        since = f"，自 {self.effective_on.isoformat()} 起施行" if day < self.effective_on else ""
        return f"省厅已明确：{self.text}（{self.document}）{since}"


class QuestionSchema(Table):
    """`[[questions]]`."""

    makes = Question
    id = fields.String(required=True, validate=validate.Regexp(r"^P-\d+$"))
    title = text()
    faq = text()
    question = text()
    interim = text()
    opened_on = DateField(required=True)
    review_on = DateField(required=True)
    bucket = bucket_field()
    concerns = fields.Nested(WhenSchema)
    having = texts(required=False)
    lacking = texts(required=False)


class RegisterSchema(Schema):
    """The whole register."""

    questions = fields.List(fields.Nested(QuestionSchema), required=True)


@cache
def register() -> Mapping[str, Question]:
    """Id -> question, in the order of the file. Raises `TableError` that names the key: the service must not start."""
    return {question.id: question for question in load_table(REGISTER, RegisterSchema())["questions"]}


def concerning(decisions: Collection[Decision], cycle: Cycle) -> list[Decision]:
    """Those that a cycle knows of: one that is over before the day of a decision stays as it was judged."""
    return [decision for decision in decisions if decision.effective_on <= cycle.end]


def remarks(
    decisions: Collection[Decision], person: Person, categories: Collection[str], cycle: Cycle, day: date
) -> dict[str, str]:
    """The marks of the decisions that concern that person."""
    questions = register()
    return {
        decision.flag: decision.words(day)
        for decision in concerning(decisions, cycle)
        if questions[decision.policy].is_about(person, categories, cycle, day)
    }


def settled(edition: Edition, decisions: Collection[Decision], cycle: Cycle, day: date) -> Edition:
    """The edition as it judges a cycle on `day`: an interim treatment that a decision has ended is only a remark."""
    by_flag = {f"{PENDING}{decision.policy}": decision for decision in concerning(decisions, cycle)}
    if not by_flag:
        return edition
    return replace(
        edition,
        persons=[_person(rule, by_flag.get(rule.flag), day) for rule in edition.persons],
        gaps=[_gap(rule, by_flag.get(rule.flag), day) for rule in edition.gaps],
    )


def _person(rule: PersonRule, decision: Decision | None, day: date) -> PersonRule:
    if decision is None:
        return rule
    changes: dict[str, Any] = {"flag": decision.flag, "words": decision.words(day)}
    if decision.ends_interim and day >= decision.effective_on:
        changes["status"] = REMARK_ONLY
    return replace(rule, **changes)


def _gap(rule: GapRule, decision: Decision | None, day: date) -> GapRule:
    return rule if decision is None else replace(rule, flag=decision.flag, words=decision.words(day))
