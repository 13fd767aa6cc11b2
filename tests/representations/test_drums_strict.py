"""The reference is the witness: recorded windows and notes, and its rules one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from musicvae.notes.errors import Rejected
from musicvae.notes.midi import read_midi
from musicvae.notes.score import Score, Track
from musicvae.representations.base import Example
from musicvae.representations.drums import (
    CombinedNine,
    Drums,
    SeparateNine,
    SeparateSixtyOne,
    StrictDrums,
)
from tests.representations.melodies import Note, score

GOLDEN = Path(__file__).parent.parent / "golden"
STRICT = StrictDrums()
CONFIGURATIONS = {
    "cat-drums_2bar_small": Drums(kit=CombinedNine(), extraction=STRICT),
    "nade-drums_2bar_reduced": Drums(kit=SeparateNine(), extraction=STRICT),
    "nade-drums_2bar_full": Drums(kit=SeparateSixtyOne(), extraction=STRICT),
}
with np.load(GOLDEN / "drums.npz") as _golden:
    FILES = sorted({key.split("/")[0] for key in _golden})


def decode(tokens: np.ndarray, drums: Drums) -> np.ndarray:
    """Pitch, start, end, velocity of the notes of one window, by start and pitch."""
    lengths = np.full(drums.bars, 16, dtype=np.uint16)
    notes = drums.decode([Example(tokens=tokens, lengths=lengths)])
    table = np.column_stack([notes.pitch, notes.start, notes.end, notes.velocity])
    return in_order(table)


def in_order(notes: np.ndarray) -> np.ndarray:
    """The reference's order within a step is that of a set."""
    return notes[np.lexsort((notes[:, 0], notes[:, 1]))]


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
@pytest.mark.parametrize("name", FILES)
def test_windows_and_notes_are_the_references(name: str, configuration: str) -> None:
    drums = CONFIGURATIONS[configuration]
    folder = next(f for f in ("midi", "midi_drums") if (GOLDEN / f / f"{name}.mid").exists())
    with np.load(GOLDEN / "drums.npz") as golden:
        key = f"{name}/{configuration}"
        tokens, lengths, _, _ = drums.tokenize(read_midi(GOLDEN / folder / f"{name}.mid"))
        np.testing.assert_array_equal(tokens, golden[f"{key}/tokens"])
        assert (lengths == 16).all()
        if f"{key}/decoded" in golden:
            notes = decode(golden[f"{key}/decoded_from"], drums)
            np.testing.assert_array_equal(notes, golden[f"{key}/decoded"])


def test_the_golden_files_have_windows_to_compare() -> None:
    with np.load(GOLDEN / "drums.npz") as golden:
        for configuration in CONFIGURATIONS:
            counts = [len(golden[f"{name}/{configuration}/tokens"]) for name in FILES]
            assert sum(n > 0 for n in counts) >= 10
            assert any(n == 0 for n in counts)
            assert sum(f"{name}/{configuration}/decoded" in golden for name in FILES) >= 10


def beat(*notes: Note, drums: Drums = CONFIGURATIONS["cat-drums_2bar_small"]) -> list[list[int]]:
    music = score(notes, tracks=[Track(is_drum=True)])
    return drums.tokenize(music)[0].tolist()


def test_a_bar_of_silence_behind_the_last_hit_ends_a_track_and_less_does_not() -> None:
    last = (3.75, 4, 36)  # its step ends with the bar
    assert len(beat((0, 1, 36), last, (7.75, 8, 38))) == 1
    assert len(beat((0, 1, 36), last, (8, 8.25, 38))) == 0


def test_silent_windows_within_a_track_and_hits_that_coincide() -> None:
    windows = beat((0, 4, 36), (0.05, 1, 38), (0, 1, 36), (4, 5, 36))
    assert windows == [[3] + [0] * 15 + [1] + [0] * 15]


def test_after_a_hundred_bars_a_track_is_cut() -> None:
    notes = [(4 * k + k % 16 / 4, 4 * k + 4.0, 36 if k % 100 else 38) for k in range(120)]
    assert len(beat(*notes)) == len(beat(*notes[:100]))


def test_windows_without_overlap_follow_one_another_and_come_back() -> None:
    drums = CONFIGURATIONS["cat-drums_2bar_small"]
    music = score([(k, k + 0.25, 36) for k in range(12)], tracks=[Track(is_drum=True)])
    examples = drums.encode(music)
    assert [(e.origin.start_step, e.filler) for e in examples] == [(0, 0), (32, 1)]
    back = drums.decode(examples)
    assert back.start.tolist() == music.start.tolist()
    assert back.end.tolist() == music.end.tolist()


@pytest.mark.parametrize(
    ("music", "reason"),
    [
        (score([]), "no-notes"),
        (score([(0, 1, 36)]), "no-drums"),
        (score([(0, 1, 99)], tracks=[Track(is_drum=True)]), "no-drums"),
    ],
)
def test_nothing_to_read_is_a_reason(music: Score, reason: str) -> None:
    with pytest.raises(Rejected) as rejection:
        CONFIGURATIONS["cat-drums_2bar_small"].encode(music)
    assert rejection.value.reason == reason
