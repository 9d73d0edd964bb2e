"""The whole rule book: items that are counted, not timed (FAQ-Q9)."""

import sqlalchemy as sa
from alembic import op

import shared.database
import shared.outbox

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INDEX = "ix_ledger_lines_standing"
COLUMNS = ["cycle", "person_id", "bucket", "category", "school_year", "amount", "kind"]


def upgrade() -> None:
    _items()
    _rule_changes()
    _papers()
    _standings()
    _publicity()
    _disputes()
    _deliveries()
    _employment()
    _forecasts()
    _claims()


def downgrade() -> None:
    _no_claims()
    _no_forecasts()
    _no_employment()
    _no_deliveries()
    _no_disputes()
    _no_publicity()
    _no_standings()
    _no_papers()
    _no_rule_changes()
    _no_items()


def _items() -> None:
    """The units of a ledger line, and the standing's index that covers them."""
    op.add_column("ledger_lines", sa.Column("units", sa.Integer(), nullable=True))
    op.drop_index(INDEX, table_name="ledger_lines")
    op.create_index(INDEX, "ledger_lines", [*COLUMNS, "units"])


def _no_items() -> None:
    op.drop_index(INDEX, table_name="ledger_lines")
    op.create_index(INDEX, "ledger_lines", COLUMNS)
    op.drop_column("ledger_lines", "units")


UNIQUE = "uq_ledger_lines_result_id_attempt_kind_correction"
LINE_KEY = ["result_id", "attempt", "kind", "correction"]


