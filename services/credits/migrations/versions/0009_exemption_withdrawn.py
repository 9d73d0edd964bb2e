"""An exemption that was entered by mistake can be withdrawn before it begins (T17)."""

import sqlalchemy as sa
from alembic import op

import shared.database

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("exemptions", sa.Column("withdrawn_by_name", sa.String(length=60), nullable=True))
    op.add_column("exemptions", sa.Column("withdrawn_at", shared.database.UtcDateTime(), nullable=True))
    op.add_column("exemptions", sa.Column("withdrawn_reason", sa.Text(), nullable=True))


def downgrade() -> None:
    for name in ("withdrawn_reason", "withdrawn_at", "withdrawn_by_name"):
        op.drop_column("exemptions", name)
