"""Submissions of several kinds, requests, deputies, calendar; projects that are corrected, voided, made public."""

import json
import string

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

import shared.database

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "calendar_changes",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("off", shared.database.JsonType, nullable=False),
        sa.Column("work", shared.database.JsonType, nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("changed_by", sa.String(length=36), nullable=False),
        sa.Column("changed_by_name", sa.String(length=60), nullable=False),
        sa.Column("unit", sa.String(length=120), nullable=False),
        sa.Column("changed_at", shared.database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_changes")),
        sa.UniqueConstraint("year", "version", name=op.f("uq_calendar_changes_year_version")),
    )
    op.create_table(
        "calendar_years",
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("off", shared.database.JsonType, nullable=False),
        sa.Column("work", shared.database.JsonType, nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("changed_by", sa.String(length=36), nullable=False),
        sa.Column("changed_by_name", sa.String(length=60), nullable=False),
        sa.Column("unit", sa.String(length=120), nullable=False),
        sa.Column("changed_at", shared.database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("year", name=op.f("pk_calendar_years")),
    )
    op.create_table(
        "deputies",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("unit_path", shared.database.PathType(), nullable=False),
        sa.Column("absent_account", sa.String(length=36), nullable=False),
        sa.Column("absent_name", sa.String(length=60), nullable=False),
        sa.Column("deputy_account", sa.String(length=36), nullable=False),
        sa.Column("deputy_name", sa.String(length=60), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("set_by_name", sa.String(length=60), nullable=False),
        sa.Column("set_by", sa.String(length=36), nullable=False),
        sa.Column("set_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("ended_at", shared.database.UtcDateTime(), nullable=True),
        sa.Column("ended_by_name", sa.String(length=60), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deputies")),
    )
    with op.batch_alter_table("deputies", schema=None) as batch_op:
        batch_op.create_index("ix_deputies_deputy", ["deputy_account", "last_day"], unique=False)
        batch_op.create_index(batch_op.f("ix_deputies_unit_path"), ["unit_path"], unique=False)

    op.create_table(
        "phrases",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("unit_path", shared.database.PathType(), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("made_by_name", sa.String(length=60), nullable=False),
        sa.Column("made_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("ended_at", shared.database.UtcDateTime(), nullable=True),
        sa.Column("ended_by_name", sa.String(length=60), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phrases")),
    )
    with op.batch_alter_table("phrases", schema=None) as batch_op:
        batch_op.create_index("ix_phrases_owner", ["unit_path", "account_id"], unique=False)

    op.create_table(
        "policy_answers",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("category", sa.String(length=40), nullable=False),
        sa.Column("document", sa.String(length=80), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("settled", sa.Integer(), nullable=False),
        sa.Column("by_account", sa.String(length=36), nullable=False),
        sa.Column("by_name", sa.String(length=60), nullable=False),
        sa.Column("body", sa.String(length=120), nullable=False),
        sa.Column("at", shared.database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_answers")),
    )
    with op.batch_alter_table("policy_answers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_policy_answers_category"), ["category"], unique=False)

    op.create_table(
        "spot_checks",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("owner_path", shared.database.PathType(), nullable=False),
        sa.Column("body", sa.String(length=120), nullable=False),
        sa.Column("area_path", shared.database.PathType(), nullable=False),
        sa.Column("area_name", sa.String(length=120), nullable=False),
        sa.Column("school_year", sa.String(length=9), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("seed", sa.String(length=40), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("population", sa.Integer(), nullable=False),
        sa.Column("population_digest", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("drawn_by", sa.String(length=36), nullable=False),
        sa.Column("drawn_by_name", sa.String(length=60), nullable=False),
        sa.Column("drawn_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("pack_job_id", sa.String(length=36), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spot_checks")),
        sa.UniqueConstraint("number", name=op.f("uq_spot_checks_number")),
    )
    with op.batch_alter_table("spot_checks", schema=None) as batch_op:
        batch_op.create_index("ix_spot_checks_owner", ["owner_path", "id"], unique=False)

    op.create_table(
        "typed_drafts",
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("form", shared.database.JsonType, nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("saved_at", shared.database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "key", name=op.f("pk_typed_drafts")),
    )
    op.create_table(
        "plan_sheets",
        sa.Column("code", sa.String(length=12), nullable=False),
        sa.Column("plan_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("made_by", sa.String(length=36), nullable=False),
        sa.Column("made_by_name", sa.String(length=60), nullable=False),
        sa.Column("made_at", shared.database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_plan_sheets_plan_id_plans")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_plan_sheets")),
        sa.UniqueConstraint("plan_id", "version", "digest", name=op.f("uq_plan_sheets_plan_id_version_digest")),
    )
    op.create_table(
        "spot_cases",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("check_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("plan_id", sa.String(length=36), nullable=False),
        sa.Column("plan_number", sa.String(length=40), nullable=False),
        sa.Column("plan_title", sa.String(length=100), nullable=False),
        sa.Column("unit_name", sa.String(length=120), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("pack_sha256", sa.String(length=64), nullable=True),
        sa.Column("pack_size", sa.Integer(), nullable=True),
        sa.Column("packed_at", shared.database.UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["check_id"], ["spot_checks.id"], name=op.f("fk_spot_cases_check_id_spot_checks")),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_spot_cases_plan_id_plans")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spot_cases")),
        sa.UniqueConstraint("check_id", "plan_id", name=op.f("uq_spot_cases_check_id_plan_id")),
        sa.UniqueConstraint("check_id", "position", name=op.f("uq_spot_cases_check_id_position")),
    )
    with op.batch_alter_table("spot_cases", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_spot_cases_plan_id"), ["plan_id"], unique=False)

    op.create_table(
        "plan_requests",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("plan_id", sa.String(length=36), nullable=False),
        sa.Column("line_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("stage", sa.String(length=40), nullable=False),
        sa.Column("entered_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("blocking", sa.Boolean(), nullable=False),
        sa.Column("position", sa.String(length=10), nullable=False),
        sa.Column("asked_account", sa.String(length=36), nullable=False),
        sa.Column("asked_name", sa.String(length=60), nullable=False),
        sa.Column("asked_body", sa.String(length=120), nullable=False),
        sa.Column("asked_path", shared.database.PathType(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("asked_by_name", sa.String(length=60), nullable=False),
        sa.Column("asked_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("agreed", sa.Boolean(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("closed_at", shared.database.UtcDateTime(), nullable=True),
        sa.Column("closed_why", sa.String(length=20), nullable=True),
        sa.CheckConstraint("kind IN ('consult', 'cosign', 'copy')", name=op.f("ck_plan_requests_kind")),
        sa.ForeignKeyConstraint(["line_id"], ["plan_history.id"], name=op.f("fk_plan_requests_line_id_plan_history")),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_plan_requests_plan_id_plans")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_requests")),
    )
    with op.batch_alter_table("plan_requests", schema=None) as batch_op:
        batch_op.create_index("ix_plan_requests_asked", ["asked_account", "closed_at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_plan_requests_plan_id"), ["plan_id"], unique=False)

    op.create_table(
        "project_history",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=36), nullable=False),
        sa.Column("act", sa.String(length=20), nullable=False),
        sa.Column("at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("actor_account", sa.String(length=36), nullable=False),
        sa.Column("actor_name", sa.String(length=60), nullable=False),
        sa.Column("unit_path", shared.database.PathType(), nullable=True),
        sa.Column("body", sa.String(length=120), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(length=500), nullable=False),
        sa.Column("details", shared.database.JsonType, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_project_history_project_id_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project_history")),
    )
    with op.batch_alter_table("project_history", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_project_history_project_id"), ["project_id"], unique=False)

    op.create_table(
        "project_quotas",
        sa.Column("project_id", sa.String(length=36), nullable=False),
        sa.Column("unit_path", shared.database.PathType(), nullable=False),
        sa.Column("unit_name", sa.String(length=120), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.CheckConstraint("seats > 0", name=op.f("ck_project_quotas_seats")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_project_quotas_project_id_projects")),
        sa.PrimaryKeyConstraint("project_id", "unit_path", name=op.f("pk_project_quotas")),
    )
    op.create_table(
        "spot_findings",
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=36), nullable=False),
        sa.Column("by_name", sa.String(length=60), nullable=False),
        sa.Column("unit_path", shared.database.PathType(), nullable=False),
        sa.Column("body", sa.String(length=120), nullable=False),
        sa.Column("at", shared.database.UtcDateTime(), nullable=False),
        sa.CheckConstraint("verdict IN ('good', 'problem')", name=op.f("ck_spot_findings_verdict")),
        sa.ForeignKeyConstraint(["case_id"], ["spot_cases.id"], name=op.f("fk_spot_findings_case_id_spot_cases")),
        sa.PrimaryKeyConstraint("case_id", "number", name=op.f("pk_spot_findings")),
    )
    op.create_table(
        "plan_answers",
        sa.Column("line_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("by_name", sa.String(length=60), nullable=False),
        sa.Column("at", shared.database.UtcDateTime(), nullable=False),
        sa.CheckConstraint("verdict IN ('changed', 'explained')", name=op.f("ck_plan_answers_verdict")),
        sa.ForeignKeyConstraint(
            ["line_id", "number"],
            ["plan_points.line_id", "plan_points.number"],
            name=op.f("fk_plan_answers_line_id_number_plan_points"),
        ),
        sa.PrimaryKeyConstraint("line_id", "number", "round", name=op.f("pk_plan_answers")),
    )
    with op.batch_alter_table("audits", schema=None) as batch_op:
        batch_op.add_column(sa.Column("public_until", shared.database.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("confirmed_at", shared.database.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("sent_at", shared.database.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("event_ids", shared.database.JsonType, server_default="[]", nullable=False))

    with op.batch_alter_table("plan_authors", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_plan_authors_person_id"))
        batch_op.create_index("ix_plan_authors_account", ["account_id", "plan_id"], unique=False)
        batch_op.create_index("ix_plan_authors_person", ["person_id", "plan_id"], unique=False)

    with op.batch_alter_table("plan_history", schema=None) as batch_op:
        batch_op.add_column(sa.Column("actor_person", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("for_name", sa.String(length=60), server_default="", nullable=False))
        batch_op.add_column(sa.Column("for_account", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("to_pending", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("internal", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("strikes_id", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("took_minutes", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("in_time", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("region_path", shared.database.PathType(), nullable=True))
        batch_op.add_column(sa.Column("school_year", sa.String(length=9), nullable=True))
        batch_op.add_column(sa.Column("plan_kind", sa.String(length=30), nullable=True))
        batch_op.add_column(sa.Column("details", shared.database.JsonType, server_default="{}", nullable=False))
        batch_op.alter_column(
            "outcome", existing_type=sa.VARCHAR(length=200), type_=sa.String(length=400), existing_nullable=False
        )
        batch_op.drop_index(batch_op.f("ix_plan_history_plan_id"))
        batch_op.create_index("ix_plan_history_plan_id", ["plan_id", "id"], unique=False)
        batch_op.create_index(
            "ix_plan_history_decided", ["actor_account", "act", "unit_path", "at", "plan_id"], unique=False
        )
        batch_op.create_index("ix_plan_history_unit", ["unit_path", "id"], unique=False)
        batch_op.create_index(
            "ix_plan_history_board",
            ["school_year", "region_path", "plan_id", "id"],
            unique=False,
            postgresql_include=["plan_kind", "act", "stage", "to_status", "in_time", "took_minutes"],
            postgresql_where=sa.text("region_path IS NOT NULL"),
            sqlite_where=sa.text("region_path IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_plan_history_strikes",
            ["strikes_id"],
            unique=False,
            postgresql_include=["act"],
            postgresql_where=sa.text("strikes_id IS NOT NULL"),
            sqlite_where=sa.text("strikes_id IS NOT NULL"),
        )

    with op.batch_alter_table("plan_items", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_plan_items_kind"), type_="check")
        batch_op.drop_constraint(op.f("pk_plan_items"), type_="primary")
        batch_op.create_primary_key(op.f("pk_plan_items"), ["plan_id", "id"])
        batch_op.create_check_constraint(
            op.f("ck_plan_items_kind"),
            "kind IN ('school_training', 'school_research', 'workshop', 'other', 'fallback')",
        )
        batch_op.add_column(sa.Column("level", sa.String(length=20), server_default="", nullable=False))
        batch_op.add_column(sa.Column("audience", sa.String(length=100), server_default="", nullable=False))
        batch_op.drop_index(batch_op.f("ix_plan_items_plan_id"))

    with op.batch_alter_table("plan_points", schema=None) as batch_op:
        batch_op.add_column(sa.Column("lasting", sa.String(length=80), server_default="", nullable=False))
        batch_op.add_column(sa.Column("late", sa.Boolean(), server_default=sa.false(), nullable=False))

    with op.batch_alter_table("plans", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_plans_status"), type_="check")
        batch_op.drop_constraint(op.f("ck_plans_one_queue"), type_="check")
        batch_op.add_column(sa.Column("covers", shared.database.JsonType, server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("forecast", shared.database.JsonType, nullable=True))
        batch_op.add_column(sa.Column("claim", shared.database.JsonType, nullable=True))
        batch_op.add_column(sa.Column("person_id", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("amends_id", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("superseded_by_id", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("pending", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("policy_category", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("returned_by_path", shared.database.PathType(), nullable=True))
        batch_op.add_column(sa.Column("opened_at", shared.database.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("assignee_id", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("assignee_name", sa.String(length=60), nullable=True))
        batch_op.add_column(sa.Column("claimed_by", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("claimed_by_name", sa.String(length=60), nullable=True))
        batch_op.add_column(sa.Column("claimed_at", shared.database.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("due_at", shared.database.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("warn_at", shared.database.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("overdue_told", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.drop_index(batch_op.f("ix_plans_queue"))
        batch_op.create_index(batch_op.f("ix_plans_amends_id"), ["amends_id"], unique=False)
        batch_op.create_index("ix_plans_due", ["due_at", "id"], unique=False)
        batch_op.create_index("ix_plans_pending", ["pending", "reviewing_path"], unique=False)
        batch_op.create_index(batch_op.f("ix_plans_policy_category"), ["policy_category"], unique=False)
        batch_op.create_index("ix_plans_returned", ["returned_by_path", "status", "id"], unique=False)
        batch_op.create_index(
            "ix_plans_waiting",
            ["reviewing_path", "reviewing_office", "entered_at", "id"],
            unique=False,
            postgresql_include=[
                "pending",
                "due_at",
                "warn_at",
                "claimed_at",
                "assignee_id",
                "unit_path",
                "kind",
                "status",
                "unit_kind",
                "submitted_year",
                "round",
                "claimed_by",
                "flags",
            ],
            postgresql_where=sa.text("reviewing_path IS NOT NULL"),
            sqlite_where=sa.text("reviewing_path IS NOT NULL"),
        )
        batch_op.create_index("ix_plans_year", ["unit_path", "kind", "submitted_year"], unique=False)
        batch_op.create_index("ix_plans_submitted", ["submitted_year", "unit_path"], unique=False)
        batch_op.create_index(
            "ix_plans_person",
            ["person_id", "id"],
            unique=False,
            postgresql_where=sa.text("person_id IS NOT NULL"),
            sqlite_where=sa.text("person_id IS NOT NULL"),
        )
        batch_op.create_foreign_key(batch_op.f("fk_plans_amends_id_plans"), "plans", ["amends_id"], ["id"])
        batch_op.drop_column("return_stage")
        batch_op.create_check_constraint(
            op.f("ck_plans_status"),
            "status IN ('draft', 'under_review', 'returned', 'approved', 'refused', 'withdrawn', 'voided')",
        )
        batch_op.create_check_constraint(
            op.f("ck_plans_pending"), "pending IN ('withdrawal', 'refusal', 'void', 'policy', 'cosign')"
        )
        batch_op.create_check_constraint(
            op.f("ck_plans_one_queue"),
            "(status = 'under_review' OR (status = 'approved' AND pending IS NOT NULL)) = (reviewing_path IS NOT NULL AND stage IS NOT NULL AND entered_at IS NOT NULL)",
        )

    with op.batch_alter_table("projects", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_projects_status"), type_="check")
        batch_op.create_check_constraint(op.f("ck_projects_status"), "status IN ('published', 'deleted', 'voided')")
        batch_op.add_column(sa.Column("covers", shared.database.JsonType, server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("stages", shared.database.JsonType, server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("subjects", shared.database.JsonType, server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("publicity_days", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("version", sa.Integer(), server_default="1", nullable=False))
        batch_op.add_column(sa.Column("correction", sa.Integer(), server_default="0", nullable=False))

    with op.batch_alter_table("results", schema=None) as batch_op:
        batch_op.add_column(sa.Column("attendance", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("received_at", shared.database.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("recorded_at", shared.database.UtcDateTime(), nullable=True))
        batch_op.create_index(
            "ix_results_on_the_way",
            ["person_id", "id"],
            unique=False,
            postgresql_where=sa.text("credits_state <> 'recorded' OR state <> 'audited'"),
            sqlite_where=sa.text("credits_state <> 'recorded' OR state <> 'audited'"),
        )
        batch_op.create_index(
            "ix_results_unanswered",
            ["audit_id"],
            unique=False,
            postgresql_where=sa.text("credits_state = 'sent'"),
            sqlite_where=sa.text("credits_state = 'sent'"),
        )

    with op.batch_alter_table("roster_uploads", schema=None) as batch_op:
        batch_op.add_column(sa.Column("check_job_id", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("error_rows_sha256", sa.String(length=64), nullable=True))
        batch_op.alter_column("report", existing_type=sqlite.JSON(), nullable=True)

    _fill(op.get_bind())


def downgrade() -> None:
    with op.batch_alter_table("roster_uploads", schema=None) as batch_op:
        batch_op.alter_column("report", existing_type=sqlite.JSON(), nullable=False)
        batch_op.drop_column("error_rows_sha256")
        batch_op.drop_column("check_job_id")

    with op.batch_alter_table("results", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_results_on_the_way",
            postgresql_where=sa.text("credits_state <> 'recorded' OR state <> 'audited'"),
            sqlite_where=sa.text("credits_state <> 'recorded' OR state <> 'audited'"),
        )
        batch_op.drop_index(
            "ix_results_unanswered",
            postgresql_where=sa.text("credits_state = 'sent'"),
            sqlite_where=sa.text("credits_state = 'sent'"),
        )
        batch_op.drop_column("recorded_at")
        batch_op.drop_column("received_at")
        batch_op.drop_column("attendance")

    with op.batch_alter_table("projects", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_projects_status"), type_="check")
        batch_op.create_check_constraint(op.f("ck_projects_status"), "status IN ('published')")
        batch_op.drop_column("correction")
        batch_op.drop_column("version")
        batch_op.drop_column("publicity_days")
        batch_op.drop_column("subjects")
        batch_op.drop_column("stages")
        batch_op.drop_column("covers")

    with op.batch_alter_table("plans", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_plans_status"), type_="check")
        batch_op.drop_constraint(op.f("ck_plans_pending"), type_="check")
        batch_op.drop_constraint(op.f("ck_plans_one_queue"), type_="check")
        batch_op.create_check_constraint(
            op.f("ck_plans_status"),
            "status IN ('draft', 'under_review', 'returned', 'approved', 'refused', 'withdrawn')",
        )
        batch_op.create_check_constraint(
            op.f("ck_plans_one_queue"),
            "(status = 'under_review') = (reviewing_path IS NOT NULL AND stage IS NOT NULL AND entered_at IS NOT NULL)",
        )
        batch_op.add_column(sa.Column("return_stage", sa.VARCHAR(length=40), nullable=True))
        batch_op.drop_constraint(batch_op.f("fk_plans_amends_id_plans"), type_="foreignkey")
        batch_op.drop_index(
            "ix_plans_person",
            postgresql_where=sa.text("person_id IS NOT NULL"),
            sqlite_where=sa.text("person_id IS NOT NULL"),
        )
        batch_op.drop_index("ix_plans_submitted")
        batch_op.drop_index("ix_plans_year")
        batch_op.drop_index(
            "ix_plans_waiting",
            postgresql_include=[
                "pending",
                "due_at",
                "warn_at",
                "claimed_at",
                "assignee_id",
                "unit_path",
                "kind",
                "status",
                "unit_kind",
                "submitted_year",
                "round",
                "claimed_by",
                "flags",
            ],
            postgresql_where=sa.text("reviewing_path IS NOT NULL"),
            sqlite_where=sa.text("reviewing_path IS NOT NULL"),
        )
        batch_op.drop_index("ix_plans_returned")
        batch_op.drop_index(batch_op.f("ix_plans_policy_category"))
        batch_op.drop_index("ix_plans_pending")
        batch_op.drop_index("ix_plans_due")
        batch_op.drop_index(batch_op.f("ix_plans_amends_id"))
        batch_op.create_index(
            batch_op.f("ix_plans_queue"), ["reviewing_path", "reviewing_office", "entered_at", "id"], unique=False
        )
        batch_op.drop_column("overdue_told")
        batch_op.drop_column("warn_at")
        batch_op.drop_column("due_at")
        batch_op.drop_column("claimed_at")
        batch_op.drop_column("claimed_by_name")
        batch_op.drop_column("claimed_by")
        batch_op.drop_column("assignee_name")
        batch_op.drop_column("assignee_id")
        batch_op.drop_column("opened_at")
        batch_op.drop_column("returned_by_path")
        batch_op.drop_column("policy_category")
        batch_op.drop_column("pending")
        batch_op.drop_column("superseded_by_id")
        batch_op.drop_column("amends_id")
        batch_op.drop_column("person_id")
        batch_op.drop_column("claim")
        batch_op.drop_column("forecast")
        batch_op.drop_column("covers")

    with op.batch_alter_table("plan_points", schema=None) as batch_op:
        batch_op.drop_column("late")
        batch_op.drop_column("lasting")

    with op.batch_alter_table("plan_items", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_plan_items_kind"), type_="check")
        batch_op.drop_constraint(op.f("pk_plan_items"), type_="primary")
        batch_op.create_primary_key(op.f("pk_plan_items"), ["id"])
        batch_op.create_check_constraint(
            op.f("ck_plan_items_kind"), "kind IN ('school_training', 'school_research', 'workshop', 'other')"
        )
        batch_op.create_index(batch_op.f("ix_plan_items_plan_id"), ["plan_id"], unique=False)
        batch_op.drop_column("audience")
        batch_op.drop_column("level")

    with op.batch_alter_table("plan_history", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_plan_history_strikes",
            postgresql_where=sa.text("strikes_id IS NOT NULL"),
            sqlite_where=sa.text("strikes_id IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_plan_history_board",
            postgresql_where=sa.text("region_path IS NOT NULL"),
            sqlite_where=sa.text("region_path IS NOT NULL"),
        )
        batch_op.drop_index("ix_plan_history_unit")
        batch_op.drop_index("ix_plan_history_decided")
        batch_op.drop_index("ix_plan_history_plan_id")
        batch_op.create_index(batch_op.f("ix_plan_history_plan_id"), ["plan_id"], unique=False)
        batch_op.alter_column(
            "outcome", existing_type=sa.String(length=400), type_=sa.VARCHAR(length=200), existing_nullable=False
        )
        batch_op.drop_column("details")
        batch_op.drop_column("plan_kind")
        batch_op.drop_column("school_year")
        batch_op.drop_column("region_path")
        batch_op.drop_column("in_time")
        batch_op.drop_column("took_minutes")
        batch_op.drop_column("strikes_id")
        batch_op.drop_column("internal")
        batch_op.drop_column("to_pending")
        batch_op.drop_column("for_account")
        batch_op.drop_column("for_name")
        batch_op.drop_column("actor_person")

    with op.batch_alter_table("plan_authors", schema=None) as batch_op:
        batch_op.drop_index("ix_plan_authors_person")
        batch_op.drop_index("ix_plan_authors_account")
        batch_op.create_index(batch_op.f("ix_plan_authors_person_id"), ["plan_id", "person_id"], unique=False)

    with op.batch_alter_table("audits", schema=None) as batch_op:
        batch_op.drop_column("event_ids")
        batch_op.drop_column("sent_at")
        batch_op.drop_column("confirmed_at")
        batch_op.drop_column("public_until")

    op.drop_table("plan_answers")
    op.drop_table("spot_findings")
    op.drop_table("project_quotas")
    with op.batch_alter_table("project_history", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_project_history_project_id"))

    op.drop_table("project_history")
    with op.batch_alter_table("plan_requests", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_plan_requests_plan_id"))
        batch_op.drop_index("ix_plan_requests_asked")

    op.drop_table("plan_requests")
    with op.batch_alter_table("spot_cases", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_spot_cases_plan_id"))

    op.drop_table("spot_cases")
    op.drop_table("plan_sheets")
    op.drop_table("typed_drafts")
    with op.batch_alter_table("spot_checks", schema=None) as batch_op:
        batch_op.drop_index("ix_spot_checks_owner")

    op.drop_table("spot_checks")
    with op.batch_alter_table("policy_answers", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_policy_answers_category"))

    op.drop_table("policy_answers")
    with op.batch_alter_table("phrases", schema=None) as batch_op:
        batch_op.drop_index("ix_phrases_owner")

    op.drop_table("phrases")
    with op.batch_alter_table("deputies", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_deputies_unit_path"))
        batch_op.drop_index("ix_deputies_deputy")

    op.drop_table("deputies")
    op.drop_table("calendar_years")
    op.drop_table("calendar_changes")


def _fill(connection: sa.Connection) -> None:
    """What is already there, said in the new columns."""
    meta = sa.MetaData()
    plans, history, points, versions, audits, outbox = (
        sa.Table(name, meta, autoload_with=connection)
        for name in ("plans", "plan_history", "plan_points", "plan_versions", "audits", "outbox")
    )
    last = (
        sa.select(history.c.unit_path)
        .where(history.c.plan_id == plans.c.id, history.c.act == "return")
        .order_by(history.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    connection.execute(plans.update().where(plans.c.status == "returned").values(returned_by_path=last))
    # For what a decision counts: until now every plan was a school's, which counts for the path above it.
    region = sa.func.rtrim(sa.func.rtrim(plans.c.unit_path, "/"), string.digits + string.ascii_letters)
    said = {"region_path": region, "school_year": plans.c.submitted_year, "plan_kind": plans.c.kind}
    for name, value in said.items():
        of_plan = sa.select(value).where(plans.c.id == history.c.plan_id).scalar_subquery()
        connection.execute(history.update().where(history.c.act.in_(("approve", "return"))).values({name: of_plan}))
    connection.execute(
        audits.update().values(
            confirmed_at=audits.c.audited_at, sent_at=sa.func.coalesce(audits.c.revoked_at, audits.c.audited_at)
        )
    )
    sent: dict[str, list[str]] = {}
    of_audits = sa.select(outbox.c.aggregate_id, outbox.c.event_id).where(outbox.c.aggregate_type == "audit")
    for audit_id, event_id in connection.execute(of_audits.order_by(outbox.c.id)):
        sent.setdefault(audit_id, []).append(event_id)
    for audit_id, ids in sent.items():
        connection.execute(
            sa.text("UPDATE audits SET event_ids = :ids WHERE id = :id").bindparams(
                sa.bindparam("ids", ids, shared.database.JsonType), id=audit_id
            )
        )
    # A point's place by the item's own id, as `content.lasting` says it.
    query = sa.select(points.c.line_id, points.c.number, points.c.section, points.c.field, versions.c.content).where(
        points.c.line_id == history.c.id,
        versions.c.plan_id == history.c.plan_id,
        versions.c.number == history.c.round,
    )
    for line_id, number, section, field, content in connection.execute(query).all():
        said = json.loads(content) if isinstance(content, str) else content
        head, _, rest = field.removeprefix("items.").partition(".")
        lasting = field or section
        if section == "attachments" and field:
            lasting = f"attachments.{field}"
        elif field.startswith("items.") and head.isdigit() and int(head) < len(said["items"]):
            lasting = f"items.{said['items'][int(head)]['id']}" + (f".{rest}" if rest else "")
        connection.execute(
            points.update().where(points.c.line_id == line_id, points.c.number == number).values(lasting=lasting)
        )
