"""The key that the notes of a score suggest.

The durations of the twelve pitch classes are correlated with the profile of each of the 24 keys;
the best one wins (Krumhansl and Schmuckler; profiles of Krumhansl and Kessler 1982, table 1).
"""

from __future__ import annotations

import numpy as np

from musicvae.notes.score import Key, Score

_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
_SPELLED = {
    False: ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"),
    True: ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"),
}


def estimate_key(score: Score) -> Key | None:
    """The likeliest key of the whole; None where there are too few different notes to tell."""
    drums = np.array([t.is_drum for t in score.tracks], dtype=bool)
    rows = np.flatnonzero(~drums[score.track]) if len(score) else np.zeros(0, dtype=np.int64)
    classes = score.pitch[rows] % 12
    if len(np.unique(classes)) < 3:
        return None
    heard = np.bincount(classes, weights=(score.end - score.start)[rows], minlength=12)
    profiles = np.array([np.roll(p, k) for p in (_MAJOR, _MINOR) for k in range(12)])
    fits = np.nan_to_num(np.corrcoef(profiles, heard)[-1, :-1])  # (24,) major keys, then minor
    best = int(fits.argmax())
    return Key(0.0, best % 12, best >= 12)


def key_name(key: Key) -> str:
    """ "C major", "F# minor"."""
    return f"{_SPELLED[key.minor][key.tonic]} {'minor' if key.minor else 'major'}"
