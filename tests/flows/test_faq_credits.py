"""The FAQ on trainings and their credits, as it goes through the whole system: Q1, Q6, Q19."""

from __future__ import annotations

from decimal import Decimal

from tests.flows.material import PLANS, person_of, refused, teachers
from tests.flows.story import Story


def test_faq_q1_forgotten_conversion_is_mended_in_one_step(story: Story) -> None:
    """N6, F1: 折算 was not ticked; ticking it later brings the credits, and the audit stays as it was."""
    county = story.who("county.donghu")
    project = story.publish(convert=False)
    story.roster("county.donghu", project, [person_of("teacher.li")])
    audit = story.audit("audit.donghu", project)
    line = story.arrives("teacher.li", project, "0")[0]
    assert line["kind"] == "earned"

    path = f"{PLANS}/projects/{project['id']}/correction"
    shown = county.post(f"{path}/preview", {"convert": True})
    assert (shown["count"], len(shown["people"])) == (1, 1)
    assert [Decimal(shown["people"][0][name]) for name in ("present", "future")] == [0, 6]
    assert story.amounts("teacher.li", project) == [0], "a preview writes nothing"
    county.post(path, {"convert": True, "reason": "发布时漏选折算"}, version=shown["version"])

    lines = story.arrives("teacher.li", project, "0", "0", "6.0")
    assert [line["kind"] for line in lines] == ["earned", "reversal", "earned"]
    audits = story.project("county.donghu", project)["audits"]
    assert [(a["audit_id"], a["revoked_at"]) for a in audits] == [(audit["audit_id"], None)]
    story.answered("county.donghu", project, 1)
    assert story.project("county.donghu", project)["counts"]["audited"] == 1


def test_faq_q6_a_project_without_results_is_deleted(story: Story) -> None:
    """F13, T8: one press on the project's own address; it is gone from the list, and nobody may add to it."""
    project = story.publish(title="误发的培训")
    story.on_project("county.donghu", project, "deletion", reason="误发")
    listed = story.who("county.donghu").all(f"{PLANS}/projects")
    assert project["id"] not in {row["id"] for row in listed}
    refused(lambda: story.roster("county.donghu", project, [person_of("teacher.li")]), 409, "删除")


def test_faq_q6_a_project_with_results_is_voided_and_its_credits_countered(story: Story) -> None:
    """T8: with results it cannot be deleted; 作废 needs a reason, and every line gets its counter-line."""
    project = story.publish(title="重复发布的培训")
    story.roster("county.donghu", project, [person_of("teacher.li")])
    story.audit("audit.donghu", project)
    story.arrives("teacher.li", project, "6.0")
    refused(lambda: story.on_project("county.donghu", project, "deletion"), 409, "作废")
    refused(lambda: story.on_project("county.donghu", project, "voiding"), 422, "原因")
    story.on_project("county.donghu", project, "voiding", reason="与另一项目重复")

    lines = story.arrives("teacher.li", project, "6.0", "-6.0")
    assert lines[1]["reverses"] == lines[0]["id"]
    assert sum(Decimal(line["counted"]) for line in lines) == 0
    shown = story.project("county.donghu", project)
    assert shown["status"] == "voided"
    history = story.who("county.donghu").get(f"{PLANS}/projects/{project['id']}/history")["items"]
    assert [line["act"] for line in history][-1] == "void"
    assert "与另一项目重复" in history[-1]["reason"]


def test_faq_q16_two_trainings_earn_both(story: Story) -> None:
    """F3: credits of two trainings are added, not taken for the same thing twice."""
    projects = [story.publish(title=title) for title in ("县级专题培训一", "县级专题培训二")]
    for project in projects:
        story.roster("county.donghu", project, [person_of("teacher.li")])
        story.audit("audit.donghu", project)
    for project in projects:
        story.arrives("teacher.li", project, "6.0")


def test_faq_q19_the_stage_taught_now_must_be_the_projects(story: Story) -> None:
    """Somebody of another stage is named by cell, and the list is not imported until she is off it."""
    project = story.publish(title="小学教师培训", stages=["primary"])
    fits, other = person_of("teacher.li"), person_of("teacher.xu")
    assert (fits.stage, other.stage) == ("primary", "junior")
    found = story.roster("county.donghu", project, [fits, other], dry_run=True)
    (error,) = found["errors"]
    assert (error["cell"], error["row"]) == ("A3", 3)
    assert "学段" in error["message"]
    refused(lambda: story.roster("county.donghu", project, [fits, other]), 422, "")
    assert story.who("county.donghu").all(f"{PLANS}/projects/{project['id']}/results") == []

    story.roster("county.donghu", project, [fits])
    story.audit("audit.donghu", project)
    story.arrives("teacher.li", project, "6.0")


def test_faq_q19_the_subject_is_the_one_taught_now(story: Story) -> None:
    """By present work, not by what the certificate says."""
    one = next(p for p in teachers("3601020001") if p.subject)
    elsewhere = next(p for p in teachers("3601020001") if p.subject and p.subject != one.subject)
    project = story.publish(title="学科培训", subjects=[one.subject])
    found = story.roster("county.donghu", project, [one, elsewhere], dry_run=True)
    (error,) = found["errors"]
    assert error["row"] == 3
    assert f"现任教学科为{elsewhere.subject}" in error["message"]
