"""`terroir status`: what runs on what, and whether it is well."""

import socket
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from services.commands.failure import Failure
from services.commands.store import database_url, place, reaching, read_settings

if TYPE_CHECKING:
    from services.core.settings import Settings

SILENT_AFTER = timedelta(hours=1)
BEHIND_AFTER = timedelta(minutes=5)


@click.command(
    short_help="Show settings, and whether all is well.", epilog="Example: terroir status || echo 'call the operator'"
)
def status() -> None:
    """Show the effective settings, the database, the source of events and how fresh the data is.

    Passwords are left out. Exit status 1 when something is unwell: the database or the source (the broker, RabbitMQ, or
    ingest's own port for webhooks: TERROIR_SOURCE) cannot be reached, the
    schema is older than this release, nothing came for an hour, a consumer of changes is five minutes behind, nobody
    serves a session the broker keeps, ingest has halted rather than fill the quarantine, the quarantine has grown
    large, a decoder crashes, or more new gateways are heard than are taken up.
    """
    settings = read_settings()
    click.echo("Settings")
    for name, value in shown_settings(settings).items():
        click.echo(f"  {name:28} {value}".rstrip())
    click.echo("\nState")
    unwell: list[str] = []
    for check in (_database, _source):
        try:
            check(settings, unwell)
        except Failure as failure:
            unwell.append(failure.message)
    for trouble in unwell:
        click.echo(f"  UNWELL: {trouble}")
    if unwell:
        raise SystemExit(1)
    click.echo("  all is well")


def shown_settings(settings: "Settings") -> dict[str, str]:
    """Every setting by its environment variable, without secrets."""
    from services.core.settings import PREFIX

    values = {name: getattr(settings, name) for name in type(settings).model_fields}
    values["database_url"] = without_password(database_url(settings))
    values["mqtt_url"] = without_password(settings.mqtt_url)
    values["amqp_url"] = without_password(settings.amqp_url)
    if settings.heal_url is not None:
        values["heal_url"] = without_password(settings.heal_url)
    return {PREFIX + name.upper(): "" if value is None else str(value) for name, value in values.items()}


def without_password(url: str) -> str:
    """The address with its password, if any, made unreadable."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return url.replace(f":{parts.password}@", ":***@", 1)


def _database(settings: "Settings", unwell: list[str]) -> None:
    from services.commands.troubles import show_new_gateways, show_troubles
    from services.core.clock import system_clock
    from services.core.storage.changes import lag
    from services.core.storage.connect import connect
    from services.core.storage.grade import detect
    from services.core.storage.ingest_sessions import unattended_sessions
    from services.core.storage.migrate import check
    from services.core.storage.queries import load

    url = database_url(settings)
    with reaching(url):
        with connect(url) as connection:
            server = detect(connection)
        click.echo(f"  database: {place(url)}: {server.describe()}")
        if server.hint:
            click.echo(f"            {server.hint}")
        check(url)
        click.echo("  schema: up to date")
        now = system_clock()
        with connect(url, role="terroir_service") as connection:
            show_troubles(connection, now, unwell)
            show_new_gateways(connection, settings.new_gateways_per_day, now, unwell)
            cursor = connection.execute(load("console")["counts"])
            names = [column.name for column in cursor.description or ()]
            counts = cursor.fetchone() or ()
            newest = connection.execute(load("console")["last_change"]).fetchone()
            lags = lag(connection)
            unattended = unattended_sessions(connection, system_clock())
    click.echo("  holds: " + ", ".join(f"{n} {name.replace('_', ' ')}" for n, name in zip(counts, names, strict=True)))
    unwell.extend(session.warning(settings.mqtt_session_expiry) for session in unattended)
    _freshness(newest[0] if newest else None, now, unwell)
    for consumer in lags:
        behind = timedelta(0) if consumer.oldest is None else now - consumer.oldest
        click.echo(f"  changes: {consumer.consumer} has {consumer.batches} to read")
        if behind > BEHIND_AFTER:
            unwell.append(f"{consumer.consumer} is {_age(behind)} behind: is terroir worker running?")


def _freshness(newest: datetime | None, now: datetime, unwell: list[str]) -> None:
    if newest is None:
        click.echo("  last change: none yet")
        return
    age = now - newest
    click.echo(f"  last change: {_age(age)} ago")
    if age > SILENT_AFTER:
        unwell.append(f"nothing was stored for {_age(age)}: is terroir ingest running, and ChirpStack?")


def _source(settings: "Settings", unwell: list[str]) -> None:
    """Whatever events come from; webhooks are posted to ingest itself, so that it is asked whether it listens."""
    match settings.source:
        case "mqtt":
            parts = urlsplit(settings.mqtt_url)
            port = parts.port or (8883 if parts.scheme == "mqtts" else 1883)
            _probe("broker", parts.hostname or "", port, "check TERROIR_MQTT_URL", unwell)
        case "amqp":
            parts = urlsplit(settings.amqp_url)
            port = parts.port or (5671 if parts.scheme == "amqps" else 5672)
            _probe("RabbitMQ", parts.hostname or "", port, "check TERROIR_AMQP_URL", unwell)
        case "http":
            host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.http_host, settings.http_host)  # noqa: S104
            cure = "is terroir ingest running? check TERROIR_HTTP_HOST and TERROIR_HTTP_PORT"
            _probe("webhook source", host, settings.http_port, cure, unwell)


def _probe(what: str, host: str, port: int, cure: str, unwell: list[str]) -> None:
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError as error:
        unwell.append(f"cannot reach the {what} at {where}: {error.strerror or error}; {cure}")
    else:
        click.echo(f"  {what}: {where} answers")


def _age(age: timedelta) -> str:
    seconds = int(age.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
