"""Presets carry the published hyperparameters, and a wrong name finds the right one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from musicvae.config import (
    Bidirectional,
    Conductor,
    Flat,
    Hierarchical,
    PerDimension,
    PerExample,
)
from musicvae.presets import PRESETS, preset
from musicvae.presets.own import OWN
from musicvae.presets.published import PUBLISHED
from musicvae.presets.text import TEXT
from musicvae.representations.base import Categorical, MultiLabel, Several, Space, Strokes
from musicvae.representations.chord_controls import Triads
from musicvae.representations.drums import Drums, StrictDrums
from musicvae.representations.groove import Groove, StrictGroove
from musicvae.representations.groove_tasks import (
    FixedVelocity,
    HitsAsControls,
    Humanize,
    NoteDropout,
    Tap,
    WithoutDrum,
)
from musicvae.representations.melody import Melody, Strict
from musicvae.representations.meters import Native
from musicvae.representations.multitrack import Multitrack, StrictMultitrack
from musicvae.representations.text import BytePairs, Text
from musicvae.representations.trio import StrictTrio, Trio
from musicvae.schedules import Constant, ExponentialDecay, ExponentialRise, InverseSigmoid

MELODY, TRIO = Categorical(90), Several((90, 90, 512))
DRUMS, EVENTS, GROOVE = Categorical(512), Categorical(490), Strokes(9)
BITS, ALL_BITS = MultiLabel(9, silence=True), MultiLabel(61, silence=True)


@dataclass(frozen=True)
class Row:
    """A row of the table of published models. `units` are the encoder's in each direction, then
    the decoder's; a conductor is as large as the decoder. `k` is that of scheduled sampling."""

    steps: int
    space: Space
    batch: int
    z: int
    units: tuple[tuple[int, ...], tuple[int, ...]]
    beta: tuple[float, float] = (1.0, 0.0)
    bits: int = 0
    k: int | None = None
    segments: int | None = None  # of those that have a conductor
    levels: bool = False  # two in the encoder
    inputs: Space | None = None
    controls: Space | None = None
    semitones: int = 0
    keep: float = 1.0
    separate: bool = False


SMALL, BIG, NADE = ((512,), (256, 256)), ((2048,), (2048,) * 3), ((1024,), (512, 512))
DEEP, HIERDEC, HIER = (
    ((2048,) * 2, (2048,) * 3),
    ((2048,) * 2, (1024,) * 2),
    ((1024,), (1024,) * 2),
)
MEDIUM_TRACKS, BIG_TRACKS = ((1024,), (512,) * 3), ((2048,), (1024,) * 3)
LONG = {"beta": (0.2, 0.0), "bits": 256}
BEATS: dict[str, Any] = {"beta": (0.2, 0.0), "bits": 48, "k": 1000}
TRACKS: dict[str, Any] = {"segments": 8, "levels": True, "semitones": 3}
PLAYED: dict[str, Any] = {"beta": (0.2, 0.0), "bits": 48, "keep": 0.3}
TWO_BARS = Row(32, GROOVE, 512, 256, SMALL, **PLAYED)

