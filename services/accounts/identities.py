"""Identity numbers at rest: sealed with AES-GCM, found by a keyed hash, shown masked (T24)."""

from __future__ import annotations

from dataclasses import dataclass

from services.accounts.sealing import Sealer
from shared.errors import Invalid
from shared.identity import identity_hash, mask_identity, normalize_identity
from shared.settings import Settings

_PURPOSE = b"xuefen identity number v1"


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """One number as the database keeps it. Holds no number in the clear, so that it may be handed around."""

    sealed: bytes
    hash: str
    """Hexadecimal, 64 characters."""
    masked: str


class Identities:
    """Seals and opens identity numbers with the keys of this installation."""

    def __init__(self, settings: Settings) -> None:
        self._hash_key = settings.identity_key
        self._sealer = Sealer(settings.encryption_key, _PURPOSE)

    def take(self, raw: str, *, field: str = "identity_number") -> Identity:
        """What to keep of a number that somebody typed. Raises `Invalid` naming `field` and what is wrong."""
        try:
            number = normalize_identity(raw)
        except Invalid as error:
            raise Invalid(error.detail, fields={field: [error.detail]}) from None
        return Identity(
            sealed=self._sealer.seal(number.encode()),
            hash=identity_hash(number, self._hash_key),
            masked=mask_identity(number),
        )

    def open(self, sealed: bytes) -> str:
        """The number in the clear. Whoever calls this shows it to somebody and must record that."""
        return self._sealer.open(sealed).decode()
