"""Tensors and notes that the reference made of MIDI files, beside what the presets make of them.

A folder of recordings holds `<name>.mid` and `<name>.npz` side by side. The recordings are not in
the repository: the environment variable MUSICVAE_ORACLE names a folder with `converters/` in it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from musicvae.notes.midi import read_midi
from musicvae.notes.score import Score
from musicvae.presets import PRESETS
from musicvae.representations.base import (
    Categorical,
    Example,
    MultiLabel,
    Several,
    Space,
    Strokes,
)
from musicvae.representations.groove import Groove, StrictGroove
from musicvae.representations.groove_strokes import VELOCITIES, GeneralMidiKit
from musicvae.representations.groove_tasks import NoteDropout, drop

SEED = 1234  # of the reference's draws in mode `train`


@dataclass(frozen=True, kw_only=True)
class Converter:
    """A published configuration, and the modes in which its windows and its notes are recorded.

    `all` is every window in the order in which they first occur; `eval` at most five of them for
    melodies, drums and trios, and all for the others; `infer` reads other pitches of drums.
    """

    name: str
    windows: str
    notes: str | None
    representation: Any

    def __str__(self) -> str:
        return f"{self.name}@{self.windows}"


def _converters() -> Iterator[Converter]:
    for name in (
        "cat-mel_2bar_big",
        "hierdec-mel_16bar",
        "cat-mel_2bar_med_chords",
        "cat-drums_2bar_small",
        "nade-drums_2bar_reduced",
        "nade-drums_2bar_full",
        "hierdec-trio_16bar",
    ):
        representation = PRESETS[name].representation
        yield Converter(name=name, windows="all", notes="eval", representation=representation)
    for name in ("hier-multiperf_vel_1bar_med", "hier-multiperf_vel_1bar_med_chords"):
        representation = PRESETS[name].representation
        yield Converter(name=name, windows="eval", notes="eval", representation=representation)
    for name, preset in PRESETS.items():
        if name.startswith("groovae_"):
            roland = preset.representation
            general = replace(roland, extraction=StrictGroove(kit=GeneralMidiKit()))
            yield Converter(name=name, windows="eval", notes="eval", representation=roland)
            yield Converter(name=name, windows="train", notes=None, representation=roland)
            yield Converter(name=name, windows="infer", notes="infer", representation=general)


CONVERTERS = tuple(_converters())


def recordings() -> list[Path]:
    """The recorded arrays of every file; none where MUSICVAE_ORACLE names no folder."""
    folder = os.environ.get("MUSICVAE_ORACLE")
    return sorted(Path(folder).glob("**/converters/*.npz")) if folder else []


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One file through one converter. `notes` is None where none are recorded."""

    windows: int
    tensors: bool
    notes: bool | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Tensors:
    """What a model is shown: (N, T, D) each, lengths (N,) or (N, S)."""

    inputs: np.ndarray | None  # None where they are a matter of chance
    outputs: np.ndarray
    controls: np.ndarray | None
    lengths: np.ndarray


def compare(converter: Converter, file: Path) -> Comparison:
    """What the converter makes of the music beside `file`, against the arrays in it."""
    music = read_midi(file.with_suffix(".mid"))
    tokens, lengths, controls, dropped = converter.representation.tokenize(music)
    with np.load(file) as arrays:
        key = f"{converter.name}@{converter.windows}"
        if f"{key}/error" in arrays:
            refused = not len(tokens) and "unknown-drums" in dropped
            return Comparison(windows=0, tensors=refused)
        count = int(arrays[f"{key}/in/n"])
        if not count or count != len(tokens):
            return Comparison(windows=count, tensors=count == len(tokens))
        ours = _shown(converter, music, tokens, lengths, controls)
        equal = _same_tensors(ours, _recorded(arrays, key))
        if converter.notes is None:
            return Comparison(windows=count, tensors=equal)
        examples = [
            Example(tokens=t, lengths=n, controls=None if controls is None else controls[k])
            for k, (t, n) in enumerate(zip(tokens, lengths, strict=True))
        ]
        decoded_key = f"{converter.name}@{converter.notes}"
        which = _places(ours, _recorded(arrays, decoded_key))
        representation = converter.representation
        notes = which is not None and _same_notes(
            [representation.decode([examples[k]]) for k in which],
            arrays,
            decoded_key,
            seconds=2.0 * representation.bars,  # 4/4 at 120 quarters a minute
        )
        return Comparison(windows=count, tensors=equal, notes=notes)


