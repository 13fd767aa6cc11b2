"""The small models of this page.

Those of 32 numbers have the shape of our own presets, in which each stretch of steps has a share of
z: they learn to use it in few updates. Those of two numbers, too few to be shared out, have the
published flat shape. What is compared with one another differs in beta alone.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from benchmarks.theory.setting import Setting
from musicvae.config import (
    Bidirectional,
    Decoder,
    Encoder,
    EveryStep,
    Flat,
    FlatViews,
    ModelConfig,
    NoEncoder,
    Preset,
    TrainingConfig,
)
from musicvae.models.encoders import Posterior
from musicvae.models.vae import SequenceVAE
from musicvae.schedules import LinearRamp, WarmupHoldDecay
from musicvae.training.dataset import Dataset
from musicvae.training.trainer import Progress, Trainer

UNITS, EMBEDDING, BATCH, RATE = 64, 32, 64, 5e-3
UPDATES, UPDATES_FLAT = 500, 2000
Z = 32
BETAS = (0.0, 0.03, 0.1, 0.3, 1.0)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A model of `z` numbers trained with `beta`, which rises from 0 over the first half.

    Beginning without a cost on the code lets the decoder learn to use it before it is priced.
    `z` 0 is the decoder by itself, a language model.
    """

    kind: str  # of data: the first part of the name of the file that keeps it
    z: int
    beta: float
    updates: int
    seed: int = 0

    @property
    def name(self) -> str:
        return f"{self.kind}-z{self.z}-beta{self.beta:g}-u{self.updates}-s{self.seed}"


def of_beta(setting: Setting, kind: str, beta: float, data: Dataset) -> SequenceVAE:
    """One of the models that differ in beta alone."""
    updates = 10 if setting.quick else UPDATES
    return trained(setting, Wanted(kind=kind, z=Z, beta=beta, updates=updates), data)


def language_model(setting: Setting, kind: str, data: Dataset) -> SequenceVAE:
    """Their decoder without z."""
    updates = 10 if setting.quick else UPDATES
    return trained(setting, Wanted(kind=kind, z=0, beta=0.0, updates=updates), data)


def in_the_plane(setting: Setting, beta: float, data: Dataset) -> SequenceVAE:
    """A melody model whose z has two numbers, so that it can be drawn."""
    updates = 10 if setting.quick else UPDATES_FLAT
    return trained(setting, Wanted(kind="melody", z=2, beta=beta, updates=updates), data)


@torch.no_grad()
def posteriors(model: SequenceVAE, data: Dataset) -> Posterior:
    """q(z | x) of all examples."""
    found = [model.posterior(batch.read, batch.lengths) for _, batch in data.batches(250)]
    return Posterior(torch.cat([q.mean for q in found]), torch.cat([q.std for q in found]))


def trained(setting: Setting, wanted: Wanted, data: Dataset) -> SequenceVAE:
    """The model, from its file where there is one, else trained now and kept."""
    asked = _preset(wanted, data)
    path = setting.models / f"{wanted.name}.safetensors"
    if not path.is_file():
        setting.models.mkdir(parents=True, exist_ok=True)
        _train(asked, data, path, wanted.seed)
    model = SequenceVAE(asked.representation.spec, asked.model)
    model.load_state_dict(load_file(path))
    return model.eval()


def untrained(wanted: Wanted, data: Dataset) -> SequenceVAE:
    """The same before its first update."""
    asked = _preset(wanted, data)
    torch.manual_seed(wanted.seed)
    return SequenceVAE(asked.representation.spec, asked.model).eval()


def _preset(wanted: Wanted, data: Dataset) -> Preset:
    return Preset(
        name=wanted.name,
        summary="a small model of docs/theory.md",
        representation=data.representation,
        model=_shape(wanted.z),
        training=_recipe(wanted),
    )


def _shape(z: int) -> ModelConfig:
    encoder: Encoder
    decoder: Decoder
    match z:
        case 0:
            encoder, decoder = NoEncoder(), Flat(units=(UNITS,))
        case 2:
            encoder, decoder = Bidirectional(units=(UNITS,)), Flat(units=(UNITS,))
        case _:
            encoder = EveryStep(units=(UNITS // 2,), features=8, groups=8, mixer=UNITS)
            decoder = FlatViews(units=(UNITS,), features=16, groups=8, mixer=UNITS)
    return ModelConfig(z=z, embedding=EMBEDDING, sigma=0.3, encoder=encoder, decoder=decoder)


def _recipe(wanted: Wanted) -> TrainingConfig:
    updates = wanted.updates
    return TrainingConfig(
        batch_size=BATCH,
        updates=updates,
        learning_rate=WarmupHoldDecay(
            peak=RATE, warmup=updates // 20, total=updates, decay=updates // 2
        ),
        beta=LinearRamp(start=0.0, end=wanted.beta, steps=updates // 2),
        adam_betas=(0.9, 0.99),
        clip_norm=5.0,
        ema=0.99,
        augment=False,
    )


def _train(asked: Preset, data: Dataset, path: Path, seed: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="theory-"))
    try:
        trainer = Trainer(asked, data, folder, seed=seed, dtype=torch.float32, save_every=10**9)
        trainer.run(_Talk(asked.name))
        save_file(trainer.averaged().state_dict(), path)
    finally:
        shutil.rmtree(folder)


class _Talk:
    """Says now and then how training goes."""

    def __init__(self, name: str) -> None:
        self.name = name

    def step(self, progress: Progress) -> None:
        if progress.step % 250 == 0:
            print(
                f"{self.name}: update {progress.step}, reconstruction "
                f"{progress.reconstruction:.2f} nats, KL {progress.kl_bits:.2f} bits",
                flush=True,
            )

    def validation(self, step: int, figures: dict[str, Any]) -> None:
        """Nothing is validated while training."""

    def warning(self, text: str) -> None:
        print(f"{self.name}: {text}", flush=True)
