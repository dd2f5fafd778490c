"""What settings look like: addresses of other services, and lengths of time."""

from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import BeforeValidator, SecretStr


def mqtt_url(url: str) -> str:
    """Raises ValueError, as all of these do."""
    parts = urlsplit(url)
    if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
        raise ValueError("must look like mqtt://[user:password@]host[:1883] or mqtts://host[:8883]")
    return url


def amqp_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"amqp", "amqps"} or not parts.hostname:
        raise ValueError("must look like amqp://[user:password@]host[:5672][/virtual-host] or amqps://host[:5671]")
    return url


def redis_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"redis", "rediss"} or not parts.hostname or not (parts.path.strip("/") or "0").isdigit():
        raise ValueError("must look like redis://host[:6379][/0] or rediss://user@host[:6379]: ChirpStack's Redis")
    return url


def postgres_url(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("postgresql://", "postgres://")):
        raise ValueError("must look like postgresql://user:password@host:5432/database")
    try:
        conninfo_to_dict(url.get_secret_value())
    except ProgrammingError:
        # The library's own words would quote the part, which may be the password.
        raise ValueError(
            "must look like postgresql://user:password@host:5432/database; "
            "a part of it is not understood (%, @, / and : within a part are written %25, %40, %2F and %3A)"
        ) from None
    return url


def _seconds(duration: object) -> object:
    """A plain number is seconds, also where it is text, as the environment gives it; the rest is ISO 8601."""
    if isinstance(duration, str):
        try:
            return float(duration)
        except ValueError:
            return duration
    return duration


Duration = Annotated[timedelta, BeforeValidator(_seconds)]
