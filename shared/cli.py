"""The `xuefen` command: one entry for every process of the system and for what an operator does."""

from __future__ import annotations

import signal
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from shared.settings import SERVICES, Settings, SettingsError, load_settings

service_argument = click.argument("service", type=click.Choice(SERVICES))


def main() -> None:
    """Entry point of the console command."""
    try:
        cli(standalone_mode=True)
    except SettingsError as error:
        raise SystemExit(str(error)) from error


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """xuefen: training credits of a province's teachers."""


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, envvar="PORT")
@click.option("--data", type=click.Path(path_type=Path), default=None, envvar="DATA", help="data folder")
def run(host: str, port: int, data: Path | None) -> None:
    """All services in one process on SQLite, with the sample province (the embedded default)."""
    import os

    if data is not None:
        os.environ["XUEFEN_DATA"] = str(data)
    os.environ.setdefault("XUEFEN_PUBLIC_URL", f"http://{host}:{port}")
    os.environ.setdefault("XUEFEN_LOG_LEVEL", "WARNING")
    settings = _settings()
    from shared import embedded

    def ready(running: embedded.Embedded) -> None:
        click.echo(
            f"\nxuefen 已就绪： {settings.public_url}   （数据： {settings.data_dir.absolute()} ；按 Ctrl-C 结束）\n"
        )
        _print_sign_ins()

    try:
        embedded.serve(settings, host, port, ready)
    except embedded.AlreadyRunning as error:
        raise click.ClickException(f"{error}; stop it first, or choose another folder with DATA=") from error
    except OSError as error:
        raise click.ClickException(f"port {port}: {error.strerror}; choose another with PORT=") from error


@cli.command()
@service_argument
def release(service: str) -> None:
    """Migrates the database and declares the queues; ends before the other processes start."""
    from shared import bus, migrations
    from shared.service import make_runtime

    settings = _settings()
    runtime = make_runtime(service, settings)
    migrations.upgrade(service, runtime.database.engine)
    if service == "accounts":
        from shared.auth import TokenSigner

        TokenSigner(settings.token_dir)
    if settings.amqp_url:
        bus.declare_all(settings.amqp_url)
    click.echo(f"{service}: ready")


@cli.command(name="bus")
@service_argument
def bus_command(service: str) -> None:
    """Events in, outbox out: the messaging process of a service."""
    from shared import bus
    from shared.service import make_runtime

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    bus.run_bus(make_runtime(service, _settings()), stop)


@cli.command()
@service_argument
@click.option("--concurrency", default=2, show_default=True)
def worker(service: str, concurrency: int) -> None:
    """Background jobs of a service (Celery)."""
    from shared import background
    from shared.service import make_runtime

    background.run_worker(make_runtime(service, _settings()), concurrency)


@cli.command()
@service_argument
@click.option("--schedule-file", type=click.Path(path_type=Path), required=True)
def beat(service: str, schedule_file: Path) -> None:
    """The clock of a service's scheduled jobs (Celery beat)."""
    from shared import background
    from shared.service import make_runtime

    background.run_beat(make_runtime(service, _settings()), schedule_file)


@cli.command(name="load-sample")
@click.option("--yes", is_flag=True, help="needed outside the embedded default")
def load_sample(yes: bool) -> None:
    """Loads the sample province into an empty installation."""
    from shared.service import make_runtime

    settings = _settings()
    if not settings.embedded and not yes:
        raise click.ClickException("the sample province has known passwords; say --yes to load it here")
    loaded = import_module("services.accounts.cli").load_sample(make_runtime("accounts", settings))
    click.echo("sample province loaded" if loaded else "there are units already: nothing was loaded")
    _print_sign_ins()


@cli.command()
@click.option("--url", default="http://127.0.0.1:8000", show_default=True)
@click.option("--resume", is_flag=True, help="go on where an interrupted demonstration stopped")
@click.option("--files", type=click.Path(path_type=Path, exists=True), default=Path("tests/data"), show_default=True)
@click.option("--before-audit", default=None, help="shell command to run before the audit, e.g. stopping the broker")
@click.option("--after-audit", default=None, help="shell command to run after the audit was accepted")
def demo(url: str, resume: bool, files: Path, before_audit: str | None, after_audit: str | None) -> None:
    """Drives the whole job over HTTP as the sample persons would; non-zero exit if a number is wrong."""
    from shared.demo import DemoFailed, run_demo

    try:
        run_demo(url.rstrip("/"), files, resume=resume, before_audit=before_audit, after_audit=after_audit)
    except DemoFailed as error:
        click.echo(f"✗ {error}", err=True)
        sys.exit(1)


@cli.group()
def keys() -> None:
    """Keys that sign who somebody is."""


@keys.command(name="rotate")
def rotate_keys() -> None:
    """Signs with a new key from now on; nobody is signed out."""
    from shared import auth

    auth.rotate(_settings().token_dir)
    click.echo("a new key signs from now on; older tokens stay good")


@cli.group()
def credits() -> None:
    """The rules of credits, for programs and for officials who check them."""


