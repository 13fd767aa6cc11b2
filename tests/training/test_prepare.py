from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from musicvae.config import to_json
from musicvae.notes.midi import write_midi
from musicvae.representations.melody import Melody
from musicvae.training import prepare as module
from musicvae.training.dataset import load_dataset
from musicvae.training.prepare import prepare
from musicvae.training.splits import example_keys, group_pieces, split_groups
from tests.representations.melodies import score

MELODY = Melody(bars=2)


def write_tune(path: Path, seed: int, bars: int = 8) -> Path:
    rng = np.random.default_rng(seed)
    notes = [(k, k + 1, int(p)) for k, p in enumerate(rng.integers(60, 80, 4 * bars))]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_midi(score(notes), path)
    return path


@pytest.fixture
def tunes(tmp_path: Path) -> Path:
    """Forty tunes of eight bars, some in a folder below."""
    for k in range(40):
        write_tune(tmp_path / "tunes" / f"{'sub/' * (k % 2)}{k:02d}.mid", k)
    return tmp_path / "tunes"


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def test_a_folder_becomes_a_dataset_that_training_opens(tunes: Path, tmp_path: Path) -> None:
    stats = prepare([tunes], tmp_path / "data", MELODY, fractions=(0.5, 0.25, 0.25))
    assert (stats.files, stats.pieces) == (40, 40)
    assert sum(stats.examples.values()) == 40 * 7
    tokens = np.load(tmp_path / "data" / "tokens.npy", mmap_mode="r")
    assert tokens.dtype == np.uint8
    assert tokens.shape == (280, 32)
    for split, count in stats.examples.items():
        data = load_dataset(tmp_path / "data", split)
        assert data.representation == MELODY
        assert len(data) == count > 0
        assert (data.take(np.arange(count))[1] == 16).all()
    description = json.loads((tmp_path / "data" / "dataset.json").read_text())
    assert description["representation"] == to_json(MELODY)
    assert not (tmp_path / "data" / "unfinished").exists()


def test_the_tokens_are_those_of_the_survey(tunes: Path, tmp_path: Path) -> None:
    prepare([tunes / "00.mid", tunes / "02.mid"], tmp_path / "data", MELODY)
    surveys = [MELODY.survey(MELODY.read(tunes / n), overlap=True) for n in ("00.mid", "02.mid")]
    expected = [e.tokens for s in surveys for e in s.examples]
    np.testing.assert_array_equal(np.load(tmp_path / "data" / "tokens.npy"), expected)
    np.testing.assert_array_equal(np.load(tmp_path / "data" / "piece.npy"), [0] * 7 + [1] * 7)
    assert (tmp_path / "data" / "pieces.txt").read_text() == "00.mid\n02.mid\n"


def test_no_piece_is_in_two_splits(tunes: Path, tmp_path: Path) -> None:
    prepare([tunes], tmp_path / "data", MELODY, fractions=(0.6, 0.2, 0.2))
    piece, split = (np.load(tmp_path / "data" / f"{n}.npy") for n in ("piece", "split"))
    assert all(len(np.unique(split[piece == p])) == 1 for p in range(40))
    assert set(split.tolist()) == {0, 1, 2}


def test_the_split_follows_the_music_and_not_its_name(tunes: Path, tmp_path: Path) -> None:
    prepare([tunes], tmp_path / "a", MELODY)
    moved = tmp_path / "elsewhere"
    for k, path in enumerate(sorted(tunes.rglob("*.mid"), reverse=True)):
        moved.mkdir(exist_ok=True)
        shutil.copy(path, moved / f"tune{k}.mid")
    prepare([moved], tmp_path / "b", MELODY)

    def held(folder: Path) -> set[bytes]:
        tokens, split = np.load(folder / "tokens.npy"), np.load(folder / "split.npy")
        return {row.tobytes() for row in tokens[split == 2]}

    assert held(tmp_path / "a") == held(tmp_path / "b") != set()


