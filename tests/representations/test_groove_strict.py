"""The reference is the witness: recorded inputs, outputs, controls and notes of six published
configurations, with the pitches of training (`eval`, `train`) and of use (`infer`)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from musicvae.notes.midi import read_midi
from musicvae.notes.score import Meter, Tempo
from musicvae.representations.base import Example
from musicvae.representations.groove import Groove, StrictGroove
from musicvae.representations.groove_strokes import OFFSETS, VELOCITIES, GeneralMidiKit, RolandKit
from musicvae.representations.groove_tasks import (
    FixedVelocity,
    HitsAsControls,
    Humanize,
    NoteDropout,
    Tap,
    Task,
    WithoutDrum,
    drop,
)
from tests.representations.strokes import beat

GOLDEN = Path(__file__).parent.parent / "golden"
FILES = sorted(p.stem for p in (GOLDEN / "groove").glob("*.mid"))
KITS = {"eval": RolandKit(), "train": RolandKit(), "infer": GeneralMidiKit()}
TASKS: dict[str, tuple[int, tuple[Task, ...]]] = {
    "groovae_4bar": (4, ()),
    "groovae_2bar_humanize": (2, (Humanize(),)),
    "groovae_2bar_tap_fixed_velocity": (2, (Tap(), FixedVelocity())),
    "groovae_2bar_tap_fixed_velocity_note_dropout": (2, (NoteDropout(), Tap(), FixedVelocity())),
    "groovae_2bar_add_closed_hh": (2, (WithoutDrum(drum=2),)),
    "groovae_2bar_hits_control_tfds": (2, (HitsAsControls(),)),
}

Recorded = Callable[[str], np.ndarray | None]


def assert_equals_reference(path: Path, configuration: str, mode: str, recorded: Recorded) -> int:
    """`recorded` gives error, in, out, ctrl and from of this configuration, or None. -> windows."""
    bars, tasks = TASKS[configuration]
    groove = Groove(bars=bars, extraction=StrictGroove(kit=KITS[mode]), tasks=tasks)
    survey = groove.survey(read_midi(path), overlap=True)
    if recorded("error") is not None:
        assert "unknown-drums" in survey.dropped
        return 0
    expected = recorded("in")
    assert expected is not None
    assert len(survey.examples) == len(expected)
    if not len(expected):
        return 0
    tokens = np.array([e.tokens for e in survey.examples])
    if not any(isinstance(task, NoteDropout) for task in tasks):
        np.testing.assert_allclose(groove.inputs(tokens), expected, atol=1e-6)
    elif mode == "train":
        told = with_the_references_draws(path, groove, len(tokens))
        np.testing.assert_allclose(told, expected, atol=1e-6)
    outputs, controls, notes = recorded("out"), recorded("ctrl"), recorded("from")
    if outputs is not None:
        np.testing.assert_allclose(tokens, outputs, atol=1e-6)
    assert (controls is None) == (groove.spec.controls is None)
    if controls is not None:
        np.testing.assert_array_equal([e.controls for e in survey.examples], controls)
    if notes is not None:
        for k, example in enumerate(survey.examples):
            assert_notes_are(groove, example, notes[notes[:, 0] == k])
    return len(tokens)


def assert_notes_are(groove: Groove, example: Example, expected: np.ndarray) -> None:
    """Pitch, start, end, velocity; the reference has times below 0, which a score cannot have."""
    music = groove.decode([Example(tokens=example.tokens, lengths=example.lengths)])
    found = np.column_stack([music.pitch, music.start, music.end, music.velocity])
    expected = np.maximum(expected[:, 1:5], 0)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def with_the_references_draws(path: Path, groove: Groove, windows: int) -> np.ndarray:
    """What the encoder is told if notes are dropped as the reference draws them: with NumPy's
    legacy generator, once for the whole file."""
    bar_by_bar = Groove(bars=1, extraction=groove.extraction)
    played = np.concatenate([e.tokens for e in bar_by_bar.encode(read_midi(path))])
    velocity = np.rint(played[:, VELOCITIES].astype(float) * 127) / 127
    rng = np.random.RandomState(1234)
    share = rng.uniform(0, 0.8)
    dropped = rng.binomial(1, share * np.maximum(0.2, 1 - velocity)).astype(bool)
    left = drop(played, dropped)
    for task in groove.tasks[1:]:
        left = task.apply(left, played, None)
    return left[: windows * groove.spec.length].reshape(windows, groove.spec.length, -1)


@pytest.mark.parametrize("configuration", TASKS)
@pytest.mark.parametrize("name", FILES)
def test_golden_files_are_equal(name: str, configuration: str) -> None:
    with np.load(GOLDEN / "groove.npz") as golden:
        for mode in KITS:
            key = f"{name}/{configuration}@{mode}"

            def recorded(part: str, key: str = key) -> np.ndarray | None:
                return golden.get(f"{key}/{part}", None)

            if any(k.startswith(f"{key}/") for k in golden):
                assert_equals_reference(
                    GOLDEN / "groove" / f"{name}.mid", configuration, mode, recorded
                )


def test_the_golden_files_have_windows_to_compare() -> None:
    with np.load(GOLDEN / "groove.npz") as golden:
        for configuration in TASKS:
            found = [
                len(golden[k]) for k in golden if f"/{configuration}@" in k and k[-3:] == "/in"
            ]
            assert sum(found) >= 4
            assert 0 in found


@pytest.mark.oracle
@pytest.mark.parametrize("mode", KITS)
@pytest.mark.parametrize("configuration", TASKS)
def test_every_recorded_file_is_equal(configuration: str, mode: str) -> None:
    """All files of the folder that MUSICVAE_ORACLE names: `<name>.mid` beside `<name>.npz`."""
    folder = Path(os.environ.get("MUSICVAE_ORACLE", ""))
    files = sorted(folder.glob("**/converters/*.npz"))
    if "MUSICVAE_ORACLE" not in os.environ or not files:
        pytest.skip("MUSICVAE_ORACLE names no folder of recordings")
    unequal, windows = [], 0
    for file in files:
        with np.load(file) as reference:
            try:
                windows += assert_equals_reference(
                    file.with_suffix(".mid"),
                    configuration,
                    mode,
                    lambda part, ref=reference: _of(ref, f"{configuration}@{mode}", part),
                )
            except AssertionError:
                unequal.append(file.stem)
    assert not unequal, f"{len(unequal)} of {len(files)} differ"
    assert windows


def _of(reference: Any, key: str, part: str) -> np.ndarray | None:
    """One recorded array; outputs are the inputs where the recording says so."""
    if part == "error":
        return reference.get(f"{key}/error", None)
    if part == "from":
        return reference.get(f"{key}/from/notes", None)
    if part == "out" and reference[f"{key}/out_is_in"]:
        part = "in"
    if f"{key}/{part}/n" not in reference:
        return None
    if not int(reference[f"{key}/{part}/n"]):
        return np.zeros((0, 0, 27)) if part == "in" else None
    shape = tuple(reference[f"{key}/{part}/shape"])
    if f"{key}/{part}/f64" in reference:
        return reference[f"{key}/{part}/f64"].reshape(shape)
    if f"{key}/{part}/bits" in reference:
        bits = np.unpackbits(reference[f"{key}/{part}/bits"], count=int(np.prod(shape)))
        return bits.reshape(shape)
    one_hot = reference[f"{key}/{part}/tok"][..., :1] == np.arange(shape[-1])
    return one_hot.reshape(shape)


STRICT = Groove(bars=2, extraction=StrictGroove())


def test_what_does_not_fill_a_window_is_left_out_of_the_references() -> None:
    five_bars = beat([(k, 36, 100) for k in range(0, 80, 4)])
    assert len(STRICT.encode(five_bars, overlap=True)) == 2
    whole = STRICT.encode(five_bars)
    assert [e.filler for e in whole] == [0, 0, 1]


def test_any_change_of_time_spoils_a_file() -> None:
    strokes = [(k, 36, 100) for k in range(0, 64, 4)]
    faster = beat(strokes, tempos=(Tempo(0.0, 120.0), Tempo(2.0, 121.0)))
    waltz_later = beat(strokes, meters=(Meter(0.0, 4, 4), Meter(2.0, 3, 4)))
    assert STRICT.survey(faster).dropped == {"several-tempos": 1}
    assert STRICT.survey(waltz_later).dropped == {"several-meters": 1}


def test_pitches_that_the_kit_does_not_have_are_named() -> None:
    survey = STRICT.survey(beat([(0, 36, 100), (1, 56, 100)]))
    assert survey.dropped == {"unknown-drums": 1}
    assert "56" in survey.remarks[0]


def test_the_two_kits_hear_another_tom() -> None:
    struck = beat([(0, 48, 100), (4, 45, 100)])
    for kit, drums in ((RolandKit(), [6, 5]), (GeneralMidiKit(), [5, 4])):
        groove = Groove(bars=1, extraction=StrictGroove(kit=kit))
        tokens = groove.encode(struck)[0].tokens
        assert [int(tokens[k, :9].argmax()) for k in (0, 4)] == drums


def test_a_positive_offset_is_early() -> None:
    tokens = STRICT.encode(beat([(3.75, 36, 100), (8.25, 36, 100)]))[0].tokens
    assert tokens[[4, 8], OFFSETS.start].tolist() == [0.5, -0.5]
