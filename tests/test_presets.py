"""Presets carry the published hyperparameters, and a wrong name finds the right one."""

from __future__ import annotations

import pytest

from musicvae.config import Bidirectional, Conductor, Flat
from musicvae.presets import PRESETS, preset
from musicvae.representations.melody import Strict
from musicvae.schedules import Constant, ExponentialDecay, ExponentialRise, InverseSigmoid

# steps, batch, z, encoder, decoder, conductor, free bits, max beta, beta rate, k, transposition
PUBLISHED = {
    "cat-mel_2bar_small": (32, 512, 256, (512,), (256, 256), None, 0, 0.2, 0.99999, 1000, 5),
    "cat-mel_2bar_big": (32, 512, 512, (2048,), (2048,) * 3, None, 0, 0.5, 0.99999, 1000, 5),
    "flat-mel_16bar": (256, 512, 512, (2048,) * 2, (2048,) * 3, None, 256, 0.2, 0.0, None, 0),
    "hierdec-mel_16bar": (
        256, 512, 512, (2048,) * 2, (1024,) * 2, (1024,) * 2, 256, 0.2, 0.0, None, 0
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_presets_are_as_published(name: str) -> None:
    steps, batch, z, encoder, decoder, conductor, bits, beta, rate, k, semitones = PUBLISHED[name]
    p = preset(name)
    assert isinstance(p.representation.extraction, Strict)
    assert p.representation.spec.length == steps
    assert p.representation.transpose == semitones
    assert p.model.z == z
    assert p.model.embedding is None  # one-hot
    assert p.model.encoder == Bidirectional(units=encoder)
    assert p.model.decoder == (
        Flat(units=decoder)
        if conductor is None
        else Conductor(units=decoder, conductor_units=conductor)
    )
    training = p.training
    assert (training.batch_size, training.free_bits, training.clip_norm) == (batch, bits, 1.0)
    assert not training.free_bits_per_dimension
    assert training.beta == ExponentialRise(limit=beta, rate=rate)
    assert training.sampling == (InverseSigmoid(k=k) if k else Constant(value=0.0))
    assert training.learning_rate == ExponentialDecay(start=1e-3, rate=0.9999, floor=1e-5)


def test_only_the_two_bar_models_listen_to_melodic_programs_alone() -> None:
    for name in PUBLISHED:
        programs = tuple(range(32)) if "2bar" in name else None
        assert preset(name).representation.extraction.programs == programs


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("cat-mel_2bar_smal", "cat-mel_2bar_small"),
        ("cat-mel-2bar-big", "cat-mel_2bar_big"),
        ("hierdec_mel_16bars", "hierdec-mel_16bar"),
        ("flat-mel", "flat-mel_16bar"),
        ("melody2bar", "melody-2bar"),
        ("Melody-16bar", "melody-16bar"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(wrong: str, right: str) -> None:
    with pytest.raises(ValueError, match=f"no preset '{wrong}'; did you mean '{right}'"):
        preset(wrong)


def test_a_name_like_no_other_is_answered_with_all() -> None:
    with pytest.raises(ValueError, match=r"there are cat-mel_2bar_small, .*melody-16bar"):
        preset("xyz")


def test_names_are_unique_and_summaries_short() -> None:
    for name, p in PRESETS.items():
        assert p.name == name
        assert 10 < len(p.summary) < 80
