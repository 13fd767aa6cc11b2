"""Our own models: see docs/experiments.md for what the recipe rests on.

The latent code is cut into shares, one for each stretch of music, and the decoder sees at every
step what belongs there. Training begins with almost no cost on the code, so that the model first
learns to copy; the cost then rises, and the code is compressed.
"""

from __future__ import annotations

from dataclasses import replace

from musicvae.config import (
    BarByBar,
    ConductorViews,
    EveryStep,
    FlatViews,
    ModelConfig,
    Preset,
    TrainingConfig,
)
from musicvae.representations.chord_controls import Triads
from musicvae.representations.drums import Drums
from musicvae.representations.groove import Groove
from musicvae.representations.groove_tasks import FixedVelocity, Humanize, Tap
from musicvae.representations.melody import Melody
from musicvae.representations.meters import Native
from musicvae.representations.multitrack import Multitrack
from musicvae.representations.trio import Trio
from musicvae.schedules import LinearRamp, WarmupHoldDecay


def _training(
    updates: int, batch_size: int, beta: float, ramp: int, free_bits: float = 0.0
) -> TrainingConfig:
    """The recipe: `beta` is reached after `ramp` updates."""
    return TrainingConfig(
        batch_size=batch_size,
        updates=updates,
        learning_rate=WarmupHoldDecay(peak=4e-3, warmup=200, total=updates, decay=updates * 2 // 3),
        beta=LinearRamp(start=0.01, end=beta, steps=ramp),
        free_bits=free_bits,
        token_dropout=0.05,
        weight_decay=0.01,
        adam_betas=(0.9, 0.99),
        clip_norm=5.0,
        ema=0.999,
    )


TWO_BARS = ModelConfig(
    z=256,
    embedding=32,
    sigma=0.3,
    encoder=EveryStep(units=(128,)),
    decoder=FlatViews(units=(256,)),
)
FOUR_BARS = ModelConfig(
    z=512,
    embedding=32,
    sigma=0.3,
    encoder=EveryStep(units=(128,), groups=16),
    decoder=FlatViews(units=(256,), groups=16),
)

OWN: tuple[Preset, ...] = (
    Preset(
        name="melody-2bar",
        summary="our own 2-bar melody model",
        representation=Melody(bars=2),
        model=TWO_BARS,
        training=_training(updates=12_000, batch_size=128, beta=0.15, ramp=2_000),
    ),
    Preset(
        name="melody-16bar",
        summary="our own hierarchical 16-bar melody model",
        representation=Melody(bars=16),
        model=ModelConfig(
            z=512,
            embedding=32,
            sigma=0.3,
            encoder=BarByBar(units=(128,), bar_units=(256,)),
            decoder=ConductorViews(units=(256,), conductor_units=(512,)),
        ),
        training=_training(updates=3_000, batch_size=32, beta=0.4, ramp=2_000, free_bits=256),
    ),
    Preset(
        name="melody-2bar-chords",
        summary="our own 2-bar melody model that is told the chords",
        representation=Melody(bars=2, chords=Triads()),
        model=TWO_BARS,
        training=_training(updates=12_000, batch_size=128, beta=1.0, ramp=4_000),
    ),
    Preset(
        name="melody-2bar-anymeter",
        summary="our own 2-bar melody model for meters from 2/4 to 12/8",
        representation=Melody(bars=2, meters=Native()),
        model=TWO_BARS,
        training=_training(updates=12_000, batch_size=128, beta=0.15, ramp=2_000),
    ),
    Preset(
        name="drums-2bar",
        summary="our own 2-bar drum model",
        representation=Drums(bars=2),
        model=TWO_BARS,
        training=_training(updates=3_000, batch_size=128, beta=0.08, ramp=1_000),
    ),
    Preset(
        name="drums-4bar",
        summary="our own 4-bar drum model",
        representation=Drums(bars=4),
        model=FOUR_BARS,
        training=_training(updates=6_000, batch_size=64, beta=0.08, ramp=2_000),
    ),
    Preset(
        name="trio-16bar",
        summary="our own hierarchical 16-bar model of melody, bass and drums",
        representation=Trio(bars=16, transpose=5),
        model=ModelConfig(
            z=768,
            embedding=32,
            sigma=0.3,
            encoder=BarByBar(units=(128,), bar_units=(256,)),
            decoder=ConductorViews(units=(192,), conductor_units=(512,), separate=True),
        ),
        training=_training(updates=2_500, batch_size=32, beta=0.25, ramp=1_500, free_bits=256),
    ),
    Preset(
        name="groove-2bar-humanize",
        summary="our own model that plays two bars of a drum score",
        representation=Groove(bars=2, tasks=(Humanize(),)),
        model=replace(TWO_BARS, dropout=0.2, decoder=FlatViews(units=(256,), feedback=False)),
        training=_training(updates=1_500, batch_size=128, beta=0.1, ramp=500),
    ),
    Preset(
        name="groove-2bar-tap",
        summary="our own model that makes two bars of drums of a tapped rhythm",
        representation=Groove(bars=2, tasks=(Tap(), FixedVelocity())),
        model=TWO_BARS,
        training=_training(updates=1_500, batch_size=128, beta=0.1, ramp=500),
    ),
    Preset(
        name="groove-4bar",
        summary="our own model of four bars of drums as they are played",
        representation=Groove(bars=4),
        model=FOUR_BARS,
        training=_training(updates=3_000, batch_size=64, beta=0.1, ramp=1_000),
    ),
    Preset(
        name="multitrack-1bar",
        summary="our own model of one bar of up to eight instruments",
        representation=Multitrack(),
        model=ModelConfig(
            z=512,
            embedding=64,
            sigma=0.3,
            encoder=BarByBar(units=(256,), bar_units=(256,)),
            decoder=ConductorViews(units=(384,), conductor_units=(512,)),
        ),
        training=_training(updates=10_000, batch_size=64, beta=0.2, ramp=3_000, free_bits=64),
    ),
)
