"""The small models of this page: one shape for all, so that only what is asked about differs."""

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
    Flat,
    ModelConfig,
    NoEncoder,
    Preset,
    TrainingConfig,
)
from musicvae.models.vae import SequenceVAE
from musicvae.schedules import LinearRamp, WarmupHoldDecay
from musicvae.training.dataset import Dataset
from musicvae.training.trainer import Progress, Trainer

UNITS, EMBEDDING, BATCH = 64, 32, 64


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
    return ModelConfig(
        z=z,
        embedding=EMBEDDING,
        sigma=0.3,
        encoder=Bidirectional(units=(UNITS,)) if z else NoEncoder(),
        decoder=Flat(units=(UNITS,)),
    )


def _recipe(wanted: Wanted) -> TrainingConfig:
    updates = wanted.updates
    return TrainingConfig(
        batch_size=BATCH,
        updates=updates,
        learning_rate=WarmupHoldDecay(
            peak=4e-3, warmup=updates // 20, total=updates, decay=updates // 2
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
