"""The register of people: found by name, collected by workbooks; and for whom somebody acted in the history."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

import shared.database

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("history", sa.Column("actor_body", sa.String(length=120), nullable=True))
    op.create_index("ix_people_name", "people", ["name", "id"])
    op.create_table(
        "people_collections",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("unit_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("stored", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column(
            "report", sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"), nullable=True
        ),
        sa.Column("error_rows", sa.String(length=64), nullable=True),
        sa.Column("check_job_id", sa.String(length=36), nullable=True),
        sa.Column("job_id", sa.String(length=36), nullable=True),
        sa.Column("sent_by", sa.String(length=36), nullable=False),
        sa.Column("sent_by_person", sa.String(length=36), nullable=True),
        sa.Column("sent_by_name", sa.String(length=60), nullable=False),
        sa.Column("sent_for", sa.String(length=120), nullable=False),
        sa.Column("sent_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("imported_at", shared.database.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_people_collections_unit_id_units")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people_collections")),
    )
    op.create_index(op.f("ix_people_collections_unit_id"), "people_collections", ["unit_id"])
    op.create_table(
        "people_transfers",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("from_unit_id", sa.String(length=36), nullable=False),
        sa.Column("to_unit_id", sa.String(length=36), nullable=False),
        sa.Column("asked_of_id", sa.String(length=36), nullable=False),
        sa.Column("takes_effect_on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("asked_by", sa.String(length=36), nullable=False),
        sa.Column("asked_by_person", sa.String(length=36), nullable=True),
        sa.Column("asked_by_name", sa.String(length=60), nullable=False),
        sa.Column("asked_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("answer", sa.String(length=300), nullable=True),
        sa.Column("answered_by_name", sa.String(length=60), nullable=True),
        sa.Column("answered_at", shared.database.UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "state IN ('asked', 'confirmed', 'done', 'refused', 'withdrawn')",
            name=op.f("ck_people_transfers_state"),
        ),
        sa.ForeignKeyConstraint(["asked_of_id"], ["units.id"], name=op.f("fk_people_transfers_asked_of_id_units")),
        sa.ForeignKeyConstraint(["from_unit_id"], ["units.id"], name=op.f("fk_people_transfers_from_unit_id_units")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_people_transfers_person_id_people")),
        sa.ForeignKeyConstraint(["to_unit_id"], ["units.id"], name=op.f("fk_people_transfers_to_unit_id_units")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people_transfers")),
    )
    for column in ("person_id", "from_unit_id", "to_unit_id"):
        op.create_index(op.f(f"ix_people_transfers_{column}"), "people_transfers", [column])
    op.create_index(
        "uq_people_transfers_open",
        "people_transfers",
        ["person_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('asked', 'confirmed')"),
        postgresql_where=sa.text("state IN ('asked', 'confirmed')"),
    )


def downgrade() -> None:
    op.drop_table("people_transfers")
    op.drop_index(op.f("ix_people_collections_unit_id"), table_name="people_collections")
    op.drop_table("people_collections")
    op.drop_index("ix_people_name", table_name="people")
    op.drop_column("history", "actor_body")
