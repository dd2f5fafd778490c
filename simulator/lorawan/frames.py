"""PHYPayloads of LoRaWAN 1.0.x: what a device sends, and what it makes of what it hears.

A frame that is not for this device, or whose MIC is wrong, is None: on air that is ordinary, not an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from hmac import compare_digest

from simulator.lorawan.crypto import DOWN, UP, SessionKeys, aes_encrypt, crypt, data_mic, join_mic

# MHDR (4.2): message type in the three high bits, major version LoRaWAN R1 = 0.
_JOIN_REQUEST = 0x00
_JOIN_ACCEPT = 0x20
_UNCONFIRMED_UP = 0x40
_UNCONFIRMED_DOWN = 0x60
_CONFIRMED_UP = 0x80
_CONFIRMED_DOWN = 0xA0
_ADR, _ACK, _F_PENDING, _F_OPTS_LENGTH = 0x80, 0x20, 0x10, 0x0F  # FCtrl (4.3.1)
F_OPTS_MAX = 15
_MAX_COUNTER = 1 << 32


@dataclass(frozen=True, slots=True)
class JoinAccept:
    """6.2.6. `c_f_list` is empty or has the five frequencies in Hz of its type 0, 0 where there is none."""

    join_nonce: int
    net_id: int
    dev_addr: int
    rx1_dr_offset: int
    rx2_dr: int
    rx_delay: int
    c_f_list: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Downlink:
    """A data frame for this device, opened. `f_port` None: no FRMPayload; 0: `data` are MAC commands."""

    confirmed: bool
    ack: bool
    f_pending: bool
    f_cnt: int
    f_opts: bytes
    f_port: int | None
    data: bytes


def join_request(app_key: bytes, join_eui: str, dev_eui: str, dev_nonce: int) -> bytes:
    """6.2.5; EUIs as text of 16 hexadecimal digits, sent low byte first."""
    message = bytes((_JOIN_REQUEST,))
    message += bytes.fromhex(join_eui)[::-1] + bytes.fromhex(dev_eui)[::-1] + dev_nonce.to_bytes(2, "little")
    return message + join_mic(app_key, message)


def open_join_accept(app_key: bytes, phy: bytes) -> JoinAccept | None:
    """6.2.6: the network decrypts to encrypt, so a device needs AES encryption only."""
    if len(phy) not in {17, 33} or phy[0] != _JOIN_ACCEPT:
        return None
    message = phy[:1] + aes_encrypt(app_key, phy[1:])
    if not compare_digest(join_mic(app_key, message[:-4]), message[-4:]):
        return None
    body = message[1:-4]
    return JoinAccept(
        join_nonce=int.from_bytes(body[0:3], "little"),
        net_id=int.from_bytes(body[3:6], "little"),
        dev_addr=int.from_bytes(body[6:10], "little"),
        rx1_dr_offset=body[10] >> 4 & 7,
        rx2_dr=body[10] & 0x0F,
        rx_delay=(body[11] & 0x0F) or 1,  # 5.7: 0 means 1 s
        c_f_list=_frequencies(body[12:]),
    )


def _frequencies(c_f_list: bytes) -> tuple[int, ...]:
    """RP002, Join-Accept CFList: five frequencies in steps of 100 Hz when CFListType, the last byte, is 0."""
    if len(c_f_list) != 16 or c_f_list[15] != 0:
        return ()
    return tuple(int.from_bytes(c_f_list[i : i + 3], "little") * 100 for i in range(0, 15, 3))


def data_up(
    keys: SessionKeys,
    dev_addr: int,
    f_cnt: int,
    f_port: int | None,
    data: bytes,
    *,
    f_opts: bytes = b"",
    confirmed: bool = False,
    ack: bool = False,
    adr: bool = False,
) -> bytes:
    """4.3: a data frame; our devices leave the ADR bit off. `f_cnt` has 32 bits, of which 16 go on air.

    Raises:
        ValueError: FOpts that do not fit, or beside MAC commands in FRMPayload (4.3.1.6).
    """
    if len(f_opts) > F_OPTS_MAX or (f_opts and f_port == 0):
        raise ValueError("MAC commands go into FOpts, at most 15 bytes, or into FRMPayload with FPort 0")
    message = bytes((_CONFIRMED_UP if confirmed else _UNCONFIRMED_UP,)) + dev_addr.to_bytes(4, "little")
    message += (
        bytes((len(f_opts) | (_ACK if ack else 0) | (_ADR if adr else 0),))
        + (f_cnt & 0xFFFF).to_bytes(2, "little")
        + f_opts
    )
    if f_port is not None:
        key = keys.nwk_s_key if f_port == 0 else keys.app_s_key
        message += bytes((f_port,)) + crypt(key, UP, dev_addr, f_cnt, data)
    return message + data_mic(keys.nwk_s_key, UP, dev_addr, f_cnt, message)


def open_data_down(keys: SessionKeys, dev_addr: int, next_f_cnt: int, phy: bytes) -> Downlink | None:
    """4.3: `next_f_cnt` is the lowest counter (32 bits) not yet used; the 16 bits on air are completed from it."""
    if len(phy) < 12 or phy[0] not in {_UNCONFIRMED_DOWN, _CONFIRMED_DOWN}:
        return None
    if int.from_bytes(phy[1:5], "little") != dev_addr:
        return None
    f_ctrl = phy[5]
    f_cnt = full_counter(next_f_cnt, int.from_bytes(phy[6:8], "little"))
    message, mic = phy[:-4], phy[-4:]
    end = 8 + (f_ctrl & _F_OPTS_LENGTH)
    if f_cnt >= _MAX_COUNTER or end > len(message):
        return None
    if not compare_digest(data_mic(keys.nwk_s_key, DOWN, dev_addr, f_cnt, message), mic):
        return None
    f_port = message[end] if end < len(message) else None
    data = b""
    if f_port is not None:
        data = crypt(keys.nwk_s_key if f_port == 0 else keys.app_s_key, DOWN, dev_addr, f_cnt, message[end + 1 :])
    return Downlink(
        confirmed=phy[0] == _CONFIRMED_DOWN,
        ack=bool(f_ctrl & _ACK),
        f_pending=bool(f_ctrl & _F_PENDING),
        f_cnt=f_cnt,
        f_opts=message[8:end],
        f_port=f_port,
        data=data,
    )


def full_counter(lowest: int, on_air: int) -> int:
    """4.3.1.5: the smallest counter that is not below `lowest` and ends in these 16 bits."""
    return lowest + ((on_air - lowest) & 0xFFFF)
