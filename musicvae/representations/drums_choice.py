"""Which tracks of a score are its drums, with the reason in words."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from musicvae.notes.errors import Rejected
from musicvae.notes.score import Score
from musicvae.representations.melody_choice import describe_track, find_track

DRUM_NAMES = re.compile(
    r"drum|\bdrm|\bkit\b|percu|\bbeat\b|\bbatter|schlagzeug|slagverk|bater[ií]a|tambour",
    re.IGNORECASE,
)
NO_KIT_NAMES = re.compile(r"steel|pan\b", re.IGNORECASE)  # steel drums play melodies


@dataclass(frozen=True, kw_only=True)
class DrumChoice:
    """The tracks taken as the drums, merged, and a sentence that says why."""

    tracks: tuple[int, ...]
    reason: str


def choose_drums(score: Score, wanted: int | str | None) -> DrumChoice:
    """All drum kits; without one, the tracks whose names say so; or the one that is `wanted`.

    `wanted` is an index, a name (or a part of one that only one track has), or None. Raises
    `Rejected` "no-notes" or "no-drums" if nothing can be taken, and `ValueError`, with the list of
    the tracks, for a track that is not there.
    """
    counts = np.bincount(score.track[score.velocity > 0], minlength=len(score.tracks))
    if not counts.sum():
        raise no_drums(score)
    if wanted is not None:
        track = find_track(score, wanted)
        if not counts[track]:
            raise Rejected("no-notes", f"{describe_track(score, track)} has no notes")
        return _choice(score, [track], "as asked for")
    filled = np.flatnonzero(counts).tolist()
    kits = [i for i in filled if score.tracks[i].is_drum]
    if kits:
        return _choice(score, kits, "the drum kit" if len(kits) == 1 else "all drum kits, merged")
    named = [i for i in filled if is_named_drums(score.tracks[i].name)]
    if named:
        return _choice(score, named, "on no drum channel, but named so")
    raise no_drums(score)


def no_drums(score: Score) -> Rejected:
    """Why no drums can be read from a score without any: what it has, and what to do."""
    filled = np.unique(score.track[score.velocity > 0]).tolist()
    if not filled:
        return Rejected("no-notes", "the file has no notes: nothing to read drums from")
    names = ", ".join(describe_track(score, i) for i in filled[:8])
    more = f" and {len(filled) - 8} more" if len(filled) > 8 else ""
    return Rejected(
        "no-drums",
        f"the file has no drums, only {names}{more}: put the drums on MIDI channel 10, give their "
        'track the name "drums", or say which track they are',
    )


def is_named_drums(name: str) -> bool:
    """Whether a track's name says that it is a drum kit."""
    return bool(DRUM_NAMES.search(name)) and not NO_KIT_NAMES.search(name)


def _choice(score: Score, tracks: list[int], why: str) -> DrumChoice:
    names = ", ".join(describe_track(score, i) for i in tracks)
    return DrumChoice(tracks=tuple(tracks), reason=f"drums: {names}: {why}")
