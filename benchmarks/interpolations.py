"""What lies between two sentences that a model has not seen? All of it printed, nothing picked.

    python benchmarks/interpolations.py text dataset/

Pairs of sentences are drawn from the test split by the seed, and each pair is joined in steps
along the great circle between its codes, decoded at temperature 0. Beside the sentences stands how
far each step is from the one before, in words changed for each word (the edit distance over the
longer of both), and how many steps repeat the one before.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import Any

import numpy as np
from common import save_result

from musicvae.pipeline.model import MusicVAE
from musicvae.representations.base import Example
from musicvae.training.dataset import Dataset, load_dataset

SHORTEST, LONGEST = 6, 20  # words of a sentence that is drawn


def main(model: str, data: Path, pairs: int, steps: int, seed: int) -> None:
    vae = MusicVAE.from_pretrained(model, "cpu")
    sentences = drawn(load_dataset(data, "test"), 2 * pairs, seed)
    found = [
        _joined(vae, a, b, steps) for a, b in zip(sentences[::2], sentences[1::2], strict=True)
    ]
    moves = np.array([pair["moves"] for pair in found])
    jumps = [pair["ends_apart"] for pair in found]
    answer = (
        f"a step changes {moves.mean():.2f} of the words, the two ends differ in "
        f"{np.mean(jumps):.2f}; {(moves == 0).mean():.0%} of the steps repeat the one before, and "
        f"the largest step changes {moves.max():.2f} ({pairs} pairs, {steps} steps each)"
    )
    question = f"`{vae.name}`: are sentences joined gradually?"
    result = {"question": question, "answer": answer, "seed": seed, "pairs": found}
    save_result(f"interpolations-{vae.name}", result, ("torch", "numpy", "tokenizers"))


def drawn(data: Dataset, count: int, seed: int) -> list[str]:
    """`count` different sentences of a split, neither very short nor long."""
    chosen: list[str] = []
    for i in np.random.default_rng(seed).permutation(len(data)).tolist():
        sentence = data.representation.decode([_example(data, i)])
        if SHORTEST <= len(sentence.split()) <= LONGEST and sentence not in chosen:
            chosen.append(sentence)
        if len(chosen) == count:
            return chosen
    raise ValueError(f"the test split has {len(chosen)} sentences of that length, not {count}")


def _example(data: Dataset, i: int) -> Example:
    tokens, lengths, _ = data.take(np.array([i]))
    return Example(tokens=tokens[0], lengths=lengths[0])


def _joined(vae: MusicVAE, a: str, b: str, steps: int) -> dict[str, Any]:
    walk = vae.walk(a, b, steps=steps, temperature=0.0, seed=0)
    words = [str(step).split() for step in walk.steps]
    return {
        "a": a,
        "b": b,
        "steps": list(walk.steps),
        "moves": [round(apart(x, y), 3) for x, y in itertools.pairwise(words)],
        "ends_apart": round(apart(words[0], words[-1]), 3),
    }


def apart(a: list[str], b: list[str]) -> float:
    """Words to be put in, left out or replaced to make one of the other, a word of the longer."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        above, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (x != y))
    return row[-1] / max(1, len(a), len(b))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("data", type=Path, help="a dataset; its test split is used")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--steps", type=int, default=7)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    main(asked.model, asked.data, asked.pairs, asked.steps, asked.seed)
