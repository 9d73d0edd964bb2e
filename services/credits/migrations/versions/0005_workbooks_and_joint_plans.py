"""Who took a forecast's list away, on whose behalf a workbook was taken, and for which schools a plan speaks."""

import sqlalchemy as sa
from alembic import op

import shared.database

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "forecast_downloads",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("forecast_id", sa.String(length=36), nullable=False),
        sa.Column("by", sa.String(length=36), nullable=False),
        sa.Column("by_name", sa.String(length=60), nullable=False),
        sa.Column("body", sa.String(length=120), nullable=False),
        sa.Column("at", shared.database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["forecast_id"], ["forecasts.id"], name=op.f("fk_forecast_downloads_forecast_id_forecasts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forecast_downloads")),
    )
    op.create_index("ix_forecast_downloads_forecast_id_id", "forecast_downloads", ["forecast_id", "id"])
    with op.batch_alter_table("export_downloads", schema=None) as batch_op:
        batch_op.add_column(sa.Column("body", sa.String(length=120), nullable=True))
    with op.batch_alter_table("approved_plans", schema=None) as batch_op:
        batch_op.add_column(sa.Column("covers", shared.database.JsonType, server_default="[]", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("approved_plans", schema=None) as batch_op:
        batch_op.drop_column("covers")
    with op.batch_alter_table("export_downloads", schema=None) as batch_op:
        batch_op.drop_column("body")
    op.drop_table("forecast_downloads")
