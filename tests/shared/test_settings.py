"""Settings: everything wrong is said at once, each process needs only its own, secrets are made once and whole."""

from __future__ import annotations

import dataclasses
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.settings import SERVICES, Mode, SecondFactor, Settings, SettingsError, load_settings

SERVERS = {"XUEFEN_MODE": "servers", "XUEFEN_AMQP_URL": "amqp://broker/", "XUEFEN_SECRET_KEY": "s" * 64}


def refused(environ: dict[str, str]) -> list[str]:
    """The lines of the error."""
    with pytest.raises(SettingsError) as caught:
        load_settings(environ)
    return str(caught.value).splitlines()[1:]


def test_everything_wrong_is_reported_at_once() -> None:
    lines = refused(
        {
            "XUEFEN_MODE": "servers",
            "XUEFEN_LOG_JSON": "perhaps",
            "XUEFEN_LOG_LEVEL": "LOUD",
            "XUEFEN_TRUSTED_PROXIES": "-1",
            "XUEFEN_ENCRYPTION_KEY": "abc",
            "XUEFEN_SECURE_COOKIES": "mostly",
        }
    )
    named = {line.split(":")[0] for line in lines}
    assert named == {
        "XUEFEN_AMQP_URL",
        "XUEFEN_SECRET_KEY",
        "XUEFEN_LOG_JSON",
        "XUEFEN_LOG_LEVEL",
        "XUEFEN_TRUSTED_PROXIES",
        "XUEFEN_ENCRYPTION_KEY",
        "XUEFEN_SECURE_COOKIES",
    }
    assert len(lines) == len(named), "each on a line of its own"


def test_a_wrong_mode_says_which_there_are() -> None:
    (line,) = refused({"XUEFEN_MODE": "server"})
    assert "embedded" in line
    assert "servers" in line


@pytest.mark.parametrize("name", ["XUEFEN_AMQP_URL", "XUEFEN_SECRET_KEY"])
def test_an_empty_secret_is_a_missing_one(name: str) -> None:
    (line,) = refused({**SERVERS, name: ""})
    assert line.startswith(name)


@pytest.mark.parametrize("key", ["00", "0" * 63, "0" * 66, "z" * 64])
def test_an_encryption_key_has_32_bytes(key: str) -> None:
    (line,) = refused({**SERVERS, "XUEFEN_ENCRYPTION_KEY": key})
    assert key not in line, "a secret is not printed, not even a wrong one"


def test_a_file_may_hold_the_value(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("k" * 64 + "\n")
    given = {name: value for name, value in SERVERS.items() if name != "XUEFEN_SECRET_KEY"}
    assert load_settings({**given, "XUEFEN_SECRET_KEY_FILE": str(secret)}).secret_key == "k" * 64


def test_each_service_says_everything_that_it_lacks() -> None:
    settings = load_settings({**SERVERS, "XUEFEN_PLANS_DATABASE_URL": "postgresql+psycopg://x/plans"})
    with pytest.raises(SettingsError, match="accounts cannot start without") as caught:
        settings.require("accounts")
    for name in ("ACCOUNTS_DATABASE_URL", "IDENTITY_KEY", "ENCRYPTION_KEY"):
        assert f"XUEFEN_{name}" in str(caught.value)
    with pytest.raises(SettingsError, match="XUEFEN_IDENTITY_KEY") as caught:
        settings.require("plans")
    assert "DATABASE_URL" not in str(caught.value)
    assert settings.database_urls == {"plans": "postgresql+psycopg://x/plans"}, "never a file beside a real database"


def test_embedded_needs_nothing_and_keeps_its_secrets(tmp_path: Path) -> None:
    first = load_settings({"XUEFEN_DATA": str(tmp_path)})
    for service in SERVICES:
        first.require(service)
        assert first.database_urls[service] == f"sqlite:///{tmp_path}/{service}.db"
    assert len(first.encryption_key) == 32
    assert len({first.secret_key.encode(), first.identity_key, first.encryption_key}) == 3
    kept = tmp_path / "secrets.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert load_settings({"XUEFEN_DATA": str(tmp_path)}) == first
    assert load_settings({"XUEFEN_DATA": str(tmp_path / "other")}).secret_key != first.secret_key
    assert load_settings({"XUEFEN_DATA": str(tmp_path), "XUEFEN_IDENTITY_KEY": "given"}).identity_key == b"given"


def test_a_start_that_was_cut_off_leaves_no_half_of_the_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(json, "dump", cut_off)
        with pytest.raises(KeyboardInterrupt):
            load_settings({"XUEFEN_DATA": str(tmp_path)})
    first = load_settings({"XUEFEN_DATA": str(tmp_path)})
    assert load_settings({"XUEFEN_DATA": str(tmp_path)}) == first


def test_two_first_starts_at_once_have_the_same_secrets(tmp_path: Path) -> None:
    from shared.settings import _embedded_secrets

    for number in range(10):
        folder = tmp_path / str(number)
        with ThreadPoolExecutor(2) as pool:
            one, two = pool.map(_embedded_secrets, [folder] * 2, [("", "", "")] * 2)
        assert one == two == _embedded_secrets(folder, ("", "", ""))
        assert [path.name for path in folder.iterdir()] == ["secrets.json"]


def test_cookies_are_secure_where_the_address_is() -> None:
    assert load_settings({**SERVERS, "XUEFEN_PUBLIC_URL": "https://xuefen.example/"}).secure_cookies
    assert not load_settings({**SERVERS, "XUEFEN_PUBLIC_URL": "http://127.0.0.1:8000"}).secure_cookies
    unlike = {"XUEFEN_PUBLIC_URL": "https://xuefen.example", "XUEFEN_SECURE_COOKIES": "false"}
    assert not load_settings({**SERVERS, **unlike}).secure_cookies


def test_they_are_frozen_and_plain(tmp_path: Path) -> None:
    settings = load_settings({"XUEFEN_DATA": str(tmp_path), "XUEFEN_PUBLIC_URL": "http://x/"})
    assert settings.mode is Mode.EMBEDDED
    assert settings.public_url == "http://x"
    assert settings.trusted_proxies == 0, "nobody is believed about another's address by default"
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.mode = Mode.SERVERS  # type: ignore[misc]
    assert isinstance(settings, Settings)


def test_t13_servers_ask_for_a_second_step_unless_told_otherwise(tmp_path: Path) -> None:
    assert load_settings({"XUEFEN_DATA": str(tmp_path)}).second_factor is SecondFactor.OFFERED
    assert load_settings(SERVERS).second_factor is SecondFactor.REQUIRED
    assert load_settings({**SERVERS, "XUEFEN_SECOND_FACTOR": "offered"}).second_factor is SecondFactor.OFFERED
    (line,) = refused({**SERVERS, "XUEFEN_SECOND_FACTOR": "never"})
    assert line.startswith("XUEFEN_SECOND_FACTOR")
