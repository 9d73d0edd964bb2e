"""The FAQ on plans, as it goes through the whole system: Q8, Q10, Q11, Q14, Q15."""

from __future__ import annotations

from shared.client import wait_for
from tests.flows.material import COUNTY_ROUTE, PLANS, VILLAGE_ROUTE, item, person_of, point, refused, teachers
from tests.flows.story import Story
from tests.running import DATA

CENTRAL, VILLAGE = "3601240001", "360000/360100/360124/3601240002/"


def test_faq_q8_a_workshop_of_a_chosen_level(story: Story) -> None:
    """The school names which level's workshop it counts; the workshop's own conclusion is taken over as credits."""
    workshop = item("workshop", "市级名师工作室研修", level="district")
    draft = story.draft(items=[workshop | {"level": ""}])
    missing = {finding["code"]: finding for finding in draft["findings"]}
    assert not missing["WORKSHOP_LEVEL_MISSING"]["blocking"]
    story.change("school.qingfeng", draft, items=[workshop])
    plan = story.approve(story.act("school.qingfeng", draft, "submit"), *COUNTY_ROUTE)
    assert plan["status"] == "approved"
    assert plan["items"][0]["level"] == "district"

    project = story.publish("school.qingfeng", plan, title="名师工作室研修", category="workshop")
    assert "不再重复考核" in project["preview"]["sentence"]
    story.roster("school.qingfeng", project, [person_of("teacher.li")])
    story.audit("audit.donghu", project)
    lines = story.arrives("teacher.li", project, "2.0")
    assert lines[0]["bucket"] == "self_organized"


def test_faq_q10_below_ten_hours_per_credit_is_refused(story: Story) -> None:
    """A form of the school's own may ask for more hours than the county's ten per credit, and never for fewer."""
    easy = item("other", "读书沙龙", hours="24", hours_per_credit="9.99")
    draft = story.draft(items=[easy])
    error = refused(lambda: story.act("school.qingfeng", draft, "submit"), 422, "10 学时")
    assert "items.0.hours_per_credit" in error.fields
    assert story.plan("school.qingfeng", draft)["status"] == "draft"

    story.change("school.qingfeng", draft, items=[easy | {"hours_per_credit": "12"}])
    submitted = story.act("school.qingfeng", draft, "submit")
    assert "OWN_STANDARD" in {finding["code"] for finding in story.plan("county.donghu", submitted)["findings"]}
    plan = story.approve(submitted, *COUNTY_ROUTE)
    project = story.publish("school.qingfeng", plan, title="读书沙龙", category="other_school_based")
    story.roster("school.qingfeng", project, [person_of("teacher.li")])
    story.audit("audit.donghu", project)
    story.arrives("teacher.li", project, "2.0")


def test_faq_q11_a_county_files_its_fallback_scheme_and_trains_under_it(story: Story) -> None:
    """Forecast and list of names are needed; the level above files it; then a fallback training may be published."""
    county = story.who("county.donghu")
    scheme = story.draft(
        "county.donghu",
        kind="fallback_scheme",
        title="全员托底培训方案",
        items=[item("fallback", "托底全员培训", hours="15")],
    )
    refused(lambda: story.publish(plan=scheme, category="fallback_training"), 422, "方案")
    error = refused(lambda: story.act("county.donghu", scheme, "submit"), 422, "预判")
    assert {"forecast.teachers", "attachments"} <= error.fields.keys()

    forecast = {"teachers": 120, "shortfall": "180", "basis": "本学年县级项目只能覆盖七成教师。"}
    story.change("county.donghu", scheme, forecast=forecast)
    with (DATA / "plan.pdf").open("rb") as names:
        county.post(
            f"{PLANS}/plans/{scheme['id']}/attachments",
            files={"file": ("预判名单.pdf", names, "application/pdf")},
            form={},
        )
    filed = story.act("county.donghu", scheme, "submit")
    assert filed["stage"]["level"] == "district"
    assert [step["level"] for step in filed["route"]] == ["district"]
    refused(lambda: story.act("county.donghu2", filed, "approve"), 403, "回避")
    seen = story.plan("district.nanchang", filed)
    assert (seen["forecast"]["teachers"], seen["attachments"][0]["name"]) == (120, "预判名单.pdf")
    scheme = story.approve(filed, "district.nanchang")
    assert scheme["status"] == "approved"

    project = story.publish(plan=scheme, title="托底全员培训", category="fallback_training", mode="centralized")
    assert (project["bucket"], project["plan_number"]) == ("coordinated", scheme["number"])
    story.roster("county.donghu", project, [person_of("teacher.li")])
    story.audit("audit.donghu", project)
    line = wait_for(lambda: story.lines("teacher.li", project), "托底培训的学分")[0]
    assert line["bucket"] == "coordinated"