@credits.command(name="evaluate")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="compares with `expected`; exits 1 where something differs")
def evaluate(file: Path, check: bool) -> None:
    """Judges every case of a YAML file in the format of policy_cases.yaml, and prints one JSON object."""
    import json

    from shared import case_check

    try:
        found, differences = case_check.evaluate_file(file)
    except case_check.CaseFileError as error:
        raise click.ClickException(str(error)) from error
    click.echo(json.dumps({"cases": found}, ensure_ascii=False, indent=2))
    if check:
        for line in differences:
            click.echo(f"✗ {line}", err=True)
        click.echo(f"{len(found)} 例，{len(differences)} 处不符", err=True)
        sys.exit(1 if differences else 0)


@cli.group()
def audit() -> None:
    """The audit trail of each service."""


@audit.command(name="head")
@click.option("--service", type=click.Choice(SERVICES), default=None, help="this one only")
def audit_head(service: str | None) -> None:
    """Prints SERVICE:NUMBER:HASH of each trail's last row, to be written down where nobody can change it."""
    from shared import audit_trail
    from shared.service import make_runtime

    for name in [service] if service else SERVICES:
        with make_runtime(name, _settings()).database.reading() as session:
            number, digest = audit_trail.head(session)
        click.echo(f"{name}:{number}:{digest}")


@audit.command(name="verify")
@click.option("--service", type=click.Choice(SERVICES), default=None, help="this one only")
@click.option("--head", "heads", multiple=True, help="SERVICE:NUMBER:HASH as `audit head` printed it; more than once")
def audit_verify(service: str | None, heads: tuple[str, ...]) -> None:
    """Walks the chain of each trail; exit code 1, and what differs where, if it is not whole."""
    from shared import audit_trail
    from shared.service import make_runtime

    try:
        noted = audit_trail.read_heads(heads, service)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    whole = True
    for name in [service] if service else SERVICES:
        with make_runtime(name, _settings()).database.reading() as session:
            found = audit_trail.verify(session, noted.get(name, {}))
        waiting = (
            f", {found.waiting} not sealed yet, since {found.oldest:%Y-%m-%d %H:%M:%S} UTC" if found.oldest else ""
        )
        click.echo(f"{name}: {found.count} rows, last {found.number}:{found.hash}{waiting}")
        for fault in found.faults:
            click.echo(f"✗ {name} {fault}", err=True)
        whole = whole and not found.faults
    sys.exit(0 if whole else 1)


@cli.group()
def messages() -> None:
    """What waits in a service: parked messages and the outbox."""


@messages.command(name="show")
@service_argument
def show_messages(service: str) -> None:
    """Lists parked messages and says how many are still to be sent."""
    from sqlalchemy import select

    from shared import outbox
    from shared.inbox import ParkedRow
    from shared.service import make_runtime

    with make_runtime(service, _settings()).database.reading() as session:
        count, oldest = outbox.pending(session)
        click.echo(f"to send: {count}" + (f", oldest from {oldest:%Y-%m-%d %H:%M:%S} UTC" if oldest else ""))
        for row in session.scalars(select(ParkedRow).order_by(ParkedRow.first_seen_at)):
            when = f"next try {row.next_attempt_at:%H:%M:%S} UTC" if row.next_attempt_at else "waits for a person"
            click.echo(f"{row.event_id}  {row.envelope.get('name')}  {row.reason}  {row.attempts} tries  {when}")
            click.echo(f"    {row.last_error}")


@messages.command(name="retry")
@service_argument
@click.argument("event_id")
def retry_message(service: str, event_id: str) -> None:
    """Tries a parked message again, now."""
    from shared import inbox
    from shared.service import make_runtime

    runtime = make_runtime(service, _settings())
    with runtime.database.reading() as session:
        row = session.get(inbox.ParkedRow, (service, event_id))
    if row is None:
        raise click.ClickException("no such parked message")
    click.echo(inbox.receive(runtime.database, service, runtime.service.handlers, row.envelope))


@messages.command(name="replay")
@service_argument
@click.option("--days", default=14, show_default=True, type=click.IntRange(1, 14))
def replay_messages(service: str, days: int) -> None:
    """Sends every message of the last days again; receivers drop what they have."""
    from datetime import timedelta

    from shared import outbox
    from shared.database import utc_now
    from shared.service import make_runtime

    with make_runtime(service, _settings()).database.transaction() as session:
        outbox.replay(session, utc_now() - timedelta(days=days))
    click.echo("queued")


@cli.command(name="make-migration", hidden=True)
@service_argument
@click.argument("name")
def make_migration(service: str, name: str) -> None:
    """Writes the next migration of a service from the difference between its tables and an up-to-date database."""
    import tempfile

    from shared import migrations
    from shared.database import Database

    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/new.db")
        migrations.upgrade(service, database.engine)
        migrations.make(service, name, database.engine)
        database.dispose()


def _settings() -> Settings:
    from shared.logs import configure_logs

    try:
        settings = load_settings()
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    configure_logs(settings.log_level, json=settings.log_json)
    return settings


def _print_sign_ins() -> None:
    rows: list[tuple[Any, ...]] = import_module("services.accounts.cli").sample_sign_ins()
    header = ("角色", "用户名", "密码", "姓名", "单位")
    widths = [max(_width(str(row[i])) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, tuple("─" * w for w in widths), *rows]:
        click.echo("  ".join(str(cell) + " " * (w - _width(str(cell))) for cell, w in zip(row, widths, strict=True)))


def _width(text: str) -> int:
    """Columns on a terminal: Chinese characters take two."""
    import unicodedata

    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
