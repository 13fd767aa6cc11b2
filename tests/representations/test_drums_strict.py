"""The reference is the witness: recorded windows and notes, and its rules one by one."""

from __future__ import annotations

import os
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


@pytest.mark.oracle
@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_every_recorded_file_is_equal(configuration: str) -> None:
    """All files of the folder that MUSICVAE_ORACLE names: `<name>.mid` beside `<name>.npz`."""
    folder = Path(os.environ.get("MUSICVAE_ORACLE", ""))
    recorded = sorted(folder.glob("**/converters/*.npz"))
    if "MUSICVAE_ORACLE" not in os.environ or not recorded:
        pytest.skip("MUSICVAE_ORACLE names no folder of recordings")
    drums = CONFIGURATIONS[configuration]
    unequal = []
    for file in recorded:
        with np.load(file) as reference:
            tokens, lengths, _, _ = drums.tokenize(read_midi(file.with_suffix(".mid")))
            equal = np.array_equal(tokens, _outputs(reference, f"{configuration}@all", drums))
            equal &= np.array_equal(_shown(tokens, drums), _inputs(reference, configuration, drums))
            equal &= np.array_equal(
                lengths.sum(axis=1), np.ravel(reference[f"{configuration}@all/len"])
            )
            if f"{configuration}@eval/from/notes" in reference:
                rows = reference[f"{configuration}@eval/from/notes"]
                for k, window in enumerate(_outputs(reference, f"{configuration}@eval", drums)):
                    notes = in_order(rows[rows[:, 0] == k][:, 1:5])
                    equal &= np.array_equal(decode(window, drums), notes)
        if not equal:
            unequal.append(file.stem)
    assert not unequal, f"{len(unequal)} of {len(recorded)} differ"


def _shown(tokens: np.ndarray, drums: Drums) -> np.ndarray:
    """What a model is shown: the labels, and whether nothing sounds."""
    labels = drums.inputs(tokens)
    return np.concatenate([labels, ~labels.any(axis=-1, keepdims=True)], axis=-1)


def _inputs(reference: np.lib.npyio.NpzFile, configuration: str, drums: Drums) -> np.ndarray:
    width = len(drums.kit.exemplars) + 1
    return _dense(reference, f"{configuration}@all/in", (drums.spec.length, width))


def _outputs(reference: np.lib.npyio.NpzFile, key: str, drums: Drums) -> np.ndarray:
    if isinstance(drums.kit, CombinedNine):
        one_hot = _dense(reference, f"{key}/out", (drums.spec.length, 512))
        return one_hot.argmax(axis=-1).astype(np.uint16)
    return _dense(reference, f"{key}/out", (drums.spec.length, len(drums.kit.exemplars)))


def _dense(reference: np.lib.npyio.NpzFile, key: str, shape: tuple[int, int]) -> np.ndarray:
    """A recorded tensor (N, T, D): places of the ones (-1 for none), or packed bits."""
    if f"{key}/n" not in reference or not int(reference[f"{key}/n"]):
        return np.zeros((0, *shape), dtype=np.uint8)
    if f"{key}/tok" in reference:
        at = reference[f"{key}/tok"][..., :1]
        return (at == np.arange(shape[1])).astype(np.uint8)
    size = tuple(reference[f"{key}/shape"])
    return np.unpackbits(reference[f"{key}/bits"], count=int(np.prod(size))).reshape(size)


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
