"""N22 in the whole system: a certificate is made, checked by a stranger, overtaken, withdrawn; a workbook."""

from __future__ import annotations

import io
import re

import pypdfium2
from python_calamine import CalamineWorkbook

from shared.client import Person, wait_for
from tests.flows.material import Body, person_of, refused
from tests.flows.story import Story

CREDITS = "/credits/api/v1"
TEACHER, SCHOOL = "teacher.li", "school.qingfeng"


def earn(story: Story, title: str) -> None:
    """Six credits for the teacher."""
    project = story.publish(title=title)
    story.roster("county.donghu", project, [person_of(TEACHER)])
    story.audit("audit.donghu", project)
    story.arrives(TEACHER, project, "6.0")


def test_n22_a_certificate_from_making_to_withdrawal(story: Story) -> None:
    stranger = Person(story.system.url)

    def seen(paper: Body) -> Body:
        answer: Body = stranger.get(f"{CREDITS}/verification", code=paper["code"])
        return answer

    teacher = story.who(TEACHER)
    earn(story, "证明之前的培训")
    paper = teacher.post(f"{CREDITS}/me/papers", {"kind": "certificate"})
    content = teacher.download(f"{CREDITS}/papers/{paper['code']}/pdf").content
    text = re.sub(r"\s", "", pypdfium2.PdfDocument(content)[0].get_textpage().get_text_range())
    counted = teacher.get(f"{CREDITS}/me/standing")["buckets"]["coordinated"]["counted"]
    assert paper["code"] in text
    assert f"统筹26.0{counted}" in text
    assert (seen(paper)["state"], seen(paper)["name"]) == ("genuine", "李**")

    earn(story, "证明之后的培训")
    assert seen(paper)["state"] == "changed"
    newer = teacher.post(f"{CREDITS}/me/papers", {"kind": "certificate"})
    assert (seen(paper)["state"], seen(newer)["state"]) == ("superseded", "genuine")
    assert teacher.download(f"{CREDITS}/papers/{paper['code']}/pdf").content == content

    refused(lambda: story.who("county.donghu").post(f"{CREDITS}/papers/{newer['code']}/withdrawal"), 403, "")
    teacher.post(f"{CREDITS}/papers/{newer['code']}/withdrawal")
    assert seen(newer)["state"] == "withdrawn"


def test_n22_a_school_takes_the_workbook_of_its_teachers(story: Story) -> None:
    school = story.who(SCHOOL)
    asked = school.post(f"{CREDITS}/exports")

    def ready() -> Body | None:
        found: Body = next(one for one in school.get(f"{CREDITS}/exports")["items"] if one["id"] == asked["id"])
        return found if found["finished_at"] else None

    made = wait_for(ready, "导出")
    file = school.http.post(f"{CREDITS}/exports/{asked['id']}/downloads", json={}).content
    rows = CalamineWorkbook.from_filelike(io.BytesIO(file)).get_sheet_by_index(0).to_python()
    assert len(rows) - 1 == made["rows"] == len(school.all(f"{CREDITS}/teachers"))
    assert person_of(TEACHER).name in [row[2] for row in rows]
    assert ready() == {**made, "downloads": 1}
