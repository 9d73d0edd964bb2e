"""What people are told: 站内消息 and mail, made from events by the templates of `notices.toml` (A10)."""
