"""What keeps the posterior of a sequence VAE from collapsing, and what does it cost?

    musicvae prepare train.txt --valid valid.txt --test test.txt -o dataset/ --preset text-small
    python benchmarks/collapse.py text dataset/ runs/ --seeds 0 1 2

One small network, trained on the same data for as many updates with each remedy; the LSTM language
model is its decoder without z. `text` is for sentences, `melody` for 2-bar windows of melody.
A run lies in a folder of its own, where it goes on if it was broken off; a run that is measured is
kept in the result file and not done again. Several calls with other rows may run side by side.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import RESULTS, describe

from musicvae.config import (
    Aggressive,
    Flat,
    NoEncoder,
    PerDimension,
    Preset,
    Pretraining,
    TargetRate,
    TrainingConfig,
)
from musicvae.latent.density import NormalDensity
from musicvae.losses import NATS_PER_BIT
from musicvae.presets import preset
from musicvae.schedules import Constant, Cyclical, LinearRamp, Sigmoid, WarmupHoldDecay
from musicvae.training.dataset import Dataset, load_dataset
from musicvae.training.evaluate import evaluate
from musicvae.training.figures import importance_figures
from musicvae.training.latents import fit_density
from musicvae.training.likelihood import importance_weighted_under
from musicvae.training.trainer import Progress, Trainer

UPDATES = {"text": 3000, "melody": 1500}
BASES = {"text": "text-small", "melody": "cat-mel_2bar_small"}
SAMPLES = 500  # K of the importance-weighted likelihood, as in the literature
MEASURED = {"text": 400, "melody": 200}  # test sequences that it is measured on


def rows(kind: str, updates: int) -> dict[str, Preset]:
    """Every row of the table as a preset."""
    U, plain = updates, _plain(kind, updates)
    rise = LinearRamp(start=0.0, end=1.0, steps=U // 3)

    def trained(**settings: Any) -> Preset:
        return replace(plain, training=replace(plain.training, **settings))

    def free(nats: float, **settings: Any) -> Preset:
        bits = {"free_bits": nats / NATS_PER_BIT, "free_bits_on": PerDimension()}
        return trained(beta=rise, **bits, **settings)

    def shaped(base: Preset, **settings: Any) -> Preset:
        return replace(base, model=replace(base.model, **settings))

    return {
        "language-model": shaped(plain, z=0, encoder=NoEncoder()),
        "vae": plain,
        "annealing": trained(beta=rise),
        "sigmoid-annealing": trained(beta=Sigmoid(middle=U / 4, width=U / 40)),
        "cyclical": trained(beta=Cyclical(steps=U * 4 // 5)),
        "free-bits-4": free(4.0),
        "free-bits-8": free(8.0),
        "batch-norm": shaped(trained(), mean_gain=0.6),
        "pretraining-free-bits-8": free(8.0, pretraining=Pretraining(updates=U // 4)),
        "aggressive": trained(beta=rise, aggressive=Aggressive(most=20, measured=U // 20)),
        "output-free-bits-8": shaped(
            free(8.0), decoder=replace(plain.model.decoder, to_output=True)
        ),
        "word-dropout": trained(beta=rise, token_dropout=0.3),
        "target-rate-8": trained(rate=TargetRate(bits=8.0 / NATS_PER_BIT)),
        "output-target-rate-8": shaped(
            trained(rate=TargetRate(bits=8.0 / NATS_PER_BIT)),
            decoder=replace(plain.model.decoder, to_output=True),
        ),
    }


def _plain(kind: str, updates: int) -> Preset:
    """The network and the training that all rows share: beta 1 from the start, no remedy."""
    small = preset("text-small").model
    model = replace(small, decoder=Flat(units=small.decoder.units))
    training = TrainingConfig(
        batch_size=64,
        updates=updates,
        learning_rate=WarmupHoldDecay(peak=4e-3, warmup=100, total=updates, decay=updates // 2),
        beta=Constant(value=1.0),
        adam_betas=(0.9, 0.99),
        clip_norm=5.0,
        ema=0.998,
        augment=False,
    )
    base = preset(BASES[kind])
    return Preset(
        name=f"collapse-{kind}",
        summary="a row of the table of remedies",
        representation=base.representation,
        model=model,
        training=training,
    )


class Clock:
    """Seconds of this process's CPU time in a run, and a line every now and then."""

    def __init__(self, name: str) -> None:
        self.name, self.begin = name, time.process_time()

    def step(self, progress: Progress) -> None:
        if progress.step % 250 == 0:
            print(
                f"{self.name} {progress.step} rec {progress.reconstruction:.2f} nats, "
                f"KL {progress.kl_bits * NATS_PER_BIT:.2f}",
                flush=True,
            )

    def validation(self, step: int, figures: dict[str, Any]) -> None:
        print(self.name, step, json.dumps(figures), flush=True)

    def warning(self, text: str) -> None:
        print(self.name, text, flush=True)

    @property
    def seconds(self) -> float:
        return time.process_time() - self.begin


