"""Sign-ins that came to nothing, in the audit trail: without telling which part was wrong, and without the name."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager

from shared import audit_trail
from shared.errors import Invalid, NotAllowed, NotSignedIn
from shared.service import Runtime


def note_refused(run: Runtime, username: str) -> None:
    """Records a refused sign-in. Tries beyond the limits are not recorded: nobody may fill the trail at will.

    The name is kept as a keyed digest, which shows that the same one was tried again: what stands in that field is
    now and then a password.
    """
    key = run.settings.secret_key.encode()
    mark = hmac.new(key, b"audit:" + username.encode(), hashlib.sha256).hexdigest()[:16]
    with run.database.transaction() as session:
        audit_trail.record(session, audit_trail.entry_of(None, "accounts.sign_in_refused", record=f"name={mark}"))


@contextmanager
def noting_refusal(run: Runtime, username: str) -> Iterator[None]:
    """Records a sign-in that is refused inside the block: a wrong code, a suspended account."""
    try:
        yield
    except (NotSignedIn, NotAllowed, Invalid):
        note_refused(run, username)
        raise
