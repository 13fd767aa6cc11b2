"""Which track of a score is the melody, with the reason in words.

Each track gets points for what its name says, its register among the other tracks, for playing one
note at a time, for playing most of the time and at a singable density. Bass programs and sound
effects lose points, drums never count. The weights are a judgement: a name outweighs any one of
the other signs but not all of them.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from musicvae.notes.errors import Rejected
from musicvae.notes.score import Score

MELODY_NAMES = re.compile(
    r"melod|\bmel\d*\b|vocal|voice|\bvox\b|\blead\b|\bsing|\bsang|gesang|stimme|canto|chant|voix|"
    r"soprano|solo|tune|theme|right hand|\brh\b|treble",
    re.IGNORECASE,
)
OTHER_NAMES = re.compile(
    r"bass|drum|percu|\bpad\b|chord|accomp|comping|left hand|\blh\b|backing|harmony|rhythm|tenor|"
    r"\balto\b|click|effect",
    re.IGNORECASE,
)
BASS_PROGRAMS = range(32, 40)  # General MIDI 1
EFFECT_PROGRAMS = range(112, 128)  # percussive sounds and sound effects
LOWEST_MELODY_PITCH = 48  # C3, on average: below it a line is a bass
SINGABLE_NOTES_PER_QUARTER = (0.25, 4.0)  # a note a bar to sixteenths


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The track taken for a part, and a sentence that says why."""

    track: int
    reason: str

    @staticmethod
    def of(score: Score, track: int, part: str, why: str) -> Choice:
        """Such as `melody: track 0 "Flute" (program 73): the highest on average`."""
        return Choice(track=track, reason=f"{part}: {describe_track(score, track)}: {why}")


def choose_track(
    score: Score, wanted: int | str | None, among: Collection[int] | None = None
) -> Choice:
    """`wanted` is an index, a name (or a part of one that only one track has), or None: automatic.

    Automatic is the likeliest of all tracks, or of those `among` that have notes of a pitch.
    Raises `Rejected` "no-notes" or "only-drums" if nothing can be taken, and `ValueError`, with the
    list of the tracks, for a track that is not there.
    """
    counts = note_counts(score)
    if not counts.sum():
        raise Rejected("no-notes", "the file has no notes: nothing to read a melody from")
    if wanted is not None:
        return take_track(score, wanted, "melody")
    allowed = range(len(counts)) if among is None else among
    usable = [i for i in allowed if counts[i] and not score.tracks[i].is_drum]
    if not usable:
        raise Rejected("only-drums", "the file has only drums: no melody can be read from it")
    if len(usable) == 1:
        those = "with notes of a pitch" if among is None else "that is likely to be one"
        return Choice.of(score, usable[0], "melody", f"the only track {those}")
    heights = mean_pitches(score)[usable]
    rated = [_rate(score, i, heights[k], heights) for k, i in enumerate(usable)]
    best = max(range(len(usable)), key=lambda k: rated[k][0])
    why = "; ".join(rated[best][1]) or "the likeliest of all tracks"
    return Choice.of(score, usable[best], "melody", why)


def take_track(score: Score, wanted: int | str, part: str) -> Choice:
    """The track asked for as a `part` ("melody").

    Raises `ValueError` if it is not there, `Rejected` "only-drums" or "no-notes" if it cannot be
    one.
    """
    track = find_track(score, wanted)
    if score.tracks[track].is_drum:
        raise Rejected("only-drums", f"{describe_track(score, track)} is a drum kit, not a {part}")
    if not note_counts(score)[track]:
        raise Rejected("no-notes", f"{describe_track(score, track)} has no notes")
    return Choice.of(score, track, part, "as asked for")


def note_counts(score: Score) -> np.ndarray:
    """How many notes each track sounds: (tracks,)."""
    return np.bincount(score.track[score.velocity > 0], minlength=len(score.tracks))


