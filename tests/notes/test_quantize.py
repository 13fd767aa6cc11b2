from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicvae.notes.errors import Rejected
from musicvae.notes.midi import read_midi
from musicvae.notes.quantize import quantize, quantize_to_beats, seconds_at, to_seconds
from musicvae.notes.score import Meter, Tempo
from musicvae.notes.transform import split_at_time_changes
from tests.representations.melodies import score

GOLDEN = Path(__file__).parent.parent / "golden"
FILES = sorted(p.stem for p in (GOLDEN / "midi").glob("*.mid"))


@pytest.mark.parametrize("name", FILES)
def test_the_steps_are_the_references(name: str) -> None:
    with np.load(GOLDEN / "melody.npz") as golden:
        expected = golden[f"{name}/quantized"]
    found = [
        np.column_stack([np.full(len(steps), k), steps.start_step, steps.end_step])
        for k, piece in enumerate(split_at_time_changes(read_midi(GOLDEN / "midi" / f"{name}.mid")))
        if len(steps := quantize(piece))
    ]
    np.testing.assert_array_equal(np.concatenate(found), expected)


def test_halves_round_up_and_no_note_is_empty() -> None:
    music = score([(0.125, 0.374, 60), (1.0, 1.01, 62), (1.12, 1.13, 64)])
    steps = quantize(music)
    assert steps.start_step.tolist() == [1, 4, 4]
    assert steps.end_step.tolist() == [2, 5, 5]
    assert steps.total_steps == 5


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(1, 40)), min_size=1),
    st.floats(20, 300),
)
def test_what_lies_on_the_grid_comes_back(notes: list[tuple[int, int]], qpm: float) -> None:
    music = score([(a / 4, (a + n) / 4, 60) for a, n in notes], qpm=qpm, meters=[(0, 3, 4)])
    steps = quantize(music)
    assert steps.start_step.tolist() == [a for a, _ in notes]
    back = to_seconds(steps)
    np.testing.assert_allclose(back.start, music.start, atol=1e-9)
    np.testing.assert_allclose(back.end, music.end, atol=1e-9)
    assert (back.tempos, back.meters) == (music.tempos, music.meters)


def test_changes_of_tempo_do_not_matter_to_beats() -> None:
    music = score([(0, 1, 60), (1, 2, 62), (2, 4, 64)])
    slower = replace(
        music,
        tempos=(Tempo(0.0, 120.0), Tempo(0.5, 60.0)),
        start=np.array([0.0, 0.5, 1.5]),
        end=np.array([0.5, 1.5, 3.5]),
    )
    assert quantize_to_beats(slower).start_step.tolist() == [0, 4, 8]
    assert quantize_to_beats(slower).end_step.tolist() == [4, 8, 16]
    np.testing.assert_allclose(seconds_at(slower, np.array([0, 1, 2, 4])), [0, 0.5, 1.5, 3.5])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"tempos": (Tempo(0.0, 120.0), Tempo(1.0, 90.0))}, "several-tempos"),
        ({"meters": (Meter(0.0, 4, 4), Meter(1.0, 3, 4))}, "several-meters"),
        ({"meters": (Meter(1.0, 3, 4),)}, "several-meters"),
        ({"meters": (Meter(0.0, 4, 3),)}, "invalid-meter"),
        ({"meters": (Meter(0.0, 0, 4),)}, "invalid-meter"),
        ({"start": np.array([-1.0])}, "negative-time"),
    ],
)
def test_what_has_no_grid_is_rejected_with_a_reason(change: dict[str, object], reason: str) -> None:
    music = replace(score([(0, 8, 60)]), **change)  # type: ignore[arg-type]
    with pytest.raises(Rejected) as rejection:
        quantize(music)
    assert rejection.value.reason == reason


def test_what_is_stated_twice_is_no_change() -> None:
    again = replace(score([(0, 8, 60)]), meters=(Meter(1.0, 4, 4), Meter(2.0, 4, 4)))
    assert quantize(again).steps_per_bar == 16
