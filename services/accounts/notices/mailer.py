"""The only file that speaks SMTP."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from typing import Protocol
from urllib.parse import unquote, urlsplit

from shared.settings import Settings

TIMEOUT = 20.0
"""Seconds of patience with the mail server."""
PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


class Undeliverable(Exception):
    """The server has refused this mail for good; trying again would be refused again."""


class Unreachable(Exception):
    """The server could not be had, or asks to come back later."""


class Mailer(Protocol):
    """Sends one mail. Raises `Undeliverable` or `Unreachable`."""

    def send(self, message: EmailMessage) -> None:
        """Hands the mail to the server."""


class SmtpMailer:
    """Sends by the server of `XUEFEN_SMTP_URL`, one connection a mail."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._scheme, self._host = parts.scheme, str(parts.hostname)
        self._port = parts.port or PORTS[parts.scheme]
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")

    def send(self, message: EmailMessage) -> None:
        """Hands the mail to the server; a password goes over an encrypted connection only."""
        try:
            with self._connect() as server:
                server.send_message(message)
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPResponseException) as error:
            code = _code(error)
            if 500 <= code < 600 and not isinstance(error, smtplib.SMTPAuthenticationError):
                raise Undeliverable(f"SMTP {code}") from error
            raise Unreachable(f"SMTP {code}") from error
        except (OSError, smtplib.SMTPException) as error:
            # Only the kind of error: servers repeat addresses and user names in their words.
            raise Unreachable(type(error).__name__) from error

    def _connect(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self._scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT, context=context)
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT)
        try:
            server.ehlo()
            encrypted = self._scheme == "smtps"
            if self._scheme == "smtp+starttls" or (self._scheme == "smtp" and server.has_extn("starttls")):
                server.starttls(context=context)
                server.ehlo()
                encrypted = True
            if self._user:
                if not encrypted:
                    raise smtplib.SMTPNotSupportedError("the server offers no STARTTLS, the password stays here")
                server.login(self._user, self._password)
        except BaseException:
            server.close()
            raise
        return server


def make_mailer(settings: Settings) -> Mailer | None:
    """The mailer of these settings; None: there is no mail server, mails are only shown."""
    return SmtpMailer(settings.smtp_url) if settings.smtp_url else None


def _code(error: smtplib.SMTPRecipientsRefused | smtplib.SMTPResponseException) -> int:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return min((int(code) for code, _ in error.recipients.values()), default=550)
    return int(error.smtp_code)
