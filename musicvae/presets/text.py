"""Models of sentences, after Bowman et al. 2016. docs/collapse.md has what the recipes rest on."""

from __future__ import annotations

from musicvae.config import (
    Bidirectional,
    Flat,
    ModelConfig,
    PerDimension,
    Preset,
    TrainingConfig,
)
from musicvae.representations.text import BytePairs, Text
from musicvae.schedules import LinearRamp, WarmupHoldDecay

NATS = 1.4426950408889634  # bits


def _training(updates: int, free_nats: float, token_dropout: float = 0.0) -> TrainingConfig:
    """The recipe: the cost of z rises to that of the ELBO over a third of the updates."""
    return TrainingConfig(
        batch_size=64,
        updates=updates,
        learning_rate=WarmupHoldDecay(peak=4e-3, warmup=100, total=updates, decay=updates // 2),
        beta=LinearRamp(start=0.0, end=1.0, steps=updates // 3),
        free_bits=free_nats * NATS,
        free_bits_on=PerDimension(),
        token_dropout=token_dropout,
        adam_betas=(0.9, 0.99),
        clip_norm=5.0,
        ema=0.998,
    )


TEXT = (
    Preset(
        name="text",
        summary="English sentences of up to 55 word pieces",
        representation=Text(vocabulary=BytePairs(size=2000), max_length=56),
        model=ModelConfig(
            z=48,
            embedding=128,
            sigma=1.0,
            writer_dropout=0.1,
            encoder=Bidirectional(units=(192,)),
            decoder=Flat(units=(320,), to_output=True),
        ),
        training=_training(updates=5_000, free_nats=20.0, token_dropout=0.2),
    ),
    Preset(
        name="text-small",
        summary="sentences, learned in minutes: the network of the comparison of remedies",
        representation=Text(vocabulary=BytePairs(size=2000), max_length=48),
        model=ModelConfig(
            z=32,
            embedding=96,
            sigma=1.0,
            writer_dropout=0.2,
            encoder=Bidirectional(units=(64,)),
            decoder=Flat(units=(128,), to_output=True),
        ),
        training=_training(updates=3_000, free_nats=8.0),
    ),
)
