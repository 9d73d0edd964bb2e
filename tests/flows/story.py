"""The people of a running system at work: a plan on its way, a training, and what arrives as credits."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from services.accounts.sample import SamplePerson
from shared.client import Person, wait_for
from shared.database import Database
from tests.flows.material import COUNTY_ROUTE, PLANS, TODAY, Body, content, editable, school_year
from tests.plans.builders import workbook
from tests.running import DATA, System


class Story:
    """A running system and the people who work with it."""

    def __init__(self, system: System) -> None:
        self.system = system
        self._people: dict[str, Person] = {}
        self._databases: dict[str, Database] = {}

    def close(self) -> None:
        """Closes what was opened besides HTTP."""
        for database in self._databases.values():
            database.dispose()

    def who(self, username: str) -> Person:
        """The sample person, signed in once."""
        if username not in self._people:
            self._people[username] = self.system.sign_in(username)
        return self._people[username]

    # Plans

    def draft(self, username: str = "school.qingfeng", later: int = 0, **changes: Any) -> Body:
        """A new draft."""
        made: Body = self.who(username).post(f"{PLANS}/plans", content(later, **changes))
        return made

    def plan(self, username: str, plan: Body) -> Body:
        """The plan as that person sees it now."""
        seen: Body = self.who(username).get(f"{PLANS}/plans/{plan['id']}")
        return seen

    def open(self, username: str, plan: Body) -> Body:
        """Opens the plan, as the page does."""
        seen: Body = self.who(username).post(f"{PLANS}/plans/{plan['id']}/opening")
        return seen

    def act(self, username: str, plan: Body, act: str, *, version: int | None = None, **what: Any) -> Body:
        """One act on the plan as that person sees it now, or on the version that was seen."""
        seen = self.plan(username, plan)["version"] if version is None else version
        done: Body = self.who(username).post(f"{PLANS}/plans/{plan['id']}/acts/{act}", what, version=seen)
        return done

    def change(self, username: str, plan: Body, **changes: Any) -> Body:
        """Changes the draft."""
        seen = self.plan(username, plan)
        body = editable(seen) | changes
        changed: Body = self.who(username).put(f"{PLANS}/plans/{plan['id']}", body, version=seen["version"])
        return changed

    def answer(self, username: str, plan: Body, *verdicts: str) -> Body:
        """Answers the points of the last return, from the first on."""
        answers = [
            {"number": number, "verdict": verdict, "text": "已按意见办理。"}
            for number, verdict in enumerate(verdicts, start=1)
        ]
        seen = self.plan(username, plan)
        body = {"answers": answers}
        done: Body = self.who(username).put(f"{PLANS}/plans/{plan['id']}/answers", body, version=seen["version"])
        return done

    def submitted(self, username: str = "school.qingfeng", later: int = 0, **changes: Any) -> Body:
        """A plan under review."""
        return self.act(username, self.draft(username, later, **changes), "submit")

    def approve(self, plan: Body, *reviewers: str) -> Body:
        """Approved by each in turn."""
        for username in reviewers:
            plan = self.act(username, plan, "approve", opinion="方案可行，同意。")
        return plan

    def approved(
        self, username: str = "school.qingfeng", route: tuple[str, ...] = COUNTY_ROUTE, **changes: Any
    ) -> Body:
        """A plan of the present school year that has passed every stage."""
        plan = self.approve(self.submitted(username, **changes), *route)
        assert plan["status"] == "approved"
        return plan

    def history(self, username: str, plan: Body) -> list[Body]:
        """The lines of the history that this person sees, oldest first."""
        lines: list[Body] = self.who(username).get(f"{PLANS}/plans/{plan['id']}/history")["items"]
        return lines

    def last(self, username: str, plan: Body, act: str) -> Body:
        """The last line of that act."""
        return next(line for line in reversed(self.history(username, plan)) if line["act"] == act)

    # Trainings

    def publish(self, username: str = "county.donghu", plan: Body | None = None, **changes: Any) -> Body:
        """A training that ends today; with a plan, under its first item."""
        under: Body = {}
        if plan is not None:
            under = {"plan_id": plan["id"], "plan_item_id": plan["items"][0]["id"], "hours": plan["items"][0]["hours"]}
        body = {
            "title": "县级专题培训",
            "category": "county_training",
            "mode": "centralized",
            "convert": True,
            "school_year": school_year(),
            "held_from": TODAY.isoformat(),
            "held_to": TODAY.isoformat(),
            "hours": "60",
            **under,
            **changes,
        }
        made: Body = self.who(username).post(f"{PLANS}/projects", body)
        return made

    def project(self, username: str, project: Body) -> Body:
        """The project as that person sees it now."""
        seen: Body = self.who(username).get(f"{PLANS}/projects/{project['id']}")
        return seen

    def roster(self, username: str, project: Body, people: list[SamplePerson], *, dry_run: bool = False) -> Body:
        """Sends a list on which everybody has all hours and has passed; waits for the import."""
        rows = [[one.identity, one.name, float(project["hours"]), "合格", ""] for one in people]
        sender, path = self.who(username), f"{PLANS}/projects/{project['id']}/roster"
        files = {"file": ("名单.xlsx", workbook(rows))}
        sent: Body = sender.post(path, files=files, form={}, dry_run=str(dry_run).lower())
        if not dry_run:
            wait_for(lambda: self._ended(sender, sent["job_id"]), "名单导入")
        return sent

    @staticmethod
    def _ended(sender: Person, job_id: str) -> bool:
        job = sender.get(f"{PLANS}/jobs/{job_id}")
        assert job["state"] != "failed", job["error"]
        return bool(job["state"] == "done")

    def audit(self, username: str, project: Body) -> Body:
        """Audits everything that waits."""
        made: Body = self.who(username).post(f"{PLANS}/projects/{project['id']}/audits")
        return made

    def on_project(self, username: str, project: Body, act: str, **what: Any) -> Body:
        """`correction`, `deletion` or `voiding` of the version that the project has now."""
        path, version = f"{PLANS}/projects/{project['id']}/{act}", self.project(username, project)["version"]
        done: Body = self.who(username).post(path, what, version=version)
        return done

    # Credits

    def lines(self, teacher: str, project: Body) -> list[Body]:
        """What the teacher's ledger has of that project, oldest first."""
        every = self.who(teacher).all("/credits/api/v1/me/ledger")
        return sorted((x for x in every if x["source"]["project_id"] == project["id"]), key=lambda x: int(x["id"]))

    def amounts(self, teacher: str, project: Body) -> list[Decimal]:
        """Their amounts."""
        return [Decimal(line["amount"]) for line in self.lines(teacher, project)]

    def arrives(self, teacher: str, project: Body, *amounts: str) -> list[Body]:
        """Waits until the teacher's ledger has exactly these amounts of that project; returns the lines."""
        wanted = [Decimal(amount) for amount in amounts]
        wait_for(lambda: self.amounts(teacher, project) == wanted, f"{teacher}: {amounts}", 60.0)
        return self.lines(teacher, project)

    def answered(self, username: str, project: Body, count: int) -> None:
        """Waits until credits has answered for so many results of the project."""

        def done() -> bool:
            rows = self.who(username).all(f"{PLANS}/projects/{project['id']}/results")
            return [row["credits_state"] for row in rows].count("recorded") == count

        wait_for(done, f"{count} 人已计入", 60.0)

    def database(self, service: str) -> Database:
        """That service's own database, for what only time brings about."""
        if service not in self._databases:
            folder = self.system.folder
            kept = (folder / "servers.env").read_text() if self.system.kind == "servers" else ""
            addresses = dict(line.split("=", 1) for line in kept.splitlines())
            found = addresses.get(f"XUEFEN_{service.upper()}_DATABASE_URL", f"sqlite:///{folder / service}.db")
            self._databases[service] = Database(found)
        return self._databases[service]

    # An account that the sample lacks

    def account_for(self, person: SamplePerson, unit: str, unit_name: str, manager: str) -> str:
        """A school administrator by an authorization letter, activated and signed in; returns the user name."""
        letter = {
            "kind": "new_holder",
            "role": "school_admin",
            "unit_code": unit,
            "person_name": person.name,
            "identity_number": person.identity,
            "phone": "13800000000",
            "stamped_by": unit_name,
            "dated": (TODAY - timedelta(days=1)).isoformat(),
        }
        stranger, by = Person(self.system.url), self.who(manager)
        scan = (DATA / "letter.pdf").read_bytes()
        sent = stranger.post("/accounts/api/v1/letters", files={"file": ("授权函.pdf", scan)}, form=letter)
        path = f"/accounts/api/v1/letters/{sent['number']}"

        def seen() -> Body | None:
            found: Body = by.get(path)
            return found if found["preview"] == "ready" else None

        shown = wait_for(seen, "扫描件预览")
        by.download(f"{path}/pages/1")
        answers = {check["id"]: "yes" for check in shown["checks"]}
        remarks = {"not_duplicate": "另一所学校"} if shown["duplicates"] else {}
        shown = by.put(f"{path}/checks", {"answers": answers, "remarks": remarks}, version=shown["version"])
        issued = by.post(f"{path}/issue", version=shown["version"])
        link = issued["activation_url"].rsplit("/", 1)[-1]
        stranger.post(f"/accounts/api/v1/activations/{link}", {"password": "Flow-2026-ok"})
        username: str = issued["account"]["username"]
        self._people[username] = Person(self.system.url).sign_in(username, "Flow-2026-ok")
        return username