def _recorded(arrays: Any, key: str) -> Tensors:
    inputs = _array(arrays, f"{key}/in")
    same = bool(arrays[f"{key}/out_is_in"])
    return Tensors(
        inputs=inputs,
        outputs=inputs if same else _array(arrays, f"{key}/out"),
        controls=_array(arrays, f"{key}/ctrl") if f"{key}/ctrl/n" in arrays else None,
        lengths=arrays[f"{key}/len"],
    )


def _array(arrays: Any, key: str) -> np.ndarray:
    """A recorded tensor (N, T, D): places of the ones (-1 for none), packed bits, or numbers."""
    shape = tuple(arrays[f"{key}/shape"])
    if f"{key}/f64" in arrays:
        return arrays[f"{key}/f64"].reshape(shape)
    if f"{key}/bits" in arrays:
        bits = np.unpackbits(arrays[f"{key}/bits"], count=int(np.prod(shape)))
        return bits.reshape(shape).astype(bool)
    at = np.moveaxis(arrays[f"{key}/tok"], -1, 0)
    return _one_hot(at, arrays[f"{key}/splits"].tolist())


def _one_hot(streams: np.ndarray, sizes: list[int]) -> np.ndarray:
    """Classes (C, N, T) -> (N, T, sum of sizes)."""
    return np.concatenate(
        [stream[..., None] == np.arange(n) for stream, n in zip(streams, sizes, strict=True)], -1
    )


def _shown(
    converter: Converter,
    music: Score,
    tokens: np.ndarray,
    lengths: np.ndarray,
    controls: np.ndarray | None,
) -> Tensors:
    """Tokens as the tensors that a model is shown."""
    representation, spec = converter.representation, converter.representation.spec
    steps = np.arange(spec.segment_length) < lengths[..., None]  # (N, S, L)
    valid = steps.reshape(len(tokens), spec.length, 1)
    told: np.ndarray | None = representation.inputs(tokens)
    if any(isinstance(task, NoteDropout) for task in getattr(representation, "tasks", ())):
        told = None
        if converter.windows == "train":
            told = with_the_references_draws(music, representation, len(tokens))
    return Tensors(
        inputs=None if told is None else _dense(told, spec.inputs) * valid,
        outputs=_dense(tokens, spec.outputs) * valid,
        controls=None if controls is None else _dense(controls, spec.controls) * valid,
        lengths=lengths,
    )


def _dense(values: np.ndarray, space: Space) -> np.ndarray:
    match space:
        case Categorical(size):
            return _one_hot(values[None], [size])
        case Several(sizes):
            return _one_hot(np.moveaxis(values, -1, 0), list(sizes))
        case MultiLabel(silence=True):
            return np.concatenate([values, ~values.any(axis=-1, keepdims=True)], axis=-1)
        case MultiLabel() | Strokes():
            return values


def with_the_references_draws(music: Score, groove: Groove, windows: int) -> np.ndarray:
    """What the encoder is told if notes are dropped as the reference draws them: with NumPy's
    legacy generator, once for the whole file."""
    bar_by_bar = Groove(bars=1, extraction=groove.extraction)
    played = np.concatenate([e.tokens for e in bar_by_bar.encode(music)])
    velocity = np.rint(played[:, VELOCITIES].astype(float) * 127) / 127
    rng = np.random.RandomState(SEED)
    share = rng.uniform(0, 0.8)
    dropped = rng.binomial(1, share * np.maximum(0.2, 1 - velocity)).astype(bool)
    left = drop(played, dropped)
    for task in groove.tasks[1:]:
        left = task.apply(left, played, None)
    return left[: windows * groove.spec.length].reshape(windows, groove.spec.length, -1)


