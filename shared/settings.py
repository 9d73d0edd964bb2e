"""Settings of a process: read once from the environment into a frozen object, all errors reported together.

Embedded mode needs nothing: addresses are files under the data folder, and secrets are made on the first start.
In servers mode every address and secret must be given, but a process is given only what its own service needs
(`NEEDS`); `*_FILE` names a file that holds the value.
"""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from environs import EnvValidationError, FileAwareEnv
from marshmallow import ValidationError, validate

from shared.tables import flatten

SERVICES = ("plans", "credits", "accounts")

NEEDS = {
    "plans": ("plans_database_url", "identity_key"),
    "credits": ("credits_database_url",),
    "accounts": ("accounts_database_url", "identity_key", "encryption_key"),
}
"""What each service needs of its own, beside what all need (the broker, the form secret)."""


SMTP_SCHEMES = ("smtp", "smtp+starttls", "smtps")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class Mode(StrEnum):
    """How the services run; see `docs/decisions/0002`."""

    EMBEDDED = "embedded"
    """All services in one process on SQLite, no server."""
    SERVERS = "servers"
    """Separate processes on PostgreSQL and RabbitMQ."""


class SecondFactor(StrEnum):
    """Who must pass a second step at sign-in; see `docs/decisions/0034`."""

    REQUIRED = "required"
    """Account managers and the provincial office must; everybody else may."""
    OFFERED = "offered"
    """Whoever has set it up; for samples and demonstrations."""


class SettingsError(Exception):
    """What is missing or wrong in the environment, every item on a line of its own."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that differs between two places where xuefen runs."""

    mode: Mode
    data_dir: Path
    """Folder for SQLite files, keys and uploads (embedded), or for keys and uploads (servers)."""
    database_urls: dict[str, str]
    """SQLAlchemy URL per service; in servers mode only those that this process was given."""
    amqp_url: str
    """Empty in embedded mode."""
    public_url: str
    """Address that people type; links in activation letters start with it."""
    secret_key: str
    """Signs forms (CSRF) and flash messages."""
    identity_key: bytes
    """Keys the hash by which services recognise an identity number (accounts and plans)."""
    encryption_key: bytes
    """Encrypts identity numbers at rest (accounts only; 32 bytes)."""
    token_dir: Path
    """Holds `jwks.json` (public keys) and, for accounts, the folder `private` with the keys that sign."""
    log_level: str
    log_json: bool
    secure_cookies: bool
    second_factor: SecondFactor
    """Whether account managers and the provincial office must have a second step (accounts only)."""
    trusted_proxies: int
    """How many gateways of ours stand in front: so many `X-Forwarded-For` entries are believed, none by default."""
    smtp_url: str = ""
    """`smtp://` (STARTTLS where offered), `smtp+starttls://` or `smtps://`, with `user:password@host:port`; empty:
    mails are shown on a page and not sent (accounts only)."""
    mail_from: str = ""
    """Sender of mails."""

    @property
    def embedded(self) -> bool:
        """Whether everything runs in this process."""
        return self.mode is Mode.EMBEDDED

    def require(self, service: str) -> None:
        """Raises `SettingsError` that lists every variable which this service needs and this process was not given."""
        given = {
            **{f"{name}_database_url": url for name, url in self.database_urls.items()},
            "identity_key": self.identity_key,
            "encryption_key": self.encryption_key,
        }
        missing = [f"XUEFEN_{name.upper()}" for name in NEEDS[service] if not given.get(name)]
        if missing:
            raise SettingsError(f"{service} cannot start without: {', '.join(missing)}")


