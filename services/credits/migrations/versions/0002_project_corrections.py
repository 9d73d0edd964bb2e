"""Corrections of projects, the correction and the pass mark on ledger lines, and how a plan ended."""

import sqlalchemy as sa
from alembic import op

import shared.database

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UNIQUE = "uq_ledger_lines_result_id_attempt_kind"


def upgrade() -> None:
    op.create_table(
        "project_corrections",
        sa.Column("project_id", sa.String(length=36), nullable=False),
        sa.Column("correction", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("facts", shared.database.JsonType, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("corrected_by", sa.String(length=36), nullable=False),
        sa.Column("corrected_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("received_at", shared.database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "correction", name=op.f("pk_project_corrections")),
    )
    with op.batch_alter_table("approved_plans", schema=None) as batch_op:
        batch_op.add_column(sa.Column("status", sa.String(length=20), server_default="approved", nullable=False))
        batch_op.add_column(sa.Column("ended_at", shared.database.UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("ended_reason", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("superseded_by", sa.String(length=36), nullable=True))

    with op.batch_alter_table("audits", schema=None) as batch_op:
        batch_op.add_column(sa.Column("correction", sa.Integer(), server_default="0", nullable=False))

    with op.batch_alter_table("ledger_lines", schema=None) as batch_op:
        batch_op.add_column(sa.Column("correction", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("passed", sa.Boolean(), nullable=True))
        batch_op.drop_constraint(batch_op.f(UNIQUE), type_="unique")
        batch_op.create_unique_constraint(
            batch_op.f(f"{UNIQUE}_correction"), ["result_id", "attempt", "kind", "correction"]
        )
    _make_append_only_again()


def downgrade() -> None:
    """Refused by the database where a project was corrected: the ledger would say less than it did."""
    with op.batch_alter_table("ledger_lines", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f(f"{UNIQUE}_correction"), type_="unique")
        batch_op.create_unique_constraint(batch_op.f(UNIQUE), ["result_id", "attempt", "kind"])
        batch_op.drop_column("passed")
        batch_op.drop_column("correction")
    _make_append_only_again()

    with op.batch_alter_table("audits", schema=None) as batch_op:
        batch_op.drop_column("correction")

    with op.batch_alter_table("approved_plans", schema=None) as batch_op:
        batch_op.drop_column("superseded_by")
        batch_op.drop_column("ended_reason")
        batch_op.drop_column("ended_at")
        batch_op.drop_column("status")

    op.drop_table("project_corrections")


def _make_append_only_again() -> None:
    """SQLite has just made the table anew, and the triggers of 0001 went with the old one. PostgreSQL keeps them."""
    if op.get_bind().dialect.name == "postgresql":
        return
    for act in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER ledger_lines_no_{act.lower()} BEFORE {act} ON ledger_lines "
            "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        )
