"""Bodies of `/v1/ledger`."""

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from services.core.storage.ledger import By, Line, Platform, Question


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True)


class LedgerLine(_Body):
    """What came, of what was sent and expected. Shares are per cent, null where there is nothing to divide by."""

    day: date | None = Field(description="With by=day.", examples=["2026-11-02"])
    dev_eui: str | None = Field(description="With by=device, or for one device.", examples=["24e124710c123456"])
    name: str | None = Field(description="Of the device, if it is still yours.")
    device_days: int = Field(description="Devices, each counted once a day.", examples=[1])
    silent_days: int = Field(description="Of those, where something was expected and nothing came.", examples=[0])
    expected: int = Field(description="Reports that fell due.", examples=[144])
    available: int = Field(description="Of those expected, how many came.", examples=[142])
    availability_percent: float | None = Field(examples=[98.611])
    received: int = Field(description="Frames stored, each once.", examples=[142])
    sent: int = Field(description="By frame counters.", examples=[144])
    lost: int = Field(description="On air, by frame counters.", examples=[2])
    lost_percent: float | None = Field(examples=[1.389])
    sessions: int = Field(description="LoRaWAN sessions that began.", examples=[0])
    duplicates: int = Field(description="Deliveries of a message that was there already.", examples=[0])
    repeats: int = Field(description="Frames sent again by radio.", examples=[0])
    late: int = Field(examples=[0])
    quarantined: int = Field(examples=[0])
    replayed: int = Field(description="Of those in quarantine, stored since.", examples=[0])
    undecodable: int = Field(description="Received, and refused by the decoder.", examples=[0])
    undeclared: int = Field(description="Received before anybody had declared the device.", examples=[0])


class PlatformLine(_Body):
    """Messages of the whole platform: accepted = stored + quarantined."""

    accepted: int = Field(examples=[48211])
    stored: dict[str, int] = Field(description="By event.", examples=[{"up": 48100, "join": 90}])
    quarantined: dict[str, int] = Field(description="By reason.", examples=[{"malformed": 21}])
    replayed: int = Field(examples=[0])
    duplicate: int = Field(description="Deliveries again, not among those accepted.", examples=[112])
    lost: int = Field(description="Acknowledged without an outcome; 0 unless something is badly wrong.", examples=[0])
    qos_0: int = Field(description="Published at quality 0: nobody keeps those while ingest is away.", examples=[0])
    qos_0_dropped: int = Field(examples=[0])
    sessions_lost: int = Field(description="Times the broker had forgotten our queue.", examples=[0])


class Ledger(_Body):
    """A page of lines; `Link: rel=next` leads to the next one."""

    first: date = Field(serialization_alias="from", description="First day, in Europe/Paris.", examples=["2026-11-02"])
    last: date = Field(serialization_alias="to", description="Last day, included.", examples=["2026-11-08"])
    by: By = Field(examples=["device"])
    lines: list[LedgerLine]
    platform: PlatformLine | None = Field(description="For the organisation that runs the platform, else null.")


def body(question: Question, lines: list[Line], platform: Platform | None) -> Ledger:
    return Ledger(
        first=question.first,
        last=question.last,
        by=question.by,
        lines=[_line(line) for line in lines],
        platform=None if platform is None else _platform(platform),
    )


def _line(line: Line) -> LedgerLine:
    return LedgerLine(
        day=line.day,
        dev_eui=line.dev_eui,
        name=line.name,
        device_days=line.device_days,
        silent_days=line.silent_days,
        expected=line.expected,
        available=line.available,
        availability_percent=_rounded(line.availability),
        received=line.received,
        sent=line.sent,
        lost=line.lost,
        lost_percent=_rounded(line.lost_share),
        sessions=line.sessions,
        duplicates=line.duplicates,
        repeats=line.repeats,
        late=line.late,
        quarantined=line.quarantined,
        replayed=line.replayed,
        undecodable=line.refused,
        undeclared=line.unknown,
    )


def _platform(platform: Platform) -> PlatformLine:
    return PlatformLine(
        accepted=platform.accepted,
        stored=platform.detail("stored"),
        quarantined=platform.detail("quarantined"),
        replayed=platform.replayed,
        duplicate=platform.of("duplicate"),
        lost=platform.lost,
        qos_0=platform.of("qos_0"),
        qos_0_dropped=platform.of("qos_0_dropped"),
        sessions_lost=platform.of("sessions_lost"),
    )


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 3)
