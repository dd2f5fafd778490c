"""API keys `trr_<id>_<secret>`: made once, kept as a hash, checked by the database."""

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import AsyncConnection, Connection
from psycopg.rows import TupleRow, class_row

from services.core.storage.queries import load

SCOPES = ("read", "write", "onboard", "admin")
_KEY = re.compile(r"trr_([a-z0-9]{8,32})_([0-9a-f]{64})", re.ASCII)


class KeyRefused(Exception):
    """A key cannot be made as asked; the message names what is wrong."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A key as presented: its id, and the SHA-256 of its secret."""

    key_id: str
    secret_hash: bytes


@dataclass(frozen=True, slots=True)
class Grant:
    """What a valid key gives: whose it is and what it may do."""

    organisation_id: int
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as listed; its secret is not known to anybody but its holder."""

    id: str
    organisation_id: int
    organisation_name: str
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


def parse_key(text: str) -> Credential | None:
    """The credential in `trr_<id>_<secret>` (secret: 32 bytes in hexadecimal); None when it is no such thing."""
    match = _KEY.fullmatch(text)
    if match is None:
        return None
    return Credential(match[1], hashlib.sha256(bytes.fromhex(match[2])).digest())


def create_key(
    connection: Connection[TupleRow],
    organisation_id: int,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None,
    now: datetime,
) -> str:
    """Make a key and return it whole, the only time it can be. The caller commits.

    Raises KeyRefused for an unknown scope or organisation, or an expiry that is past.
    """
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise KeyRefused(f"scopes: {', '.join(unknown) or 'none given'}; allowed are {', '.join(SCOPES)}")
    if expires_at is not None and expires_at <= now:
        raise KeyRefused(f"expiry {expires_at.isoformat()} has passed")
    key_id, secret = secrets.token_hex(6), secrets.token_bytes(32)
    parameters = {
        "id": key_id,
        "organisation_id": organisation_id,
        "name": name,
        "hash": hashlib.sha256(secret).digest(),
        "scopes": sorted(set(scopes), key=SCOPES.index),
        "now": now,
        "expires_at": expires_at,
    }
    try:
        with connection.transaction():
            connection.execute(load("api_keys")["create_key"], parameters)
    except psycopg.errors.ForeignKeyViolation:
        raise KeyRefused(f"there is no organisation {organisation_id}") from None
    return f"trr_{key_id}_{secret.hex()}"


def list_keys(connection: Connection[TupleRow]) -> list[ApiKey]:
    """Every key, oldest first, revoked and expired ones too."""
    with connection.cursor(row_factory=class_row(ApiKey)) as cursor:
        return cursor.execute(load("api_keys")["all_keys"]).fetchall()


def revoke_key(connection: Connection[TupleRow], key_id: str, now: datetime) -> bool:
    """End a key from now on. False when there is no such key; the caller commits."""
    return connection.execute(load("api_keys")["revoke_key"], {"id": key_id, "now": now}).fetchone() is not None


async def authenticate(connection: AsyncConnection[TupleRow], credential: Credential, now: datetime) -> Grant | None:
    """What the key gives at `now`, None when it is unknown, wrong, expired or revoked.

    Notes the use of the key, so it wants a short transaction of its own that may write.
    """
    parameters = {"id": credential.key_id, "hash": credential.secret_hash, "at": now}
    cursor = await connection.execute(load("api_keys")["authenticate"], parameters)
    row = await cursor.fetchone()
    return None if row is None else Grant(int(row[0]), frozenset(row[1]))


async def enter(
    connection: AsyncConnection[TupleRow], organisation_id: int | None, timeout_ms: int, *, writing: bool = False
) -> None:
    """Begin a request's transaction, read only unless `writing`: what that organisation may see (None: the public)."""
    parameters = {
        "organisation": "" if organisation_id is None else str(organisation_id),
        "timeout": str(timeout_ms),
        "read_only": "off" if writing else "on",
    }
    await connection.execute(load("api_keys")["enter_request"], parameters)
