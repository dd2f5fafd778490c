"""The cryptography of LoRaWAN 1.0.x: AES-128 blocks, AES-CMAC (RFC 4493), session keys and payload encryption."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

BLOCK = 16
# Whoever sends: 0 the end-device, 1 the network (4.3.3 and 4.4, field Dir).
UP: Literal[0] = 0
DOWN: Literal[1] = 1
Direction = Literal[0, 1]


@dataclass(frozen=True, slots=True, repr=False)
class SessionKeys:
    """The keys of a session, 16 bytes each; never shown."""

    nwk_s_key: bytes
    app_s_key: bytes


def aes_encrypt(key: bytes, data: bytes) -> bytes:
    """AES-128 in ECB mode over whole blocks: LoRaWAN's `aes128_encrypt`."""
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - single blocks, as the standard has it
    return encryptor.update(data) + encryptor.finalize()


def cmac(key: bytes, data: bytes) -> bytes:
    """AES-CMAC, 16 bytes."""
    mac = CMAC(algorithms.AES(key))
    mac.update(data)
    return mac.finalize()


def session_keys(app_key: bytes, join_nonce: int, net_id: int, dev_nonce: int) -> SessionKeys:
    """6.2.6: NwkSKey and AppSKey = AES(AppKey, 0x01 or 0x02 | JoinNonce | NetID | DevNonce | zeros)."""
    rest = join_nonce.to_bytes(3, "little") + net_id.to_bytes(3, "little") + dev_nonce.to_bytes(2, "little")
    rest = rest.ljust(BLOCK - 1, b"\0")
    return SessionKeys(aes_encrypt(app_key, b"\x01" + rest), aes_encrypt(app_key, b"\x02" + rest))


def crypt(key: bytes, direction: Direction, dev_addr: int, f_cnt: int, data: bytes) -> bytes:
    """4.3.3: encrypts or decrypts FRMPayload with the blocks A_i; `f_cnt` has all 32 bits."""
    address = dev_addr.to_bytes(4, "little") + f_cnt.to_bytes(4, "little")
    blocks = (len(data) + BLOCK - 1) // BLOCK
    stream = aes_encrypt(
        key,
        b"".join(bytes((1, 0, 0, 0, 0, direction)) + address + bytes((0, i)) for i in range(1, blocks + 1)),
    )
    return bytes(a ^ b for a, b in zip(data, stream, strict=False))


def data_mic(key: bytes, direction: Direction, dev_addr: int, f_cnt: int, message: bytes) -> bytes:
    """4.4: the first four bytes of CMAC(NwkSKey, B0 | MHDR..FRMPayload)."""
    b0 = bytes((0x49, 0, 0, 0, 0, direction))
    b0 += dev_addr.to_bytes(4, "little") + f_cnt.to_bytes(4, "little") + bytes((0, len(message)))
    return cmac(key, b0 + message)[:4]


def join_mic(app_key: bytes, message: bytes) -> bytes:
    """6.2.5, 6.2.6: the first four bytes of CMAC(AppKey, all before the MIC, a JoinAccept opened)."""
    return cmac(app_key, message)[:4]
