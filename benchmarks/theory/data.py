"""What the models are trained on: prepared datasets, or for a quick run what is at hand here."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.theory.setting import Setting
from musicvae.representations.base import Example, Representation
from musicvae.representations.melody import Melody
from musicvae.representations.text import BytePairs, Text
from musicvae.training.dataset import Dataset, load_dataset

ROOT = Path(__file__).resolve().parents[2]
TEST = 1000  # examples to test on
LONGEST = {"melody": 32, "text": 16}  # steps; short sentences keep the trainings short

SINGERS = ("the fiddler", "a young piper", "our neighbour", "the old drummer", "my sister")
DEEDS = ("plays", "learns", "forgets", "whistles", "teaches us", "writes down")
TUNES = ("a slow air", "the second part", "an easy jig", "that waltz", "the last song")
TIMES = ("tonight", "every morning", "by the river", "without a mistake", "after the rain", "again")


@dataclass(frozen=True, eq=False, kw_only=True)
class Splits:
    """One kind of data in three parts."""

    train: Dataset
    valid: Dataset
    test: Dataset

    @staticmethod
    def load(folder: Path, test: int, longest: int = 32) -> Splits:
        """A prepared dataset, with at most `test` examples to choose by and as many to test on,
        all of at most `longest` steps."""
        train, valid, rest = (
            _short(load_dataset(folder, split), longest) for split in ("train", "valid", "test")
        )
        return Splits(train=train, valid=valid.sample(test, 0), test=rest.sample(test, 0))

    @staticmethod
    def of(representation: Representation[Any], examples: Sequence[Example]) -> Splits:
        """Examples dealt out: of ten, one to choose by and one to test on."""
        data = together(representation, examples)
        part = np.arange(len(examples)) % 10
        rows = (np.flatnonzero(part > 1), np.flatnonzero(part == 0), np.flatnonzero(part == 1))
        train, valid, test = (replace(data, rows=r) for r in rows)
        return Splits(train=train, valid=valid, test=test)


def _short(data: Dataset, longest: int) -> Dataset:
    at = data.lengths[data.rows].sum(axis=1) <= longest
    return replace(
        data, rows=data.rows[at], weights=None if data.weights is None else data.weights[at]
    )


def together(representation: Representation[Any], examples: Sequence[Example]) -> Dataset:
    """Examples as a dataset in memory."""
    return Dataset(
        representation=representation,
        tokens=np.stack([e.tokens for e in examples]),
        lengths=np.stack([e.lengths for e in examples]),
        rows=np.arange(len(examples)),
    )


def sequences(data: Dataset) -> list[np.ndarray]:
    """The tokens of each example, without what only fills a bar up; an end is one of them."""
    tokens, lengths, _ = data.take(np.arange(len(data)))
    steps = np.arange(tokens.shape[1] // lengths.shape[1])
    valid = (steps < lengths[..., None]).reshape(tokens.shape)
    return [row[there] for row, there in zip(tokens, valid, strict=True)]


def sample_melodies() -> Splits:
    """Every two bars in 4/4 of the melodies in data/samples."""
    melody = Melody(bars=2)
    found = [
        example
        for path in sorted((ROOT / "data" / "samples").glob("*.mid"))
        for example in melody.survey(melody.read(path), overlap=True).examples
        if example.lengths.sum() == melody.spec.length
    ]
    return Splits.of(melody, found)


def kinds(setting: Setting) -> dict[str, Splits]:
    """The data of a run: melodies, and text where there is any."""
    if setting.quick:
        return {"melody": sample_melodies(), "text": sample_sentences()}
    given = {"melody": setting.melodies, "text": setting.texts}
    return {
        kind: Splits.load(folder, TEST, LONGEST[kind])
        for kind, folder in given.items()
        if folder is not None
    }


def sample_sentences() -> Splits:
    """The sentences below, in units learned from them."""
    said = sentences()
    text = Text(vocabulary=BytePairs(size=120), max_length=LONGEST["text"]).fit(said)
    return Splits.of(text, text.survey("\n".join(said)).examples)


def sentences() -> list[str]:
    """A few hundred sentences of one pattern, in a fixed order that looks shuffled."""
    said = [
        f"{who.capitalize()} {does} {what} {when}."
        for who, does, what, when in itertools.product(SINGERS, DEEDS, TUNES, TIMES)
    ]
    order = np.random.default_rng(0).permutation(len(said))
    return [said[i] for i in order]
