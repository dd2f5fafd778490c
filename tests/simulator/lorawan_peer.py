"""The network's side of LoRaWAN 1.0.x, written from TS001 for the tests alone: nothing here is the simulator's."""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulator.aes import cmac, decrypt_block, encrypt_block, xor


@dataclass(frozen=True)
class Request:
    """A JoinRequest."""

    join_eui: str
    dev_eui: str
    dev_nonce: int


@dataclass(frozen=True)
class Up:
    """A data frame of a device, opened."""

    confirmed: bool
    adr: bool
    ack: bool
    f_cnt: int
    f_opts: bytes
    f_port: int | None
    payload: bytes


@dataclass
class Activation:
    """What the network knows of a device that joined."""

    dev_eui: str
    dev_addr: int
    nwk_s_key: bytes
    app_s_key: bytes
    next_up: int = 0
    down: int = 0


def read_request(app_key: bytes, phy: bytes) -> Request:
    assert len(phy) == 23
    assert phy[0] == 0
    assert cmac(app_key, phy[:19])[:4] == phy[19:], "MIC of the JoinRequest"
    return Request(phy[8:0:-1].hex(), phy[16:8:-1].hex(), phy[17] | phy[18] << 8)


def accept(
    app_key: bytes,
    join_nonce: int,
    net_id: int,
    dev_addr: int,
    dl_settings: int,
    rx_delay: int,
    c_f_list: tuple[int, ...] = (),
) -> bytes:
    body = join_nonce.to_bytes(3, "little") + net_id.to_bytes(3, "little") + dev_addr.to_bytes(4, "little")
    body += bytes((dl_settings, rx_delay))
    if c_f_list:
        body += b"".join((hertz // 100).to_bytes(3, "little") for hertz in c_f_list) + b"\0"
    body += cmac(app_key, b"\x20" + body)[:4]
    return b"\x20" + b"".join(decrypt_block(app_key, body[i : i + 16]) for i in range(0, len(body), 16))


def activate(app_key: bytes, request: Request, join_nonce: int, net_id: int, dev_addr: int) -> Activation:
    rest = join_nonce.to_bytes(3, "little") + net_id.to_bytes(3, "little") + request.dev_nonce.to_bytes(2, "little")
    keys = [encrypt_block(app_key, (bytes((kind,)) + rest).ljust(16, b"\0")) for kind in (1, 2)]
    return Activation(request.dev_eui, dev_addr, *keys)


def mic(key: bytes, direction: int, dev_addr: int, f_cnt: int, message: bytes) -> bytes:
    b0 = b"\x49\0\0\0\0" + bytes((direction,)) + dev_addr.to_bytes(4, "little") + f_cnt.to_bytes(4, "little")
    return cmac(key, b0 + bytes((0, len(message))) + message)[:4]


def cipher(key: bytes, direction: int, dev_addr: int, f_cnt: int, data: bytes) -> bytes:
    out = b""
    for number, start in enumerate(range(0, len(data), 16), 1):
        block = b"\x01\0\0\0\0" + bytes((direction,)) + dev_addr.to_bytes(4, "little") + f_cnt.to_bytes(4, "little")
        stream = encrypt_block(key, block + bytes((0, number)))
        part = data[start : start + 16]
        out += xor(part, stream[: len(part)])
    return out


def address(phy: bytes) -> int:
    return int.from_bytes(phy[1:5], "little")


def read_up(device: Activation, phy: bytes) -> Up:
    """Opens a frame of the device; its counter may be that of the frame before (a repetition) or any later one."""
    assert phy[0] in {0x40, 0x80}
    control, low = phy[5], int.from_bytes(phy[6:8], "little")
    lowest = max(device.next_up - 1, 0)
    f_cnt = next(n for n in range(lowest, lowest + 0x10000) if n & 0xFFFF == low)
    assert mic(device.nwk_s_key, 0, device.dev_addr, f_cnt, phy[:-4]) == phy[-4:], "MIC of an uplink"
    end = 8 + (control & 15)
    rest = phy[end:-4]
    port = rest[0] if rest else None
    key = device.nwk_s_key if port == 0 else device.app_s_key
    payload = cipher(key, 0, device.dev_addr, f_cnt, rest[1:])
    return Up(phy[0] == 0x80, bool(control & 0x80), bool(control & 0x20), f_cnt, phy[8:end], port, payload)


def write_down(
    device: Activation,
    *,
    f_opts: bytes = b"",
    ack: bool = False,
    pending: bool = False,
    confirmed: bool = False,
    f_port: int | None = None,
    payload: bytes = b"",
    f_cnt: int | None = None,
) -> bytes:
    """The next frame for the device; counts it unless a counter is given."""
    if f_cnt is None:
        f_cnt = device.down
        device.down += 1
    message = bytes((0xA0 if confirmed else 0x60,)) + device.dev_addr.to_bytes(4, "little")
    message += bytes((len(f_opts) | ack << 5 | pending << 4,)) + (f_cnt & 0xFFFF).to_bytes(2, "little") + f_opts
    if f_port is not None:
        key = device.nwk_s_key if f_port == 0 else device.app_s_key
        message += bytes((f_port,)) + cipher(key, 1, device.dev_addr, f_cnt, payload)
    return message + mic(device.nwk_s_key, 1, device.dev_addr, f_cnt, message)
