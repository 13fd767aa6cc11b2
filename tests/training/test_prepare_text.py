"""`prepare` with a representation that learns, and whose files hold many pieces."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from musicvae.config import from_json
from musicvae.representations.base import Example
from musicvae.representations.text import BytePairs, Characters, Text, Words
from musicvae.training import chunks
from musicvae.training.dataset import load_dataset
from musicvae.training.prepare import prepare

TEXT = Text(vocabulary=Words(size=500), max_length=12)
NAMES = [f"{a}{b}" for a in ("ann", "bob", "cat", "dan", "eve") for b in "abcdefghij"]


def sentences(count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [f"{rng.choice(NAMES)} met {rng.choice(NAMES)}, {k}." for k in range(count)]


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read(folder: Path, split: str) -> list[str]:
    """The sentences of a split."""
    data = load_dataset(folder, split)
    tokens, lengths, _ = data.take(np.arange(len(data)))
    rows = [Example(tokens=t, lengths=n) for t, n in zip(tokens, lengths, strict=True)]
    return data.representation.decode(rows).split("\n")


def representation(folder: Path) -> Any:
    return from_json(json.loads((folder / "dataset.json").read_text())["representation"])


def test_each_line_is_a_piece(tmp_path: Path) -> None:
    lines = sentences(300, 0)
    source = write(tmp_path / "a.txt", ["", *lines[:10], "   ", *lines[10:]])
    stats = prepare([source], tmp_path / "data", TEXT, fractions=(0.5, 0.25, 0.25))
    assert (stats.files, stats.pieces) == (1, 300)
    assert min(stats.examples.values()) > 40
    names = (tmp_path / "data" / "pieces.txt").read_text().splitlines()
    assert names[:2] == ["a.txt:2", "a.txt:3"]
    assert names[-1] == "a.txt:302"
    assert representation(tmp_path / "data").is_fitted
    assert len(read(tmp_path / "data", "valid")) == stats.examples["valid"]


def test_it_learns_from_the_training_part_alone(tmp_path: Path) -> None:
    """The vocabulary is that of the training sentences, to the last token."""
    source = write(tmp_path / "a.txt", sentences(200, 0))
    prepare([source], tmp_path / "data", TEXT, fractions=(0.6, 0.2, 0.2))
    lines = source.read_text().splitlines()
    names = (tmp_path / "data" / "pieces.txt").read_text().splitlines()
    split = np.load(tmp_path / "data" / "split.npy")
    trained = [lines[int(n.split(":")[1]) - 1] for n, s in zip(names, split, strict=True) if s == 0]
    assert 80 < len(trained) < 160
    assert representation(tmp_path / "data") == TEXT.fit(["\n".join(trained)])
    assert representation(tmp_path / "data") != TEXT.fit([source.read_text()])


def test_so_it_does_where_splits_have_sources_of_their_own(tmp_path: Path) -> None:
    train = write(tmp_path / "train.txt", ["ann met bob.", "bob met ann.", "eve met dan."])
    valid = write(tmp_path / "valid.txt", ["zoe met ann."])
    test = write(tmp_path / "test.txt", ["eve  met dan."])
    stats = prepare([train], tmp_path / "data", TEXT, valid=[valid], test=[test])
    assert stats.examples == {"train": 2, "valid": 1, "test": 1}
    assert stats.dropped == {"held-back": 1}
    learned = representation(tmp_path / "data")
    assert set(learned.vocabulary.tokens) == {"▁ann", "▁bob", "▁met", "."}
    assert sorted(read(tmp_path / "data", "train")) == ["ann met bob.", "bob met ann."]
    assert read(tmp_path / "data", "valid") == ["� met ann."]
    assert stats.learned.startswith("a vocabulary of 6 tokens")


def test_what_is_dropped_moves_no_other_sentence(tmp_path: Path) -> None:
    """With few sentences a split gets one of them; it is not another where that is too long."""
    long = " ".join(["met"] * 20)
    names = ["bob", "cat", "dan", "eve"]
    for seed in range(12):
        source = write(tmp_path / f"{seed}.txt", [*(f"met {name}" for name in names), long])
        prepare([source], tmp_path / f"data{seed}", TEXT, fractions=(0.8, 0.1, 0.1), seed=seed)
        split = np.load(tmp_path / f"data{seed}" / "split.npy")
        words = {t.strip("▁") for t in representation(tmp_path / f"data{seed}").vocabulary.tokens}
        trained = {name for name, s in zip(names, split, strict=True) if s == 0}
        assert words - {"met"} == trained


def test_equal_sentences_are_in_one_split(tmp_path: Path) -> None:
    often = [s for s in sentences(60, 1) for _ in range(30)]
    random.Random(2).shuffle(often)
    half = len(often) // 2
    sources = [write(tmp_path / "a.txt", often[:half]), write(tmp_path / "b.txt", often[half:])]
    stats = prepare(sources, tmp_path / "data", TEXT, fractions=(0.6, 0.2, 0.2))
    assert stats.pieces == 1800
    parts = [set(read(tmp_path / "data", split)) for split in ("train", "valid", "test")]
    assert all(parts)
    assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]


@pytest.mark.parametrize("vocabulary", [Words(), BytePairs(size=200), Characters()])
def test_the_same_files_give_the_same_dataset(
    vocabulary: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many sentences are tokenized together."""
    text = Text(vocabulary=vocabulary, max_length=24)
    source = write(tmp_path / "a.txt", sentences(100, 3))
    prepare([source], tmp_path / "one", text)
    monkeypatch.setattr(chunks, "AT_ONCE", 7)
    prepare([source], tmp_path / "two", text)
    for name in ("tokens.npy", "lengths.npy", "split.npy", "piece.npy", "dataset.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert prepare([source], tmp_path / "one", text).examples


def test_one_that_has_learned_stays_as_it_is(tmp_path: Path) -> None:
    text = TEXT.fit(["ann met bob."])
    source = write(tmp_path / "a.txt", ["ann met bob.", "bob met ann.", "ann met zoe."])
    prepare([source], tmp_path / "data", text)
    assert representation(tmp_path / "data") == text


def test_what_cannot_be_held_is_counted(tmp_path: Path) -> None:
    write(tmp_path / "good.txt", [*sentences(20, 4), " ".join(NAMES)])
    (tmp_path / "latin.txt").write_bytes("café\n".encode("latin-1"))
    (tmp_path / "empty.txt").write_bytes(b"")
    strange = write(tmp_path / "strange.txt", ["щука", "щука"])
    stats = prepare([tmp_path], tmp_path / "data", TEXT, test=[strange])
    assert stats.files == 4
    assert stats.dropped["unreadable"] == 2
    assert stats.dropped["too-long"] == 1
    assert stats.dropped["only-unknown"] == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "nothing to learn from: .*a.txt is empty"),
        (b"\n \n", "a.txt holds only blank lines"),
        ("café".encode("latin-1"), "a.txt is not in UTF-8"),
        (b"MThd\0\0\0\6", "a.txt is a binary file"),
        (b"ann " * 2000, "no sentence to learn a vocabulary from"),
    ],
)
def test_nothing_to_learn_from_is_said(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(ValueError, match=words):
        prepare([tmp_path / "a.txt"], tmp_path / "data", TEXT)
    assert not (tmp_path / "data").exists()


def test_a_text_may_be_larger_than_music(tmp_path: Path) -> None:
    source = write(tmp_path / "a.txt", [*sentences(30, 5), "x" * 17 * 2**20])
    stats = prepare([source], tmp_path / "data", TEXT)
    assert stats.pieces == 30
    assert stats.dropped == {"too-long": 1}
