"""Debian 13's own programs, unpacked without root, so that what deploy/ configures is run and nothing is skipped."""

from pathlib import Path

import pytest

from services.demo.debian import Software, unpacked

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.fixture(scope="session")
def deploy() -> Path:
    """The folder under test."""
    return DEPLOY


@pytest.fixture(scope="session")
def systemd_analyze() -> Path:
    return _program(Software("systemd", ("systemd",), "usr/bin/systemd-analyze"))


@pytest.fixture(scope="session")
def caddy() -> Path:
    return _program(Software("caddy", ("caddy",), "usr/bin/caddy"))


@pytest.fixture(scope="session")
def docker_compose() -> Path:
    """Its parser and checks need no Docker engine."""
    return _program(Software("docker-compose", ("docker-compose",), "usr/libexec/docker/cli-plugins/docker-compose"))


@pytest.fixture(scope="session")
def mosquitto_tools() -> Path:
    """The folder that holds sbin/mosquitto and bin/mosquitto_passwd."""
    return unpacked(Software("mosquitto-tools", ("mosquitto",), "usr/*bin/mosquitto*"), lambda _: None) / "usr"


def _program(software: Software) -> Path:
    return unpacked(software, lambda _: None) / software.programs
