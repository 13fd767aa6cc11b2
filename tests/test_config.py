"""Configurations go to JSON and back, and a mistake in one is answered with the right name."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from musicvae.config import (
    KINDS,
    BarByBar,
    Bidirectional,
    Flat,
    ModelConfig,
    NoEncoder,
    PerBatch,
    PerDimension,
    PerExample,
    TargetRate,
    TrainingConfig,
    from_json,
    override,
    to_json,
)
from musicvae.presets import PRESETS
from musicvae.schedules import Constant, LinearRamp

OWN = PRESETS["melody-2bar"]
MODEL = ModelConfig(z=4, encoder=Bidirectional(units=(3, 2)), decoder=Flat(units=(2,)))


def test_json_says_the_kind_of_everything() -> None:
    assert to_json(MODEL) == {
        "kind": "ModelConfig",
        "z": 4,
        "encoder": {"kind": "Bidirectional", "units": [3, 2]},
        "decoder": {"kind": "Flat", "units": [2], "separate": False, "to_output": False},
        "embedding": None,
        "sigma": pytest.approx(0.6931, abs=1e-4),
        "nade": 128,
        "dropout": 0.0,
        "control_units": None,
        "writer_dropout": 0.0,
        "mean_gain": None,
    }
    assert from_json(json.loads(json.dumps(to_json(MODEL)))) == MODEL


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda k: k.__name__)
def test_every_kind_is_frozen_and_takes_keywords_only(kind: type) -> None:
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen
    assert all(field.kw_only for field in dataclasses.fields(kind))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"kind": "Flatt", "units": [1]}, "there is no kind 'Flatt'; did you mean 'Flat'?"),
        ({"units": [1]}, "there is no kind 'None'"),
        ({"kind": "Flat", "unit": [1]}, "no field of Flat 'unit'; did you mean 'units'?"),
        ({"kind": "Flat"}, "Flat: .*missing 1 required keyword-only argument: 'units'"),
        ({"kind": "Flat", "units": "wide"}, "units of Flat is to be tuple.int, ....*not 'wide'"),
        ({"kind": "Flat", "units": [1.5]}, "units of Flat is to be tuple"),
        ({"kind": "LinearRamp", "end": True, "steps": 3}, "end of LinearRamp is to be float"),
        ({"kind": "Melody", "bars": {"kind": "Constant", "value": 2}}, "bars of Melody .* int"),
    ],
)
def test_mistakes_in_json_are_named(value: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        from_json(value)


def test_free_bits_of_older_versions_are_read_as_todays() -> None:
    """They said with a flag whether the bits were spread over the dimensions."""
    for form in (PerExample(), PerDimension()):
        training = TrainingConfig(batch_size=1, updates=1, free_bits=3.0, free_bits_on=form)
        old = to_json(training)
        for since in ("free_bits_on", "rate", "pretraining", "aggressive"):
            del old[since]
        old["free_bits_per_dimension"] = isinstance(form, PerDimension)
        assert from_json(old) == training


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("model.z", "64", 64),
        ("model.sigma", "1", 1.0),
        ("model.embedding", "null", None),
        ("model.encoder.units", "[8, 8]", (8, 8)),
        ("model.encoder.units", "8", (8,)),
        ("model.encoder", '{"kind": "BarByBar", "units": [2], "bar_units": [3]}',
         BarByBar(units=(2,), bar_units=(3,))),
        ("training.beta", '{"kind": "Constant", "value": 1}', Constant(value=1)),
        ("training.beta.end", "0.5", 0.5),
        ("training.free_bits_on", '{"kind": "PerBatch"}', PerBatch()),
        ("training.rate", '{"kind": "TargetRate", "bits": 8}', TargetRate(bits=8)),
        ("training.augment", "false", False),
        ("training.adam_betas", "[0.5, 0.6]", (0.5, 0.6)),
        ("representation.bars", "4", 4),
        ("summary", "mine", "mine"),
    ],
)  # fmt: skip
def test_override_sets_one_value(path: str, text: str, value: Any) -> None:
    changed = override(OWN, path, text)
    found: Any = changed
    before: Any = OWN
    for name in path.split("."):
        found, before = getattr(found, name), getattr(before, name)
    assert found == value
    assert type(found) is type(value)
    assert found != before
    assert from_json(json.loads(json.dumps(to_json(changed)))) == changed


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("model.zz", "3", "there is no setting of ModelConfig 'zz'; did you mean 'z'?"),
        ("modle.z", "3", "there is no setting of Preset 'modle'; did you mean 'model'?"),
        ("model.z.bits", "3", "'z' is a single value and has no part 'bits'"),
        ("model.z", "many", "z of ModelConfig is to be int, not 'many'"),
        ("model.z", "1.5", "z of ModelConfig is to be int, not 1.5"),
        ("model.z", "0", "z of ModelConfig is above 0, not 0"),
        ("model.decoder.units", "[]", "units of FlatViews is above 0"),
        ("model.decoder.units", "[4, -4]", "units of FlatViews is above 0"),
        ("training.beta", '{"kind": "Melody"}', "beta of TrainingConfig is to be Schedule"),
        ("training.augment", "1", "augment of TrainingConfig is to be bool, not 1"),
        ("training.token_dropout", "1", "token_dropout is from 0 to below 1, not 1.0"),
        ("training.batch_size", "0", "batch_size is above 0, not 0"),
        ("training.free_bits", "-1", "free_bits is 0 or above, not -1"),
        ("training.free_bits_on", "PerBatch", "free_bits_on of TrainingConfig is to be FreeBits"),
        ("training.rate", "8", "rate of TrainingConfig is to be TargetRate . None, not 8"),
        ("model.mean_gain", "0", "mean_gain of ModelConfig is above 0, not 0"),
        ("model.writer_dropout", "1", "writer_dropout is from 0 to below 1, not 1"),
        ("model.encoder", '{"kind": "NoEncoder"}', "set z to 0"),
        ("representation.bars", "0", "at least one bar"),
    ],
)
def test_a_wrong_override_is_refused_in_words(path: str, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("?", r"\?")):
        override(OWN, path, text)


def test_overriding_leaves_the_original_as_it_was() -> None:
    before = to_json(OWN)
    override(OWN, "training.beta.end", "0.9")
    assert to_json(OWN) == before


def test_without_an_encoder_z_has_no_dimension() -> None:
    language_model = ModelConfig(z=0, encoder=NoEncoder(), decoder=Flat(units=(2,)))
    assert from_json(json.loads(json.dumps(to_json(language_model)))) == language_model
    with pytest.raises(ValueError, match="z of ModelConfig is above 0, not 0"):
        dataclasses.replace(language_model, encoder=Bidirectional(units=(3,)))


def test_no_remedy_is_on_by_default() -> None:
    training = TrainingConfig(batch_size=1, updates=1)
    assert (training.rate, training.pretraining, training.aggressive) == (None, None, None)
    assert (training.free_bits, training.free_bits_on) == (0.0, PerExample())
    assert (MODEL.mean_gain, MODEL.writer_dropout, MODEL.decoder.to_output) == (None, 0.0, False)


def test_training_defaults_are_the_references() -> None:
    training = TrainingConfig(batch_size=1, updates=1)
    assert (training.adam_betas, training.clip_norm, training.ema) == ((0.9, 0.999), 1.0, 0.0)
    assert training.sampling == Constant(value=0.0)
    assert [training.beta.at(s) for s in (0, 1, 10**6)] == [0, 1, 1]
    assert LinearRamp(end=1.0, steps=2).at(1) == 0.5
