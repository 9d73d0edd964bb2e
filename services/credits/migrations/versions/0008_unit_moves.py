"""Where units have moved to, so that what was sent before is read with today's paths."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "directory_moves",
        sa.Column("old_path", sa.String(length=120), nullable=False),
        sa.Column("new_path", sa.String(length=120), nullable=False),
        sa.Column("merged", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("old_path", name=op.f("pk_directory_moves")),
    )


def downgrade() -> None:
    op.drop_table("directory_moves")
