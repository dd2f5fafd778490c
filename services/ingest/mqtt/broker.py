"""Where the broker is and how it is spoken to, from the settings: whatever MQTT library does the speaking."""

import ssl
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from services.core.settings import SettingError, Settings


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """``tls`` is None for an open connection, ``user`` for nobody in particular.

    ``text`` is for people: no secret in it.
    """

    host: str
    port: int
    text: str
    user: str | None
    password: str | None
    tls: ssl.SSLContext | None


def broker_address(settings: Settings) -> BrokerAddress:
    """Raises SettingError when the authority's certificate cannot be read."""
    parts = urlsplit(settings.mqtt_url)
    host = parts.hostname or ""
    port = parts.port or (8883 if parts.scheme == "mqtts" else 1883)
    user = unquote(parts.username) if parts.username else None
    secret = settings.mqtt_password
    password = secret.get_secret_value() if secret is not None else unquote(parts.password or "")
    return BrokerAddress(
        host=host,
        port=port,
        text=f"{parts.scheme}://{host}:{port}",
        user=user,
        password=(password or None) if user else None,
        tls=_tls(settings) if parts.scheme == "mqtts" else None,
    )


def _tls(settings: Settings) -> ssl.SSLContext:
    authority = settings.mqtt_ca_file
    try:
        return ssl.create_default_context(cafile=authority)
    except OSError as error:  # ssl.SSLError is one
        raise SettingError(f"TERROIR_MQTT_CA_FILE: {authority}: {error}") from None
