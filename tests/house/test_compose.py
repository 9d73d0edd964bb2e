"""The descriptions of production (compose, Procfile, Kubernetes) name the same processes, each with what it needs."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.settings import NEEDS, SERVICES, Mode, load_settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
KINDS = ("release", "web", "bus", "worker", "beat")
PROCESSES = {(kind, service) for kind in KINDS for service in SERVICES}
OURS = {name: part for name, part in COMPOSE["services"].items() if part["image"].startswith("xuefen:")}

LEFT_AT_DEFAULT = {"XUEFEN_TOKEN_DIR": "the folder `tokens` under XUEFEN_DATA, where the volumes are mounted"}
"""Settings that no process of production sets, and why."""

MAIL = {"XUEFEN_SMTP_URL", "XUEFEN_MAIL_FROM"}
"""Accounts alone sends mails, where there is a server for them."""


def known_variables() -> set[str]:
    """Every variable that `load_settings` reads."""
    read = re.findall(r'env\.\w+\("([A-Z_]+)"', inspect.getsource(load_settings))
    return {f"XUEFEN_{name}" for name in read} | {f"XUEFEN_{name.upper()}_DATABASE_URL" for name in SERVICES}


def not_its_own(service: str) -> set[str]:
    """Variables that only other services need."""
    needs = {name: {f"XUEFEN_{need.upper()}" for need in own} for name, own in NEEDS.items()}
    others = set().union(*needs.values()) - needs[service]
    return others if service == "accounts" else others | MAIL


def environment(process: str, secret_files: Path) -> dict[str, str]:
    """The environment of a process of docker-compose.yml, with the defaults of `${…}` and secrets as files."""
    made: dict[str, str] = {}
    for name, value in OURS[process]["environment"].items():
        text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value))
        if text.startswith("/run/secrets/"):
            secret = text.removeprefix("/run/secrets/")
            assert secret in OURS[process]["secrets"], f"{process} is not given the secret {secret}"
            file = secret_files / secret
            file.write_text("0" * 64 + "\n")
            text = str(file)
        made[name] = text
    return made


def test_compose_has_every_process() -> None:
    assert {tuple(part["command"]) for part in OURS.values()} == PROCESSES
    assert all(name == f"{part['command'][1]}-{part['command'][0]}" for name, part in OURS.items())


def test_the_procfile_has_the_same_processes() -> None:
    """All but `release`, which `make run-servers` runs before."""
    lines = (DEPLOY / "Procfile").read_text().splitlines()
    named = {re.fullmatch(r"([a-z-]+): deploy/keep\.sh deploy/(\w+\.sh) ?(.*)", line).groups() for line in lines}  # type: ignore[union-attr]
    ours = {tuple(rest.split()) for _, script, rest in named if script == "entrypoint.sh"}
    assert ours == {(kind, service) for kind, service in PROCESSES if kind != "release"}
    assert ("gateway", "gateway.sh", "") in named


@pytest.mark.parametrize("process", sorted(OURS))
def test_each_process_has_what_its_service_needs_and_no_more(process: str, tmp_path: Path) -> None:
    service = OURS[process]["command"][1]
    given = environment(process, tmp_path)
    settings = load_settings(given)
    settings.require(service)
    assert settings.mode is Mode.SERVERS
    assert list(settings.database_urls) == [service]
    assert settings.trusted_proxies == 1
    assert bool(settings.encryption_key) == (service == "accounts")
    names = {name.removesuffix("_FILE") for name in given}
    assert names <= known_variables(), f"not settings: {names - known_variables()}"
    unset = known_variables() - names - not_its_own(service) - set(LEFT_AT_DEFAULT)
    assert not unset, f"set in docker-compose.yml or named in LEFT_AT_DEFAULT: {unset}"


@pytest.mark.parametrize("process", sorted(OURS))
def test_each_process_starts_after_its_release_and_comes_back(process: str) -> None:
    kind, service = OURS[process]["command"]
    waits = {name: rule["condition"] for name, rule in OURS[process]["depends_on"].items()}
    if kind == "release":
        assert waits == {"postgres": "service_healthy", "rabbitmq": "service_healthy"}
        assert OURS[process]["restart"] == "no"
    else:
        assert waits == {f"{service}-release": "service_completed_successfully"}
        assert OURS[process]["restart"] == "unless-stopped"
    assert OURS[process]["read_only"]
    if kind == "web":
        assert f"/{service}/healthz" in OURS[process]["healthcheck"]["test"][-1]


def test_only_accounts_web_and_release_can_sign() -> None:
    for name, part in OURS.items():
        kind, service = part["command"]
        signs = service == "accounts" and kind in ("web", "release")
        assert ("private-keys:/data/tokens/private" in part["volumes"]) == signs, name
        assert ("public-keys:/data/tokens" if signs else "public-keys:/data/tokens:ro") in part["volumes"], name


def test_images_are_pinned_and_only_the_gateway_is_reached() -> None:
    images = [part["image"] for part in COMPOSE["services"].values()]
    images += re.findall(r"^FROM (\S+)", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    for image in images:
        assert re.fullmatch(r"[a-z]+:\d+\.\d+(\.\d+)?(-[a-z.-]+)*", image), f"{image} is not pinned by a full tag"
    assert [name for name, part in COMPOSE["services"].items() if "ports" in part] == ["gateway"]


def test_volumes_and_secrets_are_declared() -> None:
    for name, part in COMPOSE["services"].items():
        for mount in part.get("volumes", []):
            source = mount.split(":")[0]
            found = source in COMPOSE["volumes"] or (source.startswith("./") and (ROOT / source).exists())
            assert found, f"{name}: {source}"
        for secret in part.get("secrets", []):
            assert (secret if isinstance(secret, str) else secret["source"]) in COMPOSE["secrets"], name


def test_make_secrets_makes_every_secret_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DEPLOY))
    import make_secrets

    monkeypatch.setattr(make_secrets, "FOLDER", tmp_path / "deploy" / "secrets")
    (tmp_path / "deploy").mkdir()
    make_secrets.main()
    made = {path.name: path.read_text() for path in (tmp_path / "deploy" / "secrets").iterdir()}
    assert {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()} <= set(made)
    make_secrets.main()
    assert {path.name: path.read_text() for path in (tmp_path / "deploy" / "secrets").iterdir()} == made
    assert len(set(made.values())) == len(made), "two secrets are the same"
    ignored = subprocess.run(["git", "check-ignore", "-q", "deploy/secrets/x"], cwd=ROOT, check=False)
    assert ignored.returncode == 0, "deploy/secrets/ must never be committed"


def kubernetes(folder: str) -> Iterator[dict[str, Any]]:
    """Every object in a folder's YAML files."""
    for path in sorted((DEPLOY / "kubernetes" / folder).glob("*.yaml")):
        yield from (part for part in yaml.safe_load_all(path.read_text()) if part)


