"""The first tables, and the triggers that keep the ledger append-only."""

import sqlalchemy as sa
from alembic import op

import shared.database
import shared.outbox

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("caller", sa.String(length=80), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("location", sa.String(length=500), nullable=True),
        sa.Column("created_at", shared.database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("caller", "key", name=op.f("pk_idempotency_keys")),
    )
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_idempotency_keys_created_at"), ["created_at"], unique=False)

    op.create_table(
        "inbox",
        sa.Column("consumer", sa.String(length=60), nullable=False),
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("processed_at", shared.database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "event_id", name=op.f("pk_inbox")),
    )
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_inbox_processed_at"), ["processed_at"], unique=False)

    op.create_table(
        "inbox_parked",
        sa.Column("consumer", sa.String(length=60), nullable=False),
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("aggregate_type", sa.String(length=40), nullable=True),
        sa.Column("aggregate_id", sa.String(length=80), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", shared.database.UtcDateTime(), nullable=True),
        sa.Column("envelope", shared.database.JsonType, nullable=False),
        sa.Column("first_seen_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("consumer", "event_id", name=op.f("pk_inbox_parked")),
    )
    with op.batch_alter_table("inbox_parked", schema=None) as batch_op:
        batch_op.create_index("ix_inbox_parked_aggregate", ["aggregate_type", "aggregate_id"], unique=False)
        batch_op.create_index("ix_inbox_parked_next_attempt_at", ["next_attempt_at"], unique=False)

    op.create_table(
        "inbox_versions",
        sa.Column("aggregate_type", sa.String(length=40), nullable=False),
        sa.Column("aggregate_id", sa.String(length=80), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("aggregate_type", "aggregate_id", name=op.f("pk_inbox_versions")),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("arguments", shared.database.JsonType, nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("result", shared.database.JsonType, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("started_at", shared.database.UtcDateTime(), nullable=True),
        sa.Column("finished_at", shared.database.UtcDateTime(), nullable=True),
        sa.CheckConstraint("state IN ('queued', 'running', 'done', 'failed')", name=op.f("ck_jobs_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index("ix_jobs_name_created_at", ["name", "created_at"], unique=False)
        batch_op.create_index("ix_jobs_state", ["state"], unique=False)

    op.create_table(
        "outbox",
        sa.Column("id", shared.outbox.BigId, autoincrement=True, nullable=False),
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("routing_key", sa.String(length=200), nullable=False),
        sa.Column("aggregate_type", sa.String(length=40), nullable=False),
        sa.Column("aggregate_id", sa.String(length=80), nullable=False),
        sa.Column("aggregate_version", sa.BigInteger(), nullable=False),
        sa.Column("payload", shared.database.JsonType, nullable=False),
        sa.Column("headers", shared.database.JsonType, nullable=False),
        sa.Column("created_at", shared.database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint(
            "aggregate_type",
            "aggregate_id",
            "aggregate_version",
            name=op.f("uq_outbox_aggregate_type_aggregate_id_aggregate_version"),
        ),
        sa.UniqueConstraint("event_id", name=op.f("uq_outbox_event_id")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outbox_created_at"), ["created_at"], unique=False)

    op.create_table(
        "outbox_aggregates",
        sa.Column("aggregate_type", sa.String(length=40), nullable=False),
        sa.Column("aggregate_id", sa.String(length=80), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("aggregate_type", "aggregate_id", name=op.f("pk_outbox_aggregates")),
    )
    op.create_table(
        "outbox_todo",
        sa.Column("outbox_id", shared.outbox.BigId, nullable=False),
        sa.Column("not_before", shared.database.UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name=op.f("fk_outbox_todo_outbox_id_outbox")),
        sa.PrimaryKeyConstraint("outbox_id", name=op.f("pk_outbox_todo")),
    )
    with op.batch_alter_table("outbox_todo", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outbox_todo_not_before"), ["not_before"], unique=False)

    op.create_table(
        "directory_access_ends",
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("ended_at", shared.database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_directory_access_ends")),
    )
    op.create_table(
        "directory_offices",
        sa.Column("unit_path", shared.database.PathType(), nullable=False),
        sa.Column("office", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.String(length=120), nullable=False),
        sa.Column("holders", shared.database.JsonType, nullable=False),
        sa.PrimaryKeyConstraint("unit_path", "office", name=op.f("pk_directory_offices")),
    )
    op.create_table(
        "directory_people",
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("identity_hash", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("masked_identity", sa.String(length=18), nullable=False),
        sa.Column("unit_path", shared.database.PathType(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("stage", sa.String(length=20), nullable=True),
        sa.Column("subject", sa.String(length=40), nullable=True),
        sa.Column("hired_on", sa.Date(), nullable=True),
        sa.Column("formal_appointment_on", sa.Date(), nullable=True),
        sa.Column("retires_on", sa.Date(), nullable=True),
        sa.Column("seconded_from", sa.Date(), nullable=True),
        sa.Column("seconded_to", sa.Date(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_directory_people")),
    )
    with op.batch_alter_table("directory_people", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_directory_people_identity_hash"), ["identity_hash"], unique=False)
        batch_op.create_index(batch_op.f("ix_directory_people_unit_path"), ["unit_path"], unique=False)

    op.create_table(
        "directory_units",
        sa.Column("path", shared.database.PathType(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("phone", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_directory_units")),
    )
    op.create_table(
        "approved_plans",
        sa.Column("plan_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("school_year", sa.String(length=9), nullable=False),
        sa.Column("unit_path", shared.database.PathType(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=80), nullable=False),
        sa.Column("items", shared.database.JsonType, nullable=False),
        sa.Column("approved_at", shared.database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("pk_approved_plans")),
    )
    with op.batch_alter_table("approved_plans", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_approved_plans_unit_path"), ["unit_path"], unique=False)

    op.create_table(
        "audits",
        sa.Column("audit_id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=36), nullable=False),
        sa.Column("project_number", sa.String(length=40), nullable=False),
        sa.Column("project_title", sa.String(length=200), nullable=False),
        sa.Column("organizer_path", shared.database.PathType(), nullable=False),
        sa.Column("organizer_name", sa.String(length=120), nullable=False),
        sa.Column("mode", sa.String(length=20), nullable=False),
        sa.Column("convert", sa.Boolean(), nullable=False),
        sa.Column("held_from", sa.Date(), nullable=False),
        sa.Column("held_to", sa.Date(), nullable=False),
        sa.Column("plan_id", sa.String(length=36), nullable=True),
        sa.Column("plan_number", sa.String(length=40), nullable=True),
        sa.Column("plan_status", sa.String(length=20), nullable=True),
        sa.Column("plan_hours_per_credit", shared.database.Hundredths(), nullable=True),
        sa.Column("audited_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("chunks", sa.Integer(), nullable=False),
        sa.Column("revoked_at", shared.database.UtcDateTime(), nullable=True),
        sa.Column("revoked_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_audits")),
    )
    with op.batch_alter_table("audits", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audits_organizer_path"), ["organizer_path"], unique=False)
        batch_op.create_index(batch_op.f("ix_audits_project_id"), ["project_id"], unique=False)

    op.create_table(
        "unknown_people",
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("first_seen_at", shared.database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_unknown_people")),
    )
    op.create_table(
        "ledger_lines",
        sa.Column("id", shared.outbox.BigId, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("cycle", sa.SmallInteger(), nullable=True),
        sa.Column("school_year", sa.SmallInteger(), nullable=False),
        sa.Column("bucket", sa.String(length=20), nullable=False),
        sa.Column("category", sa.String(length=40), nullable=False),
        sa.Column("level", sa.String(length=20), nullable=False),
        sa.Column("audit_id", sa.String(length=36), nullable=True),
        sa.Column("result_id", sa.String(length=36), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("hours", shared.database.Hundredths(), nullable=True),
        sa.Column("amount", shared.database.Hundredths(), nullable=True),
        sa.Column("rule", sa.String(length=20), nullable=False),
        sa.Column("edition", sa.String(length=40), nullable=True),
        sa.Column("overlay", sa.String(length=40), nullable=True),
        sa.Column("flag", sa.String(length=40), nullable=True),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("entered_by", sa.String(length=36), nullable=False),
        sa.Column("audited_by", sa.String(length=36), nullable=False),
        sa.Column("reverses", shared.outbox.BigId, nullable=True),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("received_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("recorded_at", shared.database.UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "(kind = 'reversal') = (reverses IS NOT NULL)", name=op.f("ck_ledger_lines_reversal_names_its_line")
        ),
        sa.CheckConstraint(
            "CASE WHEN kind = 'reversal' THEN amount <= 0 ELSE amount >= 0 END", name=op.f("ck_ledger_lines_sign")
        ),
        sa.CheckConstraint("bucket IN ('coordinated', 'self_organized')", name=op.f("ck_ledger_lines_bucket")),
        sa.CheckConstraint("kind IN ('earned', 'reversal')", name=op.f("ck_ledger_lines_kind")),
        sa.CheckConstraint("hours >= 0", name=op.f("ck_ledger_lines_hours")),
        sa.ForeignKeyConstraint(["audit_id"], ["audits.audit_id"], name=op.f("fk_ledger_lines_audit_id_audits")),
        sa.ForeignKeyConstraint(["reverses"], ["ledger_lines.id"], name=op.f("fk_ledger_lines_reverses_ledger_lines")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_lines")),
        sa.UniqueConstraint("result_id", "attempt", "kind", name=op.f("uq_ledger_lines_result_id_attempt_kind")),
        sa.UniqueConstraint("reverses", name=op.f("uq_ledger_lines_reverses")),
    )
    with op.batch_alter_table("ledger_lines", schema=None) as batch_op:
        batch_op.create_index("ix_ledger_lines_audit_id", ["audit_id"], unique=False)
        batch_op.create_index("ix_ledger_lines_person_id_id", ["person_id", "id"], unique=False)
        batch_op.create_index(
            "ix_ledger_lines_standing",
            ["cycle", "person_id", "bucket", "category", "school_year", "amount", "kind"],
            unique=False,
        )
    _make_append_only()


def downgrade() -> None:
    with op.batch_alter_table("ledger_lines", schema=None) as batch_op:
        batch_op.drop_index("ix_ledger_lines_standing")
        batch_op.drop_index("ix_ledger_lines_person_id_id")
        batch_op.drop_index("ix_ledger_lines_audit_id")

    op.drop_table("ledger_lines")
    op.drop_table("unknown_people")
    with op.batch_alter_table("audits", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audits_project_id"))
        batch_op.drop_index(batch_op.f("ix_audits_organizer_path"))

    op.drop_table("audits")
    with op.batch_alter_table("approved_plans", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_approved_plans_unit_path"))

    op.drop_table("approved_plans")
    op.drop_table("directory_units")
    with op.batch_alter_table("directory_people", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_directory_people_unit_path"))
        batch_op.drop_index(batch_op.f("ix_directory_people_identity_hash"))

    op.drop_table("directory_people")
    op.drop_table("directory_offices")
    op.drop_table("directory_access_ends")
    with op.batch_alter_table("outbox_todo", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outbox_todo_not_before"))

    op.drop_table("outbox_todo")
    op.drop_table("outbox_aggregates")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outbox_created_at"))

    op.drop_table("outbox")
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_index("ix_jobs_state")
        batch_op.drop_index("ix_jobs_name_created_at")

    op.drop_table("jobs")
    op.drop_table("inbox_versions")
    with op.batch_alter_table("inbox_parked", schema=None) as batch_op:
        batch_op.drop_index("ix_inbox_parked_next_attempt_at")
        batch_op.drop_index("ix_inbox_parked_aggregate")

    op.drop_table("inbox_parked")
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_inbox_processed_at"))

    op.drop_table("inbox")
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_idempotency_keys_created_at"))

    op.drop_table("idempotency_keys")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_ledger_change()")


def _make_append_only() -> None:
    """Refuses every change of a ledger line, whoever asks.

    A later migration that rebuilds the table (SQLite's way of altering one) loses the triggers and must make them anew.
    """
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$"
        )
        op.execute(
            "CREATE TRIGGER ledger_lines_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_lines "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change()"
        )
        return
    for act in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER ledger_lines_no_{act.lower()} BEFORE {act} ON ledger_lines "
            "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        )