TABLE = {
    "cat-mel_2bar_small": Row(
        32, MELODY, 512, 256, SMALL, beta=(0.2, 0.99999), k=1000, semitones=5
    ),
    "cat-mel_2bar_big": Row(32, MELODY, 512, 512, BIG, beta=(0.5, 0.99999), k=1000, semitones=5),
    "cat-mel_2bar_med_chords": Row(
        32, MELODY, 512, 256, ((1024,), (512,) * 3), controls=Categorical(49), semitones=3
    ),
    "cat-drums_2bar_small": Row(32, DRUMS, 512, 256, SMALL, inputs=BITS, **BEATS),
    "cat-drums_2bar_big": Row(32, DRUMS, 512, 512, BIG, inputs=BITS, **BEATS),
    "nade-drums_2bar_reduced": Row(32, MultiLabel(9), 512, 256, NADE, inputs=BITS, **BEATS),
    "nade-drums_2bar_full": Row(32, MultiLabel(61), 512, 256, NADE, inputs=ALL_BITS, **BEATS),
    "flat-trio_16bar": Row(256, TRIO, 256, 512, DEEP),
    "hierdec-trio_16bar": Row(256, TRIO, 256, 512, HIERDEC, segments=16, separate=True, **LONG),
    "hier-trio_16bar": Row(
        256, TRIO, 256, 512, HIER, segments=16, levels=True, separate=True, **LONG
    ),
    "flat-mel_16bar": Row(256, MELODY, 512, 512, DEEP, **LONG),
    "hierdec-mel_16bar": Row(256, MELODY, 512, 512, HIERDEC, segments=16, **LONG),
    "hier-mel_16bar": Row(256, MELODY, 512, 512, HIER, segments=16, levels=True, **LONG),
    "hier-multiperf_vel_1bar_med": Row(512, EVENTS, 256, 512, MEDIUM_TRACKS, **TRACKS),
    "hier-multiperf_vel_1bar_big": Row(512, EVENTS, 256, 512, BIG_TRACKS, **TRACKS),
    "hier-multiperf_vel_1bar_med_chords": Row(
        512, EVENTS, 256, 512, MEDIUM_TRACKS, controls=Categorical(49), **TRACKS
    ),
    "hier-multiperf_vel_1bar_big_chords": Row(
        512, EVENTS, 256, 512, BIG_TRACKS, controls=Categorical(49), **TRACKS
    ),
    "groovae_4bar": Row(64, GROOVE, 512, 256, SMALL, **PLAYED),
    "groovae_2bar_humanize": TWO_BARS,
    "groovae_2bar_tap_fixed_velocity": TWO_BARS,
    "groovae_2bar_tap_fixed_velocity_note_dropout": TWO_BARS,
    "groovae_2bar_add_closed_hh": TWO_BARS,
    "groovae_2bar_hits_control_tfds": Row(
        32, GROOVE, 512, 256, SMALL, controls=MultiLabel(9), **PLAYED
    ),
}

TASKS = {
    "groovae_4bar": (),
    "groovae_2bar_humanize": (Humanize(),),
    "groovae_2bar_tap_fixed_velocity": (Tap(), FixedVelocity()),
    "groovae_2bar_tap_fixed_velocity_note_dropout": (NoteDropout(), Tap(), FixedVelocity()),
    "groovae_2bar_add_closed_hh": (WithoutDrum(),),
    "groovae_2bar_hits_control_tfds": (HitsAsControls(),),
}

OURS = {
    "melody-2bar": Melody(bars=2),
    "melody-16bar": Melody(bars=16),
    "melody-2bar-chords": Melody(bars=2, chords=Triads()),
    "melody-2bar-anymeter": Melody(bars=2, meters=Native()),
    "drums-2bar": Drums(bars=2),
    "drums-4bar": Drums(bars=4),
    "trio-16bar": Trio(bars=16, transpose=5),
    "groove-2bar-humanize": Groove(bars=2, tasks=(Humanize(),)),
    "groove-2bar-tap": Groove(bars=2, tasks=(Tap(), FixedVelocity())),
    "groove-4bar": Groove(bars=4),
    "multitrack-1bar": Multitrack(),
}


TEXTS = {
    "text": Text(vocabulary=BytePairs(size=2000), max_length=56),
    "text-small": Text(vocabulary=BytePairs(size=2000), max_length=48),
}


def test_all_published_models_are_here() -> None:
    assert len(TABLE) == 23
    assert {p.name for p in PUBLISHED} == TABLE.keys()


@pytest.mark.parametrize("name", TABLE)
def test_a_published_model_reads_and_writes_what_it_did(name: str) -> None:
    row, representation = TABLE[name], preset(name).representation
    spec = representation.spec
    assert (spec.length, spec.outputs, spec.inputs) == (
        row.steps,
        row.space,
        row.inputs or row.space,
    )
    assert spec.controls == row.controls
    assert spec.end == (489 if row.space == EVENTS else None)
    if row.segments is not None:
        assert spec.segments == row.segments
    kinds = Strict | StrictDrums | StrictTrio | StrictGroove | StrictMultitrack
    assert isinstance(representation.extraction, kinds)
    assert getattr(representation, "transpose", 0) == row.semitones