def load_settings(environ: dict[str, str] | None = None) -> Settings:
    """Settings from the environment (or from `environ`, for tests).

    Raises `SettingsError` that lists everything wrong at once.
    """
    if environ is not None:
        saved = dict(os.environ)
        os.environ.clear()
        os.environ.update(environ)
        try:
            return load_settings()
        finally:
            os.environ.clear()
            os.environ.update(saved)

    env = FileAwareEnv(eager=False, prefix="XUEFEN_", strip_whitespace=True)
    mode = env.enum("MODE", Mode.EMBEDDED, enum=Mode, by_value=True)
    servers = mode is Mode.SERVERS
    data_dir = env.path("DATA", Path("data"))
    addresses = {name: env.str(f"{name.upper()}_DATABASE_URL", "") for name in SERVICES}
    amqp_url = env.str("AMQP_URL", *_default(servers, ""), validate=_given(servers))
    public_url = env.str("PUBLIC_URL", "http://127.0.0.1:8000")
    secret_key = env.str("SECRET_KEY", *_default(servers, ""), validate=_given(servers))
    identity_key = env.str("IDENTITY_KEY", "")
    encryption_key = env.str("ENCRYPTION_KEY", "", validate=_encryption_key)
    token_dir = env.path("TOKEN_DIR", None)
    log_level = env.str("LOG_LEVEL", "INFO", validate=validate.OneOf(LOG_LEVELS))
    log_json = env.bool("LOG_JSON", servers)
    secure_cookies = env.bool("SECURE_COOKIES", public_url is not None and public_url.startswith("https://"))
    asked = SecondFactor.REQUIRED if servers else SecondFactor.OFFERED
    second_factor = env.enum("SECOND_FACTOR", asked, enum=SecondFactor, by_value=True)
    trusted_proxies = env.int("TRUSTED_PROXIES", 0, validate=validate.Range(min=0))
    smtp_url = env.str("SMTP_URL", "", validate=_smtp_url)
    # Who sends mails must say from whom.
    mail_from = env.str("MAIL_FROM", *_default(bool(smtp_url), ""), validate=_given(bool(smtp_url)))
    try:
        env.seal()
    except EnvValidationError as error:
        lines = [f"{key}: {message}" for key, message in flatten(error.error_messages)]
        raise SettingsError("settings are incomplete or wrong:\n" + "\n".join(lines)) from error

    if servers:
        addresses = {name: url for name, url in addresses.items() if url}
    else:
        made = _embedded_secrets(data_dir, (secret_key, identity_key, encryption_key))
        secret_key, identity_key, encryption_key = made
        addresses = {name: url or f"sqlite:///{data_dir.absolute() / name}.db" for name, url in addresses.items()}
    return Settings(
        mode=mode,
        data_dir=data_dir,
        database_urls=addresses,
        amqp_url=amqp_url,
        public_url=public_url.rstrip("/"),
        secret_key=secret_key,
        identity_key=identity_key.encode(),
        encryption_key=_encryption_key(encryption_key),
        token_dir=token_dir or data_dir / "tokens",
        log_level=log_level,
        log_json=log_json,
        secure_cookies=secure_cookies,
        second_factor=second_factor,
        trusted_proxies=trusted_proxies,
        smtp_url=smtp_url or "",
        mail_from=mail_from or "",
    )


def _default(required: bool, value: str) -> tuple[str, ...]:
    """No default where the value must be given."""
    return () if required else (value,)


def _given(required: bool) -> validate.Length:
    """An empty text is no value where there must be one."""
    return validate.Length(min=1 if required else 0)


def _smtp_url(given: str) -> None:
    """A scheme that we know, and a host."""
    if not given:
        return
    try:
        parts = urlsplit(given)
        good = parts.scheme in SMTP_SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ValidationError(f"must be {', '.join(f'{scheme}://' for scheme in SMTP_SCHEMES)} and a host")


def _encryption_key(given: str) -> bytes:
    """The 32 bytes; empty where none was given."""
    try:
        key = bytes.fromhex(given)
    except ValueError:
        key = b"?"
    if len(key) not in (0, 32):
        raise ValidationError("must be 64 hexadecimal characters")
    return key


def _embedded_secrets(data_dir: Path, given: tuple[str, str, str]) -> tuple[str, str, str]:
    """Secrets of an embedded installation: made once, kept in the data folder, readable by the owner only."""
    path = data_dir / "secrets.json"
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        made = {name: secrets.token_hex(32) for name in ("secret_key", "identity_key", "encryption_key")}
        fresh = path.with_suffix(f".{secrets.token_hex(4)}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(made, file)
            file.flush()
            os.fsync(file.fileno())
        # Whole or not at all, whatever happens; and never over those of another start at the same moment: what is
        # encrypted with keys that are gone is gone with them.
        with suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
    kept = json.loads(path.read_text())
    names = ("secret_key", "identity_key", "encryption_key")
    secret_key, identity_key, encryption_key = (
        value or str(kept[name]) for name, value in zip(names, given, strict=True)
    )
    return secret_key, identity_key, encryption_key
