"""Makes the secret files of docker-compose.yml in deploy/secrets/, once; needs nothing but Python.

Each process is given only the files it needs. What is there already is kept, so a lost file can be made again only
together with what depends on it (a database login, encrypted identity numbers): keep a copy of the folder.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "secrets"
SERVICES = ("plans", "credits", "accounts")


def main() -> None:
    """Writes each missing file, readable by its owner only."""
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    for name in ("secret_key", "identity_key", "encryption_key", "postgres_password", "rabbitmq_password"):
        _write(name, secrets.token_hex(32))
    broker = (FOLDER / "rabbitmq_password").read_text().strip()
    _write("amqp_url", f"amqp://xuefen:{broker}@rabbitmq:5672/xuefen")
    _write("rabbitmq_login.conf", f"default_user = xuefen\ndefault_pass = {broker}\ndefault_vhost = xuefen")
    for service in SERVICES:
        _write(f"postgres_{service}_password", secrets.token_hex(32))
        password = (FOLDER / f"postgres_{service}_password").read_text().strip()
        url = f"postgresql+psycopg://xuefen_{service}:{password}@postgres:5432/xuefen_{service}"
        _write(f"{service}_database_url", url)


def _write(name: str, value: str) -> None:
    path = FOLDER / name
    if path.exists():
        return
    # Compose hands files to containers with the rights they have here, and their users are not this one.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w") as file:
        file.write(value + "\n")
    print(f"made {path.relative_to(FOLDER.parent.parent)}")


if __name__ == "__main__":
    main()
