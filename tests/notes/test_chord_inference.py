"""note-seq is the witness: the same chords and keys at the same times."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import note_seq
import numpy as np
import pytest
from note_seq import chord_inference as reference

from musicvae.notes.chord_inference import (
    CHORDS_PER_BAR,
    MOST_FRAMES,
    SYMBOLS,
    _frame_starts,
    _model,
    infer_chords,
    likeliest,
    pitch_class_weights,
    pitched,
)
from musicvae.notes.interop import to_note_sequence
from musicvae.notes.midi import read_midi
from musicvae.notes.score import Score, Track
from musicvae.notes.transform import split_at_time_changes
from tests.representations.melodies import score

MIDI = Path(__file__).parent.parent / "golden" / "midi"
FILES = ["m21_bach_bwv433", "syn_multi_3", "syn_ts_6_8"]
CADENCE = [(0, 2, (60, 64, 67)), (2, 4, (65, 69, 72)), (4, 6, (67, 71, 74)), (6, 8, (60, 64, 67))]


@pytest.fixture(scope="module")
def transitions() -> Iterator[np.ndarray]:
    """note-seq's transitions, computed once: it takes seconds."""
    likely = reference._key_chord_distribution(0.01)
    computed = reference._key_chord_transition_distribution(likely, 0.001, 0.5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "_key_chord_transition_distribution", lambda *_, **__: computed)
        yield computed


def chords_of(*blocks: tuple[float, float, tuple[int, ...]]) -> Score:
    return score([(a, b, p) for a, b, pitches in blocks for p in pitches])


def names(music: Score) -> list[tuple[float, str]]:
    return [(round(c.time, 6), c.symbol) for c in infer_chords(music)[0]]


@pytest.mark.parametrize("name", FILES)
def test_chords_and_keys_are_note_seqs(name: str, transitions: np.ndarray) -> None:
    piece = split_at_time_changes(read_midi(MIDI / f"{name}.mid"))[0]
    sequence = note_seq.quantize_note_sequence(to_note_sequence(piece), steps_per_quarter=4)
    reference.infer_chords_for_sequence(sequence, add_key_signatures=True)
    meter = sequence.time_signatures[0]
    per_bar = CHORDS_PER_BAR[meter.numerator, meter.denominator]
    frame = 60 / sequence.tempos[0].qpm * 4 * meter.numerator / meter.denominator / per_bar
    rows = pitched(piece)
    weights = pitch_class_weights(
        piece.pitch[rows],
        piece.start[rows],
        piece.end[rows],
        frame * np.arange(1, np.ceil(piece.total_seconds / frame)),
    )
    keys, chords = likeliest(weights)
    changed = [i for i in range(len(chords)) if i == 0 or chords[i] != chords[i - 1]]
    expected = [(round(a.time / frame), a.text) for a in sequence.text_annotations]
    assert [(i, SYMBOLS[chords[i]]) for i in changed] == expected
    changed = [i for i in range(len(keys)) if i == 0 or keys[i] != keys[i - 1]]
    expected_keys = [(round(k.time / frame), k.key) for k in sequence.key_signatures]
    assert [(i, keys[i]) for i in changed] == expected_keys


def test_all_transitions_are_note_seqs(transitions: np.ndarray) -> None:
    expected = np.log(transitions)
    states = range(0, 12 * len(SYMBOLS), 7)
    ours = np.array([_model().ways_to(state).ravel() for state in states])
    np.testing.assert_array_equal(ours, expected.T[list(states)])


def test_a_cadence_is_heard() -> None:
    music = chords_of(*CADENCE)
    assert names(music) == [(0.0, "C"), (1.0, "F"), (2.0, "G"), (3.0, "C")]
    assert [k.tonic for k in infer_chords(music)[1]] == [0]


@pytest.mark.parametrize("semitones", range(1, 12))
def test_a_transposed_cadence_is_heard_as_transposed(semitones: int) -> None:
    moved = [(a, b, tuple(p + semitones for p in pitches)) for a, b, pitches in CADENCE]
    assert [k.tonic for k in infer_chords(chords_of(*moved))[1]] == [semitones]
    assert len(names(chords_of(*moved))) == 4


def test_drums_and_effects_have_no_chords() -> None:
    block = [(0, 4, 60), (0, 4, 64), (0, 4, 67)]
    for track in (Track(is_drum=True), Track(program=120)):
        assert infer_chords(score(block, tracks=[track])) == ((), ())
    assert infer_chords(score([])) == ((), ())


def test_a_bar_of_three_has_one_chord_and_a_change_of_tempo_does_not_matter() -> None:
    waltz = score([(0, 3, 60), (0, 3, 64), (0, 3, 67), (3, 6, 62), (3, 6, 67), (3, 6, 71)],
                  meters=[(0, 3, 4)])  # fmt: skip
    assert names(waltz) == [(0.0, "C"), (1.5, "G")]


def test_more_than_a_thousand_chords_are_read_in_parts() -> None:
    block = chords_of(*[(4 * k, 4 * k + 4, (60, 64, 67)) for k in range(MOST_FRAMES)])
    assert names(block) == [(0.0, "C")]


def test_tiny_bars_have_no_chord_each() -> None:
    music = score([(0, 4, 60), (0, 4, 64), (0, 4, 67)], meters=[(0, 1, 128)])
    assert names(music) == [(0.0, "C")]
    assert len(_frame_starts(music)) == 5
    short = score([(0, 0.1, 60), (0, 0.1, 64), (0, 0.1, 67)], meters=[(0, 1, 128)])
    assert names(short) == [(0.0, "C")]
