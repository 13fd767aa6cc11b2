"""The models that were published, with the hyperparameters of the reference implementation.

Roberts et al. 2018 (melodies, drums, trios), Simon et al. 2018 (multitrack), Gillick et al. 2019
(grooves); sizes, rates and schedules as its code has them. Updates are the papers' 50,000 for two
bars and 100,000 for more.
"""

from __future__ import annotations

from dataclasses import replace

from musicvae.config import (
    Bidirectional,
    Conductor,
    Flat,
    Hierarchical,
    ModelConfig,
    Preset,
    TrainingConfig,
)
from musicvae.representations.chord_controls import Triads
from musicvae.representations.drums import (
    Drums,
    SeparateNine,
    SeparateSixtyOne,
    StrictDrums,
)
from musicvae.representations.groove import Groove, StrictGroove
from musicvae.representations.groove_tasks import (
    FixedVelocity,
    HitsAsControls,
    Humanize,
    NoteDropout,
    Tap,
    Task,
    WithoutDrum,
)
from musicvae.representations.melody import Melody, Strict
from musicvae.representations.multitrack import Multitrack, StrictMultitrack
from musicvae.representations.trio import StrictTrio, Trio
from musicvae.schedules import ExponentialRise, InverseSigmoid

GM_MELODY = tuple(range(32))  # pianos to basses: what the 2-bar melody models listen to
TWO_BARS = Melody(bars=2, extraction=Strict(programs=GM_MELODY), transpose=5)
SIXTEEN_BARS = Melody(bars=16, extraction=Strict(), transpose=0)
TRIO = Trio(bars=16, extraction=StrictTrio())

TWO_BAR_MELODIES = TrainingConfig(
    batch_size=512,
    updates=50_000,
    beta=ExponentialRise(limit=0.2, rate=0.99999),
    sampling=InverseSigmoid(k=1000),
)
TWO_BAR_DRUMS = TrainingConfig(
    batch_size=512,
    updates=50_000,
    beta=ExponentialRise(limit=0.2),
    free_bits=48,
    sampling=InverseSigmoid(k=1000),
)
SIXTEEN_BAR_MELODIES = TrainingConfig(
    batch_size=512, updates=100_000, beta=ExponentialRise(limit=0.2), free_bits=256
)
SIXTEEN_BAR_TRIOS = TrainingConfig(
    batch_size=256, updates=100_000, beta=ExponentialRise(limit=0.2), free_bits=256
)
MULTITRACK = TrainingConfig(batch_size=256, updates=100_000)
GROOVES = TrainingConfig(
    batch_size=512, updates=50_000, beta=ExponentialRise(limit=0.2), free_bits=48
)

NADE = ModelConfig(z=256, encoder=Bidirectional(units=(1024,)), decoder=Flat(units=(512,) * 2))
GROOVE = ModelConfig(
    z=256,
    dropout=0.7,
    encoder=Bidirectional(units=(512,)),
    decoder=Flat(units=(256,) * 2),
)
MEDIUM_MULTITRACK = ModelConfig(
    z=512,
    encoder=Hierarchical(units=(1024,)),
    decoder=Conductor(units=(512,) * 3, conductor_units=(512,) * 3),
)
BIG_MULTITRACK = ModelConfig(
    z=512,
    encoder=Hierarchical(units=(2048,)),
    decoder=Conductor(units=(1024,) * 3, conductor_units=(1024,) * 3),
)


def _groovae(name: str, summary: str, *tasks: Task, bars: int = 2) -> Preset:
    """The grooves differ in their task, and in nothing else."""
    representation = Groove(bars=bars, extraction=StrictGroove(), tasks=tasks)
    return Preset(
        name=name,
        summary=f"the published {summary}",
        representation=representation,
        model=GROOVE,
        training=GROOVES,
    )


