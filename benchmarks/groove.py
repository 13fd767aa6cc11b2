"""How near does a groove model come to how a drummer played: when, and how loud?

    python benchmarks/groove.py MODEL DATA [--split test] [--name groove]

MODEL is a checkpoint whose encoder is not told velocities and offsets (`Humanize`), DATA a prepared
dataset of grooves. The model reads each window and writes it at the mean of its posterior and
temperature 0; its velocities and offsets are read where the drummer struck. The same is asked of
what needs no model: the quantized pattern (no offsets, one velocity: the training mean), the mean
of each drum in the training set, and of each drum at each step of the bar. Means are kept honest
by medians, which no constant can beat in mean absolute error on the data that they are of.

Errors are means over all strokes of the split. Timing is in milliseconds at each window's tempo,
where DATA has them (`qpm.npy`, quarter notes a minute), and else at 120.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from common import save_result

from musicvae.pipeline.model import MusicVAE
from musicvae.representations.base import Example
from musicvae.representations.drums_hits import NINE_NAMES
from musicvae.representations.groove_strokes import (
    DRUMS,
    LOUDEST,
    OFFSETS,
    STEPS_OF_OFFSET,
    VELOCITIES,
)
from musicvae.representations.groove_tasks import hits
from musicvae.representations.melody_events import STEPS_PER_BAR
from musicvae.training.dataset import Dataset, load_dataset

# What is guessed: velocities and offsets, each (N, T, 9).
Guess = tuple[np.ndarray, np.ndarray]
Centre = Callable[[np.ndarray], Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a checkpoint folder, or a name")
    parser.add_argument("data", type=Path, help="a dataset folder of `musicvae prepare`")
    parser.add_argument("--split", default="test")
    parser.add_argument("--name", default="groove")
    asked = parser.parse_args()
    train, test = load_dataset(asked.data, "train"), load_dataset(asked.data, asked.split)
    played = test.take(np.arange(len(test)))[0]
    qpm, known = tempos(asked.data, test)
    guesses = baselines(train.take(np.arange(len(train)))[0], played.shape)
    written = decode(MusicVAE.from_pretrained(asked.model), played)
    guesses["model"] = written[..., VELOCITIES], written[..., OFFSETS]
    errors = {name: figures(guess, played, qpm) for name, guess in guesses.items()}
    for name, error in errors.items():
        print(f"{name:32} {error['timing_ms']:7.2f} ms {error['velocity']:7.2f} of 127")
    better = {
        part: 1 - errors["model"][part] / min(errors[b][part] for b in ("quantized", "drum"))
        for part in ("timing_ms", "velocity")
    }
    model = errors["model"]
    save_result(
        asked.name,
        {
            "question": "how near to the drummer is a humanized pattern?",
            "answer": (
                f"`{asked.model}`: {model['timing_ms']:.2f} ms and {model['velocity']:.1f} of "
                f"{LOUDEST} beside each stroke, {better['timing_ms']:.0%} and "
                f"{better['velocity']:.0%} less than the better of the quantized pattern and the "
                "mean of each drum"
            ),
            "model": asked.model,
            "data": asked.data.name,
            "split": asked.split,
            "windows": len(test),
            "strokes": int(hits(played).sum()),
            "tempos": "of each window" if known else "120 everywhere",
            "better_than_the_better_baseline": {k: round(v, 4) for k, v in better.items()},
            "hits": agreement(written, played),
            "errors": errors,
        },
        packages=("torch", "numpy"),
    )


def tempos(folder: Path, data: Dataset) -> tuple[np.ndarray, bool]:
    """The tempo of each window (N,), and whether the dataset states it."""
    path = folder / "qpm.npy"
    if not path.is_file():
        return np.full(len(data), 120.0), False
    return np.load(path)[data.rows].astype(np.float64), True


def baselines(train: np.ndarray, shape: tuple[int, ...]) -> dict[str, Guess]:
    """What can be said without a model, for windows of `shape` (N, T, 27)."""
    velocity, offset = train[..., VELOCITIES], train[..., OFFSETS]
    struck = hits(train)
    size = (*shape[:2], DRUMS)

    def guess(places: Callable[[np.ndarray], np.ndarray], centre: Centre) -> Guess:
        found = (_by_place(part, struck, places, centre) for part in (velocity, offset))
        repeats = [np.broadcast_to(_over_windows(part, shape[1]), size) for part in found]
        return repeats[0], repeats[1]

    mean, median = np.mean, np.median
    return {
        "quantized": (np.full(size, velocity[struck].mean()), np.zeros(size)),
        "drum": guess(_whole, mean),
        "drum_median": guess(_whole, median),
        "drum_and_step": guess(_bars, mean),
        "drum_and_step_median": guess(_bars, median),
    }


def _whole(x: np.ndarray) -> np.ndarray:
    """(N, T, 9) -> (M, 1, 9): every step is like any other."""
    return x.reshape(-1, 1, DRUMS)


def _bars(x: np.ndarray) -> np.ndarray:
    """(N, T, 9) -> (M, 16, 9): the steps of a bar."""
    return x.reshape(-1, STEPS_PER_BAR, DRUMS)


def _by_place(
    part: np.ndarray,
    struck: np.ndarray,
    places: Callable[[np.ndarray], np.ndarray],
    centre: Centre,
) -> np.ndarray:
    """The centre of `part` over the strokes at each place (P, 9); of all where there is none."""
    values, mask = places(part), places(struck)
    return np.array(
        [
            [
                centre(values[:, p, d][mask[:, p, d]] if mask[:, p, d].any() else part[struck])
                for d in range(DRUMS)
            ]
            for p in range(values.shape[1])
        ]
    )


def _over_windows(table: np.ndarray, steps: int) -> np.ndarray:
    """(P, 9) -> (T, 9)."""
    return np.tile(table, (steps // len(table), 1))


def decode(model: MusicVAE, played: np.ndarray) -> np.ndarray:
    """Windows (N, T, 27) through the model, at the mean and temperature 0."""
    bars = model.representation.spec.segments
    lengths = np.full(bars, STEPS_PER_BAR, dtype=np.uint16)
    told = model.representation.spec.controls is not None
    examples = [
        Example(
            tokens=window,
            lengths=lengths,
            controls=hits(window).astype(np.uint8) if told else None,
        )
        for window in played
    ]
    return np.stack([e.tokens for e in model.decode_examples(model.encode_examples(examples))])


def figures(guess: Guess, played: np.ndarray, qpm: np.ndarray) -> dict[str, Any]:
    """Mean absolute errors over all strokes, and of each drum."""
    struck = hits(played)
    step_ms = (60_000 / qpm / (STEPS_PER_BAR / 4))[:, None, None]
    off_steps = np.abs(guess[1] - played[..., OFFSETS]) * STEPS_OF_OFFSET
    off_velocity = np.abs(guess[0] - played[..., VELOCITIES]) * LOUDEST

    def mean(x: np.ndarray, mask: np.ndarray) -> float:
        return round(float(np.broadcast_to(x, mask.shape)[mask].mean()), 4) if mask.any() else 0.0

    return {
        "timing_ms": mean(off_steps * step_ms, struck),
        "timing_steps": mean(off_steps, struck),
        "velocity": mean(off_velocity, struck),
        "by_drum": {
            name: {
                "strokes": int(struck[..., d].sum()),
                "timing_ms": mean((off_steps * step_ms)[..., d], struck[..., d]),
                "velocity": mean(off_velocity[..., d], struck[..., d]),
            }
            for d, name in enumerate(NINE_NAMES)
        },
    }


def agreement(written: np.ndarray, played: np.ndarray) -> dict[str, float]:
    """How many of the strokes written were played, and of those played were written."""
    ours, theirs = hits(written), hits(played)
    both = float((ours & theirs).sum())
    return {
        "precision": round(both / max(1, int(ours.sum())), 4),
        "recall": round(both / max(1, int(theirs.sum())), 4),
    }


if __name__ == "__main__":
    main()
