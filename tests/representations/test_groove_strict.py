"""The reference is the witness: recorded inputs, outputs, controls and notes of six published
configurations, with the pitches of training (`eval`, `train`) and of use (`infer`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from musicvae.notes.midi import read_midi
from musicvae.notes.score import Meter, Tempo
from musicvae.representations.base import Example
from musicvae.representations.groove import Groove, StrictGroove
from musicvae.representations.groove_strokes import OFFSETS, GeneralMidiKit, RolandKit
from musicvae.representations.groove_tasks import (
    FixedVelocity,
    HitsAsControls,
    Humanize,
    NoteDropout,
    Tap,
    Task,
    WithoutDrum,
)
from tests.representations.oracle import with_the_references_draws
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


def assert_equals_reference(path: Path, configuration: str, mode: str, recorded: Recorded) -> None:
    """`recorded` gives error, in, out, ctrl and from of this configuration, or None."""
    bars, tasks = TASKS[configuration]
    groove = Groove(bars=bars, extraction=StrictGroove(kit=KITS[mode]), tasks=tasks)
    music = read_midi(path)
    survey = groove.survey(music, overlap=True)
    if recorded("error") is not None:
        assert "unknown-drums" in survey.dropped
        return
    expected = recorded("in")
    assert expected is not None
    assert len(survey.examples) == len(expected)
    if not len(expected):
        return
    tokens = np.array([e.tokens for e in survey.examples])
    if not any(isinstance(task, NoteDropout) for task in tasks):
        np.testing.assert_allclose(groove.inputs(tokens), expected, atol=1e-6)
    elif mode == "train":
        told = with_the_references_draws(music, groove, len(tokens))
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


def assert_notes_are(groove: Groove, example: Example, expected: np.ndarray) -> None:
    """Pitch, start, end, velocity; the reference has times below 0, which a score cannot have."""
    music = groove.decode([Example(tokens=example.tokens, lengths=example.lengths)])
    found = np.column_stack([music.pitch, music.start, music.end, music.velocity])
    expected = np.maximum(expected[:, 1:5], 0)
    np.testing.assert_allclose(found, expected, atol=1e-6)


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
