"""What pages may contain: nothing from off-site, nothing that the content security policy forbids, the agreed words."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, render_template_string
from flask_wtf.csrf import CSRFProtect
from jinja2 import Environment, FileSystemLoader

from shared.actors import Actor, Level, Office, Post, Unit
from shared.ui import filters, navigation

ROOT = Path(__file__).resolve().parents[2]
UI = ROOT / "shared" / "ui"
VENDOR = UI / "static" / "vendor"
TEMPLATES = sorted([*UI.glob("templates/**/*.html"), *ROOT.glob("services/*/templates/**/*.html")])
OWN = [
    path
    for path in (*TEMPLATES, *sorted(UI.glob("static/**/*")))
    if path.suffix in {".html", ".css", ".js", ".svg"} and VENDOR not in path.parents
]

# A namespace is a name, not an address that anything is fetched from.
OFF_SITE = re.compile(r"https?://(?!www\.w3\.org/)|(?:src|href|action)\s*=\s*[\"']//|url\(\s*[\"']?//", re.I)
FETCHED = re.compile(r"url\(\s*[\"']?(?:https?:)?//|@import", re.I)
FORBIDDEN_BY_CSP = {
    "style attribute": re.compile(r"\sstyle\s*=|[\"']style[\"']\s*:", re.I),
    "style element": re.compile(r"<style\b", re.I),
    "event attribute": re.compile(r"\son[a-z]+\s*=\s*[\"']|[\"']on[a-z]+[\"']\s*:|\shx-on\b", re.I),
    "inline script": re.compile(r"<script(?![^>]*\ssrc=)[^>]*>", re.I),
    "script address": re.compile(r"javascript:", re.I),
}


def name(path: Path) -> str:
    """How a file is called in a test's title."""
    return path.relative_to(ROOT).as_posix()


def markup(path: Path) -> str:
    """A template without its comments, which may speak of what is forbidden."""
    return re.sub(r"\{#.*?#\}", "", path.read_text(encoding="utf-8"), flags=re.S)


def test_vendored_files_are_those_that_were_listed() -> None:
    lines = (VENDOR / "SHA256SUMS").read_text().splitlines()
    listed = {file: digest for digest, file in (line.split("  ") for line in lines)}
    there = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in VENDOR.iterdir() if p.name != "SHA256SUMS"}
    assert there == listed


@pytest.mark.parametrize("path", OWN, ids=name)
def test_own_files_name_no_address_off_site(path: Path) -> None:
    assert not OFF_SITE.findall(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", sorted(UI.glob("static/**/*.css")), ids=name)
def test_styles_fetch_nothing_off_site(path: Path) -> None:
    assert not FETCHED.findall(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_templates_keep_to_the_content_security_policy(path: Path) -> None:
    text = markup(path)
    found = {rule: pattern.findall(text) for rule, pattern in FORBIDDEN_BY_CSP.items() if pattern.search(text)}
    assert not found


@pytest.mark.parametrize(
    ("rule", "sample"),
    [
        ("style attribute", '<p style="color:red">'),
        ("style attribute", 'attrs={"style": "x"}'),
        ("style element", "<style>p{}</style>"),
        ("event attribute", '<a onclick="go()">'),
        ("event attribute", '<a hx-on:click="go()">'),
        ("inline script", "<script>go()</script>"),
        ("script address", '<a href="javascript:go()">'),
    ],
)
def test_the_rules_themselves_find_what_they_forbid(rule: str, sample: str) -> None:
    assert FORBIDDEN_BY_CSP[rule].search(sample)
    assert OFF_SITE.search('<img src="//cdn.example/x.png">')
    assert not OFF_SITE.search('<svg xmlns="http://www.w3.org/2000/svg">')


@pytest.mark.parametrize("path", OWN, ids=name)
def test_the_word_for_a_return_is_the_agreed_one(path: Path) -> None:
    # 退回修改 or 不予通过: the third word hides which of the two is meant.
    assert "驳回" not in path.read_text(encoding="utf-8")


def environment() -> Environment:
    """The shared templates without an app."""
    env = Environment(loader=FileSystemLoader(UI / "templates"), autoescape=True)
    for function in (filters.local_time, filters.local_date, filters.credits, filters.level_title):
        env.filters[function.__name__] = function
    return env


def test_every_icon_that_is_named_is_there() -> None:
    icons: dict[str, str] = environment().get_template("macros/icons.html").module.icon_paths  # type: ignore[attr-defined]
    used = {found for path in TEMPLATES for found in re.findall(r"icon(?:=|\()\"([a-z-]+)\"", markup(path))}
    unit = Unit("360000/", "江西省", Level.PROVINCE)
    everybody = Actor("a", None, "某人", tuple(Post(office, unit, unit.name) for office in Office))
    used |= {entry.icon for entry in navigation.for_actor(everybody, "/")}
    assert used
    assert used <= set(icons)


def test_every_office_has_a_chinese_title() -> None:
    titles: dict[str, str] = environment().get_template("macros/words.html").module.office_titles  # type: ignore[attr-defined]
    assert set(titles) == set(Office)


def test_the_head_of_macros_names_every_macro() -> None:
    module: Any = environment().get_template("macros.html").make_module({})
    source = (UI / "templates" / "macros.html").read_text(encoding="utf-8")
    note = source[: source.index("-#}")]
    missing = [macro for macro in vars(module) if not macro.startswith("_") and f"{macro}(" not in note]
    assert missing == ["field_id"]  # a helper of the other macros


def page(body: str, **context: Any) -> str:
    """`body` rendered in an app, with the macros as `ui`."""
    app = Flask(__name__)
    app.config["SECRET_KEY"] = "for tests"
    app.jinja_loader = FileSystemLoader(UI / "templates")
    filters.register(app)
    CSRFProtect(app)
    with app.test_request_context("/plans/queue?year=2023&cursor=old"):
        return render_template_string(
            '{% import "macros.html" as ui with context %}' + body, idempotency_key=lambda: "key-1", **context
        )


def test_forms_carry_their_guards() -> None:
    html = page("{{ ui.form_guards(3) }}")
    assert re.search(r'name="csrf_token" value="[^"]{20,}"', html)
    assert 'name="idempotency_key" value="key-1"' in html
    assert 'name="version" value="3"' in html
    assert 'name="version"' not in page("{{ ui.form_guards() }}")


def test_a_field_shows_its_own_errors_and_escapes_what_was_typed() -> None:
    html = page(
        '{{ ui.field("学时", "items.0.hours", typed, errors) }}{{ ui.field("名称", "title", "甲", errors) }}',
        typed='"><script>x</script>',
        errors={"items.0.hours": ["学时须大于 0", "<b>"]},
    )
    hours, title = html.split('<div class="xf-field">')[1:]
    assert "学时须大于 0；&lt;b&gt;" in hours
    assert 'aria-invalid="true" aria-describedby="f-items-0-hours-error"' in hours
    assert "<script" not in html
    assert "invalid" not in title


def test_the_next_page_keeps_the_filters_and_replaces_the_cursor() -> None:
    html = page('{{ ui.pager("new") }}')
    assert 'href="?year=2023&amp;cursor=new"' in html
    assert "old" not in html


def test_rows_come_with_a_template_for_more() -> None:
    field = '{{ ui.field("学时", "items.%s.hours" % i, row.hours) }}'
    html = page(
        '{% call(row, i) ui.rows("items", items) %}' + field + "{% endcall %}", items=[{"hours": 32}, {"hours": 8}]
    )
    assert re.findall(r'name="items\.(\w+)\.hours"', html) == ["0", "1", "__i__"]
