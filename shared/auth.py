"""Signed actor tokens (ES256): accounts signs who somebody is, every service reads it without asking accounts.

Public keys are published as a JWKS with `kid`; the newest key signs, older ones still verify, so that keys change
without signing anyone out.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from shared.actors import Actor, Level, Office, Post, Unit
from shared.errors import NotSignedIn
from shared.logs import get_logger

log = get_logger(__name__)

ISSUER = "xuefen-accounts"
AUDIENCE = "xuefen"
COOKIE = "xuefen_session"
LIFETIME = timedelta(hours=12)
"""A working day; the session itself is ended earlier by signing out or suspension."""
SIGNING_GRACE = timedelta(minutes=5)
"""How much longer a replaced key counts as signing: another process may just have read it, another clock be late."""
MADE = "made_at"
"""When a kept key was made, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says, once its signature and dates have been checked."""

    actor: Actor
    issued_at: datetime
    expires_at: datetime


class TokenSigner:
    """Makes tokens; only accounts has one. The newest key signs: the file is read again whenever it has changed."""

    def __init__(self, token_dir: Path) -> None:
        # A folder of its own, so that the other services can be given the public keys alone (another volume).
        self._private = token_dir / "private" / "keys.json"
        if not self._private.exists():
            self._private.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(self._private, {"keys": [_new_key()]})
        self._read = _stamp(self._private), self._newest()
        _publish(token_dir)

    def sign(self, actor: Actor, now: datetime | None = None) -> str:
        """A token for the actor, good for `LIFETIME`."""
        now = now or datetime.now(UTC)
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": actor.account_id,
            "sid": actor.session_id,
            "iat": int(now.timestamp()),
            # To the microsecond: a token must not outlive the end of access in the same second.
            "at": now.isoformat(),
            "exp": int((now + LIFETIME).timestamp()),
            "person": actor.person_id,
            "name": actor.name,
            "posts": [
                [post.office, post.unit.path, post.unit.name, post.unit.level, post.body] for post in actor.posts
            ],
        }
        stamp = _stamp(self._private)
        if self._read[0] != stamp:
            self._read = stamp, self._newest()
        key = self._read[1]
        return str(jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key))

    def _newest(self) -> ECKey:
        return ECKey.import_key(_jwk(json.loads(self._private.read_text())["keys"][-1]))


class TokenVerifier:
    """Reads tokens by the public keys in a file, which is read again whenever it has changed.

    So a key that was made since is known, and one that was dropped no longer counts, at once.
    """

    def __init__(self, jwks: Path) -> None:
        self._path = jwks
        self._read: tuple[tuple[int, int], KeySet] | None = None
        self._rules = jwt.JWTClaimsRegistry(
            leeway=10,
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": AUDIENCE},
            exp={"essential": True},
            sub={"essential": True},
        )

    def verify(self, token: str) -> Claims:
        """Who the token speaks of. Raises `NotSignedIn` when it is forged, foreign or expired."""
        try:
            claims = jwt.decode(token, self._keys(), algorithms=["ES256"]).claims
            self._rules.validate(claims)
            posts = tuple(
                Post(Office(office), Unit(path, name, Level(level)), body)
                for office, path, name, level, body in claims["posts"]
            )
            actor = Actor(
                account_id=claims["sub"],
                person_id=claims["person"],
                name=claims["name"],
                posts=posts,
                session_id=claims["sid"],
            )
            return Claims(
                actor=actor,
                issued_at=datetime.fromisoformat(claims["at"]),
                expires_at=datetime.fromtimestamp(claims["exp"], UTC),
            )
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise NotSignedIn("登录已过期或无效，请重新登录。") from error

    def _keys(self) -> KeySet:
        try:
            stamp = _stamp(self._path)
            if self._read is None or self._read[0] != stamp:
                self._read = stamp, KeySet.import_key_set(json.loads(self._path.read_text()))
        except OSError as error:
            # Nobody can come in, and it is not their fault: whoever runs the system must hear of it.
            log.error("public_keys_unreadable", error=f"{type(error).__name__}: {error}")
            raise NotSignedIn("暂时无法核对登录，请稍后重试。") from error
        return self._read[1]


def rotate(token_dir: Path, now: datetime | None = None) -> None:
    """Adds a signing key. An older one is dropped once every token that it can have signed has expired, never before.

    So keys may be changed as often as one likes, and nobody is signed out. One file is locked while it is done: two at
    once make two keys, and lose none.
    """
    now = now or datetime.now(UTC)
    path = token_dir / "private" / "keys.json"
    with (token_dir / "private" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        keys = json.loads(path.read_text())["keys"]
        # A key signs until the next one is made. Where nothing says when that was, it counts as just now.
        replaced = [key.get(MADE, now.timestamp()) for key in keys[1:]] + [now.timestamp()]
        needed_since = (now - LIFETIME - SIGNING_GRACE).timestamp()
        kept = [key for key, until in zip(keys, replaced, strict=True) if until > needed_since]
        _write(path, {"keys": [*kept, _new_key(now)]})
        _publish(token_dir)


def _publish(token_dir: Path) -> None:
    """Writes the public halves where every service reads them."""
    keys = json.loads((token_dir / "private" / "keys.json").read_text())["keys"]
    public = {"keys": [ECKey.import_key(_jwk(key)).as_dict(private=False) for key in keys]}
    _write(token_dir / "jwks.json", public, mode=0o644)


def _new_key(now: datetime | None = None) -> dict[str, Any]:
    key = ECKey.generate_key("P-256", parameters={"use": "sig", "alg": "ES256"}, auto_kid=True)
    return {**key.as_dict(private=True), MADE: int((now or datetime.now(UTC)).timestamp())}


def _jwk(kept: dict[str, Any]) -> dict[str, Any]:
    """A kept key without what only we know of it."""
    return {name: value for name, value in kept.items() if name != MADE}


def _stamp(path: Path) -> tuple[int, int]:
    """Changes whenever the file is replaced."""
    found = path.stat()
    return found.st_mtime_ns, found.st_ino


def _write(path: Path, content: dict[str, Any], mode: int = 0o600) -> None:
    """Replaces a file in one step, so that a reader never sees half of it."""
    fresh = path.with_suffix(f".{secrets.token_hex(4)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        json.dump(content, file)
    fresh.replace(path)
