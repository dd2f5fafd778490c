"""`terroir keys`: API keys of organisations."""

from datetime import datetime, timedelta

import click

from services.commands.failure import Failure, told
from services.commands.store import opened, read_settings
from services.commands.tables import show_table


@click.group()
def keys() -> None:
    """API keys: who may ask for what."""


@keys.command(epilog="Example: terroir keys create 'Bonson' 'GIS of the commune' --scope read --days 365")
@click.argument("organisation")
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, help="read, write, onboard or admin; may be repeated [default: read]."
)
@click.option("--days", type=click.IntRange(1), help="How long the key is valid; for ever if not given.")
def create(organisation: str, name: str, scopes: tuple[str, ...], days: int | None) -> None:
    """Make a key for ORGANISATION (its name, its path from the root or its number) and show it, once.

    NAME says what the key is for.
    """
    from services.core.clock import system_clock
    from services.core.storage.api_keys import KeyRefused, create_key
    from services.core.storage.queries import load

    now = system_clock()
    with opened(read_settings()) as connection, told(KeyRefused):
        organisations = connection.execute(load("console")["organisations"]).fetchall()
        number = find_organisation(organisation, [(row[0], row[1]) for row in organisations])
        expires_at = now + timedelta(days=days) if days else None
        key = create_key(connection, number, name, scopes or ("read",), expires_at, now)
    click.echo("Keep this key now; it is not shown again:", err=True)
    click.echo(key)


def find_organisation(wanted: str, organisations: list[tuple[int, str]]) -> int:
    """The number of the organisation of that number, path or name. Raises Failure when there is none or several."""
    found = [(n, path) for n, path in organisations if wanted in (str(n), path, path.rsplit(" > ", 1)[-1])]
    if len(found) == 1:
        return found[0][0]
    if found:
        raise Failure(f"several organisations are called {wanted}: {', '.join(path for _, path in found)}")
    known = ", ".join(path for _, path in organisations) or "none yet: terroir devices import makes them"
    raise Failure(f"there is no organisation {wanted}; known are: {known}")


@keys.command("list", epilog="Example: terroir keys list")
def list_keys() -> None:
    """Every key: whose it is, what it may do, when it was last used."""
    from services.core.clock import system_clock
    from services.core.storage.api_keys import list_keys as all_keys

    with opened(read_settings()) as connection:
        found = all_keys(connection)
    now = system_clock()
    show_table(
        ("id", "organisation", "name", "scopes", "created", "last used", "state"),
        [
            (
                key.id,
                key.organisation_name,
                key.name,
                ",".join(key.scopes),
                f"{key.created_at:%F}",
                f"{key.last_used_at:%F %R}" if key.last_used_at else "never",
                _state(key.revoked_at, key.expires_at, now),
            )
            for key in found
        ],
    )


def _state(revoked_at: datetime | None, expires_at: datetime | None, now: datetime) -> str:
    if revoked_at is not None:
        return f"revoked {revoked_at:%F}"
    if expires_at is None:
        return "valid"
    return f"{'valid until' if expires_at > now else 'expired'} {expires_at:%F}"


@keys.command(epilog="Example: terroir keys revoke 3f9a1c20b7de")
@click.argument("key", metavar="ID")
def revoke(key: str) -> None:
    """End a key at once. ID stands in the list, and in the key itself: trr_<ID>_..."""
    from services.core.clock import system_clock
    from services.core.storage.api_keys import revoke_key

    with opened(read_settings()) as connection:
        known = revoke_key(connection, key, system_clock())
    if not known:
        raise Failure(f"there is no key {key}; terroir keys list shows them all")
    click.echo(f"the key {key} is revoked")
