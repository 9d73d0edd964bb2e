"""Passwords: Argon2id, rules for a new one, and a decoy so that unknown names take as long as known ones."""

from __future__ import annotations

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from shared.errors import Invalid

MIN_LENGTH, MAX_LENGTH = 10, 128
# A hash of nothing that anybody knows, made with the parameters of PasswordHasher(): a test holds the two together.
DECOY = "$argon2id$v=19$m=65536,t=3,p=4$atMyP//BCtf1JQB+wsZa7A$BJxFA53vvuo1ZIEv4AmiPcpA67QAj3BhdTMC0wfYiLE"


class Passwords:
    """Hashes and verifies. Slow by design, so never call it inside a transaction.

    Only two at a time: each takes 64 MiB, and a crowd at the door must not exhaust the memory of the machine.
    """

    def __init__(self, hasher: PasswordHasher | None = None, decoy: str = DECOY) -> None:
        self._hasher = hasher or PasswordHasher()
        self._decoy = decoy
        self._turns = threading.BoundedSemaphore(2)

    def hash(self, password: str) -> str:
        """What is kept of a password."""
        with self._turns:
            return self._hasher.hash(password)

    def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is right. Without a hash it takes as long, and the answer is no."""
        with self._turns:
            try:
                self._hasher.verify(password_hash or self._decoy, password[:MAX_LENGTH])
            except (VerifyMismatchError, InvalidHashError):
                return False
        return password_hash is not None

    def outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with weaker parameters than are used now."""
        return self._hasher.check_needs_rehash(password_hash)


def require_good(password: str, username: str, *, field: str = "password") -> None:
    """Raises `Invalid` with every reason why a new password is not good enough."""
    reasons = []
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        reasons.append(f"密码应为 {MIN_LENGTH} 至 {MAX_LENGTH} 个字符。")
    kinds = (str.isalpha, str.isdigit, lambda c: not c.isalnum())
    if sum(any(kind(character) for character in password) for kind in kinds) < 2:
        reasons.append("密码至少要有字母、数字、符号中的两种。")
    if username.lower() in password.lower():
        reasons.append("密码中不能含有账号。")
    if reasons:
        raise Invalid("密码不符合要求：" + "".join(reasons), fields={field: reasons})
