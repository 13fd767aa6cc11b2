"""Section 4, second half: telling what is no music and no sentence by how likely it is held to be.

No score is a raw likelihood: a sequence of more steps is less likely whatever it says, and so is a
melody of more notes, so that it would tell the short from the long. They are by the step, or by the
event (a note or a rest that begins, a token of text). AUROC is the chance that an outlier has the
higher score of a random pair, one half being none at all.

Letters: N examples, D dimensions of z.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.theory.data import ROOT, Splits, kinds, sequences, together
from benchmarks.theory.models import language_model, of_beta, posteriors
from benchmarks.theory.setting import Setting
from musicvae.checkpoint import load
from musicvae.latent.density import NormalDensity
from musicvae.metrics import bootstrap_interval
from musicvae.models.vae import SequenceVAE
from musicvae.representations.base import Example
from musicvae.representations.text_reading import SPACE
from musicvae.training.dataset import Dataset
from musicvae.training.likelihood import importance_weighted

EXAMPLES, SAMPLES, CODES = 300, 30, 4000
BETA = {"melody": 0.3, "text": 0.1}  # whose z says something, and which still tells likelihoods
FIRST, LAST = 2, 89  # a melody's tokens: the lowest and the highest note

Pieces = list[np.ndarray]  # a melody's steps one by one, or the words of a sentence and its end
Spoil = Callable[[list[Pieces], np.random.Generator], list[Pieces]]


def run(setting: Setting) -> None:
    """Every kind of outlier against the same number of real examples."""
    result: dict[str, Any] = {"examples": EXAMPLES, "samples": SAMPLES, "beta": BETA}
    for kind, data in kinds(setting).items():
        result[kind] = judged(setting, kind, data)
    setting.save("theory-outliers", result)


def judged(setting: Setting, kind: str, data: Splits) -> list[dict[str, Any]]:
    """One row for each kind of outlier: the AUROC of each score, and how often an outlier is less
    likely than the very example that it was made of (or its first half)."""
    count, samples = (20, 3) if setting.quick else (EXAMPLES, SAMPLES)
    score = scores(
        of_beta(setting, kind, BETA[kind] if not setting.quick else 0.3, data.train),
        language_model(setting, kind, data.train),
        data.train,
        samples,
    )
    large = shipped(data.train)
    real = data.test.sample(count, 3)

    def all_scores(examples: Dataset) -> Mapping[str, np.ndarray]:
        found = score(examples)
        if large is None:
            return found
        weighted = -importance_weighted(large, examples, samples).log_likelihood
        return {**found, "shipped_event": weighted / events(examples)}

    normal, rows = all_scores(real), []
    for name, spoil in SPOILS[kind].items():
        rng = np.random.default_rng(0)
        spoilt = _remade(real, spoil(pieces(real), rng))
        found = all_scores(spoilt)
        rows.append({
            "outlier": name,
            "auroc": {key: auroc(found[key], normal[key]) for key in normal},
            "less_likely": {
                key: _share(found[key] > normal[key]) for key in found if "_event" in key
            },
        })  # fmt: skip
    return rows


def shipped(data: Dataset) -> SequenceVAE | None:
    """The large model of `checkpoints/`, where it reads the same tokens."""
    checkpoint = load(ROOT / "checkpoints" / "melody-2bar")
    same = checkpoint.preset.representation.spec == data.representation.spec
    return checkpoint.build() if same else None


def scores(
    model: SequenceVAE, language: SequenceVAE, train: Dataset, samples: int
) -> Callable[[Dataset], Mapping[str, np.ndarray]]:
    """What makes five numbers (N,) of each example, higher the odder it is: nats by importance
    weighting a step and an event, nats an event of the language model, the former less the latter,
    and -log density of the posterior mean under one normal fitted to the aggregate posterior."""
    q = posteriors(model, train.sample(CODES, 0))
    fitted = NormalDensity.fit(q.mean, q.std)

    def score(data: Dataset) -> Mapping[str, np.ndarray]:
        weighted = -importance_weighted(model, data, samples).log_likelihood
        plain = -importance_weighted(language, data, 1).log_likelihood
        many = events(data)
        return {
            "weighted_step": weighted / data.lengths[data.rows].sum(axis=1),
            "weighted_event": weighted / many,
            "language_event": plain / many,
            "ratio_event": (weighted - plain) / many,
            "code": -fitted.log_density(posteriors(model, data).mean).numpy(),
        }

    return score


def events(data: Dataset) -> np.ndarray:
    """How many events begin in each example (N,), at least one."""
    tokens, lengths, _ = data.take(np.arange(len(data)))
    steps = np.arange(tokens.shape[1] // lengths.shape[1])
    valid = (steps < lengths[..., None]).reshape(tokens.shape)
    return np.maximum((data.representation.onsets(tokens) & valid).sum(axis=1), 1)


def _share(true: np.ndarray) -> dict[str, Any]:
    low, high = bootstrap_interval(true.astype(float))
    return {"mean": float(true.mean()), "interval": [low, high]}


def auroc(outliers: np.ndarray, normal: np.ndarray) -> dict[str, Any]:
    """The chance that an outlier scores higher than a real example, ties counting half, with a
    95 % interval over other outliers."""
    above = (outliers[:, None] > normal).mean(1) + 0.5 * (outliers[:, None] == normal).mean(1)
    low, high = bootstrap_interval(above)
    return {"mean": float(above.mean()), "interval": [low, high]}


def pieces(data: Dataset) -> list[Pieces]:
    """Each example in parts that stay whole: steps, or the words of a text and its end."""
    rows = sequences(data)
    vocabulary = getattr(data.representation, "vocabulary", None)
    if vocabulary is None:
        return [np.split(row, len(row)) for row in rows]
    begins = np.array([True, True, *(unit.startswith(SPACE) for unit in vocabulary.tokens)])
    return [np.split(row, np.flatnonzero(begins[row])[1:]) for row in rows]


def _remade(data: Dataset, rows: Sequence[Pieces]) -> Dataset:
    """Sequences as examples of the shape of others (full bars), cut where there is no room."""
    length = data.representation.spec.length
    tokens, lengths, _ = data.take(np.arange(len(data)))
    examples = []
    for parts, own in zip(rows, lengths, strict=True):
        row = np.concatenate(parts)[:length]
        filled = np.zeros(length, dtype=tokens.dtype)
        filled[: len(row)] = row
        steps = own if len(own) > 1 else np.array([len(row)], dtype=own.dtype)
        examples.append(Example(tokens=filled, lengths=steps))
    return together(data.representation, examples)


def halves_swapped(rows: list[Pieces], rng: np.random.Generator) -> list[Pieces]:
    """The second bar first."""
    del rng
    return [[*row[len(row) // 2 :], *row[: len(row) // 2]] for row in rows]


def halves_joined(rows: list[Pieces], rng: np.random.Generator) -> list[Pieces]:
    """The first half of each, and the second half of another."""
    order = rng.permutation(len(rows))
    others = np.empty_like(order)
    others[order] = np.roll(order, 1)
    return [
        [*row[: len(row) // 2], *rows[i][len(rows[i]) // 2 :]]
        for row, i in zip(rows, others, strict=True)
    ]


def beats_shuffled(rows: list[Pieces], rng: np.random.Generator) -> list[Pieces]:
    """The quarters of a melody in another order."""
    beats = [[row[i : i + 4] for i in range(0, len(row), 4)] for row in rows]
    return [[step for i in rng.permutation(len(row)) for step in row[i]] for row in beats]


def random_walks(rows: list[Pieces], rng: np.random.Generator) -> list[Pieces]:
    """The rhythm of each melody and its first note, then one to four semitones up or down."""

    def walk(pitches: np.ndarray) -> np.ndarray:
        steps = rng.choice([-4, -3, -2, -1, 1, 2, 3, 4], size=len(pitches))
        steps[:1] = pitches[:1]
        return np.clip(np.cumsum(steps), FIRST, LAST)

    return [_repitched(row, walk) for row in rows]


def random_pitches(rows: list[Pieces], rng: np.random.Generator) -> list[Pieces]:
    """The rhythm of each melody, each note anything from its lowest to its highest."""

    def draw(pitches: np.ndarray) -> np.ndarray:
        return rng.integers(pitches.min(), pitches.max() + 1, size=len(pitches))

    return [_repitched(row, draw) for row in rows]


def _repitched(row: Pieces, change: Callable[[np.ndarray], np.ndarray]) -> Pieces:
    steps = np.concatenate(row)
    at = np.flatnonzero(steps >= FIRST)
    if len(at):
        steps[at] = change(steps[at].astype(np.int64))
    return np.split(steps, len(steps))


def words_shuffled(rows: list[Pieces], rng: np.random.Generator) -> list[Pieces]:
    """The words of each sentence in another order, its end where it was."""
    return [[*(row[i] for i in rng.permutation(len(row) - 1)), row[-1]] for row in rows]


def words_drawn(rows: list[Pieces], rng: np.random.Generator) -> list[Pieces]:
    """As many words, from all sentences together: a walk that knows how common each is."""
    pool = [word for row in rows for word in row[:-1]]
    return [
        [*(pool[i] for i in rng.integers(len(pool), size=len(row) - 1)), row[-1]] for row in rows
    ]


SPOILS: dict[str, dict[str, Spoil]] = {
    "melody": {
        "bars shuffled (the second one first)": halves_swapped,
        "bars of two melodies joined": halves_joined,
        "beats shuffled": beats_shuffled,
        "random walks on the same rhythm": random_walks,
        "random pitches on the same rhythm": random_pitches,
    },
    "text": {
        "halves of two sentences joined": halves_joined,
        "words shuffled": words_shuffled,
        "random walks: words drawn by how common they are": words_drawn,
    },
}