def _rule_changes() -> None:
    """Published editions, their drafts and previews, decisions on pending policy, and adjustments in the ledger."""
    _published()
    op.create_table(
        "edition_drafts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("copied_from", sa.String(length=40), nullable=False),
        sa.Column("after", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=60), nullable=False),
        sa.Column("document", sa.String(length=80), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=True),
        sa.Column("reach", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("figures", shared.database.JsonType, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_by", sa.String(length=36), nullable=False),
        sa.Column("changed_by_name", sa.String(length=60), nullable=False),
        sa.Column("body", sa.String(length=120), nullable=False),
        sa.Column("changed_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("preview_job_id", sa.String(length=36), nullable=True),
        sa.Column("previewed_version", sa.Integer(), nullable=False),
        sa.Column("preview", shared.database.JsonType, nullable=True),
        sa.Column("previewed_at", shared.database.UtcDateTime(), nullable=True),
        sa.CheckConstraint("state IN ('draft', 'published', 'discarded')", name=op.f("ck_edition_drafts_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_edition_drafts")),
    )
    op.create_table(
        "edition_acts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("draft_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("act", sa.String(length=10), nullable=False),
        sa.Column("by", sa.String(length=36), nullable=False),
        sa.Column("by_name", sa.String(length=60), nullable=False),
        sa.Column("body", sa.String(length=120), nullable=False),
        sa.Column("at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["edition_drafts.id"], name=op.f("fk_edition_acts_draft_id_edition_drafts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_edition_acts")),
    )
    op.create_index(op.f("ix_edition_acts_draft_id"), "edition_acts", ["draft_id"])
    op.create_table(
        "previewed_people",
        sa.Column("draft_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("area_path", shared.database.PathType(), nullable=False),
        sa.Column("change", sa.String(length=10), nullable=False),
        sa.Column("sample", sa.Boolean(), nullable=False),
        sa.Column("status_before", sa.String(length=20), nullable=False),
        sa.Column("status_after", sa.String(length=20), nullable=False),
        sa.Column("coordinated_before", shared.database.Hundredths(), nullable=False),
        sa.Column("coordinated_after", shared.database.Hundredths(), nullable=False),
        sa.Column("self_organized_before", shared.database.Hundredths(), nullable=False),
        sa.Column("self_organized_after", shared.database.Hundredths(), nullable=False),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["edition_drafts.id"], name=op.f("fk_previewed_people_draft_id_edition_drafts")
        ),
        sa.PrimaryKeyConstraint("draft_id", "person_id", name=op.f("pk_previewed_people")),
    )
    op.create_index("ix_previewed_people_list", "previewed_people", ["draft_id", "change", "person_id"])
    with op.batch_alter_table("ledger_lines", schema=None) as batch_op:
        batch_op.add_column(sa.Column("adjustment", sa.Integer(), server_default="0", nullable=False))
        batch_op.drop_constraint(batch_op.f(UNIQUE), type_="unique")
        batch_op.create_unique_constraint(batch_op.f(f"{UNIQUE}_adjustment"), [*LINE_KEY, "adjustment"])
    _append_only_again()


def _published() -> None:
    op.create_table(
        "published_editions",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=60), nullable=False),
        sa.Column("document", sa.String(length=80), nullable=False),
        sa.Column("supersedes", sa.String(length=40), nullable=False),
        sa.Column("root", sa.String(length=40), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("reach", sa.String(length=20), nullable=False),
        sa.Column("content", shared.database.JsonType, nullable=False),
        sa.Column("changes", shared.database.JsonType, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("draft_id", sa.String(length=36), nullable=False),
        sa.Column("drafted_by_name", sa.String(length=60), nullable=False),
        sa.Column("published_by", sa.String(length=36), nullable=False),
        sa.Column("published_by_name", sa.String(length=60), nullable=False),
        sa.Column("body", sa.String(length=120), nullable=False),
        sa.Column("published_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=True),
        sa.Column("adjusted_to", shared.outbox.BigId, nullable=False),
        sa.Column("adjusted_lines", sa.Integer(), nullable=False),
        sa.Column("adjusted_at", shared.database.UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "reach IN ('forward', 'current_cycle', 'cycle_start')", name=op.f("ck_published_editions_reach")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_published_editions")),
        sa.UniqueConstraint("draft_id", name=op.f("uq_published_editions_draft_id")),
        sa.UniqueConstraint("id", name=op.f("uq_published_editions_id")),
    )
    op.create_table(
        "policy_decisions",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("policy", sa.String(length=10), nullable=False),
        sa.Column("document", sa.String(length=80), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("ends_interim", sa.Boolean(), nullable=False),
        sa.Column("edition", sa.String(length=40), nullable=True),
        sa.Column("decided_by", sa.String(length=36), nullable=False),
        sa.Column("decided_by_name", sa.String(length=60), nullable=False),
        sa.Column("body", sa.String(length=120), nullable=False),
        sa.Column("decided_at", shared.database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_policy_decisions")),
        sa.UniqueConstraint("policy", name=op.f("uq_policy_decisions_policy")),
    )


def _no_rule_changes() -> None:
    """Refused by the database where lines were adjusted: the ledger would say less than it did."""
    with op.batch_alter_table("ledger_lines", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f(f"{UNIQUE}_adjustment"), type_="unique")
        batch_op.create_unique_constraint(batch_op.f(UNIQUE), LINE_KEY)
        batch_op.drop_column("adjustment")
    _append_only_again()
    for table in ("previewed_people", "edition_acts", "edition_drafts", "policy_decisions", "published_editions"):
        op.drop_table(table)


def _append_only_again() -> None:
    """SQLite has just made the table anew, and the triggers of 0001 went with the old one. PostgreSQL keeps them."""
    if op.get_bind().dialect.name == "postgresql":
        return
    for act in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER ledger_lines_no_{act.lower()} BEFORE {act} ON ledger_lines "
            "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        )


def _papers() -> None:
    """Certificates and statements with their codes, workbooks of teachers, and who took them away (N22)."""
    op.create_table(
        "credit_papers",
        sa.Column("code", sa.String(12), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("person_id", sa.String(36), nullable=False),
        sa.Column("cycle", sa.SmallInteger(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("words", shared.database.JsonType, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("figures", sa.String(64), nullable=False),
        sa.Column("made_by", sa.String(36), nullable=False),
        sa.Column("made_by_name", sa.String(60), nullable=False),
        sa.Column("made_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("withdrawn_by", sa.String(36), nullable=True),
        sa.Column("withdrawn_at", shared.database.UtcDateTime(), nullable=True),
        sa.CheckConstraint("kind IN ('certificate', 'statement')", name=op.f("ck_credit_papers_kind")),
        sa.CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_by IS NULL)", name=op.f("ck_credit_papers_withdrawn")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_credit_papers")),
        sa.UniqueConstraint(
            "person_id", "kind", "cycle", "serial", name=op.f("uq_credit_papers_person_id_kind_cycle_serial")
        ),
    )
    op.create_table(
        "teacher_exports",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("area_path", shared.database.PathType(), nullable=False),
        sa.Column("area_name", sa.String(120), nullable=False),
        sa.Column("cycle", sa.SmallInteger(), nullable=False),
        sa.Column("status", sa.String(20), nullable=True),
        sa.Column("made_by", sa.String(36), nullable=False),
        sa.Column("made_by_name", sa.String(60), nullable=False),
        sa.Column("made_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("job_id", sa.String(36), nullable=True),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("rows", sa.Integer(), nullable=True),
        sa.Column("finished_at", shared.database.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teacher_exports")),
    )
    op.create_index("ix_teacher_exports_area_path_id", "teacher_exports", ["area_path", "id"])
    op.create_table(
        "export_downloads",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("export_id", sa.String(36), nullable=False),
        sa.Column("by", sa.String(36), nullable=False),
        sa.Column("by_name", sa.String(60), nullable=False),
        sa.Column("at", shared.database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["export_id"], ["teacher_exports.id"], name=op.f("fk_export_downloads_export_id_teacher_exports")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export_downloads")),
    )
    op.create_index("ix_export_downloads_export_id_id", "export_downloads", ["export_id", "id"])


def _no_papers() -> None:
    for table in ("export_downloads", "teacher_exports", "credit_papers"):
        op.drop_table(table)


def _standings() -> None:
    """Everybody's headline, stored; the first look at them (`credits.check_standings`) has them computed."""
    op.create_table(
        "standings",
        sa.Column("cycle", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("coordinated", shared.database.Hundredths(), nullable=False),
        sa.Column("coordinated_pending", sa.Integer(), nullable=False),
        sa.Column("self_organized", shared.database.Hundredths(), nullable=False),
        sa.Column("self_organized_pending", sa.Integer(), nullable=False),
        sa.Column("shortfall", sa.Integer(), nullable=False),
        sa.Column("groups", sa.Text(), nullable=True),
        sa.Column("edition", sa.String(length=40), nullable=False),
        sa.Column("computed_at", shared.database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("cycle", "person_id", name=op.f("pk_standings")),
    )
    op.create_index("ix_standings_shortfall", "standings", ["cycle", "shortfall", "person_id"])


def _no_standings() -> None:
    op.drop_index("ix_standings_shortfall", table_name="standings")
    op.drop_table("standings")


def _publicity() -> None:
    """What is 公示中, beside the ledger (N46)."""
    op.create_table(
        "public_audits",
        sa.Column("audit_id", sa.String(36), nullable=False),
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("facts", shared.database.JsonType, nullable=False),
        sa.Column("audited_by", sa.String(36), nullable=False),
        sa.Column("audited_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("public_until", shared.database.UtcDateTime(), nullable=False),
        sa.Column("received_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("ended_at", shared.database.UtcDateTime(), nullable=True),
        sa.Column("ended_by_name", sa.String(60), nullable=True),
        sa.Column("ended_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_public_audits")),
    )
    op.create_table(
        "public_results",
        sa.Column("result_id", sa.String(36), nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("audit_id", sa.String(36), nullable=False),
        sa.Column("person_id", sa.String(36), nullable=False),
        sa.Column("hours", shared.database.Hundredths(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("entered_by", sa.String(36), nullable=False),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["public_audits.audit_id"], name=op.f("fk_public_results_audit_id_public_audits")
        ),
        sa.PrimaryKeyConstraint("result_id", "attempt", name=op.f("pk_public_results")),
    )
    op.create_index("ix_public_results_person_id", "public_results", ["person_id", "result_id", "attempt"])


def _no_publicity() -> None:
    for table in ("public_results", "public_audits"):
        op.drop_table(table)


def _employment() -> None:
    """Dated exemptions (T17), and where people were before (T18)."""
    op.create_table(
        "exemptions",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("person_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("document", sa.String(80), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("entered_by", sa.String(36), nullable=False),
        sa.Column("entered_by_name", sa.String(60), nullable=False),
        sa.Column("body", sa.String(120), nullable=False),
        sa.Column("entered_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("ended_by_name", sa.String(60), nullable=True),
        sa.Column("ended_at", shared.database.UtcDateTime(), nullable=True),
        sa.Column("ended_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('probation', 'secondment', 'administration', 'leave', 'other')", name=op.f("ck_exemptions_kind")
        ),
        sa.CheckConstraint("ends_on IS NULL OR ends_on >= starts_on", name=op.f("ck_exemptions_order")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exemptions")),
    )
    op.create_index("ix_exemptions_person_id_starts_on", "exemptions", ["person_id", "starts_on"])
    op.create_table(
        "former_units",
        sa.Column("person_id", sa.String(36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("unit_path", shared.database.PathType(), nullable=False),
        sa.Column("left_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "version", name=op.f("pk_former_units")),
    )
    op.create_index("ix_former_units_unit_path_person_id", "former_units", ["unit_path", "person_id"])


def _no_employment() -> None:
    op.drop_table("former_units")
    op.drop_table("exemptions")


def _disputes() -> None:
    """Disputes with their acts and evidence (T16)."""
    op.create_table(
        "disputes",
        sa.Column("id", shared.outbox.BigId, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("person_id", sa.String(36), nullable=False),
        sa.Column("line_id", shared.outbox.BigId, nullable=True),
        sa.Column("result_id", sa.String(36), nullable=True),
        sa.Column("project_id", sa.String(36), nullable=True),
        sa.Column("project_number", sa.String(40), nullable=False),
        sa.Column("project_title", sa.String(200), nullable=False),
        sa.Column("organizer_path", shared.database.PathType(), nullable=True),
        sa.Column("organizer_name", sa.String(120), nullable=False),
        sa.Column("held_on", sa.Date(), nullable=False),
        sa.Column("hours", shared.database.Hundredths(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("late_reason", sa.Text(), nullable=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("handling_path", shared.database.PathType(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("open_key", sa.String(120), nullable=True),
        sa.Column("opened_by", sa.String(36), nullable=False),
        sa.Column("opened_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("remedy", sa.String(12), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answered_by_name", sa.String(60), nullable=True),
        sa.Column("answered_body", sa.String(120), nullable=True),
        sa.Column("answered_at", shared.database.UtcDateTime(), nullable=True),
        sa.Column("settled_line_id", shared.outbox.BigId, nullable=True),
        sa.CheckConstraint(
            "state IN ('open', 'upheld', 'settled', 'rejected', 'withdrawn')", name=op.f("ck_disputes_state")
        ),
        sa.CheckConstraint("kind IN ('line', 'provisional', 'missing')", name=op.f("ck_disputes_kind")),
        sa.ForeignKeyConstraint(["line_id"], ["ledger_lines.id"], name=op.f("fk_disputes_line_id_ledger_lines")),
        sa.ForeignKeyConstraint(
            ["settled_line_id"], ["ledger_lines.id"], name=op.f("fk_disputes_settled_line_id_ledger_lines")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disputes")),
        sa.UniqueConstraint("open_key", name=op.f("uq_disputes_open_key")),
    )
    op.create_index("ix_disputes_person_id_id", "disputes", ["person_id", "id"])
    op.create_index("ix_disputes_queue", "disputes", ["handling_path", "state", "id"])
    op.create_index("ix_disputes_state_id", "disputes", ["state", "id"])
    op.create_table(
        "dispute_acts",
        sa.Column("id", shared.outbox.BigId, autoincrement=True, nullable=False),
        sa.Column("dispute_id", shared.outbox.BigId, nullable=False),
        sa.Column("act", sa.String(12), nullable=False),
        sa.Column("at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("by", sa.String(36), nullable=False),
        sa.Column("by_name", sa.String(60), nullable=False),
        sa.Column("body", sa.String(120), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["dispute_id"], ["disputes.id"], name=op.f("fk_dispute_acts_dispute_id_disputes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispute_acts")),
    )
    op.create_index("ix_dispute_acts_dispute_id_id", "dispute_acts", ["dispute_id", "id"])
    op.create_table(
        "dispute_files",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("dispute_id", shared.outbox.BigId, nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("media_type", sa.String(60), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("uploaded_by", sa.String(36), nullable=False),
        sa.Column("uploaded_at", shared.database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["dispute_id"], ["disputes.id"], name=op.f("fk_dispute_files_dispute_id_disputes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispute_files")),
    )
    op.create_index("ix_dispute_files_dispute_id", "dispute_files", ["dispute_id"])


def _no_disputes() -> None:
    for table in ("dispute_files", "dispute_acts", "disputes"):
        op.drop_table(table)


def _claims() -> None:
    """Claims that were recognised (T19): what their lines rest on."""
    op.create_table(
        "recognised_claims",
        sa.Column("claim_id", sa.String(36), nullable=False),
        sa.Column("number", sa.String(40), nullable=False),
        sa.Column("title", sa.String(100), nullable=False),
        sa.Column("unit_path", shared.database.PathType(), nullable=False),
        sa.Column("unit_name", sa.String(120), nullable=False),
        sa.Column("evidence", shared.database.JsonType, nullable=False),
        sa.Column("based_on_number", sa.String(40), nullable=True),
        sa.Column("approved_body", sa.String(120), nullable=False),
        sa.Column("approved_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("facts", shared.database.JsonType, nullable=False),
        sa.Column("received_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("ended_at", shared.database.UtcDateTime(), nullable=True),
        sa.Column("ended_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("claim_id", name=op.f("pk_recognised_claims")),
    )


def _no_claims() -> None:
    op.drop_table("recognised_claims")


def _forecasts() -> None:
    """Lists of who cannot reach the minimums, as workbooks (N15)."""
    op.create_table(
        "forecasts",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("unit_path", shared.database.PathType(), nullable=False),
        sa.Column("unit_name", sa.String(120), nullable=False),
        sa.Column("cycle", sa.SmallInteger(), nullable=False),
        sa.Column("school_year", sa.String(9), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("bucket", sa.String(20), nullable=True),
        sa.Column("scheme", sa.Boolean(), nullable=False),
        sa.Column("made_by", sa.String(36), nullable=False),
        sa.Column("made_by_person", sa.String(36), nullable=True),
        sa.Column("made_by_name", sa.String(60), nullable=False),
        sa.Column("made_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("job_id", sa.String(36), nullable=True),
        sa.Column("rows", sa.Integer(), nullable=True),
        sa.Column("credits", shared.database.Hundredths(), nullable=True),
        sa.Column("basis", sa.Text(), nullable=True),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("finished_at", shared.database.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forecasts")),
    )
    op.create_index("ix_forecasts_unit_path_id", "forecasts", ["unit_path", "id"])


def _no_forecasts() -> None:
    op.drop_table("forecasts")


def _deliveries() -> None:
    """Audits as both sides know them (N8)."""
    op.create_table(
        "audit_deliveries",
        sa.Column("audit_id", sa.String(36), nullable=False),
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("project_number", sa.String(40), nullable=False),
        sa.Column("project_title", sa.String(200), nullable=False),
        sa.Column("organizer_path", shared.database.PathType(), nullable=False),
        sa.Column("organizer_name", sa.String(120), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("audited_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("sent_at", shared.database.UtcDateTime(), nullable=True),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("answered", sa.Integer(), nullable=False),
        sa.Column("answered_credits", shared.database.Hundredths(), nullable=False),
        sa.Column("told_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("received_at", shared.database.UtcDateTime(), nullable=True),
        sa.Column("recorded_at", shared.database.UtcDateTime(), nullable=True),
        sa.Column("posted", sa.Integer(), nullable=False),
        sa.Column("parked", sa.Integer(), nullable=False),
        sa.Column("unregistered", sa.Integer(), nullable=False),
        sa.Column("credits", shared.database.Hundredths(), nullable=False),
        sa.Column("cause", sa.String(20), nullable=True),
        sa.Column("checked_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("asked_at", shared.database.UtcDateTime(), nullable=True),
        sa.Column("asked_by_name", sa.String(60), nullable=True),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_audit_deliveries")),
    )
    order = ["organizer_path", "audited_at", "audit_id"]
    op.create_index("ix_audit_deliveries_organizer_path", "audit_deliveries", order)
    op.create_index("ix_audit_deliveries_cause", "audit_deliveries", ["cause", "organizer_path", "audit_id"])
    op.create_index("ix_audit_deliveries_day", "audit_deliveries", ["day", "audit_id"])


def _no_deliveries() -> None:
    op.drop_table("audit_deliveries")
