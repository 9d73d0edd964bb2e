"""What accounts alone keeps in its `Runtime`: made on first use, in whichever process needs it."""

from __future__ import annotations

from typing import cast

from services.accounts.access.passwords import Passwords
from services.accounts.identities import Identities
from services.accounts.notices.mailer import Mailer, make_mailer
from services.accounts.scanning import LetterStore
from services.accounts.sealing import Sealer
from shared.auth import TokenSigner
from shared.service import Runtime


def prepare(run: Runtime) -> None:
    """Makes everything that answering requests needs; a worker calls only what it uses."""
    signer(run)
    passwords(run)
    identities(run)
    letter_store(run)


def signer(run: Runtime) -> TokenSigner:
    """Makes tokens. Creates the signing key where there is none yet."""
    if "signer" not in run.extras:
        run.extras["signer"] = TokenSigner(run.settings.token_dir)
    return cast(TokenSigner, run.extras["signer"])


def passwords(run: Runtime) -> Passwords:
    """Hashes and verifies passwords."""
    return cast(Passwords, run.extras.setdefault("passwords", Passwords()))


def identities(run: Runtime) -> Identities:
    """Seals identity numbers with the keys of the settings."""
    return cast(Identities, run.extras.setdefault("identities", Identities(run.settings)))


def factor_secrets(run: Runtime) -> Sealer:
    """Seals what authenticator apps know."""
    made = Sealer(run.settings.encryption_key, b"xuefen second factor v1")
    return cast(Sealer, run.extras.setdefault("factor_secrets", made))


def letter_store(run: Runtime) -> LetterStore:
    """Keeps scans under the data folder."""
    if "letter_store" not in run.extras:
        run.extras["letter_store"] = LetterStore(run.settings.data_dir / "letters")
    return cast(LetterStore, run.extras["letter_store"])


def mailer(run: Runtime) -> Mailer | None:
    """Sends mails; None where there is no mail server."""
    if "mailer" not in run.extras:
        run.extras["mailer"] = make_mailer(run.settings)
    return cast("Mailer | None", run.extras["mailer"])
