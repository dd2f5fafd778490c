"""AES-128 and AES-CMAC in plain Python, for a network server that shares no cryptography with the devices it serves.

Written from FIPS-197 (sections 4 and 5) and RFC 4493; test_lorawan_frames.py has their examples.
"""

from __future__ import annotations


def _times(a: int, b: int) -> int:
    """FIPS-197 4.2: multiplication in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a <<= 1
        if a & 0x100:
            a ^= 0x11B
        b >>= 1
    return product


def _substitution() -> list[int]:
    """5.1.1: the inverse in the field, then the affine transformation."""
    box: list[int] = []
    for a in range(256):
        inverse = next((b for b in range(256) if _times(a, b) == 1), 0)
        box.append(
            sum(
                (
                    (inverse >> i ^ inverse >> (i + 4) % 8 ^ inverse >> (i + 5) % 8 ^ inverse >> (i + 6) % 8)
                    ^ (inverse >> (i + 7) % 8 ^ 0x63 >> i)
                )
                % 2
                << i
                for i in range(8)
            )
        )
    return box


S_BOX = _substitution()
INVERSE_S_BOX = [S_BOX.index(value) for value in range(256)]
_BY = {factor: [_times(value, factor) for value in range(256)] for factor in (1, 2, 3, 9, 11, 13, 14)}
# Where ShiftRows takes each byte of the state from; the state is kept column by column, as the input comes.
_SHIFTED = [(column + row) % 4 * 4 + row for column in range(4) for row in range(4)]


def _round_keys(key: bytes) -> list[bytes]:
    """5.2."""
    words = [key[i : i + 4] for i in range(0, 16, 4)]
    constant = 1
    for i in range(4, 44):
        word = words[-1]
        if i % 4 == 0:
            word = bytes(S_BOX[byte] for byte in word[1:] + word[:1])
            word = bytes((word[0] ^ constant,)) + word[1:]
            constant = _times(constant, 2)
        words.append(xor(words[-4], word))
    return [b"".join(words[i : i + 4]) for i in range(0, 44, 4)]


def xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _mix(state: bytes, factors: tuple[int, int, int, int]) -> bytes:
    tables = [_BY[factor] for factor in factors]
    mixed = bytearray()
    for start in range(0, 16, 4):
        column = state[start : start + 4]
        for row in range(4):
            mixed.append(
                tables[-row % 4][column[0]]
                ^ tables[(1 - row) % 4][column[1]]
                ^ tables[(2 - row) % 4][column[2]]
                ^ tables[(3 - row) % 4][column[3]]
            )
    return bytes(mixed)


def encrypt_block(key: bytes, block: bytes) -> bytes:
    """5.1: the cipher."""
    keys = _round_keys(key)
    state = xor(block, keys[0])
    for number in range(1, 11):
        state = bytes(S_BOX[state[source]] for source in _SHIFTED)
        if number < 10:
            state = _mix(state, (2, 3, 1, 1))
        state = xor(state, keys[number])
    return state


def decrypt_block(key: bytes, block: bytes) -> bytes:
    """5.3: the inverse cipher."""
    keys = _round_keys(key)
    state = xor(block, keys[10])
    for number in range(9, -1, -1):
        unshifted = bytearray(16)
        for target, source in enumerate(_SHIFTED):
            unshifted[source] = INVERSE_S_BOX[state[target]]
        state = xor(bytes(unshifted), keys[number])
        if number:
            state = _mix(state, (14, 11, 13, 9))
    return state


def _doubled(block: bytes) -> bytes:
    value = int.from_bytes(block, "big") << 1
    if value >> 128:
        value = (value ^ 0x87) & ((1 << 128) - 1)
    return value.to_bytes(16, "big")


def cmac(key: bytes, message: bytes) -> bytes:
    """RFC 4493, 2.4."""
    first = _doubled(encrypt_block(key, bytes(16)))
    second = _doubled(first)
    whole = len(message) // 16 * 16 if len(message) % 16 else max(len(message) - 16, 0)
    last = message[whole:]
    last = xor(last, first) if len(last) == 16 else xor((last + b"\x80").ljust(16, b"\0"), second)
    mac = bytes(16)
    for start in range(0, whole, 16):
        mac = encrypt_block(key, xor(mac, message[start : start + 16]))
    return encrypt_block(key, xor(mac, last))