def _same_tensors(ours: Tensors, theirs: Tensors) -> bool:
    """Classes and lengths to the letter; strokes, of which ours are float32, to 1e-6."""
    assert theirs.inputs is not None
    lengths = ours.lengths if theirs.lengths.ndim > 1 else ours.lengths.sum(axis=1)
    return (
        (ours.inputs is None or _close(ours.inputs, theirs.inputs))
        and _close(ours.outputs, theirs.outputs)
        and (ours.controls is None) == (theirs.controls is None)
        and (ours.controls is None or _close(ours.controls, theirs.controls))
        and np.array_equal(lengths, theirs.lengths)
    )


def _close(ours: np.ndarray, theirs: np.ndarray | None) -> bool:
    if theirs is None or ours.shape != theirs.shape:
        return False
    return bool((np.abs(ours.astype(np.float32) - theirs) <= 1e-6).all())


def _places(ours: Tensors, theirs: Tensors) -> list[int] | None:
    """Which of our windows the windows of another mode are; None if one is none of them."""
    if len(ours.outputs) == len(theirs.outputs) and _close(ours.outputs, theirs.outputs):
        return list(range(len(ours.outputs)))
    known = {window: k for k, window in enumerate(_fingerprints(ours))}
    places = [known.get(window) for window in _fingerprints(theirs)]
    found = [k for k in places if k is not None]
    return found if len(found) == len(places) else None


def _fingerprints(tensors: Tensors) -> list[bytes]:
    told = tensors.outputs if tensors.controls is None else tensors.controls
    return [
        np.packbits(a != 0).tobytes() + np.packbits(b != 0).tobytes()
        for a, b in zip(tensors.outputs, told, strict=True)
    ]


def _same_notes(decoded: list[Score], arrays: Any, key: str, seconds: float) -> bool:
    """The notes of each window, and its chords where some are recorded.

    A window lasts `seconds`. What ends with it may have been told the chord of the next one, which
    the reference leaves out.
    """
    rows = arrays[f"{key}/from/notes"]
    equal = True
    for k, music in enumerate(decoded):
        theirs = _in_order(rows[rows[:, 0] == k][:, [1, 2, 3, 4, 5, 7]])
        theirs[:, 1:3] = np.maximum(theirs[:, 1:3], 0)  # a score has no time below 0
        ours = _in_order(_notes(music))
        equal &= ours.shape == theirs.shape and np.allclose(ours, theirs, rtol=0, atol=1e-6)
    if f"{key}/from/texts" in arrays:
        texts = json.loads(str(arrays[f"{key}/from/texts"]))
        for music, said in zip(decoded, texts, strict=True):
            ours = [(c.time, c.symbol) for c in music.chords if c.time < seconds]
            equal &= _on_sixteenths(said) in (ours, _without_diminished(ours))
    return equal


def _notes(music: Score) -> np.ndarray:
    """Pitch, start, end, velocity, is_drum, program of each note."""
    columns = [music.pitch, music.start, music.end, music.velocity]
    kinds = np.array([[t.is_drum, t.program] for t in music.tracks]).reshape(-1, 2)
    return np.column_stack([*columns, kinds[music.track]]).astype(float)


def _in_order(notes: np.ndarray) -> np.ndarray:
    """Notes by drums, program, pitch and time: the reference's order of drums is that of a set."""
    pitch, start, end, velocity, drums, program = np.round(notes, 6).T
    return notes[np.lexsort((velocity, end, start, pitch, program, drums))]


def _on_sixteenths(chords: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """At 120 quarters a minute. The reference lets a chord begin with the first event that was told
    it, which may be behind the sixteenth in which it does."""
    return [(int(at * 8 + 1e-6) / 8, symbol) for at, symbol in chords]


def _without_diminished(chords: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """As the reference writes the chords of a melody, which loses the diminished ones: it cuts the
    last twelve classes off, as if they told the key."""
    lost = [(at, "N.C." if symbol.endswith("dim") else symbol) for at, symbol in chords]
    return [next(run) for _, run in groupby(lost, key=lambda chord: chord[1])]
