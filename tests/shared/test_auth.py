"""Tokens: only what accounts signed counts, only until it ends, and keys change without signing anyone out."""

from __future__ import annotations

import base64
import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from shared.actors import Actor, Level, Office, Post, Unit
from shared.auth import AUDIENCE, ISSUER, LIFETIME, MADE, SIGNING_GRACE, TokenSigner, TokenVerifier, rotate
from shared.errors import NotSignedIn
from tests.shared.kernel import REVIEWER, TEACHER, log_lines

NOW = datetime(2026, 3, 5, 9, 12, 0, 123456, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where accounts keeps its keys."""
    return tmp_path / "tokens"


@pytest.fixture
def signer(folder: Path) -> TokenSigner:
    """accounts."""
    return TokenSigner(folder)


@pytest.fixture
def verifier(signer: TokenSigner, folder: Path) -> TokenVerifier:
    """Another service, which has the public keys alone."""
    return TokenVerifier(folder / "jwks.json")


def private(folder: Path) -> ECKey:
    """The signing key itself, to forge with."""
    return ECKey.import_key(json.loads((folder / "private" / "keys.json").read_text())["keys"][-1])


def forge(folder: Path, key: Any = None, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """A token as accounts would sign it now, but for the changes; None takes a claim out."""
    mine = private(folder)
    now = datetime.now(UTC)
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "a-1",
        "sid": "s-1",
        "iat": int(now.timestamp()),
        "at": now.isoformat(),
        "exp": int((now + LIFETIME).timestamp()),
        "person": None,
        "name": "某",
        "posts": [],
        **changes,
    }
    claims = {name: value for name, value in claims.items() if value is not None or name == "person"}
    return jwt.encode({"alg": "ES256", "kid": mine.kid, **(header or {})}, claims, key or mine)


def parts(token: str) -> list[dict[str, Any]]:
    """Header and claims of a token, unverified."""
    return [json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]


def encode(part: object) -> str:
    """One part of a token."""
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


OFFICES = st.builds(
    Post,
    st.sampled_from(Office),
    st.builds(Unit, st.sampled_from(["360000/", "360000/360100/"]), st.text(max_size=9), st.sampled_from(Level)),
    st.text(max_size=9),
)
IDS = st.uuids().map(str)
ACTORS = st.builds(
    Actor, IDS, st.none() | IDS, st.text(max_size=9), st.lists(OFFICES, max_size=4).map(lambda posts: tuple(posts)), IDS
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ACTORS)
def test_who_is_signed_is_who_is_read(signer: TokenSigner, verifier: TokenVerifier, actor: Actor) -> None:
    claims = verifier.verify(signer.sign(actor))
    assert claims.actor == actor
    assert claims.expires_at - claims.issued_at <= LIFETIME


def test_the_moment_is_kept_to_the_microsecond(signer: TokenSigner, verifier: TokenVerifier) -> None:
    with time_machine.travel(NOW, tick=False):
        claims = verifier.verify(signer.sign(TEACHER))
    assert claims.issued_at == NOW
    assert claims.expires_at == (NOW + LIFETIME).replace(microsecond=0)


def test_a_token_ends_with_its_lifetime(signer: TokenSigner, verifier: TokenVerifier) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        token = signer.sign(TEACHER)
        clock.move_to(NOW + LIFETIME - timedelta(seconds=1))
        verifier.verify(token)
        clock.move_to(NOW + LIFETIME + timedelta(seconds=11))
        with pytest.raises(NotSignedIn):
            verifier.verify(token)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "somebody-else"},
        {"iss": None},
        {"aud": "another-system"},
        {"aud": ["another-system"]},
        {"aud": None},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"exp": "tomorrow"},
        {"sub": None},
        {"sub": 7},
        {"sid": None},
        {"at": None},
        {"at": "now"},
        {"posts": None},
        {"posts": 7},
        {"posts": [["school_admin"]]},
        {"posts": [["emperor", "360000/", "省", "province", "厅"]]},
        {"iat": 99_999_999_999},
    ],
    ids=str,
)
def test_claims_that_are_not_ours(folder: Path, verifier: TokenVerifier, changes: dict[str, Any]) -> None:
    verifier.verify(forge(folder))
    with pytest.raises(NotSignedIn):
        verifier.verify(forge(folder, **changes))


def test_another_key_does_not_count_whatever_name_it_gives_itself(folder: Path, verifier: TokenVerifier) -> None:
    stranger = ECKey.generate_key("P-256", auto_kid=True)
    for name in (private(folder).kid, stranger.kid, None):
        with pytest.raises(NotSignedIn):
            verifier.verify(forge(folder, stranger, {"kid": name} if name else {}))


def test_no_algorithm_and_algorithms_of_another_kind(
    folder: Path, signer: TokenSigner, verifier: TokenVerifier
) -> None:
    header, claims = parts(signer.sign(TEACHER))
    for alg in ("none", "None", "NONE", ""):
        for signature in ("", "AAAA"):
            with pytest.raises(NotSignedIn):
                verifier.verify(f"{encode({**header, 'alg': alg})}.{encode(claims)}.{signature}")
    # The public key as the secret of a symmetric signature: the classic confusion.
    public = (folder / "jwks.json").read_bytes()
    secret = OctKey.import_key(public)
    with pytest.raises(NotSignedIn):
        verifier.verify(jwt.encode({**header, "alg": "HS256"}, claims, secret, algorithms=["HS256"]))


def test_what_was_changed_after_signing(signer: TokenSigner, verifier: TokenVerifier) -> None:
    head, body, signature = signer.sign(TEACHER).split(".")
    _, claims = parts(f"{head}.{body}.{signature}")
    claims["sub"] = REVIEWER.account_id
    for token in (f"{head}.{encode(claims)}.{signature}", f"{head}.{body}.{signature[:-4]}AAAA", f"{head}.{body}."):
        with pytest.raises(NotSignedIn):
            verifier.verify(token)
    # A key sent along is not asked.
    header, _ = parts(f"{head}.{body}.{signature}")
    stranger = ECKey.generate_key("P-256")
    carried = {**header, "jwk": stranger.as_dict(private=False)}
    with pytest.raises(NotSignedIn):
        verifier.verify(jwt.encode(carried, claims, stranger))


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "a.b.c", "a.b.c.d.e", "é.é.é", "\ud800", "\0", "A" * 100_000,
     base64.urlsafe_b64encode(b"[" * 50_000).decode() + ".e30.AAAA",
     base64.urlsafe_b64encode(b'{"alg":["ES256"],"kid":{}}').decode().rstrip("=") + ".e30.AAAA"],
    ids=lambda token: ascii(token[:12]),
)  # fmt: skip
def test_what_is_no_token_at_all(verifier: TokenVerifier, token: str) -> None:
    with pytest.raises(NotSignedIn):
        verifier.verify(token)


def test_a_new_key_signs_nobody_out_and_is_known_at_once(
    folder: Path, signer: TokenSigner, verifier: TokenVerifier
) -> None:
    old = signer.sign(TEACHER)
    verifier.verify(old)
    rotate(folder)
    new = TokenSigner(folder).sign(REVIEWER)
    assert parts(new)[0]["kid"] != parts(old)[0]["kid"]
    assert verifier.verify(new).actor == REVIEWER
    assert verifier.verify(old).actor == TEACHER


def test_t13_keys_rotated_many_times_within_a_tokens_life_sign_nobody_out(
    folder: Path, signer: TokenSigner, verifier: TokenVerifier
) -> None:
    """Also by a process that was running: it signs with the newest key, and reads every one that can matter."""
    tokens = [signer.sign(TEACHER)]
    for _ in range(4):
        rotate(folder)
        tokens.append(signer.sign(TEACHER))
    assert len({parts(token)[0]["kid"] for token in tokens}) == 5
    assert {verifier.verify(token).actor for token in tokens} == {TEACHER}


def test_a_key_that_was_never_dated_is_kept_as_long(folder: Path, signer: TokenSigner, verifier: TokenVerifier) -> None:
    """Keys of an installation from before they were dated."""
    old = signer.sign(TEACHER)
    rotate(folder)
    path = folder / "private" / "keys.json"
    keys = json.loads(path.read_text())["keys"]
    path.write_text(json.dumps({"keys": [{k: v for k, v in key.items() if k != MADE} for key in keys]}))
    rotate(folder)
    assert verifier.verify(old).actor == TEACHER


def test_a_key_goes_when_its_last_token_has_expired_in_every_process(
    folder: Path, signer: TokenSigner, verifier: TokenVerifier
) -> None:
    """Also in one that had read it, and to which nobody has come with a newer token."""
    old = signer.sign(TEACHER)
    verifier.verify(old)
    now = datetime.now(UTC)
    rotate(folder, now)
    rotate(folder, now + LIFETIME)
    verifier.verify(old)
    rotate(folder, now + LIFETIME + SIGNING_GRACE + timedelta(seconds=1))
    with pytest.raises(NotSignedIn):
        verifier.verify(old)


def test_the_public_file_has_no_secret_and_the_secret_is_the_owners(folder: Path, signer: TokenSigner) -> None:
    public = json.loads((folder / "jwks.json").read_text())["keys"]
    assert [set(key) for key in public] == [{"kty", "crv", "x", "y", "use", "alg", "kid"}]
    kept = folder / "private" / "keys.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert TokenSigner(folder).sign(TEACHER).split(".")[0] == signer.sign(TEACHER).split(".")[0], "made once, kept"
    assert sorted(path.name for path in folder.iterdir()) == ["jwks.json", "private"]


def test_without_the_public_keys_nobody_comes_in_and_the_log_says_why(folder: Path, signer: TokenSigner) -> None:
    verifier = TokenVerifier(folder / "jwks.json")
    token = signer.sign(TEACHER)
    os.rename(folder / "jwks.json", folder / "away")
    with log_lines() as lines, pytest.raises(NotSignedIn):
        verifier.verify(token)
    assert [line["event"] for line in lines] == ["public_keys_unreadable"]
    os.rename(folder / "away", folder / "jwks.json")
    assert verifier.verify(token).actor == TEACHER
