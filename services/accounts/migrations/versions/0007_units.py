"""Changes of the tree and handovers, each with its day and document."""

import sqlalchemy as sa
from alembic import op

import shared.database

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "unit_changes",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("act", sa.String(length=20), nullable=False),
        sa.Column("unit_id", sa.String(length=36), nullable=False),
        sa.Column("other_id", sa.String(length=36), nullable=True),
        sa.Column("account_id", sa.String(length=36), nullable=True),
        sa.Column("successor_id", sa.String(length=36), nullable=True),
        sa.Column("facts", shared.database.JsonType, nullable=False),
        sa.Column("in_force_on", sa.Date(), nullable=False),
        sa.Column("document", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("planned_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("planned_by", sa.String(length=36), nullable=False),
        sa.Column("planned_by_name", sa.String(length=60), nullable=False),
        sa.Column("planned_for", sa.String(length=120), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("settled_at", shared.database.UtcDateTime(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "act IN ('open', 'rename', 'move', 'merge', 'close', 'handover')", name=op.f("ck_unit_changes_act")
        ),
        sa.CheckConstraint("state IN ('planned', 'done', 'withdrawn', 'failed')", name=op.f("ck_unit_changes_state")),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_unit_changes_unit_id_units")),
        sa.ForeignKeyConstraint(["other_id"], ["units.id"], name=op.f("fk_unit_changes_other_id_units")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_unit_changes_account_id_accounts")),
        sa.ForeignKeyConstraint(["successor_id"], ["accounts.id"], name=op.f("fk_unit_changes_successor_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit_changes")),
    )
    with op.batch_alter_table("unit_changes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_unit_changes_unit_id"), ["unit_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_unit_changes_other_id"), ["other_id"], unique=False)
        batch_op.create_index("ix_unit_changes_due", ["state", "in_force_on"], unique=False)


def downgrade() -> None:
    op.drop_table("unit_changes")
