"""What the audit trail says of a request: who called which route for which record, and what came of it."""

from __future__ import annotations

import re

from flask import g, request

from shared import audit_trail

_BUTTON = re.compile(r"[a-z_]{1,40}")


def entry(made: str | None = None) -> audit_trail.Entry:
    """This request as an act. `made`: id of what it made, or the page that follows.

    Only the ids in the address and the name of the pressed button are kept; what was typed or uploaded is not, nor a
    digest of it: from that, a number of known form could be found by trying.
    """
    details = {"made": made} if made else {}
    button = request.form.get("act", "")
    if _BUTTON.fullmatch(button):
        details["button"] = button
    ids = {name: value for name, value in (request.view_args or {}).items() if "token" not in name}
    return audit_trail.entry_of(
        g.get("actor"),
        f"{request.method} {request.url_rule}",
        record=", ".join(f"{name}={value}" for name, value in ids.items()),
        details=details,
    )
