"""`Score` -> the bytes of a Standard MIDI File of format 1.

The first chunk holds tempo, meter, key and chords (as text); every track of the score follows as a
chunk of its own with its name, program and channel (the drums on 10 of 16).
"""

from __future__ import annotations

import math
import struct

import numpy as np

from musicvae.notes.chords import Chord
from musicvae.notes.errors import InvalidMusic
from musicvae.notes.score import Key, Meter, Score, Tempo, Track

DRUM_CHANNEL = 9  # General MIDI: channel 10 of 1 to 16
_CHANNELS = [c for c in range(16) if c != DRUM_CHANNEL]
_LEAST_RESOLUTION, _MOST_RESOLUTION = 96, 32767  # ticks a quarter; 15 bits in the header

_Mark = Meter | Key | Tempo | Chord
_Event = tuple[int, int, bytes]  # tick, rank among the events of a tick, content


def midi_bytes(score: Score) -> bytes:
    """The score as a MIDI file.

    A note that begins while the same pitch sounds on its track ends the other, unless both end
    together; notes last at least a tick. Raises `InvalidMusic` for what MIDI cannot hold.
    """
    _check(score)
    resolution = _resolution(score)
    marks = _conductor(score, resolution)
    channels = _channels(score.tracks)
    starts = _ticks(score, score.start, resolution)
    ends = np.maximum(_ticks(score, score.end, resolution), starts + 1)
    chunks = [_chunk(marks)]
    for i, (track, channel) in enumerate(zip(score.tracks, channels, strict=True)):
        rows = np.flatnonzero(score.track == i)
        notes = [score.pitch[rows], score.velocity[rows], starts[rows], ends[rows]]
        chunks.append(_chunk(_track(track, channel, *(column.tolist() for column in notes))))
    return struct.pack(">4sIHHH", b"MThd", 6, 1, len(chunks), resolution) + b"".join(chunks)


def _check(score: Score) -> None:
    if len(score) and not (np.isfinite(score.start).all() and np.isfinite(score.end).all()):
        raise InvalidMusic("the score has notes whose start or end is not a number of seconds")
    if len(score) and int(max(score.pitch.max(), score.velocity.max())) > 127:
        raise InvalidMusic("the score has a pitch or a velocity above 127, which MIDI cannot hold")
    for tempo in score.tempos:
        if not (tempo.qpm > 0 and 1 <= round(6e7 / tempo.qpm) < 2**24):  # 24 bits in the file
            raise InvalidMusic(f"a tempo of {tempo.qpm:g} quarter notes a minute is none for MIDI")
    for meter in score.meters:
        power_of_two = meter.denominator > 0 and meter.denominator & (meter.denominator - 1) == 0
        if not (power_of_two and 1 <= meter.numerator <= 255):
            raise InvalidMusic(f"a meter of {meter} is none for MIDI")
    if not all(0 <= track.program <= 127 for track in score.tracks):
        raise InvalidMusic("the score has a track whose program is not within 0 to 127")


def _resolution(score: Score) -> int:
    """The score's own ticks a quarter, or a multiple of them, so that every note stays on them."""
    ticks = score.ticks_per_quarter
    if not 1 <= ticks <= _MOST_RESOLUTION:
        return 480
    return ticks * math.ceil(_LEAST_RESOLUTION / ticks)


def _ticks(score: Score, seconds: np.ndarray | float, resolution: int) -> np.ndarray:
    ticks: np.ndarray = np.rint(score.quarters_at(seconds) * resolution).clip(min=0)
    return ticks.astype(np.int64)


def _conductor(score: Score, resolution: int) -> list[_Event]:
    marks: list[_Mark] = [*score.meters, *score.keys, *score.tempos, *score.chords]
    ticks = _ticks(score, np.array([m.time for m in marks]), resolution).tolist()
    return [(tick, 0, _mark(mark)) for tick, mark in zip(ticks, marks, strict=True)]


def _mark(mark: _Mark) -> bytes:
    if isinstance(mark, Chord):
        return _meta(0x01, mark.symbol.encode())
    if isinstance(mark, Tempo):
        return _meta(0x51, round(6e7 / mark.qpm).to_bytes(3, "big"))
    if isinstance(mark, Meter):
        power = mark.denominator.bit_length() - 1
        return _meta(0x58, bytes([mark.numerator, power, 24, 8]))  # 24 clocks a click, as usual
    fifths = 7 * (mark.tonic - 9 * mark.minor) % 12  # 7 is its own inverse modulo 12
    sharps = fifths if fifths <= 6 else fifths - 12
    return _meta(0x59, struct.pack(">bB", sharps, mark.minor))


def _channels(tracks: tuple[Track, ...]) -> list[int]:
    """A channel for each track; where 15 do not suffice, equal programs share one."""
    pitched = [i for i, track in enumerate(tracks) if not track.is_drum]
    if len(pitched) <= len(_CHANNELS):
        own = {i: _CHANNELS[k] for k, i in enumerate(pitched)}
    else:
        programs = list(dict.fromkeys(tracks[i].program for i in pitched))
        own = {i: _CHANNELS[programs.index(tracks[i].program) % 15] for i in pitched}
    return [own.get(i, DRUM_CHANNEL) for i in range(len(tracks))]


def _track(
    track: Track,
    channel: int,
    pitches: list[int],
    velocities: list[int],
    starts: list[int],
    ends: list[int],
) -> list[_Event]:
    events: list[_Event] = [(0, 0, bytes([0xC0 | channel, track.program]))]
    if track.name:
        events.insert(0, (0, 0, _meta(0x03, track.name.encode())))
    ends = _without_overlap(pitches, starts, ends)
    for pitch, velocity, start, end in zip(pitches, velocities, starts, ends, strict=True):
        events.append((start, 2, bytes([0x90 | channel, pitch, max(velocity, 1)])))
        events.append((end, 1, bytes([0x80 | channel, pitch, 0])))  # before the tick's note-ons
    return events


def _without_overlap(pitches: list[int], starts: list[int], ends: list[int]) -> list[int]:
    """Ends that a reader will find again, since one note-off ends every note of its pitch.

    Notes of a pitch that start together end together, with the longest. One that sounds as
    another starts stays if both end together, and else ends there.
    """
    together: dict[tuple[int, int], list[int]] = {}
    for i, onset in enumerate(zip(starts, pitches, strict=True)):
        together.setdefault(onset, []).append(i)
    mended = list(ends)
    sounding: dict[int, list[int]] = {}
    for (start, pitch), notes in sorted(together.items()):
        end = max(ends[i] for i in notes)
        kept: list[int] = []
        for i in sounding.get(pitch, []):
            if start < mended[i] != end:
                mended[i] = start
            elif mended[i] == end:
                kept.append(i)
        for i in notes:
            mended[i] = end
        sounding[pitch] = kept + notes
    return mended


def _chunk(events: list[_Event]) -> bytes:
    parts: list[bytes] = []
    now = 0
    for tick, _, content in sorted(events, key=lambda event: event[:2]):
        parts += (_varint(tick - now), content)
        now = tick
    body = b"".join([*parts, b"\x00", _meta(0x2F, b"")])
    return b"MTrk" + struct.pack(">I", len(body)) + body


def _meta(kind: int, content: bytes) -> bytes:
    return bytes([0xFF, kind]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Seven bits a byte, the highest first, all but the last marked."""
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F | 0x80)
    return bytes(reversed(digits))
