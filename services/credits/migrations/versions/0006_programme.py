"""The special programme of an audited project, which a county may convert otherwise (R-25)."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("audits", sa.Column("programme", sa.String(length=20), nullable=True))


def downgrade() -> None:
    op.drop_column("audits", "programme")
