"""A SoundFont 2 file: which recording sounds for a key, and how.

Source: SoundFont Technical Specification 2.04 (E-mu, 2006). Numbers in brackets are its generator
numbers. Modulators, the modulation envelope and the LFOs are left out.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from musicvae.notes.errors import InvalidMusic

DRUM_BANK = 128
_KEYS, _VELOCITIES, _INSTRUMENT, _SAMPLE = 43, 44, 41, 53
_DEFAULTS = {8: 13500, 33: -12000, 34: -12000, 35: -12000, 36: -12000, 38: -12000, 56: 100}
_ABSOLUTE = frozenset({_KEYS, _VELOCITIES, 46, 47, 54, 57, 58})  # not to be added to by a preset

_Generators = dict[int, int]


@dataclass(frozen=True, eq=False, kw_only=True)
class Zone:
    """One recording and how it is played: `key` sounds at `rate(key)` samples a second."""

    samples: np.ndarray  # float32, from the first of the recording on, a few behind its end
    length: int
    loop: tuple[int, int] | None  # from, to; None where the recording plays once
    sample_rate: int
    root: float  # the key at which it sounds as recorded, tuning included
    cents_a_key: float
    gain: float
    pan: float  # -0.5 left to 0.5 right
    cutoff_hz: float
    attack: float  # seconds, like hold, decay and release; the last two for a fall of 100 dB
    hold: float
    decay: float
    sustain_db: float  # how far below its peak a held note settles
    release: float
    exclusive: int  # notes of the same class above 0 end one another, as on a hi-hat

    def rate(self, key: int) -> float:
        return self.sample_rate * float(2.0 ** ((key - self.root) * self.cents_a_key / 1200))


class SoundFont:
    """Looks up the zones that sound for a program, key and velocity."""

    def __init__(self, path: Path) -> None:
        chunks = _chunks(path.read_bytes())
        if not {b"smpl", b"phdr", b"pbag", b"pgen", b"inst", b"ibag", b"igen", b"shdr"} <= set(
            chunks
        ):
            raise InvalidMusic(f"{path} is not a SoundFont 2 file")
        self._audio = np.frombuffer(chunks[b"smpl"], dtype="<i2").astype(np.float32) / 32768
        self._samples = list(struct.iter_unpack("<20s5IBb2H", chunks[b"shdr"]))
        self._made: dict[tuple[int, int, int], Zone] = {}
        presets = list(struct.iter_unpack("<20s3H3I", chunks[b"phdr"]))
        instruments = list(struct.iter_unpack("<20sH", chunks[b"inst"]))
        preset_zones = _zones(chunks[b"pbag"], chunks[b"pgen"])
        instrument_zones = _zones(chunks[b"ibag"], chunks[b"igen"])
        self._instruments = [
            _with_global(instrument_zones[now[1] : after[1]], _SAMPLE)
            for now, after in pairwise(instruments)
        ]
        self._presets = {
            (now[2], now[1]): _with_global(preset_zones[now[3] : after[3]], _INSTRUMENT)
            for now, after in pairwise(presets)
        }

    def zones(self, *, program: int, drums: bool, key: int, velocity: int) -> tuple[Zone, ...]:
        """What sounds, often a left and a right recording; the piano for an unknown program.

        The same recording played at the same key is the same object.
        """
        choices = [(DRUM_BANK if drums else 0, program), (DRUM_BANK if drums else 0, 0)]
        preset = next((self._presets[c] for c in choices if c in self._presets), [])
        return tuple(
            self._zone(outer, inner, key)
            for outer in preset
            if _covers(outer, key, velocity)
            for inner in self._instruments[outer[_INSTRUMENT]]
            if _covers(inner, key, velocity)
        )

    def _zone(self, outer: _Generators, inner: _Generators, key: int) -> Zone:
        name = (id(outer), id(inner), key)  # both live as long as the font
        if name not in self._made:
            self._made[name] = self._made_zone(_combined(inner, outer), key)
        return self._made[name]

    def _made_zone(self, g: _Generators, key: int) -> Zone:
        _, start, end, loop_start, loop_end, rate, root, correction, _, _ = self._samples[
            g[_SAMPLE]
        ]
        start += g.get(0, 0) + 32768 * g.get(4, 0)
        end += g.get(1, 0) + 32768 * g.get(12, 0)
        loop_start += g.get(2, 0) + 32768 * g.get(45, 0) - start
        loop_end += g.get(3, 0) + 32768 * g.get(50, 0) - start
        looped = g.get(54, 0) & 1 == 1 and 0 <= loop_start < loop_end
        own = g.get(58, -1)
        tuning = g.get(51, 0) + (g.get(52, 0) + correction) / 100
        middle = 60 - key  # keys to the middle C, by which hold and decay may depend on the key
        return Zone(
            samples=self._audio[start : max(end, start + loop_end) + 8],
            length=end - start,
            loop=(loop_start, loop_end) if looped else None,
            sample_rate=rate,
            root=(own if own >= 0 else root) - tuning * 100 / max(g[56], 1),
            cents_a_key=g[56],
            gain=10
            ** (-0.4 * g.get(48, 0) / 200),  # the 0.4 of the first hardware, as fonts expect
            pan=float(np.clip(g.get(17, 0) / 1000, -0.5, 0.5)),
            cutoff_hz=8.176 * 2 ** (g[8] / 1200),
            attack=_seconds(g[34]),
            hold=_seconds(g[35] + g.get(39, 0) * middle),
            decay=_seconds(g[36] + g.get(40, 0) * middle),
            sustain_db=float(np.clip(g.get(37, 0) / 10, 0, 100)),
            release=_seconds(g[38]),
            exclusive=g.get(57, 0),
        )


def _chunks(content: bytes) -> dict[bytes, bytes]:
    """The content of every chunk inside the lists of a RIFF file."""
    found: dict[bytes, bytes] = {}
    at = 12
    while at + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        if name == b"LIST":
            at += 12
            continue
        found[name] = content[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    return found


def _zones(bags: bytes, generators: bytes) -> list[_Generators]:
    """The generators of every zone of a file, in order."""
    starts = [start for start, _ in struct.iter_unpack("<2H", bags)]
    pairs = list(struct.iter_unpack("<Hh", generators))
    return [dict(pairs[a:b]) for a, b in pairwise(starts)]


def _with_global(zones: list[_Generators], last: int) -> list[_Generators]:
    """Zones with what a leading global zone, one that names no sample or instrument, sets."""
    if not zones or last in zones[0]:
        return [zone for zone in zones if last in zone]
    return [zones[0] | zone for zone in zones[1:] if last in zone]


def _covers(zone: _Generators, key: int, velocity: int) -> bool:
    ranges = ((zone.get(_KEYS, 127 << 8), key), (zone.get(_VELOCITIES, 127 << 8), velocity))
    return all(span & 0xFF <= value <= span >> 8 & 0xFF for span, value in ranges)


def _combined(inner: _Generators, outer: _Generators) -> _Generators:
    """An instrument's generators, to which those of the preset are added."""
    total = _DEFAULTS | inner
    for number, amount in outer.items():
        if number not in _ABSOLUTE and number != _INSTRUMENT:
            total[number] = total.get(number, 0) + amount
    return total


def _seconds(timecents: int) -> float:
    return float(2.0 ** (min(timecents, 8000) / 1200)) if timecents > -12000 else 0.0
