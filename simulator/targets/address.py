"""Addresses of MQTT brokers."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from simulator.errors import TargetError


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker is and how to sign in; files are PEM."""

    host: str
    port: int
    tls: bool
    username: str | None
    password: str | None
    ca: str | None
    certificate: str | None
    key: str | None


def broker_address(url: str) -> BrokerAddress:
    """Reads `mqtt://[user[:password]@]host[:port]` or `mqtts://...[?ca=FILE&cert=FILE&key=FILE]`.

    Raises:
        TargetError: naming what is wrong, without the password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise TargetError(f"not an MQTT address: {error}; expected mqtt://host:1883 or mqtts://host:8883") from error
    if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname or parts.path not in {"", "/"}:
        raise TargetError("not an MQTT address; expected mqtt://[user:password@]host:1883 or mqtts://host:8883")
    files = parse_qs(parts.query)
    unknown = sorted(set(files) - {"ca", "cert", "key"})
    if unknown:
        raise TargetError(f"MQTT address: unknown option {unknown[0]!r}; allowed: ca, cert, key")
    tls = parts.scheme == "mqtts"
    return BrokerAddress(
        host=parts.hostname,
        port=port or (8883 if tls else 1883),
        tls=tls,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        ca=files.get("ca", [None])[0],
        certificate=files.get("cert", [None])[0],
        key=files.get("key", [None])[0],
    )


def tls_context(address: BrokerAddress) -> ssl.SSLContext:
    """What a TLS connection to the broker trusts and shows.

    Raises:
        TargetError: a file that cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=address.ca)
        if address.certificate:
            context.load_cert_chain(address.certificate, address.key)
    except OSError as error:  # ssl.SSLError is one
        raise TargetError(f"MQTT over TLS: {error}; check the ca, cert and key files of the address") from error
    return context