def mean_pitches(score: Score) -> np.ndarray:
    """The mean pitch of each track: (tracks,), 0 without notes."""
    sums = np.bincount(score.track, weights=score.pitch, minlength=len(score.tracks))
    notes = np.bincount(score.track, minlength=len(score.tracks))
    means: np.ndarray = sums / np.maximum(notes, 1)
    return means


def describe_track(score: Score, track: int) -> str:
    """Such as `track 2 "Vocals" (program 52)`."""
    entry = score.tracks[track]
    name = f' "{entry.name}"' if entry.name else ""
    sound = "drums" if entry.is_drum else f"program {entry.program}"
    return f"track {track}{name} ({sound})"


def find_track(score: Score, wanted: int | str) -> int:
    """The index of the track that `wanted` names. Raises `ValueError` with the list of all."""
    names = [t.name.strip().lower() for t in score.tracks]
    matches: list[int] = []
    if isinstance(wanted, str):
        name = wanted.strip().lower()
        matches = [i for i, n in enumerate(names) if n == name]
        matches = matches or [i for i, n in enumerate(names) if name and name in n]
        if len(matches) == 1 or (matches and names[matches[0]] == name):
            return matches[0]
        if not matches and name.isdecimal():
            wanted = int(name)
    if isinstance(wanted, int) and 0 <= wanted < len(score.tracks):
        return wanted
    tracks = ", ".join(describe_track(score, i) for i in range(len(score.tracks)))
    several = "more than one track matches" if matches else "no track"
    raise ValueError(f"{several} {wanted!r}; the file has {tracks}")


def _rate(score: Score, track: int, height: float, heights: np.ndarray) -> tuple[float, list[str]]:
    """Points, and what speaks for the track; `height` is its mean pitch, `heights` everyone's."""
    points, reasons = 0.0, []
    entry = score.tracks[track]
    if says_melody(entry.name):
        points += 4
        reasons.append(f'its name says "{whole_word(MELODY_NAMES, entry.name)}"')
    if OTHER_NAMES.search(entry.name):
        points -= 3
    if entry.program in BASS_PROGRAMS or entry.program in EFFECT_PROGRAMS:
        points -= 4
    own = score.track == track
    points += 2 * float(np.mean(height >= heights))
    if height == heights.max():
        reasons.append("the highest on average")
    if height < LOWEST_MELODY_PITCH:
        points -= 2
    alone = one_at_a_time(score.start[own], score.end[own])
    points += 2 * alone
    if alone > 0.9:
        reasons.append("one note at a time")
    points += _steadiness(score, own)
    return points, reasons


def says_melody(name: str) -> bool:
    """Whether a track's name speaks for a melody, and not for something else too."""
    return bool(MELODY_NAMES.search(name)) and not OTHER_NAMES.search(name)


def whole_word(pattern: re.Pattern[str], name: str) -> str:
    """What `pattern` finds in `name`, with the rest of the word that it is in; "" for nothing."""
    match = pattern.search(name)
    if match is None:
        return ""
    begin, end = match.span()
    while begin and name[begin - 1].isalnum():
        begin -= 1
    while end < len(name) and name[end].isalnum():
        end += 1
    return name[begin:end]


def one_at_a_time(start: np.ndarray, end: np.ndarray) -> float:
    """The share of notes that begin when the one before has all but ended."""
    order = np.argsort(start, kind="stable")
    start, end = start[order], end[order]
    ended = np.maximum.accumulate(end)[:-1] - start[1:] <= 0.25 * (end - start)[:-1]
    return float(ended.mean()) if len(ended) else 1.0


def _steadiness(score: Score, own: np.ndarray) -> float:
    """0 to 3: plays through most of the piece (2), at the pace of a melody (1)."""
    at = score.quarters_at(score.start[own])
    bars = max(int(float(score.quarters_at(score.total_seconds)) / 4), 1)
    coverage = min(len(np.unique(np.floor(at / 4))) / bars, 1.0)
    per_quarter = len(at) / max(float(at.max() - at.min()), 1.0)
    low, high = SINGABLE_NOTES_PER_QUARTER
    return 2 * coverage + (low <= per_quarter <= high)