def test_bad_files_are_counted_and_stop_nothing(tunes: Path, tmp_path: Path) -> None:
    (tunes / "empty.mid").write_bytes(b"")
    (tunes / "text.mid").write_text("no music")
    (tunes / "big.mid").write_bytes(b"MThd" + bytes(5000))
    (tunes / "notes.txt").write_text("not looked at")
    write_midi(score([]), tunes / "silent.mid")
    whole = (tunes / "00.mid").read_bytes()
    (tunes / "cut.mid").write_bytes(whole[: len(whole) // 3])
    stats = prepare([tunes], tmp_path / "data", MELODY, max_bytes=4000)
    assert stats.files == 45
    assert stats.dropped["unreadable"] == 2
    assert stats.dropped["too-big"] == 1
    assert stats.dropped["no-notes"] == 1
    assert stats.pieces >= 40


def test_a_reader_that_breaks_is_counted_too(
    tunes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Melody.read

    def read(self: Melody, source: object) -> object:
        if str(source).endswith("04.mid"):
            raise KeyError("a fault of ours")
        return real(self, source)

    monkeypatch.setattr(Melody, "read", read)
    stats = prepare([tunes], tmp_path / "data", MELODY)
    assert dict(stats.dropped) == {"failed-KeyError": 1}
    assert stats.pieces == 39


def test_it_goes_on_where_it_was_broken_off(
    tunes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK_ITEMS", 10)
    prepare([tunes], tmp_path / "whole", MELODY)
    seen: list[int] = []

    def stop(done: int, total: int) -> None:
        seen.append(done)
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare([tunes], tmp_path / "data", MELODY, progress=stop)
    assert not (tmp_path / "data" / "dataset.json").exists()
    prepare([tunes], tmp_path / "data", MELODY, progress=lambda done, _: seen.append(done))
    assert seen == [10, 20, 30, 40]
    assert contents(tmp_path / "data") == contents(tmp_path / "whole")


def test_other_settings_start_anew(
    tunes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK_ITEMS", 10)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare([tunes], tmp_path / "data", MELODY, progress=stop)
    seen: list[int] = []
    prepare([tunes], tmp_path / "data", Melody(bars=4), progress=lambda d, _: seen.append(d))
    assert seen == [10, 20, 30, 40]


def test_done_is_done_and_another_dataset_is_not_overwritten(tunes: Path, tmp_path: Path) -> None:
    first = prepare([tunes], tmp_path / "data", MELODY)
    again = prepare([tunes], tmp_path / "data", MELODY)
    assert again.examples == first.examples
    with pytest.raises(ValueError, match="holds a dataset of other files or settings"):
        prepare([tunes], tmp_path / "data", MELODY, seed=1)


@pytest.mark.slow
def test_several_processes_give_the_same(
    tunes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK_ITEMS", 10)
    prepare([tunes], tmp_path / "one", MELODY)
    prepare([tunes], tmp_path / "two", MELODY, workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@pytest.mark.parametrize(
    ("source", "words"),
    [("nowhere", "no file or folder nowhere"), (".", r"no .mid or .midi file in")],
)
def test_nothing_to_read_is_said(
    source: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=words):
        prepare([source], tmp_path / "data", MELODY)
    assert not (tmp_path / "data").exists()


def test_nothing_usable_is_said_with_reasons(tmp_path: Path) -> None:
    (tmp_path / "a.mid").write_bytes(b"")
    with pytest.raises(ValueError, match=r"none of 1 files gave an example \(1 unreadable\)"):
        prepare([tmp_path / "a.mid"], tmp_path / "data", MELODY)


def test_shares_that_do_not_sum_to_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must sum to 1"):
        prepare([tmp_path], tmp_path / "data", MELODY, fractions=(0.9, 0.2, 0.1))


def test_equal_rows_have_equal_keys_and_others_do_not() -> None:
    rows = np.random.default_rng(0).integers(0, 90, (2000, 32)).astype(np.uint8)
    keys = example_keys(np.concatenate([rows, rows]))
    assert (keys[:2000] == keys[2000:]).all()
    assert len(np.unique(keys)) == len(np.unique(rows, axis=0))


def test_versions_of_a_piece_are_one_group() -> None:
    piece = np.repeat([0, 1, 2, 3], 4)
    keys = np.array([1, 2, 3, 4, 1, 2, 3, 9, 5, 6, 7, 8, 8, 10, 11, 12], dtype=np.uint64)
    assert group_pieces(piece, keys, ["a", "b", "c", "d"]).tolist() == [0, 0, 2, 3]
    assert group_pieces(piece, keys, ["a", "b", "c", "c"]).tolist() == [0, 0, 2, 2]


def test_what_everyone_plays_makes_no_group() -> None:
    pieces = np.arange(30)
    keys = np.full(30, 7, dtype=np.uint64)
    assert group_pieces(pieces, keys, [str(k) for k in pieces]).tolist() == list(range(30))


def test_shares_are_kept_and_no_split_is_empty() -> None:
    prints = [bytes([k // 256, k % 256]) for k in range(4000)]
    split = split_groups(np.arange(4000), prints, (0.8, 0.1, 0.1), seed=0)
    np.testing.assert_allclose(np.bincount(split) / 4000, [0.8, 0.1, 0.1], atol=0.02)
    few = split_groups(np.arange(3), prints[:3], (0.98, 0.01, 0.01), seed=0)
    assert sorted(few.tolist()) == [0, 1, 2]
    other = split_groups(np.arange(4000), prints, (0.8, 0.1, 0.1), seed=1)
    assert (other != split).any()


# Sources of a split's own.


def splits_of(folder: Path) -> dict[str, int]:
    """The split of each piece, by its name."""
    names = (folder / "pieces.txt").read_text().splitlines()
    piece, split = np.load(folder / "piece.npy"), np.load(folder / "split.npy")
    return {names[p]: int(s) for p, s in zip(piece, split, strict=True)}


def test_a_split_may_have_sources_of_its_own(tunes: Path, tmp_path: Path) -> None:
    judged = write_tune(tmp_path / "judged" / "judged.mid", 100)
    watched = write_tune(tmp_path / "watched.mid", 101)
    stats = prepare(
        [tunes], tmp_path / "data", MELODY, valid=[watched], test=[judged.parent], seed=3
    )
    found = splits_of(tmp_path / "data")
    assert {name for name, s in found.items() if s == 1} == {"watched.mid"}
    assert {name for name, s in found.items() if s == 2} == {"judged.mid"}
    assert stats.examples == {"train": 40 * 7, "valid": 7, "test": 7}


def test_the_other_splits_are_drawn_as_ever(tunes: Path, tmp_path: Path) -> None:
    watched = write_tune(tmp_path / "watched.mid", 101)
    fractions = (0.5, 0.2, 0.3)
    prepare([tunes], tmp_path / "one", MELODY, valid=[watched], fractions=fractions)
    prepare([tunes], tmp_path / "all", MELODY, fractions=fractions)
    one, whole = splits_of(tmp_path / "one"), splits_of(tmp_path / "all")
    assert one.pop("watched.mid") == 1
    assert 1 in whole.values()
    assert one == {name: 2 if s == 2 else 0 for name, s in whole.items()}


def test_what_is_judged_by_is_not_learned_from(tunes: Path, tmp_path: Path) -> None:
    """Neither the file itself, where it is among the others, nor a copy of the music."""
    copy = tmp_path / "copy.mid"
    shutil.copy(tunes / "00.mid", copy)
    stats = prepare([tunes], tmp_path / "data", MELODY, test=[copy, tunes / "02.mid"])
    found = splits_of(tmp_path / "data")
    assert {name for name, s in found.items() if s == 2} == {"copy.mid", "02.mid"}
    assert found["00.mid"] == 255
    assert stats.dropped == {"held-back": 7}
    assert sum(stats.examples.values()) == 40 * 7


def test_another_choice_of_splits_is_another_dataset(tunes: Path, tmp_path: Path) -> None:
    prepare([tunes], tmp_path / "data", MELODY, test=[tunes / "00.mid"])
    with pytest.raises(ValueError, match="other files or settings"):
        prepare([tunes], tmp_path / "data", MELODY, valid=[tunes / "00.mid"])


def test_a_source_for_a_split_that_is_not_there_is_said(tunes: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no file or folder nowhere"):
        prepare([tunes], tmp_path / "data", MELODY, valid=["nowhere"])
