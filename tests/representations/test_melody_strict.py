"""The reference is the witness: recorded windows and notes, and its rules one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from musicvae.notes.midi import read_midi
from musicvae.notes.score import Score, Track
from musicvae.representations.base import Example
from musicvae.representations.melody import Melody, Strict
from tests.representations.melodies import Note, score

GOLDEN = Path(__file__).parent.parent / "golden"
FILES = sorted(p.stem for p in (GOLDEN / "midi").glob("*.mid"))
CONFIGURATIONS = {
    "cat-mel_2bar_big": Melody(bars=2, extraction=Strict(programs=tuple(range(32)))),
    "hierdec-mel_16bar": Melody(bars=16, extraction=Strict()),
}


def windows(music: Score, melody: Melody) -> np.ndarray:
    examples = melody.survey(music, overlap=True).examples
    return np.array([e.tokens for e in examples]).reshape(len(examples), melody.spec.length)


def decode(tokens: np.ndarray, melody: Melody) -> np.ndarray:
    """Pitch, start, end, velocity of the notes of one window."""
    lengths = np.full(melody.bars, 16, dtype=np.uint16)
    notes = melody.decode([Example(tokens=tokens.astype(np.uint8), lengths=lengths)])
    return np.column_stack([notes.pitch, notes.start, notes.end, notes.velocity])


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
@pytest.mark.parametrize("name", FILES)
def test_windows_and_notes_are_the_references(name: str, configuration: str) -> None:
    melody = CONFIGURATIONS[configuration]
    with np.load(GOLDEN / "melody.npz") as golden:
        key = f"{name}/{configuration}"
        expected = golden[f"{key}/tokens"]
        found = windows(read_midi(GOLDEN / "midi" / f"{name}.mid"), melody)
        np.testing.assert_array_equal(found, expected)
        if f"{key}/decoded" in golden:
            notes = decode(golden[f"{key}/decoded_from"], melody)
            np.testing.assert_array_equal(notes, golden[f"{key}/decoded"])


def test_the_golden_files_have_windows_to_compare() -> None:
    with np.load(GOLDEN / "melody.npz") as golden:
        for configuration in CONFIGURATIONS:
            counts = [len(golden[f"{name}/{configuration}/tokens"]) for name in FILES]
            assert sum(n > 0 for n in counts) >= 10
            assert any(n == 0 for n in counts)


def tune(*notes: Note, program: int = 0) -> list[list[int]]:
    music = score(notes, tracks=[Track(program=program)])
    return windows(music, CONFIGURATIONS["cat-mel_2bar_big"]).tolist()


def test_the_last_note_ends_where_a_bar_is_filled_up() -> None:
    assert tune((0, 5, 60)) == [[41] + [0] * 19 + [1] + [0] * 11]


def test_a_bar_of_silence_ends_a_melody_and_less_does_not() -> None:
    assert len(tune((0, 5, 60), (8.75, 16, 62))) == 3
    assert len(tune((0, 5, 60), (9, 16, 62))) == 2


def test_a_note_held_over_the_start_of_a_window_is_silent() -> None:
    assert tune((0, 5, 60), (5, 12, 62))[1][:5] == [0] * 4 + [43]
    assert tune((0, 5, 60), (6, 12, 62))[1][:9] == [0] * 8 + [43]


def test_foreign_programs_and_pitches_are_left_out() -> None:
    assert tune((0, 8, 60), program=32) == []
    assert tune((0, 8, 20), (0, 8, 109)) == []


def test_after_a_hundred_bars_a_melody_is_cut() -> None:
    notes = [(4 * k, 4 * k + 4, 21 + k % 88) for k in range(120)]
    assert len(tune(*notes)) == 88


def test_windows_without_overlap_follow_one_another() -> None:
    melody = CONFIGURATIONS["cat-mel_2bar_big"]
    music = score([(k, k + 1, 60 + k) for k in range(12)])
    examples = melody.encode(music)
    assert [e.origin.start_step for e in examples] == [0, 32]
    back = melody.decode(examples)
    assert back.pitch.tolist() == music.pitch.tolist()
    assert back.end.tolist() == music.end.tolist()


def test_every_window_knows_where_it_came_from() -> None:
    music = score([(0, 4, 60)], [(8, 16, 62)], tracks=[Track(), Track(name="b", program=5)])
    first = CONFIGURATIONS["cat-mel_2bar_big"].survey(music, overlap=True).examples[0].origin
    assert (first.start_step, first.start_seconds, first.program, first.name) == (32, 4.0, 5, "b")