@pytest.mark.parametrize("name", TABLE)
def test_a_published_model_is_built_as_it_was(name: str) -> None:
    row, model = TABLE[name], preset(name).model
    encoder, decoder = row.units
    assert model.z == row.z
    assert model.embedding is None  # one-hot
    assert model.control_units is None
    assert model.nade == 128
    assert model.dropout == pytest.approx(1 - row.keep)
    assert model.encoder == (Hierarchical if row.levels else Bidirectional)(units=encoder)
    assert model.decoder == (
        Flat(units=decoder)
        if row.segments is None
        else Conductor(units=decoder, conductor_units=decoder, separate=row.separate)
    )


@pytest.mark.parametrize("name", TABLE)
def test_a_published_model_is_trained_as_it_was(name: str) -> None:
    row, training = TABLE[name], preset(name).training
    limit, rate = row.beta
    assert (training.batch_size, training.free_bits, training.clip_norm) == (
        row.batch,
        row.bits,
        1.0,
    )
    assert training.free_bits_on == PerExample()
    assert training.beta == ExponentialRise(limit=limit, rate=rate)
    assert training.sampling == (InverseSigmoid(k=row.k) if row.k else Constant(value=0.0))
    assert training.learning_rate == ExponentialDecay(start=1e-3, rate=0.9999, floor=1e-5)
    assert training.adam_betas == (0.9, 0.999)
    assert (training.ema, training.token_dropout, training.weight_decay) == (0.0, 0.0, 0.0)
    assert training.updates == (50_000 if row.steps <= 64 else 100_000)


@pytest.mark.parametrize("name", TASKS)
def test_published_grooves_differ_in_their_tasks(name: str) -> None:
    assert preset(name).representation.tasks == TASKS[name]


def test_only_the_two_bar_models_listen_to_melodic_programs_alone() -> None:
    for name in TABLE:
        representation = preset(name).representation
        if isinstance(representation, Melody):
            listens = name in ("cat-mel_2bar_small", "cat-mel_2bar_big")
            expected = tuple(range(32)) if listens else None
            assert representation.extraction.programs == expected


def test_our_own_models_read_music_as_a_musician_would() -> None:
    assert {p.name: p.representation for p in OWN} == OURS
    for p in OWN:
        assert type(p.representation.extraction).__name__.startswith("Lenient")


def test_models_of_text_learn_their_vocabulary_and_are_kept_from_collapsing() -> None:
    assert {p.name: p.representation for p in TEXT} == TEXTS
    for p in TEXT:
        assert not p.representation.is_fitted
        assert p.model.decoder.to_output
        assert (p.training.free_bits_on, p.training.beta.at(0)) == (PerDimension(), 0.0)
        assert p.training.beta.at(p.training.updates // 3) == 1.0  # the ELBO itself
        assert p.training.free_bits > 8


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("cat-mel_2bar_smal", "cat-mel_2bar_small"),
        ("cat-mel-2bar-big", "cat-mel_2bar_big"),
        ("hierdec_mel_16bars", "hierdec-mel_16bar"),
        ("flat-mel", "flat-mel_16bar"),
        ("melody2bar", "melody-2bar"),
        ("Melody-16bar", "melody-16bar"),
        ("drums_2bar", "drums-2bar"),
        ("groovae_humanize", "groovae_2bar_humanize"),
        ("trio", "trio-16bar"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(wrong: str, right: str) -> None:
    with pytest.raises(ValueError, match=f"no preset '{wrong}'; did you mean '{right}'"):
        preset(wrong)


def test_a_name_like_no_other_is_answered_with_all() -> None:
    with pytest.raises(ValueError, match=r"there are cat-mel_2bar_small, .*melody-16bar"):
        preset("xyz")


def test_names_are_unique_and_summaries_short() -> None:
    assert len(PRESETS) == len(PUBLISHED) + len(OWN) + len(TEXT)
    for name, p in PRESETS.items():
        assert p.name == name
        assert 10 < len(p.summary) < 80
