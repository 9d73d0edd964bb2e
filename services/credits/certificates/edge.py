"""What pages and API of this feature share: addresses, and files as answers."""

from __future__ import annotations

import io

from flask import Response, send_file

from services.credits import files
from services.credits.certificates import exporting, operations, render
from services.credits.certificates.models import CreditPaper
from services.credits.certificates.queries import find_paper
from shared.errors import Conflict
from shared.printing.codes import read_code
from shared.web import actor, reading, runtime, transaction
from shared.workbooks import XLSX

PDF = "application/pdf"


def verify_url() -> str:
    """Where the public verifies; printed on every paper."""
    return f"{runtime().settings.public_url}/credits/verify"


def bare(code: str) -> str:
    """The code of an address without its dashes; one that cannot be any finds nothing."""
    return read_code(code) or ""


def send_paper(code: str) -> Response:
    """A paper as PDF. Raises `NotFound` outside what the actor may see, `Conflict` once it was withdrawn."""
    with reading() as session:
        paper: CreditPaper = find_paper(session, actor(), bare(code))
    if paper.withdrawn_at is not None:
        raise Conflict("核验码已由本人撤销，此件不再提供下载；如有需要，请重新出具。")
    content, name = io.BytesIO(render.pdf(paper)), render.file_name(paper)
    return send_file(content, mimetype=PDF, as_attachment=True, download_name=name)


def send_workbook(export_id: str) -> Response:
    """A workbook; that somebody takes it away is recorded first."""
    with transaction() as session:
        export = operations.note_download(session, actor(), export_id)
        sha256, name = str(export.sha256), exporting.file_name(export)
    content = files.store(runtime().settings.data_dir).get(sha256)
    return send_file(io.BytesIO(content), mimetype=XLSX, as_attachment=True, download_name=name)