def test_kubernetes_has_every_process() -> None:
    workloads = {part["metadata"]["name"]: part for part in kubernetes("base") if part["kind"] in ("Deployment", "Job")}
    assert set(workloads) == set(KINDS)
    for kind, part in workloads.items():
        container = part["spec"]["template"]["spec"]["containers"][0]
        assert container["args"] == [kind, "$(SERVICE)"]
        mounts = {m["mountPath"]: m for m in container["volumeMounts"]}
        assert mounts["/data/tokens"]["readOnly"], "only accounts may write the public keys"
        assert "/data/tokens/private" not in mounts
    assert workloads["beat"]["spec"]["replicas"] == 1
    top = next(part for part in kubernetes(".") if part["kind"] == "Kustomization")
    assert set(SERVICES) <= set(top["resources"])
    for resource in top["resources"]:
        assert (DEPLOY / "kubernetes" / resource).exists()


@pytest.mark.parametrize("service", SERVICES)
def test_kubernetes_gives_each_service_what_it_needs_and_no_more(service: str) -> None:
    parts = list(kubernetes(service))
    kustomization = next(part for part in parts if part["kind"] == "Kustomization")
    assert kustomization["namePrefix"] == f"{service}-"
    assert kustomization["configMapGenerator"] == [{"name": "service", "literals": [f"SERVICE={service}"]}]
    secret = next(part for part in parts if part["kind"] == "Secret")["stringData"]
    shared = next(part for part in kubernetes(".") if part["kind"] == "ConfigMap")["data"]
    given = {**shared, **secret}
    keys = {name: "0" * 64 for name in given if name.endswith("_KEY")}
    settings = load_settings({**given, **keys})
    settings.require(service)
    assert list(settings.database_urls) == [service]
    assert set(given) == known_variables() - not_its_own(service) - set(LEFT_AT_DEFAULT)
    patched = [p for p in parts if p["kind"] in ("Deployment", "Job")]
    signs = {p["metadata"]["name"] for p in patched if "/data/tokens/private" in str(p)}
    assert signs == ({"web", "release"} if service == "accounts" else set())


def test_the_image_carries_the_data_files(tmp_path: Path) -> None:
    """What is not Python (templates, routes, editions, migrations) must be in the wheel that the image installs."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        packed = set(wheel.namelist())
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "services", "shared"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert not {name for name in listed if (ROOT / name).exists()} - packed