PUBLISHED: tuple[Preset, ...] = (
    Preset(
        name="cat-mel_2bar_small",
        summary="the published small 2-bar melody model",
        representation=TWO_BARS,
        model=ModelConfig(
            z=256, encoder=Bidirectional(units=(512,)), decoder=Flat(units=(256, 256))
        ),
        training=TWO_BAR_MELODIES,
    ),
    Preset(
        name="cat-mel_2bar_big",
        summary="the published big 2-bar melody model",
        representation=TWO_BARS,
        model=ModelConfig(
            z=512, encoder=Bidirectional(units=(2048,)), decoder=Flat(units=(2048,) * 3)
        ),
        training=replace(TWO_BAR_MELODIES, beta=ExponentialRise(limit=0.5, rate=0.99999)),
    ),
    Preset(
        name="cat-mel_2bar_med_chords",
        summary="the published 2-bar melody model that is told the chords",
        representation=Melody(bars=2, extraction=Strict(), chords=Triads(), transpose=3),
        model=ModelConfig(
            z=256, encoder=Bidirectional(units=(1024,)), decoder=Flat(units=(512,) * 3)
        ),
        training=TrainingConfig(batch_size=512, updates=50_000),
    ),
    Preset(
        name="cat-drums_2bar_small",
        summary="the published small 2-bar drum model",
        representation=Drums(bars=2, extraction=StrictDrums()),
        model=ModelConfig(
            z=256, encoder=Bidirectional(units=(512,)), decoder=Flat(units=(256, 256))
        ),
        training=TWO_BAR_DRUMS,
    ),
    Preset(
        name="cat-drums_2bar_big",
        summary="the published big 2-bar drum model",
        representation=Drums(bars=2, extraction=StrictDrums()),
        model=ModelConfig(
            z=512, encoder=Bidirectional(units=(2048,)), decoder=Flat(units=(2048,) * 3)
        ),
        training=TWO_BAR_DRUMS,
    ),
    Preset(
        name="nade-drums_2bar_reduced",
        summary="the published 2-bar model of nine drums, each written by itself",
        representation=Drums(bars=2, kit=SeparateNine(), extraction=StrictDrums()),
        model=NADE,
        training=TWO_BAR_DRUMS,
    ),
    Preset(
        name="nade-drums_2bar_full",
        summary="the published 2-bar model of sixty-one drums",
        representation=Drums(bars=2, kit=SeparateSixtyOne(), extraction=StrictDrums()),
        model=NADE,
        training=TWO_BAR_DRUMS,
    ),
    Preset(
        name="flat-trio_16bar",
        summary="the published flat 16-bar trio model",
        representation=TRIO,
        model=ModelConfig(
            z=512, encoder=Bidirectional(units=(2048,) * 2), decoder=Flat(units=(2048,) * 3)
        ),
        training=TrainingConfig(batch_size=256, updates=100_000),
    ),
    Preset(
        name="hierdec-trio_16bar",
        summary="the published hierarchical 16-bar trio model",
        representation=TRIO,
        model=ModelConfig(
            z=512,
            encoder=Bidirectional(units=(2048,) * 2),
            decoder=Conductor(units=(1024,) * 2, conductor_units=(1024,) * 2, separate=True),
        ),
        training=SIXTEEN_BAR_TRIOS,
    ),
    Preset(
        name="hier-trio_16bar",
        summary="the published 16-bar trio model with a hierarchical encoder",
        representation=TRIO,
        model=ModelConfig(
            z=512,
            encoder=Hierarchical(units=(1024,)),
            decoder=Conductor(units=(1024,) * 2, conductor_units=(1024,) * 2, separate=True),
        ),
        training=SIXTEEN_BAR_TRIOS,
    ),
    Preset(
        name="flat-mel_16bar",
        summary="the published flat 16-bar melody model",
        representation=SIXTEEN_BARS,
        model=ModelConfig(
            z=512, encoder=Bidirectional(units=(2048,) * 2), decoder=Flat(units=(2048,) * 3)
        ),
        training=SIXTEEN_BAR_MELODIES,
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
        training=SIXTEEN_BAR_MELODIES,
    ),
    Preset(
        name="hier-mel_16bar",
        summary="the published 16-bar melody model with a hierarchical encoder",
        representation=SIXTEEN_BARS,
        model=ModelConfig(
            z=512,
            encoder=Hierarchical(units=(1024,)),
            decoder=Conductor(units=(1024,) * 2, conductor_units=(1024,) * 2),
        ),
        training=SIXTEEN_BAR_MELODIES,
    ),
    Preset(
        name="hier-multiperf_vel_1bar_med",
        summary="the published medium model of one bar of up to eight instruments",
        representation=Multitrack(extraction=StrictMultitrack()),
        model=MEDIUM_MULTITRACK,
        training=MULTITRACK,
    ),
    Preset(
        name="hier-multiperf_vel_1bar_big",
        summary="the published big model of one bar of up to eight instruments",
        representation=Multitrack(extraction=StrictMultitrack()),
        model=BIG_MULTITRACK,
        training=MULTITRACK,
    ),
    Preset(
        name="hier-multiperf_vel_1bar_med_chords",
        summary="the published medium multitrack model that is told the chords",
        representation=Multitrack(extraction=StrictMultitrack(), chords=Triads()),
        model=MEDIUM_MULTITRACK,
        training=MULTITRACK,
    ),
    Preset(
        name="hier-multiperf_vel_1bar_big_chords",
        summary="the published big multitrack model that is told the chords",
        representation=Multitrack(extraction=StrictMultitrack(), chords=Triads()),
        model=BIG_MULTITRACK,
        training=MULTITRACK,
    ),
    _groovae("groovae_4bar", "model of four bars of drums as they are played", bars=4),
    _groovae("groovae_2bar_humanize", "model that plays two bars of a drum score", Humanize()),
    _groovae(
        "groovae_2bar_tap_fixed_velocity",
        "model that makes two bars of drums of a tapped rhythm",
        Tap(),
        FixedVelocity(),
    ),
    _groovae(
        "groovae_2bar_tap_fixed_velocity_note_dropout",
        "tapping model, taught with strokes left out",
        NoteDropout(),
        Tap(),
        FixedVelocity(),
    ),
    _groovae(
        "groovae_2bar_add_closed_hh", "model that adds a closed hi-hat to two bars", WithoutDrum()
    ),
    _groovae(
        "groovae_2bar_hits_control_tfds",
        "groove model that is told which drums are struck",
        HitsAsControls(),
    ),
)
