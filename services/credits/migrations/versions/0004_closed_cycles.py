"""What comes when its cycle is closed is kept beside the ledger (B6)."""

import sqlalchemy as sa
from alembic import op

import shared.database
import shared.outbox

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "late_entries",
        sa.Column("id", shared.outbox.BigId, autoincrement=True, nullable=False),
        sa.Column("cycle", sa.SmallInteger(), nullable=False),
        sa.Column("person_id", sa.String(36), nullable=False),
        sa.Column("audit_id", sa.String(36), nullable=True),
        sa.Column("result_id", sa.String(36), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("correction", sa.Integer(), nullable=False),
        sa.Column("adjustment", sa.Integer(), nullable=False),
        sa.Column("lines", shared.database.JsonType, nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("received_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(10), server_default="waiting", nullable=False),
        sa.Column("document", sa.String(80), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.String(36), nullable=True),
        sa.Column("decided_by_name", sa.String(60), nullable=True),
        sa.Column("body", sa.String(120), nullable=True),
        sa.Column("decided_at", shared.database.UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'admitted', 'dismissed', 'overtaken')", name=op.f("ck_late_entries_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_late_entries")),
        sa.UniqueConstraint(
            "result_id",
            "attempt",
            "kind",
            "correction",
            "adjustment",
            name=op.f("uq_late_entries_result_id_attempt_kind_correction_adjustment"),
        ),
    )
    op.create_index("ix_late_entries_state_id", "late_entries", ["state", "id"])
    op.create_index("ix_late_entries_audit_id", "late_entries", ["audit_id"])
    op.create_index("ix_late_entries_person_id_id", "late_entries", ["person_id", "id"])


def downgrade() -> None:
    op.drop_table("late_entries")
