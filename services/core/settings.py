"""What can be set, by environment (``TERROIR_DATABASE_URL=...``) or in a TOML file named by ``TERROIR_CONFIG``.

Built once by the command and passed on; nothing reads the environment later.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from typing_extensions import override

from services.core import settings_forms as forms
from services.core.settings_forms import Duration

CONFIG_VARIABLE = "TERROIR_CONFIG"
PREFIX = "TERROIR_"
_UNKNOWN = "no such setting; terroir status lists them all"


class SettingError(Exception):
    """A setting is wrong. The message is one line that names it and says what is allowed."""


class Settings(BaseSettings):
    """Every setting with its default. Durations are seconds or ISO 8601 (``P31D``)."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    database_url: Annotated[SecretStr, AfterValidator(forms.postgres_url)] = Field(
        default=SecretStr("postgresql:///terroir"), description="The PostgreSQL database."
    )
    source: Literal["mqtt", "http", "amqp"] = Field(
        default="mqtt", description="Where ingest takes events from: an MQTT broker, webhooks that post them, RabbitMQ."
    )
    mqtt_url: Annotated[str, AfterValidator(forms.mqtt_url)] = Field(
        default="mqtt://127.0.0.1:1883", description="The broker ChirpStack publishes to."
    )
    mqtt_password: SecretStr | None = Field(default=None, description="Password for the user named in mqtt_url.")
    mqtt_ca_file: Path | None = Field(
        default=None, description="Authority that signed the broker's certificate (mqtts)."
    )
    mqtt_topic: str = Field(
        default="application/+/device/+/event/+",
        description="Filter of ChirpStack's events; $share/GROUP/... shares it between ingests on several machines.",
    )
    mqtt_client_id: str = Field(
        default="terroir-ingest-0",
        min_length=1,
        max_length=64,
        description="Stable name of this ingest, whatever its workers; the broker keeps its queue under it.",
    )
    mqtt_client: Literal["fast", "paho"] = Field(
        default="fast", description="What speaks MQTT: our own client, or paho-mqtt; both keep the same promises."
    )
    mqtt_session_expiry: Duration = Field(
        default=timedelta(days=7), description="How long the broker keeps our queue while ingest is away."
    )
    mqtt_receive_maximum: int = Field(
        default=2000,
        ge=1,
        le=65535,
        description="Messages the broker may send ahead of our acknowledgements; for each of several workers as many.",
    )
    http_host: str = Field(default="127.0.0.1", description="Address the webhook source listens on.")
    http_port: int = Field(default=8010, ge=0, le=65535, description="Port of the webhook source.")
    http_token: SecretStr | None = Field(
        default=None, description="What senders must know: `Authorization: Bearer TOKEN`; at least 16 characters."
    )
    amqp_url: Annotated[str, AfterValidator(forms.amqp_url)] = Field(
        default="amqp://127.0.0.1:5672", description="The RabbitMQ that ChirpStack publishes to."
    )
    amqp_password: SecretStr | None = Field(default=None, description="Password for the user named in amqp_url.")
    amqp_queue: str = Field(
        default="terroir", min_length=1, max_length=200, description="Our queue there; several processes share it."
    )
    heal_url: Annotated[str, AfterValidator(forms.redis_url)] | None = Field(
        default=None,
        description="ChirpStack's Redis, from which ingest fetches events that did not come; unset: none.",
    )
    heal_password: SecretStr | None = Field(default=None, description="Password of that Redis.")
    heal_prefix: str = Field(default="", description="The `key_prefix` of ChirpStack's `[redis]`.")
    heal_interval: Duration = Field(
        default=timedelta(seconds=60),
        gt=timedelta(0),
        description="How often they are compared, beside at start and after every reconnect to the broker.",
    )
    heal_after: Duration = Field(
        default=timedelta(seconds=30),
        ge=timedelta(0),
        description="Age at which an event that did not come by the ordinary way is missing.",
    )
    encoding: Literal["auto", "json", "protobuf"] = Field(
        default="auto", description="How ChirpStack writes its events; auto looks at each message."
    )
    batch_messages: int = Field(
        default=1000, ge=1, le=20000, description="Messages stored in one transaction, at most."
    )
    batch_wait: Duration = Field(
        default=timedelta(milliseconds=50), description="How long a batch waits for company.", gt=timedelta(0)
    )
    clock_tolerance: Duration = Field(
        default=timedelta(seconds=120),
        description="How far an event's time may lie from the network's receive time before that is used instead.",
    )
    late_limit: Duration = Field(
        default=timedelta(days=31),
        description="Values older than this when received are kept as frames, not readings.",
    )
    late_after: Duration = Field(default=timedelta(hours=1), description="Values older than this are flagged as late.")
    repeat_window: Duration = Field(
        default=timedelta(minutes=2),
        description="Within this, an equal frame under another id is a repetition.",
    )
    new_gateways_per_day: int = Field(
        default=1000,
        ge=0,
        description="Gateways never heard before that ingest takes up within 24 hours; those beyond count as one.",
    )
    quarantine_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Ingest stops, acknowledging nothing, rather than quarantine the frames of more than this share of"
        " the declared devices it heard last; 1: never.",
    )
    quarantine_retention: Duration = Field(
        default=timedelta(days=400),
        gt=timedelta(0),
        description="How long messages stay in quarantine, and frames wait for their device to be declared.",
    )
    resolved_retention: Duration = Field(
        default=timedelta(days=30),
        gt=timedelta(0),
        description="How long messages stay listed in quarantine after a replay has mended them.",
    )
    seen_retention: Duration = Field(
        default=timedelta(days=60),
        description="How long idempotency keys are kept; longer than any queue or late frame.",
    )
    batch_retention: Duration = Field(default=timedelta(days=30), description="How long the change feed is kept.")
    ledger_retention: Duration = Field(
        default=timedelta(days=3653),
        description="How long the ledger is kept; longer than any late frame.",
    )
    worker_interval: Duration = Field(
        default=timedelta(seconds=5),
        gt=timedelta(0),
        description="How often the worker looks for new changes.",
    )
    host: str = Field(default="127.0.0.1", description="Address the API listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port of the API.")
    metrics_host: str = Field(default="127.0.0.1", description="Address ingest and worker serve /metrics on.")
    ingest_metrics_port: int | None = Field(
        default=None, ge=0, le=65535, description="Port of ingest's /metrics; unset: none."
    )
    worker_metrics_port: int | None = Field(default=None, ge=0, le=65535, description="Port of the worker's /metrics.")
    map_tiles: str | None = Field(
        default="https://data.geopf.fr/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0"
        "&LAYER=GEOGRAPHICALGRIDSYSTEMS.PLANIGNV2&STYLE=normal&FORMAT=image/png"
        "&TILEMATRIXSET=PM&TILEMATRIX={z}&TILEROW={y}&TILECOL={x}",
        description="Map background, an XYZ template; empty: none.",
    )
    map_attribution: str = Field(default="© IGN – Géoplateforme", description="Credit shown on the map.")
    log_format: Literal["console", "json"] = Field(default="console", description="How log lines are written.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least level logged.")

    @model_validator(mode="after")
    def _keys_outlive_what_they_guard(self) -> Self:
        longest = max(self.mqtt_session_expiry, self.late_limit)
        if self.seen_retention <= longest:
            raise ValueError(
                f"{PREFIX}SEEN_RETENTION: must be longer than {PREFIX}MQTT_SESSION_EXPIRY and {PREFIX}LATE_LIMIT "
                f"(more than {longest.total_seconds() / 86400:g} days), or a late copy would be stored again"
            )
        if self.ledger_retention <= self.late_limit:
            raise ValueError(f"{PREFIX}LEDGER_RETENTION: must be longer than {PREFIX}LATE_LIMIT")
        return self

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del dotenv_settings, file_secret_settings
        config = os.environ.get(CONFIG_VARIABLE)
        if config is None:
            return init_settings, env_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, Path(config))


def load() -> Settings:
    """The effective settings. Raises ``SettingError`` naming the first wrong one."""
    config = os.environ.get(CONFIG_VARIABLE)
    if config is not None and not Path(config).is_file():
        raise SettingError(f"{CONFIG_VARIABLE}: there is no file {config}")
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {CONFIG_VARIABLE, "TERROIR_CACHE"}
    for name in os.environ:
        if name.startswith(PREFIX) and name not in known:
            raise SettingError(f"{name}: {_UNKNOWN}")
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        message = _UNKNOWN if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
        # What concerns several settings has no place of its own, and names them itself.
        name = PREFIX + "_".join(str(part) for part in first["loc"]).upper()
        raise SettingError(f"{name}: {message}" if first["loc"] else message) from None
    except ValueError as error:
        raise SettingError(f"{config}: not a TOML file: {error}") from None
