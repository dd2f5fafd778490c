"""Frames equal the published vectors byte for byte, and a peer with cryptography of its own opens them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.lorawan.crypto import SessionKeys, session_keys
from simulator.lorawan.frames import data_up, full_counter, join_request, open_data_down, open_join_accept
from tests.simulator import aes, lorawan_peer

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "gateway" / "vectors.json").read_text())
KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")  # of FIPS-197 and of RFC 4493
MESSAGE = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
KEYS = st.builds(SessionKeys, st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16))
COUNTERS = st.integers(0, 2**32 - 1)
ADDRESSES = st.integers(0, 2**32 - 1)


def test_the_peers_aes_is_that_of_fips_197() -> None:
    """Appendix B and C.1."""
    plain = bytes.fromhex("3243f6a8885a308d313198a2e0370734")
    assert aes.encrypt_block(KEY, plain).hex() == "3925841d02dc09fbdc118597196a0b32"
    key, plain = bytes(range(16)), bytes.fromhex("00112233445566778899aabbccddeeff")
    assert aes.encrypt_block(key, plain).hex() == "69c4e0d86a7b0430d8cdb78070b4c55a"
    assert aes.decrypt_block(key, bytes.fromhex("69c4e0d86a7b0430d8cdb78070b4c55a")) == plain


@pytest.mark.parametrize(
    ("length", "mac"),
    [
        (0, "bb1d6929e95937287fa37d129b756746"),
        (16, "070a16b46b4d4144f79bdd9dd04a287c"),
        (40, "dfa66747de9ae63030ca32611497c827"),
        (64, "51f0bebf7e3b9d92fc49741779363cfe"),
    ],
)
def test_the_peers_cmac_is_that_of_rfc_4493(length: int, mac: str) -> None:
    assert aes.cmac(KEY, MESSAGE[:length]).hex() == mac


def test_join_request_equals_the_vector() -> None:
    v = VECTORS["join_request"]
    assert join_request(bytes.fromhex(v["nwk_key"]), v["join_eui"], v["dev_eui"], v["dev_nonce"]).hex() == v["phy"]


def test_join_accept_of_the_vector_is_opened_and_gives_its_keys() -> None:
    v = VECTORS["join_accept_1_0"]
    key = bytes.fromhex(v["nwk_key"])
    accept = open_join_accept(key, bytes.fromhex(v["phy"]))
    assert accept is not None
    assert accept.join_nonce == v["fields"]["join_nonce"]
    assert accept.net_id == int(v["fields"]["net_id"], 16)
    assert accept.dev_addr == int(v["fields"]["dev_addr"], 16)
    assert (accept.rx1_dr_offset, accept.rx2_dr, accept.rx_delay, accept.c_f_list) == (0, 0, 1, ())
    keys = session_keys(key, accept.join_nonce, accept.net_id, v["dev_nonce"])
    assert (keys.nwk_s_key.hex(), keys.app_s_key.hex()) == (v["nwk_s_key"], v["app_s_key"])


@pytest.mark.parametrize(
    ("name", "confirmed", "adr"), [("confirmed_up", True, False), ("unconfirmed_up_fcnt_65537", False, True)]
)
def test_uplinks_equal_the_vectors(name: str, confirmed: bool, adr: bool) -> None:
    v = VECTORS[name]
    keys = SessionKeys(bytes.fromhex(v["nwk_s_key"]), bytes.fromhex(v["app_s_key"]))
    phy = data_up(
        keys,
        int(v["dev_addr"], 16),
        v["f_cnt"],
        v["f_port"],
        bytes.fromhex(v["data"]),
        f_opts=bytes.fromhex(v.get("f_opts", "")),
        confirmed=confirmed,
        adr=adr,
    )
    assert phy.hex() == v["phy"]


@settings(max_examples=40, deadline=None)
@given(
    KEYS,
    ADDRESSES,
    COUNTERS,
    st.none() | st.integers(0, 255),
    st.binary(max_size=222),
    st.binary(max_size=15),
    st.booleans(),
    st.booleans(),
)
def test_the_peer_reads_every_uplink(
    keys: SessionKeys,
    dev_addr: int,
    f_cnt: int,
    f_port: int | None,
    data: bytes,
    f_opts: bytes,
    confirmed: bool,
    ack: bool,
) -> None:
    f_opts = b"" if f_port == 0 else f_opts
    data = b"" if f_port is None else data
    phy = data_up(keys, dev_addr, f_cnt, f_port, data, f_opts=f_opts, confirmed=confirmed, ack=ack)
    peer = lorawan_peer.Activation("", dev_addr, keys.nwk_s_key, keys.app_s_key, next_up=f_cnt)
    assert lorawan_peer.address(phy) == dev_addr
    read = lorawan_peer.read_up(peer, phy)
    assert read == lorawan_peer.Up(confirmed, False, ack, f_cnt, f_opts, f_port, data)


@settings(max_examples=40, deadline=None)
@given(KEYS, ADDRESSES, st.integers(0, 2**32 - 0x10000), st.integers(0, 0xFFFF), st.binary(max_size=60), st.data())
def test_every_downlink_of_the_peer_is_read_and_a_spoilt_one_is_not(
    keys: SessionKeys, dev_addr: int, expected: int, ahead: int, payload: bytes, data: st.DataObject
) -> None:
    peer = lorawan_peer.Activation("", dev_addr, keys.nwk_s_key, keys.app_s_key)
    f_port = data.draw(st.integers(0, 255))
    phy = lorawan_peer.write_down(peer, f_cnt=expected + ahead, f_port=f_port, payload=payload, ack=True)
    read = open_data_down(keys, dev_addr, expected, phy)
    assert read is not None
    assert (read.f_cnt, read.f_port, read.data, read.ack) == (expected + ahead, f_port, payload, True)
    bit = data.draw(st.integers(0, len(phy) * 8 - 1))
    spoilt = bytearray(phy)
    spoilt[bit // 8] ^= 1 << bit % 8
    assert open_data_down(keys, dev_addr, expected, bytes(spoilt)) is None
    assert open_data_down(keys, dev_addr, expected, phy[: data.draw(st.integers(0, len(phy) - 1))]) is None
    assert open_data_down(keys, dev_addr, expected + ahead + 1, phy) is None, "a counter is taken once"


@settings(max_examples=20, deadline=None)
@given(st.binary(min_size=16, max_size=16), st.integers(0, 2**24 - 1), ADDRESSES, st.data())
def test_join_accepts_of_the_peer(key: bytes, nonce: int, dev_addr: int, data: st.DataObject) -> None:
    channels = (867_100_000, 867_300_000, 867_500_000, 0, 867_900_000)
    phy = lorawan_peer.accept(key, nonce, 0x13, dev_addr, 0x23, 5, channels)
    read = open_join_accept(key, phy)
    assert read is not None
    assert (read.join_nonce, read.net_id, read.dev_addr) == (nonce, 0x13, dev_addr)
    assert (read.rx1_dr_offset, read.rx2_dr, read.rx_delay, read.c_f_list) == (2, 3, 5, channels)
    spoilt = bytearray(phy)
    spoilt[data.draw(st.integers(1, len(phy) - 1))] ^= 0xFF
    assert open_join_accept(key, bytes(spoilt)) is None
    request = lorawan_peer.read_request(key, join_request(key, "0011223344556677", "8899aabbccddeeff", 0xA55A))
    assert request == lorawan_peer.Request("0011223344556677", "8899aabbccddeeff", 0xA55A)
    mine, theirs = session_keys(key, nonce, 0x13, 0xA55A), lorawan_peer.activate(key, request, nonce, 0x13, dev_addr)
    assert (mine.nwk_s_key, mine.app_s_key) == (theirs.nwk_s_key, theirs.app_s_key)


@pytest.mark.parametrize(
    ("lowest", "on_air", "full"),
    [
        (0, 0, 0),
        (1, 0, 65536),
        (65535, 65535, 65535),
        (65536, 0, 65536),
        (65535, 3, 65539),
        (70000, 4463, 69999 + 65536),
    ],
)
def test_sixteen_bits_on_air_become_thirty_two(lowest: int, on_air: int, full: int) -> None:
    assert full_counter(lowest, on_air) == full


def test_mac_commands_have_one_place() -> None:
    keys = SessionKeys(bytes(16), bytes(16))
    with pytest.raises(ValueError, match="FOpts, at most 15 bytes"):
        data_up(keys, 1, 0, 5, b"", f_opts=bytes(16))
    with pytest.raises(ValueError, match="FPort 0"):
        data_up(keys, 1, 0, 0, b"\x06", f_opts=b"\x02")
