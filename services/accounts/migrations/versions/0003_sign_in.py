"""The second step of signing in, and where a session comes from."""

import sqlalchemy as sa
from alembic import op

import shared.database

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "second_factors",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("confirmed_at", shared.database.UtcDateTime(), nullable=True),
        sa.Column("ended_at", shared.database.UtcDateTime(), nullable=True),
        sa.Column("last_step", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_second_factors_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_second_factors")),
    )
    op.create_index(
        "ix_second_factors_in_use",
        "second_factors",
        ["account_id"],
        unique=True,
        sqlite_where=sa.text("confirmed_at IS NOT NULL AND ended_at IS NULL"),
        postgresql_where=sa.text("confirmed_at IS NOT NULL AND ended_at IS NULL"),
    )
    op.create_index("ix_second_factors_account_id", "second_factors", ["account_id"], unique=False)
    op.create_table(
        "recovery_codes",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("factor_id", sa.String(length=36), nullable=False),
        sa.Column("used_at", shared.database.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["factor_id"], ["second_factors.id"], name=op.f("fk_recovery_codes_factor_id_second_factors")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_recovery_codes")),
    )
    op.create_index(op.f("ix_recovery_codes_factor_id"), "recovery_codes", ["factor_id"], unique=False)
    op.add_column("sessions", sa.Column("address", sa.String(length=45), nullable=True))
    op.add_column("sessions", sa.Column("second_step", sa.String(length=10), nullable=True))


def downgrade() -> None:
    op.drop_column("sessions", "second_step")
    op.drop_column("sessions", "address")
    op.drop_index(op.f("ix_recovery_codes_factor_id"), table_name="recovery_codes")
    op.drop_table("recovery_codes")
    op.drop_index("ix_second_factors_account_id", table_name="second_factors")
    op.drop_index("ix_second_factors_in_use", table_name="second_factors")
    op.drop_table("second_factors")
