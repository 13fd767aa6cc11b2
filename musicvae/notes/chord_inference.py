"""The chords of music that states none, heard from its notes.

The model and its numbers are those of note-seq's `infer_chords_for_sequence`: a hidden Markov chain
over a key (12) and a chord (no chord, or one of 8 kinds on one of 12 roots), a state a frame. A
frame is a bar, or half a bar of 4/4 and 6/8. The likelihood of a frame is 100 times the cosine
between the time that each pitch class sounds and the notes of the chord; a chord prefers the notes
of its key, a chord stays with probability 1/2, a key with 0.999. The likeliest chain is found as
there (Viterbi), but from what the transitions have in common, instead of a million of them a frame.

Letters: F frames, N notes, C = 97 chords, G groups of chords that are equally likely in a key.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from musicvae.notes.chords import NAMES, NO_CHORD, Chord
from musicvae.notes.score import Key, Score
from musicvae.notes.transform import bar_starts

KINDS = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "+": (0, 4, 8),
    "dim": (0, 3, 6),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "m7": (0, 3, 7, 10),
    "m7b5": (0, 3, 6, 10),
}
SYMBOLS = (NO_CHORD, *(root + kind for root in NAMES for kind in KINDS))  # C of them
MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)
KEY_CHANGE, CHORD_CHANGE, OUT_OF_KEY = 0.001, 0.5, 0.01  # probabilities
CONCENTRATION = 100.0
MOST_FRAMES = 1000  # note-seq infers no more; longer music is read in parts
CHORDS_PER_BAR = {(2, 2): 1, (2, 4): 1, (3, 4): 1, (4, 4): 2, (6, 8): 2}  # of note-seq, no others
# General MIDI: sound effects and percussion, whose pitch says nothing
UNPITCHED_PROGRAMS = (*range(96, 104), *range(112, 128))


def infer_chords(score: Score) -> tuple[tuple[Chord, ...], tuple[Key, ...]]:
    """The chords and the keys of any score from its pitched tracks, each where it changes.

    Two chords a bar where it has an even number of beats, and one otherwise. A key is the major one
    of its scale, as A minor and C major are not told apart.
    """
    rows = pitched(score)
    bounds = _frame_starts(score)
    if not len(rows) or len(bounds) < 2:
        return (), ()
    weights = pitch_class_weights(
        score.pitch[rows], score.start[rows], score.end[rows], bounds[1:-1]
    )
    parts = [
        likeliest(weights[at : at + MOST_FRAMES]) for at in range(0, len(weights), MOST_FRAMES)
    ]
    keys, chords = np.concatenate(parts, axis=1)
    times = bounds.tolist()
    return (
        tuple(Chord(times[i], SYMBOLS[chords[i]]) for i in _changes(chords)),
        tuple(Key(times[i], int(keys[i])) for i in _changes(keys)),
    )


def pitched(score: Score) -> np.ndarray:
    """The rows of the notes whose pitch counts: neither drums nor sound effects."""
    counts = [not t.is_drum and t.program not in UNPITCHED_PROGRAMS for t in score.tracks]
    rows: np.ndarray = np.flatnonzero(np.array(counts, dtype=bool)[score.track])
    return rows


def pitch_class_weights(
    pitch: np.ndarray, start: np.ndarray, end: np.ndarray, boundaries: np.ndarray
) -> np.ndarray:
    """How long each pitch class sounds in each frame: (F, 12), rows of length 1 or 0.

    Notes (N,) in seconds; `boundaries` (F - 1,) lie between the frames.
    """
    edges = np.concatenate([[-np.inf], boundaries, [np.inf]])
    first = np.searchsorted(boundaries, start, side="right")
    last = np.maximum(np.searchsorted(boundaries, end, side="left"), first)
    many = last - first + 1
    note = np.repeat(np.arange(len(pitch)), many)
    frame = np.arange(len(note)) - np.repeat(np.cumsum(many) - many, many) + first[note]
    lasting = np.minimum(end[note], edges[frame + 1]) - np.maximum(start[note], edges[frame])
    cell = frame * 12 + pitch[note].astype(np.int64) % 12
    frames = len(boundaries) + 1
    counted = np.bincount(cell, weights=lasting, minlength=12 * frames)  # integers for no notes
    weights = counted.astype(np.float64).reshape(frames, 12)
    norm = np.linalg.norm(weights, axis=1, keepdims=True)
    np.divide(weights, norm, out=weights, where=norm > 0)
    return weights


def likeliest(weights: np.ndarray) -> np.ndarray:
    """The likeliest chain for `weights` (F, 12): (2, F), its keys and its chords in `SYMBOLS`."""
    model = _model()
    heard = CONCENTRATION * np.dot(weights, model.notes.T)  # (F, C)
    best = np.empty((len(heard), 12, len(SYMBOLS)))  # of the chains that end in each state
    best[0] = -np.log(12) + model.chord_in_key + heard[0]
    for frame in range(1, len(heard)):
        best[frame] = _reach(model, best[frame - 1]) + heard[frame]
    state = int(best[-1].argmax())
    path = [state]
    for frame in range(len(heard) - 1, 0, -1):
        state = int((best[frame - 1] + model.ways_to(state)).argmax())
        path.append(state)
    return np.array(np.divmod(path[::-1], len(SYMBOLS)))


class _Model:
    """The logarithms of all probabilities, and which chords of a key are equally likely in it."""

    def __init__(self) -> None:
        chords = len(SYMBOLS)
        scale = {(k, (k + p) % 12) for k in range(12) for p in MAJOR_SCALE}
        notes = [
            (),
            *(tuple((r + p) % 12 for p in kind) for r in range(12) for kind in KINDS.values()),
        ]
        inside = np.array([[sum((k, p) in scale for p in n) for n in notes] for k in range(12)])
        outside = np.array([len(n) for n in notes]) - inside
        likely = (1 - OUT_OF_KEY) ** inside * OUT_OF_KEY**outside
        likely /= likely.sum(axis=1)[:, None]  # (12, C)
        self.chord_in_key = np.log(likely)
        self.notes = np.zeros((chords, 12))
        for chord, classes in enumerate(notes):
            self.notes[chord, list(classes)] = 1
        self.notes[1:] /= np.linalg.norm(self.notes[1:], axis=1)[:, None]
        sorts, group = np.unique(inside * 8 + outside, return_inverse=True)
        self.group = group.reshape(12, chords)  # of each chord in each key; as many in every key
        size = int(np.bincount(self.group[0]).max())
        self.members = np.full((len(sorts), 12, size), 12 * chords)  # 12 C: no state
        change = np.zeros((len(sorts), 12, chords))  # from a chord of a group to a chord
        for k in range(12):
            for g in range(len(sorts)):
                own = np.flatnonzero(self.group[k] == g)
                self.members[g, k, : len(own)] = k * chords + own
                mass = likely[k] + likely[k, own[0]] / (chords - 1)
                change[g, k] = (1 - KEY_CHANGE) * (CHORD_CHANGE * mass)
        self.change = np.log(change)
        self.stay = np.log((1 - KEY_CHANGE) * (1 - CHORD_CHANGE))
        self.new_key = np.log(KEY_CHANGE / 11 * likely)

    def ways_to(self, state: int) -> np.ndarray:
        """The logarithms of the transitions from all states (12, C) to one."""
        key, chord = divmod(state, len(SYMBOLS))
        ways = np.full((12, len(SYMBOLS)), self.new_key[key, chord])
        ways[key] = self.change[self.group[key], key, chord]
        ways[key, chord] = self.stay
        return ways


@cache
def _model() -> _Model:
    return _Model()


def _reach(model: _Model, best: np.ndarray) -> np.ndarray:
    """The best chains (12, C) of a frame -> those of the next, without what is heard in it.

    A chain stays, changes its chord (from the best of each group of its key) or also its key (from
    the best of all other keys). Staying is likelier than a change from a chord to itself would be,
    so that this need not be ruled out.
    """
    top = np.append(best, -np.inf)[model.members].max(axis=2)  # (G, 12)
    reached: np.ndarray = (top[:, :, None] + model.change).max(axis=0)
    np.maximum(reached, best + model.stay, out=reached)
    key_best = best.max(axis=1)
    first = int(key_best.argmax())
    others = np.full(12, key_best[first])
    others[first] = np.delete(key_best, first).max()
    np.maximum(reached, others[:, None] + model.new_key, out=reached)
    return reached


def _frame_starts(score: Score) -> np.ndarray:
    """Where frames begin, in seconds (F + 1,): bars, or halves of bars with an even beat.

    Where bars are shorter than a quarter note, not each of them begins a frame.
    """
    bars = bar_starts(score)
    numerators = np.array([score.meter_at(float(t) + 1e-9).numerator for t in bars[:-1]])
    in_two = np.isin(numerators, (4, 6, 8, 12)).nonzero()[0]
    halves = (bars[in_two] + bars[in_two + 1]) / 2
    starts: np.ndarray = np.sort(np.concatenate([bars, halves]))
    beat = np.floor(score.quarters_at(starts) + 1e-6)
    begins = np.diff(beat, prepend=-1) > 0
    begins[-1] = True  # the end of the last frame
    return starts[begins]


def _changes(values: np.ndarray) -> list[int]:
    """Where a column differs from what stands before it; the first place, too."""
    changed: list[int] = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist()]
    return changed
