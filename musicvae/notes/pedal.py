"""How long notes sound under the sustain pedal.

The rules are those of the field's corpora (note-seq 0.0.5): under the pedal a note sounds until the
pedal is released, or until its pitch is struck again on its track. A pedal that moves at the very
time of a note moves first, and of a press and a release at one time the release is last. Drums
have no pedal.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from musicvae.notes.score import NO_PEDALS, Score


def sustain(score: Score) -> tuple[Score, float]:
    """The score with the ends that its pedals give, and without them; and when it ends, in seconds.

    Of equal pitches struck together under the pedal the last is kept. What a pedal holds that is
    never released ends with the last event of all pitched tracks, and so does the score then,
    even if drums play on.
    """
    pedals = score.pedals
    if not len(pedals):
        return score, score.total_seconds
    drums = np.array([t.is_drum for t in score.tracks], dtype=bool)
    if not (pedals.down.any() and len(score)) or drums[score.track].all():
        return replace(score, pedals=NO_PEDALS), score.total_seconds
    start, end = score.start, score.end.copy()
    under = np.zeros(len(score), dtype=bool)  # struck while the pedal was down
    for track in np.unique(pedals.track[~drums[pedals.track]]).tolist():
        own, rows = pedals.track == track, score.track == track
        time, down = pedals.time[own], pedals.down[own]
        order = np.lexsort((~down, time))
        time, down = time[order], np.append(down[order], False)  # the last: before all events
        under[rows] = down[np.searchsorted(time, start[rows], side="right") - 1]
        held = down[np.searchsorted(time, end[rows], side="right") - 1]
        releases = np.append(time[~down[:-1]], np.inf)
        until = releases[np.searchsorted(releases[:-1], end[rows], side="right")]
        end[rows] = np.where(held, until, end[rows])
    again = _struck_again(score, under)
    end = np.where(again < end, again, end)
    pitched = ~drums[score.track]
    last = max(start[pitched].max(), score.end[pitched].max(), pedals.time.max())
    held_on = np.isinf(end)
    total = float(last if held_on.any() else max(score.total_seconds, end.max()))
    end = np.where(held_on, last, end)
    kept = (end > start) | (again > start)
    return replace(
        score,
        pitch=score.pitch[kept],
        velocity=score.velocity[kept],
        start=start[kept],
        end=end[kept],
        track=score.track[kept],
        pedals=NO_PEDALS,
    ), total


def _struck_again(score: Score, under: np.ndarray) -> np.ndarray:
    """When the pitch of each note is next struck under the pedal (N,), infinite for never."""
    key = score.track.astype(np.int64) * 128 + score.pitch
    order = np.lexsort((score.start, key))  # stable: notes that start together keep their order
    at = np.flatnonzero(under[order])
    following = np.append(at, -1)[np.searchsorted(at, np.arange(len(order)), side="right")]
    found = (following >= 0) & (key[order[following]] == key[order])
    again = np.full(len(order), np.inf)
    again[order[found]] = score.start[order[following[found]]]
    return again
