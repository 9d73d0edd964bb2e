"""Requests without a scan, several people in one letter, withdrawal (T14, C5, C15)."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_BEFORE = "status IN ('received', 'returned', 'issued', 'refused')"
_AFTER = "status IN ('awaiting_scan', 'received', 'returned', 'issued', 'refused', 'withdrawn')"


def upgrade() -> None:
    with op.batch_alter_table("letters", schema=None) as batch_op:
        batch_op.add_column(sa.Column("follows", sa.String(length=20), nullable=True))
        batch_op.drop_constraint(op.f("ck_letters_status"), type_="check")
        batch_op.create_check_constraint(op.f("ck_letters_status"), _AFTER)
    with op.batch_alter_table("letter_asks", schema=None) as batch_op:
        batch_op.add_column(sa.Column("place", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("left_out", sa.Text(), nullable=True))
        batch_op.drop_constraint(op.f("uq_letter_asks_letter_id_role"), type_="unique")
        batch_op.create_unique_constraint(
            op.f("uq_letter_asks_letter_id_role_identity_hash"), ["letter_id", "role", "identity_hash"]
        )


def downgrade() -> None:
    with op.batch_alter_table("letter_asks", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("uq_letter_asks_letter_id_role_identity_hash"), type_="unique")
        batch_op.create_unique_constraint(op.f("uq_letter_asks_letter_id_role"), ["letter_id", "role"])
        batch_op.drop_column("left_out")
        batch_op.drop_column("place")
    with op.batch_alter_table("letters", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_letters_status"), type_="check")
        batch_op.create_check_constraint(op.f("ck_letters_status"), _BEFORE)
        batch_op.drop_column("follows")
