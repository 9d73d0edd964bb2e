"""Mails over a socket: what a mail server that takes, refuses or puts off is heard to say."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from email import message_from_string, policy
from email.message import EmailMessage

import pytest

from services.accounts.notices.mailer import SmtpMailer, Undeliverable, Unreachable


class Server(socketserver.ThreadingTCPServer):
    """As much of a mail server as one mail needs; `answer` is what it says to the recipient."""

    daemon_threads = True
    answer = "250 ok"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.heard: list[str] = []
        self.taken: list[str] = []

    @property
    def url(self) -> str:
        """Its address, without a scheme."""
        return f"127.0.0.1:{self.server_address[1]}"


class Session(socketserver.StreamRequestHandler):
    """One connection."""

    server: Server

    def handle(self) -> None:
        """Answers line by line."""
        self._say("220 here")
        while line := self.rfile.readline().decode().strip():
            self.server.heard.append(line)
            word = line.split()[0].upper()
            if word == "DATA":
                self._say("354 go on")
                text = iter(lambda: self.rfile.readline().decode(), ".\r\n")
                self.server.taken.append("".join(text))
            self._say({"RCPT": self.server.answer, "QUIT": "221 bye"}.get(word, "250 ok"))

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that listens."""
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def mail() -> EmailMessage:
    """Something to send."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "x@example.com", "a@example.com", "【学分】退回修改"
    message.set_content("请登录办理。\n.\n", cte="base64")
    return message


def test_a_mail_arrives_as_it_was_written(server: Server, mail: EmailMessage) -> None:
    SmtpMailer(f"smtp://{server.url}").send(mail)
    arrived = message_from_string(server.taken[0], policy=policy.default)
    assert (arrived["Subject"], arrived.get_content()) == ("【学分】退回修改", "请登录办理。\n.\n")


def test_a_refusal_is_for_good_and_what_is_away_is_for_now(server: Server, mail: EmailMessage) -> None:
    server.answer = "550 nobody of that name: a@example.com"
    with pytest.raises(Undeliverable, match=r"^SMTP 550$"):
        SmtpMailer(f"smtp://{server.url}").send(mail)
    server.answer = "451 later"
    with pytest.raises(Unreachable, match=r"^SMTP 451$"):
        SmtpMailer(f"smtp://{server.url}").send(mail)
    with pytest.raises(Unreachable):
        SmtpMailer("smtp://127.0.0.1:1").send(mail)
    assert server.taken == []


def test_a_password_goes_over_an_encrypted_connection_or_not_at_all(server: Server, mail: EmailMessage) -> None:
    for url in (f"smtp://user:secret@{server.url}", f"smtp+starttls://user:secret@{server.url}"):
        with pytest.raises(Unreachable, match="SMTPNotSupportedError"):
            SmtpMailer(url).send(mail)
    assert all(line.startswith("ehlo") for line in server.heard)
