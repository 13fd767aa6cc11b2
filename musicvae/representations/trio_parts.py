"""Who plays which part of a trio, with the reasons in words.

The drums are the drum kits (`drums_choice`). A bass says so by its name or its program, or is a low
track beside a higher melody. The melody is the likeliest of the others (`melody_choice`). A part
that nobody plays is missing, not made up: a bass alone is no melody, and of two high voices none is
a bass.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from musicvae.notes.errors import Rejected
from musicvae.notes.score import Score, Track
from musicvae.representations.drums_choice import choose_drums, is_named_drums
from musicvae.representations.melody_choice import (
    BASS_PROGRAMS,
    LOWEST_MELODY_PITCH,
    Choice,
    choose_track,
    mean_pitches,
    note_counts,
    one_at_a_time,
    says_melody,
    take_track,
    whole_word,
)

# Bass in English, German, French, Italian, Spanish, Portuguese; not a bassoon or a bass drum.
BASS_NAMES = re.compile(r"bass(?!oon|.?drum)|baß|\bbajo|\bbaixo", re.IGNORECASE)
HIGHEST_BASS_PITCH = 55  # G3, on average: above it the lower of two tracks is another voice


@dataclass(frozen=True, kw_only=True)
class Cast:
    """The tracks of the parts, and a sentence about each. None, or no drums: nobody plays it."""

    melody: int | None
    bass: int | None
    drums: tuple[int, ...]
    remarks: tuple[str, ...]


def cast_parts(score: Score, melody: int | str | None, bass: int | str | None) -> Cast:
    """`melody` and `bass` are tracks asked for (an index, a name or a part of one); None: a guess.

    Raises `Rejected` "no-notes" if there is nobody to play, or if a track asked for has nothing to
    play, "only-drums" if it is a drum kit, and `ValueError` for a track that is not there.
    """
    counts = note_counts(score)
    if not counts.sum():
        raise Rejected("no-notes", "the file has no notes: nothing to read a trio from")
    tune = None if melody is None else take_track(score, melody, "melody")
    low = None if bass is None else take_track(score, bass, "bass")
    asked = {choice.track for choice in (tune, low) if choice}
    drums, said = _choose_drums(score, asked)
    free = [
        t
        for t in np.flatnonzero(counts).tolist()
        if t not in asked and not _says_drums(score.tracks[t])
    ]
    basses = [t for t in free if _says_bass(score, t)]
    if low is None and basses:
        low = choose_bass(score, basses)
    if tune is None:
        alone = len(free) + len(asked) == 1
        tune = _choose_melody(score, [t for t in free if t not in basses], alone)
    if low is None:
        rest = [t for t in free if tune is None or t != tune.track]
        low = choose_bass(score, _low_tracks(score, rest, tune)) if rest else None
    return Cast(
        melody=tune.track if tune else None,
        bass=low.track if low else None,
        drums=drums,
        remarks=(
            tune.reason if tune else "melody: no track plays one; it is silent",
            low.reason if low else "bass: no track plays one; it is silent",
            said,
        ),
    )


def choose_bass(score: Score, among: list[int]) -> Choice | None:
    """The likeliest bass of the tracks `among`; None if there are none."""
    if not among:
        return None
    heights = mean_pitches(score)[among]
    rated = [_rate_bass(score, t, heights[k], heights) for k, t in enumerate(among)]
    best = max(range(len(among)), key=lambda k: rated[k][0])
    return Choice.of(score, among[best], "bass", "; ".join(rated[best][1]) or "a low track")


def _choose_melody(score: Score, among: list[int], alone: bool) -> Choice | None:
    """The likeliest melody; none if a low track that does not say it is one is all there is."""
    heights = mean_pitches(score)
    high = [
        t for t in among if heights[t] >= LOWEST_MELODY_PITCH or says_melody(score.tracks[t].name)
    ]
    candidates = high or ([] if alone else among)
    return choose_track(score, None, candidates) if candidates else None


def _low_tracks(score: Score, among: list[int], melody: Choice | None) -> list[int]:
    """The tracks that lie where a bass does, and below the melody."""
    heights = mean_pitches(score)
    highest = heights[melody.track] if melody else np.inf
    return [t for t in among if heights[t] < min(highest, HIGHEST_BASS_PITCH)]


def _choose_drums(score: Score, asked: set[int]) -> tuple[tuple[int, ...], str]:
    """The tracks of the drums but for those asked for as other parts, and a sentence about them."""
    try:
        choice = choose_drums(score, None)
    except Rejected:
        choice = None
    if choice is None or asked & set(choice.tracks):
        return (), "drums: no track plays them; they are silent"
    return choice.tracks, choice.reason


def _says_drums(track: Track) -> bool:
    return track.is_drum or is_named_drums(track.name)


def _says_bass(score: Score, track: int) -> bool:
    entry = score.tracks[track]
    named = bool(BASS_NAMES.search(entry.name))
    return named or (entry.program in BASS_PROGRAMS and not says_melody(entry.name))


def _rate_bass(
    score: Score, track: int, height: float, heights: np.ndarray
) -> tuple[float, list[str]]:
    """Points, and what speaks for the track; `height` is its mean pitch, `heights` everyone's."""
    points, reasons = 0.0, []
    entry, own = score.tracks[track], score.track == track
    word = whole_word(BASS_NAMES, entry.name)
    if word:
        points += 4
        reasons.append(f'its name says "{word}"')
    if entry.program in BASS_PROGRAMS:
        points += 4
        reasons.append("its program is a bass")
    points += 2 * float(np.mean(height <= heights))
    if not reasons:
        reasons.append("low, and below the melody" if len(heights) == 1 else "the lowest")
    alone = one_at_a_time(score.start[own], score.end[own])
    points += 2 * alone
    if alone > 0.9:
        reasons.append("one note at a time")
    bars = np.unique(np.floor(score.quarters_at(score.start[own]) / 4))
    points += 2 * len(bars) / max(float(score.quarters_at(score.total_seconds)) / 4, len(bars))
    return points, reasons
