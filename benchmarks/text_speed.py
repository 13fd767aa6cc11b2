"""How many sentences a second train, against melodies of equal length in the same LSTMs?

    python benchmarks/text_speed.py [--batch 64] [--rounds 15]

Both are `Trainer.update` as users run it, on random tokens of 32 steps. The LSTMs and z are those
of the preset `text`; the melodies are one-hot and of 90 classes, the sentences of the preset's own
vocabulary, with learned embeddings. Both do one step in turn, and medians are compared.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from dataclasses import replace

import numpy as np
from common import save_result
from train_speed import alternate

from musicvae.config import Preset
from musicvae.presets import preset
from musicvae.representations.melody import Melody
from musicvae.representations.text import BytePairs, Text
from musicvae.training.dataset import Dataset
from musicvae.training.trainer import Trainer

STEPS = 32


def main(batch: int, rounds: int) -> None:
    text = preset("text")
    size = text.representation.vocabulary.size
    pieces = tuple(f"t{i}" for i in range(size - 2))  # end and unknown are not among them
    sentences = Text(vocabulary=BytePairs(size=size, tokens=pieces), max_length=STEPS)
    text = replace(text, representation=sentences)
    model = replace(text.model, embedding=None)
    melody = replace(text, representation=Melody(bars=2), model=model)
    with tempfile.TemporaryDirectory() as folder:
        trainers = [_trainer(p, batch, f"{folder}/{i}") for i, p in enumerate((melody, text))]
        wall, cpu = alternate(*(lambda t=t: t.update() and None for t in trainers), rounds)
    melodies, sentences_ = (batch / statistics.median(s) for s in wall)
    ratio = sentences_ / melodies
    answer = f"{ratio:.2f} times as many ({sentences_:.0f} a second against {melodies:.0f})"
    save_result(
        "text_speed",
        {
            "question": f"sentences a second (`text`, {size:,} word pieces) against melodies of "
            "equal length in the same LSTMs",
            "answer": answer,
            "ratio": round(ratio, 3),
            "ratio_of_cpu_seconds": round(statistics.median(cpu[0]) / statistics.median(cpu[1]), 3),
            "batch": batch,
            "rounds": rounds,
        },
        ("torch", "numpy"),
    )
    print(answer)


def _trainer(preset: Preset, batch: int, folder: str) -> Trainer:
    spec = preset.representation.spec
    rng = np.random.default_rng(0)
    tokens = rng.integers(spec.outputs.size, size=(4096, STEPS)).astype(spec.outputs.dtype)
    data = Dataset(
        representation=preset.representation,
        tokens=tokens,
        lengths=np.full((4096, spec.segments), STEPS // spec.segments, dtype=np.uint16),
        rows=np.arange(4096),
    )
    training = replace(preset.training, batch_size=batch, augment=False)
    return Trainer(replace(preset, training=training), data, folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    main(asked.batch, asked.rounds)
