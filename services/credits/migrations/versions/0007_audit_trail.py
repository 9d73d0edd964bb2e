"""The audit trail: what waits to be sealed, and the chain, which triggers keep append-only."""

from typing import Any

import sqlalchemy as sa
from alembic import op

import shared.database
import shared.outbox

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_pending",
        sa.Column("id", shared.outbox.BigId, autoincrement=True, nullable=False),
        *_act(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_pending")),
    )
    op.create_table(
        "audit_trail",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        *_act(),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_trail")),
    )
    _make_append_only()


def downgrade() -> None:
    op.drop_table("audit_trail")
    op.drop_table("audit_pending")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_audit_change()")


def _act() -> list[sa.Column[Any]]:
    return [
        sa.Column("at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=True),
        sa.Column("unit_path", sa.String(length=120), nullable=True),
        sa.Column("act", sa.String(length=200), nullable=False),
        sa.Column("record", sa.String(length=200), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("details", shared.database.JsonType, nullable=False),
    ]


def _make_append_only() -> None:
    """Refuses every change of a sealed row, whoever asks.

    A later migration that rebuilds the table (SQLite's way of altering one) loses the triggers and must make them anew.
    """
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$"
        )
        op.execute(
            "CREATE TRIGGER audit_trail_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_trail "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()"
        )
        return
    for act in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_trail_no_{act.lower()} BEFORE {act} ON audit_trail "
            "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
        )
