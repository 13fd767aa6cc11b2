"""The melody, the bass and the drums of any score, as a musician would read them: the default.

The tracks are guessed (`trio_parts`); the highest voice of the melody, the lowest of the bass and
all drum kits together are put on the grid of the score's own beats and cut into windows of bars
(`bar_windows`). A part that nobody plays is silent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from musicvae.notes.errors import Rejected
from musicvae.notes.quantize import STEPS_PER_QUARTER
from musicvae.notes.score import Score, Track
from musicvae.representations.bar_windows import BarCutter, Cuts, require_length
from musicvae.representations.base import Origin, Part
from musicvae.representations.clock import origins_at
from musicvae.representations.drums_choice import DrumChoice
from musicvae.representations.drums_hits import to_tokens
from musicvae.representations.drums_kit import CombinedNine
from musicvae.representations.drums_lenient import read_kit_hits
from musicvae.representations.melody_events import Windows, to_events
from musicvae.representations.melody_line import read_line
from musicvae.representations.meters import Meters, tell
from musicvae.representations.trio_parts import Cast, cast_parts
from musicvae.representations.trio_streams import DEFAULT_PARTS, FIRSTS, PART_NAMES


@dataclass(frozen=True, eq=False, kw_only=True)
class _Stream:
    """What one part plays, in steps of the score; without notes and `track` if it is missing."""

    start: np.ndarray  # (N,) int64, in order
    end: np.ndarray  # (N,) int64
    value: np.ndarray  # (N,) int64, the pitch of a note or the class of a hit
    velocity: np.ndarray  # (N,) uint8
    track: Track | None


@dataclass(frozen=True, kw_only=True)
class LenientTrio:
    """Take the tracks `melody` and `bass` (an index, a name or a part of one), or the likeliest."""

    melody: int | str | None = None
    bass: int | str | None = None

    def extract(self, score: Score, *, meters: Meters, bars: int, overlap: bool) -> Windows:
        """All windows of `bars` bars.

        Raises `Rejected` if there is nothing to begin with ("no-notes", "no-trio", "too-long"), and
        `ValueError` for a track asked for that is not there.
        """
        cast = cast_parts(score, self.melody, self.bass)
        remarks = list(cast.remarks)
        streams = [
            _read_line(score, cast.melody, "melody", remarks),
            _read_line(score, cast.bass, "bass", remarks),
            _read_drums(score, cast, remarks),
        ]
        total = max(int(stream.end.max(initial=0)) for stream in streams)
        if not total:
            raise Rejected("no-trio", "; ".join(remarks))
        require_length(total)
        cutter = BarCutter(
            meters=meters, bars=bars, overlap=overlap, firsts=FIRSTS, dropped={}, remarks=remarks
        )
        cuts = cutter.cut(score, _to_events(streams, total + meters.stride), total)
        lengths = cuts.lengths(bars)
        return Windows(
            tokens=cuts.tokens,
            lengths=lengths,
            controls=tell(meters, cuts.known, lengths),
            filler=cuts.filler,
            origins=partial(_origins, score, streams, cuts),
            dropped=cutter.dropped,
            remarks=tuple(remarks),
        )


def _read_line(score: Score, track: int | None, part: str, remarks: list[str]) -> _Stream:
    if track is None:
        return _missing()
    said: list[str] = []
    line = read_line(score, track, said, lowest=part == "bass")
    remarks += [f"{part}: {sentence}" for sentence in said]
    return _Stream(
        start=line.start,
        end=line.end,
        value=line.pitch,
        velocity=line.velocity,
        track=score.tracks[track],
    )


def _read_drums(score: Score, cast: Cast, remarks: list[str]) -> _Stream:
    if not cast.drums:
        return _missing()
    said: list[str] = []
    try:
        hits = read_kit_hits(score, DrumChoice(tracks=cast.drums, reason=""), CombinedNine(), said)
    except Rejected as rejection:
        remarks.append(f"drums: {rejection.detail}; they are silent")
        return _missing()
    remarks += [f"drums: {sentence}" for sentence in said]
    return _Stream(
        start=hits.step,
        end=hits.step + 1,
        value=hits.kind,
        velocity=hits.velocity,
        track=score.tracks[cast.drums[0]],
    )


def _missing() -> _Stream:
    none = np.zeros(0, dtype=np.int64)
    return _Stream(start=none, end=none, value=none, velocity=none.astype(np.uint8), track=None)


def _to_events(streams: Sequence[_Stream], steps: int) -> np.ndarray:
    """The streams side by side: (steps, 3) uint16."""
    melody, bass, drums = streams
    events = np.empty((steps, len(streams)), dtype=np.uint16)
    events[:, 0] = to_events(melody.start, melody.end, melody.value, steps)
    events[:, 1] = to_events(bass.start, bass.end, bass.value, steps)
    events[:, 2] = to_tokens(drums.start, drums.value, steps)
    return events


def _origins(score: Score, streams: Sequence[_Stream], cuts: Cuts) -> tuple[Origin, ...]:
    """Where each window came from, and how its parts are to sound."""
    whence = origins_at(score, cuts.first / STEPS_PER_QUARTER, cuts.meters)
    parts = zip(*(_parts(k, stream, cuts) for k, stream in enumerate(streams)), strict=True)
    return tuple(replace(origin, parts=three) for origin, three in zip(whence, parts, strict=True))


def _parts(k: int, stream: _Stream, cuts: Cuts) -> list[Part]:
    """How part `k` sounds in each window: as loud as what starts in it, on average."""
    if stream.track is None:
        return [DEFAULT_PARTS[k]] * len(cuts.first)
    has_program = k < len(PART_NAMES) - 1 or stream.track.is_drum
    program, name = stream.track.program if has_program else 0, stream.track.name
    return [
        Part(program=program, velocity=velocity, name=name)
        for velocity in cuts.loudness(stream.start, stream.velocity)
    ]
