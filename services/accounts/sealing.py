"""Secrets at rest: AES-GCM with the key of this installation, each kind under a purpose of its own."""

from __future__ import annotations

import secrets

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12


class Sealer:
    """Seals and opens one kind of secret. What was sealed for another purpose does not open."""

    def __init__(self, key: bytes, purpose: bytes) -> None:
        self._cipher = AESGCM(key)
        self._purpose = purpose

    def seal(self, secret: bytes) -> bytes:
        """What the database keeps."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, secret, self._purpose)

    def open(self, sealed: bytes) -> bytes:
        """The secret again. Raises `cryptography.exceptions.InvalidTag` where it was tampered with."""
        return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], self._purpose)
