"""Bodies of `/v1/redecode`: what is asked, how far it is, what it found."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue


class RedecodeRequest(BaseModel):
    """Which stored frames to decode again, and whether to change anything."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [{"model": "milesight/em400", "action": "preview", "from": "2026-03-01T00:00:00+01:00"}]
        },
    )

    model: str = Field(max_length=128, pattern=r"^[a-z0-9._-]+/[a-z0-9._-]+$", examples=["milesight/em400"])
    action: Literal["preview", "apply"] = "preview"
    begin: datetime | None = Field(default=None, alias="from", description="Received from; RFC 3339 with offset.")
    end: datetime | None = Field(default=None, alias="to", description="Received before; now if not given.")
    device: str | None = Field(default=None, pattern="^[0-9a-f]{16}$", description="Of this device only.")


class RedecodeRun(BaseModel):
    """A run; counts grow while it is `working`. `report` is what a preview found."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    run: int = Field(examples=[7])
    action: Literal["preview", "apply"]
    state: Literal["waiting", "working", "done", "failed", "undo_waiting", "undoing", "undone"]
    asked_by: str = Field(description="Id of the key, or `command`.")
    asked_at: datetime
    undo_asked_by: str | None
    undo_asked_at: datetime | None
    finished_at: datetime | None
    model: str
    dev_eui: str | None
    from_at: datetime | None
    to_at: datetime
    frames: int | None = Field(description="Frames in all; null while it has not begun.")
    frames_done: int
    added: int
    removed: int
    changed: int
    unchanged: int
    restored: int = Field(description="Readings brought back by an undo.")
    report: JsonValue
    failure: str | None = Field(description="Why it could not be done.")


class RedecodeRuns(BaseModel):
    """Runs, newest first; `Link: rel=next` leads to older ones."""

    runs: list[RedecodeRun]