def measure(kind: str, name: str, row: Preset, data: Path, folder: Path, seed: int) -> None:
    """Train one row with one seed, measure it, and add it to the result file."""
    updates = row.training.updates
    tag = f"{name}-{seed}" if updates == UPDATES[kind] else f"{name}-{updates}-{seed}"
    run = folder / f"{kind}-{tag}"
    trainer = Trainer(row, load_dataset(data), run, seed=seed, dtype=torch.float32)
    clock = Clock(tag)
    before = _seconds(run)
    try:
        trainer.run(clock)
    finally:
        (run / "seconds.json").write_text(json.dumps(before + clock.seconds))
    test = load_dataset(data, "test").read_by(trainer.preset.representation)
    figures = _figures(trainer, test, MEASURED[kind])
    weights = sum(p.numel() for p in trainer.model.parameters())
    entry = {
        "row": name,
        "seed": seed,
        "weights": weights,
        "updates": updates,
        "training_cpu_seconds": round(before + clock.seconds, 1),
        "figures": figures,
    }
    _add(kind, entry)
    print(tag, json.dumps(entry), flush=True)


def _figures(trainer: Trainer, test: Dataset, measured: int) -> dict[str, Any]:
    """All of the test split, and the importance-weighted likelihoods of some sequences of it: under
    N(0, 1), and under the normal that was fitted to the codes of the training data."""
    model = trainer.averaged()
    z = model.config.z
    priors = [NormalDensity.standard(z)] + ([fit_density(model, trainer.data)] if z else [])
    weighted = importance_weighted_under(priors, model, test.sample(measured, 0), SAMPLES)
    return {
        **evaluate(model, test),
        **importance_figures(weighted[0], 0),
        "iw_log_likelihoods": np.round(weighted[0].log_likelihood, 3).tolist(),
        "fitted_prior_iw_nll_nats": round(weighted[-1].nll, 4),
        "fitted_prior_iw_log_likelihoods": np.round(weighted[-1].log_likelihood, 3).tolist(),
    }


def _seconds(run: Path) -> float:
    path = run / "seconds.json"
    return float(json.loads(path.read_text())) if path.is_file() else 0.0


def _result(kind: str) -> Path:
    return RESULTS / f"collapse-{kind}.json"


def _add(kind: str, entry: Mapping[str, Any]) -> None:
    """Put an entry into the result file, in place of an older one; one process at a time."""
    path = _result(kind)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        runs = [run for run in _runs(kind) if _key(run) != _key(entry)]
        runs.append({**entry, "made_with": describe(("torch", "numpy"))})
        lines = ",\n".join(json.dumps(run) for run in runs)
        path.write_text(f'{{"samples": {SAMPLES}, "runs": [\n{lines}\n]}}\n')
    path.with_suffix(".lock").unlink(missing_ok=True)


def _key(run: Mapping[str, Any]) -> tuple[str, int, int]:
    return run["row"], run["updates"], run["seed"]


def _runs(kind: str) -> list[dict[str, Any]]:
    path = _result(kind)
    found: list[dict[str, Any]] = json.loads(path.read_text())["runs"] if path.is_file() else []
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kind", choices=sorted(UPDATES))
    parser.add_argument("data", type=Path, help="a dataset of the base preset")
    parser.add_argument("folder", type=Path, help="where the runs are kept")
    parser.add_argument("--rows", nargs="*", help="some rows only")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--updates", type=int, help="train longer, or less long")
    asked = parser.parse_args()
    updates = asked.updates or UPDATES[asked.kind]
    table = rows(asked.kind, updates)
    for seed in asked.seeds:
        for name in asked.rows or table:
            if (name, updates, seed) not in map(_key, _runs(asked.kind)):
                measure(asked.kind, name, table[name], asked.data, asked.folder, seed)


if __name__ == "__main__":
    main()