def test_faq_q14_a_village_schools_own_plan_earns_credits(story: Story) -> None:
    """Filed by the village school itself, approved at three stages, held by the school, counted for its teacher."""
    submitted = story.submitted("school.qiaobei", title="桥背村小学校本研修方案")
    assert "VILLAGE_SCHOOL" in {finding["code"] for finding in story.plan("county.jinxian", submitted)["findings"]}
    assert [step["level"] for step in submitted["route"]] == ["county", "district", "province"]
    refused(lambda: story.publish("school.qiaobei", submitted, category="school_training"), 422, "通过")
    plan = story.approve(submitted, *VILLAGE_ROUTE)
    assert plan["status"] == "approved"

    project = story.publish("school.qiaobei", plan, title="复式教学研修", category="school_training")
    story.roster("school.qiaobei", project, [person_of("teacher.wu")])
    story.audit("county.jinxian", project)
    assert story.arrives("teacher.wu", project, "2.0")[0]["bucket"] == "self_organized"


def test_faq_q14_a_central_schools_joint_plan_covers_the_village_school(story: Story) -> None:
    """The central school plans for the village school as well; the village school's teacher gets the credits."""
    name = story.account_for(teachers(CENTRAL)[0], CENTRAL, "进贤县荷塘乡中心小学", "manager.nanchang")
    stranger = "360000/360100/360102/3601020001/"
    refused(lambda: story.draft(name, covers=[stranger]), 422, "联合申报")
    submitted = story.submitted(name, title="荷塘乡联合校本研修方案", covers=[VILLAGE])
    assert submitted["covers"][0]["unit_path"] == VILLAGE
    assert "JOINT_PLAN" in {finding["code"] for finding in story.plan("county.jinxian", submitted)["findings"]}
    plan = story.approve(submitted, *VILLAGE_ROUTE)

    project = story.publish(name, plan, title="片区联合研修", category="school_training")
    assert project["covers"] == [VILLAGE]
    away = teachers("3601240004")[0]
    found = story.roster(name, project, [away], dry_run=True)
    assert "没有登记" in found["errors"][0]["message"]
    story.roster(name, project, [person_of("teacher.wu")])
    story.audit("county.jinxian", project)
    story.arrives("teacher.wu", project, "2.0")


def test_faq_q15_the_training_school_reviews_instead_of_the_bureau(story: Story) -> None:
    """Where the county says so, its training school receives, answers and approves, all on the platform."""
    plan = story.submitted("school.qiaobei", later=1)
    first = plan["route"][0]
    assert (first["unit"], first["body"]) == ("进贤县", "进贤县教师进修学校")
    queue = story.who("county.jinxian").all(f"{PLANS}/queue")
    assert plan["id"] in {row["id"] for row in queue}
    refused(lambda: story.who("county.donghu").get(f"{PLANS}/plans/{plan['id']}"), 404, "")

    story.act("county.jinxian", plan, "return", opinion="请补充一处后重报。", points=[point()])
    feedback = story.last("school.qiaobei", plan, "return")
    assert feedback["body"] == "进贤县教师进修学校"
    assert story.plan("school.qiaobei", plan)["open_points"][0]["text"] == "请写明过程记录的形式。"
    story.answer("school.qiaobei", plan, "explained")
    plan = story.act("school.qiaobei", plan, "submit")
    assert plan["stage"]["level"] == "county"
    plan = story.approve(plan, "county.jinxian")
    assert plan["stage"]["level"] == "district"
    assert plan["route"][0]["state"] == "done"
