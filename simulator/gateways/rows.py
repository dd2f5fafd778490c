"""What the manifest keeps of a frame of a device."""

from __future__ import annotations

from simulator.gateways.airlog import Sent
from simulator.gateways.field import Field
from simulator.lorawan.channels import spreading_factor
from simulator.lorawan.transmission import Transmission
from simulator.message import Message

_DEV_STATUS_ANS = 0x06


def row_of(one: Field, sent: Transmission, gateways: int) -> Sent:
    """Its row in `transmission`, without the message it belongs to."""
    return Sent(
        None,
        one.device.dev_eui,
        "join" if sent.f_cnt is None else "data",
        None if sent.dev_addr is None else f"{sent.dev_addr:08x}",
        sent.f_cnt,
        sent.attempt,
        sent.end,
        sent.frequency,
        spreading_factor(sent.data_rate),
        sent.airtime,
        gateways,
        sent.phy,
        sum(answer[0] == _DEV_STATUS_ANS for answer in sent.answers),
    )


def message_of(one: Field, sent: Transmission, gateways: int) -> Message:
    """Its row in `message`, which is made when the frame is heard first."""
    payload = sent.payload
    message = Message(
        topic=one.station.identity.topic("up"),
        event="up",
        dev_eui=one.device.dev_eui,
        deduplication_id=None,
        body=sent.phy,
        time=sent.end,
        dev_addr=f"{sent.dev_addr:08x}",
        declared=one.station.device.point.device.declared,
        f_cnt=sent.f_cnt,
        f_port=sent.f_port or 0,
        payload=b"" if payload is None else payload.data,
        gateways=gateways,
        truths=() if payload is None else payload.truths,
        shown=() if payload is None else payload.shown,
    )
    one.message = (sent.f_cnt or 0, message)
    return message


def is_current(one: Field, sent: Transmission) -> bool:
    """Whether that frame is the device's last in its session."""
    session = one.device.state.session
    return session is not None and (session.dev_addr, session.f_cnt_up) == (sent.dev_addr, (sent.f_cnt or 0) + 1)
