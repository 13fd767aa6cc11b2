"""CRC-32C (Castagnoli) of much data, in NumPy alone.

A checksum is linear: the sum (exclusive or) of what each word of the data contributes, and a zero
bit behind a word is a fixed matrix over its 32 bits. So many words are worked on side by side, as
lanes that all advance by the same number of bits at each step, and are folded into one at the end.
Source of the polynomial: RFC 3720, appendix B.4.
"""

from __future__ import annotations

from functools import cache

import numpy as np

POLYNOMIAL = 0x82F63B78  # bits in reverse, as the register of the checksum holds them
LANES = (8192, 512, 32, 1)  # of 4 bytes: the first are as many as a core's nearest memory holds
_ONES = 0xFFFFFFFF
_MASK = 0xA282EAD8  # LevelDB and TensorFlow store checksums turned by 15 bits, plus this

Matrix = tuple[int, ...]  # the images of 32 single bits


def crc32c(data: np.ndarray) -> int:
    """The checksum of the bytes of an array (N,) of uint8."""
    odd = data.size % 4
    head = np.frombuffer(bytes(4 - odd) + data[:odd].tobytes(), "<u4")
    words = data[odd:].view("<u4")
    for lanes in LANES:
        words, head = _fold(head, words, lanes), words[:0]
    started = _apply(_advance(8 * data.size), _ONES)  # a register begins with all bits set
    return _apply(_advance(32), int(words[0])) ^ started ^ _ONES


def masked(crc: int) -> int:
    """A checksum as it is stored beside the data."""
    return (((crc >> 15) | (crc << 17)) + _MASK) & _ONES


def _fold(head: np.ndarray, words: np.ndarray, lanes: int) -> np.ndarray:
    """`head`, at most one word, and then `words` -> as many as `lanes`, of the same checksum."""
    odd = words.size % lanes
    head = np.concatenate([head, words[:odd]])
    state = np.concatenate([np.zeros(lanes - head.size, "<u4"), head])
    low, high = _tables(32 * lanes)
    for row in words[odd:].reshape(-1, lanes):
        state = low[state & 0xFFFF] ^ high[state >> 16] ^ row
    return state


@cache
def _tables(bits: int) -> tuple[np.ndarray, np.ndarray]:
    """A register after so many zero bits, by its lower and by its upper half."""
    matrix = _advance(bits)
    return _table(matrix[:16]), _table(matrix[16:])


def _table(images: Matrix) -> np.ndarray:
    table = np.zeros(1, "<u4")
    for image in images:
        table = np.concatenate([table, table ^ np.uint32(image)])
    return table


@cache
def _advance(bits: int) -> Matrix:
    """What so many zero bits do to a register."""
    if bits == 0:
        return tuple(1 << i for i in range(32))
    if bits == 1:
        return (POLYNOMIAL, *(1 << i for i in range(31)))
    half, odd = _advance(bits // 2), _advance(bits % 2)
    return tuple(_apply(half, _apply(half, image)) for image in odd)


def _apply(matrix: Matrix, register: int) -> int:
    image = 0
    for i in range(32):
        if register >> i & 1:
            image ^= matrix[i]
    return image
