"""What a model is told of the chords at every step: `Triads`, `MajorMinor`, `FullChords`, any of
them with the key.

`Triads` is the published control of `cat-mel_2bar_med_chords`; `MajorMinor` and `FullChords` (root,
notes and bass) are note-seq's other two; `WithKey` adds the key, as the published
`condition_on_key` does.

Letters: W windows, T steps, K columns of a control, M distinct harmonies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from musicvae.notes.chord_inference import MAJOR_SCALE, infer_chords
from musicvae.notes.chords import (
    NAMES,
    NO_CHORD,
    TRIADS,
    Chord,
    Harmony,
    is_chord,
    name_chord,
    parse_chord,
)
from musicvae.notes.errors import Rejected
from musicvae.notes.quantize import STEPS_PER_QUARTER, quarters_to_steps, seconds_at
from musicvae.notes.score import Key, Score
from musicvae.notes.transform import slice_seconds
from musicvae.representations.base import Categorical, MultiLabel

_TRIAD_CLASSES = 1 + 12 * len(TRIADS)  # 49
_MAJOR_MINOR_CLASSES = 1 + 12 * 2  # 25
_NO_CLASS = 0
_CHORD_LABELS = 1 + 3 * 12  # no chord, root, notes, bass


@dataclass(frozen=True, kw_only=True)
class Triads:
    """One of 49: no chord, then the 12 roots with a major, minor, augmented, diminished triad."""

    space: ClassVar[Categorical | MultiLabel] = Categorical(_TRIAD_CLASSES)

    def row(self, symbol: str, key: int, *, exact: bool) -> np.ndarray:
        """The control of a chord, uint8 (). `exact` raises `Rejected` for what has no triad;
        otherwise the nearest one is told."""
        harmony = parse_chord(symbol)
        if harmony is None:
            return np.array(_NO_CLASS, dtype=np.uint8)
        triad = harmony.triad
        if triad is None and exact:
            raise Rejected("chord-not-a-triad", f"the chord {symbol} has no plain third and fifth")
        triad = _nearest_triad(harmony) if triad is None else triad
        return np.array(1 + harmony.root + 12 * triad, dtype=np.uint8)

    def transposed(self, controls: np.ndarray, semitones: np.ndarray) -> np.ndarray:
        """Controls (W, T), each window moved by its own number of `semitones` (W,)."""
        return _moved_triads(controls, semitones)

    def symbols(self, controls: np.ndarray) -> list[str]:
        """Controls (T,) -> chord symbols. Total."""
        return [_TRIAD_NAMES[c] if c < _TRIAD_CLASSES else NO_CHORD for c in controls.tolist()]


@dataclass(frozen=True, kw_only=True)
class MajorMinor:
    """One of 25: no chord, then the 12 roots with a major, a minor triad."""

    space: ClassVar[Categorical | MultiLabel] = Categorical(_MAJOR_MINOR_CLASSES)

    def row(self, symbol: str, key: int, *, exact: bool) -> np.ndarray:
        """The control of a chord, uint8 (). `exact` raises `Rejected` for what is neither major
        nor minor; otherwise the nearer one is told."""
        harmony = parse_chord(symbol)
        if harmony is None:
            return np.array(_NO_CLASS, dtype=np.uint8)
        if exact and harmony.triad not in (0, 1):
            raise Rejected("chord-not-a-triad", f"the chord {symbol} is neither major nor minor")
        return np.array(1 + harmony.root + 12 * _nearest_triad(harmony), dtype=np.uint8)

    def transposed(self, controls: np.ndarray, semitones: np.ndarray) -> np.ndarray:
        """Controls (W, T), each window moved by its own number of `semitones` (W,)."""
        return _moved_triads(controls, semitones)

    def symbols(self, controls: np.ndarray) -> list[str]:
        """Controls (T,) -> chord symbols. Total."""
        classes = controls.tolist()
        return [_TRIAD_NAMES[c] if c < _MAJOR_MINOR_CLASSES else NO_CHORD for c in classes]


@dataclass(frozen=True, kw_only=True)
class FullChords:
    """37 labels: no chord, the root (12), the notes (12) and the bass (12) of the chord."""

    space: ClassVar[Categorical | MultiLabel] = MultiLabel(_CHORD_LABELS)

    def row(self, symbol: str, key: int, *, exact: bool) -> np.ndarray:
        """The control of a chord, uint8 (37,)."""
        harmony = parse_chord(symbol)
        labels = np.zeros(_CHORD_LABELS, dtype=np.uint8)
        if harmony is None:
            labels[0] = 1
        else:
            notes = [13 + p for p in harmony.pitch_classes]
            labels[[1 + harmony.root, *notes, 25 + harmony.bass]] = 1
        return labels

    def transposed(self, controls: np.ndarray, semitones: np.ndarray) -> np.ndarray:
        """Controls (W, T, 37), each window moved by its own number of `semitones` (W,)."""
        octaves = [_roll(controls[..., at : at + 12], semitones) for at in (1, 13, 25)]
        return np.concatenate([controls[..., :1], *octaves], axis=-1)

    def symbols(self, controls: np.ndarray) -> list[str]:
        """Controls (T, 37) -> chord symbols. Total: without a root there is no chord."""
        return [_name_labels(row) for row in np.asarray(controls)]


@dataclass(frozen=True, kw_only=True)
class WithKey:
    """The labels of `chords` and, behind them, the key (12): the major one of its scale.

    Without `chords` the key alone is told.
    """

    chords: Triads | MajorMinor | FullChords | None = field(default_factory=Triads)

    @property
    def space(self) -> Categorical | MultiLabel:
        return MultiLabel(12 if self.chords is None else self.chords.space.size + 12)

    def row(self, symbol: str, key: int, *, exact: bool) -> np.ndarray:
        """The control of a chord in a key, uint8 (K,)."""
        tonic = _one_hot(np.array(key), 12)
        if self.chords is None:
            return tonic
        chord = self.chords.row(symbol, key, exact=exact)
        if isinstance(self.chords.space, Categorical):
            chord = _one_hot(chord, self.chords.space.size)
        return np.concatenate([chord, tonic])

    def transposed(self, controls: np.ndarray, semitones: np.ndarray) -> np.ndarray:
        """Controls (W, T, K), each window moved by its own number of `semitones` (W,)."""
        own, key = controls[..., :-12], _roll(controls[..., -12:], semitones)
        if isinstance(self.chords, FullChords):
            own = self.chords.transposed(own, semitones)
        elif self.chords is not None:
            roots = range(1, self.chords.space.size, 12)
            triads = [_roll(own[..., at : at + 12], semitones) for at in roots]
            own = np.concatenate([own[..., :1], *triads], axis=-1)
        return np.concatenate([own, key], axis=-1)

    def symbols(self, controls: np.ndarray) -> list[str]:
        """Controls (T, K) -> chord symbols, none if only the key is told. Total."""
        own = np.asarray(controls)[..., :-12]
        if self.chords is None:
            return []
        return self.chords.symbols(own if isinstance(self.chords, FullChords) else own.argmax(-1))

    def keys(self, controls: np.ndarray) -> list[int]:
        """Controls (T, K) -> the key at each step. Total."""
        tonics: list[int] = np.asarray(controls)[..., -12:].argmax(-1).tolist()
        return tonics


ChordControls = Triads | MajorMinor | FullChords | WithKey


@dataclass(frozen=True, eq=False, kw_only=True)
class Told:
    """Controls at every step: `rows[codes]`. A code is a chord symbol (and a key, if that is told),
    0 is no chord. Symbols of one row keep a code each: to the reference they differ."""

    codes: np.ndarray  # (steps,) int32
    rows: np.ndarray  # (M,) or (M, K) uint8

    def merged(self) -> Told:
        """The same with one code for all symbols that are told alike."""
        distinct = {row.tobytes(): row for row in self.rows}
        place = {said: i for i, said in enumerate(distinct)}
        new = np.array([place[row.tobytes()] for row in self.rows], dtype=np.int32)
        return Told(codes=new[self.codes], rows=np.array(list(distinct.values()), dtype=np.uint8))

    def at(self, codes: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """Codes and a mask (W, T) -> controls (W, T, ...), zero where not `valid`."""
        controls: np.ndarray = self.rows[codes]
        controls[~valid] = 0
        return controls


def tell_chords(
    controls: ChordControls,
    chords: Sequence[tuple[int, str]],
    keys: Sequence[tuple[int, int]],
    steps: int,
    *,
    exact: bool = False,
) -> Told:
    """Chords (step, symbol) and keys (step, tonic), in order -> what is told at 0 to `steps`.

    Before the first chord there is none; before the first key it holds already. Raises `Rejected`
    for a chord that `exact` does not allow, `ValueError` for one that cannot be read.
    """
    if not isinstance(controls, WithKey):
        keys = ()
    first_key = keys[0][1] if keys else 0
    changes: dict[int, tuple[str | None, int | None]] = {}
    for at, symbol in chords:
        changes[at] = (symbol, None)
    for at, key in keys[1:]:
        changes[at] = (changes.get(at, (None, None))[0], key)
    codes = np.zeros(steps, dtype=np.int32)
    known: dict[tuple[str, int], int] = {(NO_CHORD, first_key): 0}
    now = (NO_CHORD, first_key)
    for at in sorted(changes):
        symbol_, key_ = changes[at]
        now = (now[0] if symbol_ is None else symbol_, now[1] if key_ is None else key_)
        codes[max(at, 0) :] = known.setdefault(now, len(known))
    rows = [controls.row(symbol, key, exact=exact) for symbol, key in known]
    return Told(codes=codes, rows=np.array(rows, dtype=np.uint8))


def tell_score(controls: ChordControls, score: Score, steps: int, remarks: list[str]) -> Told:
    """The chords that a score states, or else those heard in it, at 0 to `steps` of its beats.

    Says in `remarks` where they come from and which could not be read; those are left out.
    """
    heard, heard_keys = ((), ()) if _suffices(controls, score) else _infer_until(score, steps)
    chords = score.chords or heard
    if not score.chords:
        remarks.append("the file states no chords: they were inferred from its notes")
    unread = sorted({c.symbol for c in chords if not is_chord(c.symbol)})
    if unread:
        remarks.append(f"chords left out, which cannot be read: {', '.join(map(repr, unread[:5]))}")
    keys = [(k.time, (k.tonic + 3 * k.minor) % 12) for k in score.keys or heard_keys]
    read = [c for c in chords if is_chord(c.symbol)]
    at = _steps_of(score, [c.time for c in read])
    key_at = _steps_of(score, [time for time, _ in keys])
    return tell_chords(
        controls,
        [(step, c.symbol) for step, c in zip(at, read, strict=True)],
        [(step, key) for step, (_, key) in zip(key_at, keys, strict=True)],
        steps,
    )


def likeliest_key(symbols: Sequence[str]) -> int:
    """The major key (0 to 11) that has most of the notes of the chords, the simplest of several."""
    harmonies = [h for h in map(parse_chord, symbols) if h is not None]
    count = np.bincount([p for h in harmonies for p in h.pitch_classes], minlength=12)
    roots = np.bincount([h.root for h in harmonies], minlength=12)
    fits = [int(count[(k + np.array(MAJOR_SCALE)) % 12].sum()) for k in range(12)]
    return max(range(12), key=lambda k: (fits[k], roots[k], -k))


def _infer_until(score: Score, steps: int) -> tuple[tuple[Chord, ...], tuple[Key, ...]]:
    """The chords and keys heard in the first `steps`."""
    end = float(seconds_at(score, np.array(steps / STEPS_PER_QUARTER)))
    return infer_chords(score if score.total_seconds <= end else slice_seconds(score, 0.0, end))


def _suffices(controls: ChordControls, score: Score) -> bool:
    """Whether a score states all that is to be told."""
    return bool(score.chords) and (not isinstance(controls, WithKey) or bool(score.keys))


def _steps_of(score: Score, times: Sequence[float]) -> list[int]:
    steps: list[int] = quarters_to_steps(
        score.quarters_at(np.array(times, dtype=np.float64)), STEPS_PER_QUARTER
    ).tolist()
    return steps


def _nearest_triad(harmony: Harmony) -> int:
    """Minor where there is a minor third and no major one; otherwise major."""
    above = {(p - harmony.root) % 12 for p in harmony.pitch_classes}
    return int(3 in above and 4 not in above)


def _moved_triads(controls: np.ndarray, semitones: np.ndarray) -> np.ndarray:
    moved: np.ndarray = _move_triads(semitones)[np.arange(len(controls))[:, None], controls]
    return moved.astype(controls.dtype)


def _move_triads(semitones: np.ndarray) -> np.ndarray:
    """For each number of semitones (W,) the class that each class becomes: (W, 49)."""
    kind, root = np.divmod(np.arange(_TRIAD_CLASSES - 1), 12)
    moved = 1 + 12 * kind + (root + np.asarray(semitones)[:, None]) % 12
    return np.concatenate([np.zeros((len(moved), 1), dtype=moved.dtype), moved], axis=1)


def _roll(octave: np.ndarray, semitones: np.ndarray) -> np.ndarray:
    """Columns (W, T, 12) moved up by each window's `semitones` (W,), around the octave."""
    source = (np.arange(12) - np.asarray(semitones)[:, None]) % 12
    return np.take_along_axis(octave, source[:, None, :], axis=2)


def _one_hot(value: np.ndarray, size: int) -> np.ndarray:
    hot: np.ndarray = (np.arange(size) == value).astype(np.uint8)
    return hot


def _name_labels(labels: np.ndarray) -> str:
    root, notes, bass = labels[1:13], labels[13:25], labels[25:37]
    if labels[0] or not root.any():
        return NO_CHORD
    lowest = int(bass.argmax()) if bass.any() else int(root.argmax())
    classes = tuple(int(p) for p in np.flatnonzero(notes))
    return name_chord(int(root.argmax()), classes, lowest)


_TRIAD_NAMES = [NO_CHORD, *(root + kind for kind in TRIADS for root in NAMES)]
