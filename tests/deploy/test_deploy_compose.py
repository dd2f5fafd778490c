"""compose.yaml, the secrets it reads and the image it builds, as far as they can be judged without an engine."""

import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import cast

import pytest
import yaml

Mapping = dict[str, object]


@pytest.fixture
def prepared(deploy: Path, tmp_path: Path) -> Path:
    """A copy of deploy/ in which secrets.sh was run, below a folder that stands for the repository."""
    copy = tmp_path / "repository/deploy"
    shutil.copytree(deploy, copy, ignore=shutil.ignore_patterns("secrets", ".env"))
    subprocess.run([copy / "secrets.sh", "lora.example.org"], check=True, capture_output=True)
    shutil.copy(copy / ".env.example", copy / ".env")
    return copy


def compose_file(deploy: Path) -> Mapping:
    return cast("Mapping", yaml.safe_load((deploy / "compose.yaml").read_text("utf-8")))


def services(deploy: Path) -> dict[str, Mapping]:
    return cast("dict[str, Mapping]", compose_file(deploy)["services"])


def test_compose_accepts_it(prepared: Path, docker_compose: Path) -> None:
    checked = subprocess.run(
        [docker_compose, "--project-directory", prepared, "-f", prepared / "compose.yaml", "config", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": str(prepared)},
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_every_file_it_mounts_or_reads_is_there(prepared: Path) -> None:
    for service in services(prepared).values():
        for volume in cast("list[str]", service.get("volumes", [])):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (prepared / source).is_file(), volume
    for secret in cast("dict[str, dict[str, str]]", compose_file(prepared)["secrets"]).values():
        assert (prepared / secret["file"]).is_file(), secret


def test_every_secret_is_declared_and_used(deploy: Path) -> None:
    used = {name for service in services(deploy).values() for name in cast("list[str]", service.get("secrets", []))}
    assert used == set(cast("Mapping", compose_file(deploy)["secrets"]))


def test_what_scripts_read_of_the_secrets_they_are_given(deploy: Path) -> None:
    scripts = {
        "mosquitto": "mosquitto/container-start.sh",
        "chirpstack": "chirpstack/container-start.sh",
        "timescaledb": "postgresql/passwords.sql",
    }
    for name, script in scripts.items():
        read = set(re.findall(r"/run/secrets/(\w+)", (deploy / script).read_text("utf-8")))
        assert read <= set(cast("list[str]", services(deploy)[name]["secrets"]))


def test_no_secret_is_left_in_the_open(prepared: Path) -> None:
    folder = prepared / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "mqtt/ca.key").stat().st_mode) == 0o600
    ignored = (prepared / ".gitignore").read_text("utf-8").split()
    assert {"/secrets/", "/.env"} <= set(ignored)


def test_secrets_differ_from_each_other_and_are_kept_when_made_again(prepared: Path) -> None:
    def passwords() -> dict[str, str]:
        return {path.name: path.read_text("utf-8") for path in (prepared / "secrets").glob("*_password")}

    first = passwords()
    assert len(set(first.values())) == len(first) > 8
    assert all(re.fullmatch(r"[0-9a-f]{48}\n", value) for value in first.values())
    subprocess.run([prepared / "secrets.sh"], check=True, capture_output=True)
    assert passwords() == first


def test_images_are_pinned_and_containers_bounded(deploy: Path) -> None:
    for name, service in services(deploy).items():
        image = str(service["image"])
        if "build" not in service:
            assert re.fullmatch(r"[\w./-]+:v?\d[\w.-]*", image), f"{name}: {image}"
        assert "mem_limit" in service, name
        assert "restart" in service, name
        if "build" not in service:
            assert "healthcheck" in service or name == "caddy", name


def test_only_the_proxy_the_broker_and_the_network_server_are_reached_from_outside(deploy: Path) -> None:
    published = {name: service["ports"] for name, service in services(deploy).items() if "ports" in service}
    assert set(published) == {"caddy", "mosquitto", "chirpstack"}
    assert all(port.startswith("127.0.0.1:") for port in cast("list[str]", published["chirpstack"]))
    assert published["mosquitto"] == ["${MQTT_PORT:-8883}:8883"]


def test_every_variable_has_its_line_in_the_example(deploy: Path) -> None:
    used = set(re.findall(r"\$\{(\w+)", (deploy / "compose.yaml").read_text("utf-8")))
    offered = set(re.findall(r"^(\w+)=", (deploy / ".env.example").read_text("utf-8"), re.MULTILINE))
    assert used == offered


def test_every_image_it_builds_is_a_target_of_the_dockerfile(deploy: Path) -> None:
    stages = re.findall(r"^FROM (\S+) AS (\S+)$", (deploy / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    built = {
        cast("dict[str, str]", service["build"])["target"]
        for service in services(deploy).values()
        if "build" in service
    }
    assert built == {"ingest", "worker", "api", "cli"}
    parents = {name: parent for parent, name in stages}
    # A final image comes from `runtime`, which comes from plain Python: nothing that builds is in that line.
    assert {parents[target] for target in built} == {"runtime"}
    assert parents["runtime"] == "python"


def test_the_images_run_as_nobody_in_particular_with_hashed_packages(deploy: Path) -> None:
    text = (deploy / "Dockerfile").read_text("utf-8")
    assert "\nUSER 10001:10001\n" in text
    for command in re.findall(r"uv pip install (.*?)(?: \\)?$", text, re.MULTILINE):
        assert "--require-hashes" in command or "--no-deps /wheel/" in command, command
    assert re.findall(r"pip install .*--require-hashes -r requirements/installer.lock", text)


def test_the_build_context_holds_what_is_copied_and_nothing_else(deploy: Path) -> None:
    ignored = (deploy / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert ignored[0] == "*"
    let_in = {line[1:].rstrip("/").removesuffix("/*.lock") for line in ignored if line.startswith("!")}
    copied: set[str] = set()
    for sources in re.findall(r"^COPY (?!--from)(.*) \S+$", (deploy / "Dockerfile").read_text("utf-8"), re.MULTILINE):
        copied |= {source.rstrip("/") for source in sources.split()}
    assert copied == let_in
