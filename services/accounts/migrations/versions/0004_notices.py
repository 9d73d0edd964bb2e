"""What people are told: notices, where mail goes, and the mails (A10)."""

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
        "notices",
        sa.Column("id", shared.outbox.BigId, autoincrement=True, nullable=False),
        sa.Column("account_id", sa.String(36), nullable=False),
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.Column("occasion", sa.String(30), nullable=False),
        sa.Column("about", sa.String(36), nullable=True),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("link", sa.String(200), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("created_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("read_at", shared.database.UtcDateTime(), nullable=True),
        sa.Column("mail_id", sa.String(36), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_notices_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("event_id", "account_id", name=op.f("uq_notices_event_id_account_id")),
    )
    op.create_index(
        "ix_notices_unread",
        "notices",
        ["account_id", "id"],
        sqlite_where=sa.text("read_at IS NULL"),
        postgresql_where=sa.text("read_at IS NULL"),
    )
    op.create_index("ix_notices_account", "notices", ["account_id", "id"])
    op.create_index("ix_notices_about", "notices", ["about", "occasion"])
    op.create_index(op.f("ix_notices_created_at"), "notices", ["created_at"])
    op.create_table(
        "mail_addresses",
        sa.Column("account_id", sa.String(36), nullable=False),
        sa.Column("address", sa.String(120), nullable=True),
        sa.Column("confirmed_at", shared.database.UtcDateTime(), nullable=True),
        sa.Column("wanted", sa.String(120), nullable=True),
        sa.Column("code_digest", sa.String(64), nullable=True),
        sa.Column("code_until", shared.database.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_mail_addresses_account_id_accounts")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_mail_addresses")),
    )
    op.create_table(
        "mails",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=False),
        sa.Column("address", sa.String(120), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("subject", sa.String(240), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", shared.database.UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("sent_at", shared.database.UtcDateTime(), nullable=True),
        sa.Column("error", sa.String(200), nullable=True),
        sa.CheckConstraint("kind IN ('code', 'urgent', 'digest')", name=op.f("ck_mails_kind")),
        sa.CheckConstraint("state IN ('waiting', 'sending', 'sent', 'shown', 'failed')", name=op.f("ck_mails_state")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_mails_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mails")),
    )
    op.create_index("ix_mails_account", "mails", ["account_id"])
    op.create_index(op.f("ix_mails_created_at"), "mails", ["created_at"])


def downgrade() -> None:
    op.drop_table("mails")
    op.drop_table("mail_addresses")
    op.drop_table("notices")
