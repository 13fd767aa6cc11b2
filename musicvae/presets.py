"""Models by name. A preset states what differs from the defaults; the rest follows.

The published ones carry the hyperparameters of the reference implementation's configurations
(Roberts et al. 2018; rates and schedules as its code has them). `melody-2bar` and `melody-16bar`
are our own recipe: see docs/experiments.md for what it rests on.
"""

from __future__ import annotations

import difflib

from musicvae.config import (
    BarByBar,
    Bidirectional,
    Conductor,
    ConductorViews,
    EveryStep,
    Flat,
    FlatViews,
    ModelConfig,
    Preset,
    TrainingConfig,
)
from musicvae.representations.melody import Melody, Strict
from musicvae.schedules import ExponentialRise, InverseSigmoid, LinearRamp, WarmupHoldDecay

GM_MELODY = tuple(range(32))  # pianos to basses: what the reference's 2-bar models listen to
TWO_BARS = Melody(bars=2, extraction=Strict(programs=GM_MELODY), transpose=5)
SIXTEEN_BARS = Melody(bars=16, extraction=Strict(), transpose=0)

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            name="cat-mel_2bar_small",
            summary="the published small 2-bar melody model",
            representation=TWO_BARS,
            model=ModelConfig(
                z=256, encoder=Bidirectional(units=(512,)), decoder=Flat(units=(256, 256))
            ),
            training=TrainingConfig(
                batch_size=512,
                updates=50_000,
                beta=ExponentialRise(limit=0.2, rate=0.99999),
                sampling=InverseSigmoid(k=1000),
            ),
        ),
        Preset(
            name="cat-mel_2bar_big",
            summary="the published big 2-bar melody model",
            representation=TWO_BARS,
            model=ModelConfig(
                z=512, encoder=Bidirectional(units=(2048,)), decoder=Flat(units=(2048,) * 3)
            ),
            training=TrainingConfig(
                batch_size=512,
                updates=50_000,
                beta=ExponentialRise(limit=0.5, rate=0.99999),
                sampling=InverseSigmoid(k=1000),
            ),
        ),
        Preset(
            name="flat-mel_16bar",
            summary="the published flat 16-bar melody model",
            representation=SIXTEEN_BARS,
            model=ModelConfig(
                z=512, encoder=Bidirectional(units=(2048,) * 2), decoder=Flat(units=(2048,) * 3)
            ),
            training=TrainingConfig(
                batch_size=512, updates=100_000, beta=ExponentialRise(limit=0.2), free_bits=256
            ),
        ),
        Preset(
            name="hierdec-mel_16bar",
            summary="the published hierarchical 16-bar melody model",
            representation=SIXTEEN_BARS,
            model=ModelConfig(
                z=512,
                encoder=Bidirectional(units=(2048,) * 2),
                decoder=Conductor(units=(1024,) * 2, conductor_units=(1024,) * 2),
            ),
            training=TrainingConfig(
                batch_size=512, updates=100_000, beta=ExponentialRise(limit=0.2), free_bits=256
            ),
        ),
        Preset(
            name="melody-2bar",
            summary="our own 2-bar melody model",
            representation=Melody(bars=2),
            model=ModelConfig(
                z=256,
                embedding=32,
                sigma=0.3,
                encoder=EveryStep(units=(128,)),
                decoder=FlatViews(units=(256,)),
            ),
            training=TrainingConfig(
                batch_size=128,
                updates=12_000,
                learning_rate=WarmupHoldDecay(peak=4e-3, warmup=200, total=12_000, decay=8_000),
                beta=LinearRamp(start=0.01, end=0.15, steps=2_000),
                token_dropout=0.05,
                weight_decay=0.01,
                adam_betas=(0.9, 0.99),
                clip_norm=5.0,
                ema=0.999,
            ),
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
            training=TrainingConfig(
                batch_size=32,
                updates=3_000,
                learning_rate=WarmupHoldDecay(peak=4e-3, warmup=200, total=3_000, decay=2_000),
                beta=LinearRamp(start=0.01, end=0.4, steps=2_000),
                free_bits=256,
                token_dropout=0.05,
                weight_decay=0.01,
                adam_betas=(0.9, 0.99),
                clip_norm=5.0,
                ema=0.999,
            ),
        ),
    )
}


def preset(name: str) -> Preset:
    """A preset by name. Raises `ValueError` with the nearest right name."""
    if name in PRESETS:
        return PRESETS[name]
    near = difflib.get_close_matches(name, PRESETS, n=1, cutoff=0.3)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(PRESETS)}"
    raise ValueError(f"there is no preset {name!r}; {hint}")
