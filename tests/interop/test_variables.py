"""The table between the reference's variables and our weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from musicvae.config import Preset
from musicvae.interop.variables import from_ours, mismatch, shapes, to_ours
from musicvae.models.vae import SequenceVAE
from musicvae.presets import PRESETS
from musicvae.presets.own import OWN
from musicvae.presets.published import PUBLISHED
from tests.interop.small import random_variables, small


@pytest.fixture(params=PUBLISHED, ids=lambda preset: preset.name)
def preset(request: pytest.FixtureRequest) -> Preset:
    return small(request.param)


def test_the_table_is_whole_and_works_both_ways(preset: Preset) -> None:
    """To the last bit, so that a model that went out and came back is the same."""
    spec, model = preset.representation.spec, preset.model
    variables = random_variables(preset)
    weights = to_ours(variables, spec, model)
    SequenceVAE(spec, model).load_state_dict(weights)  # strictly: none missing, none too many
    again = from_ours(weights, spec, model)
    assert again.keys() == variables.keys()
    for name, values in variables.items():
        assert np.array_equal(again[name], values), name
    back = to_ours(again, spec, model)
    assert all(torch.equal(back[k], w) for k, w in weights.items())


def test_a_trained_model_of_ours_goes_out_with_both_its_biases(preset: Preset) -> None:
    """The reference has one bias, and adds 1 for the forget gate: the sum is the same."""
    spec, model = preset.representation.spec, preset.model
    torch.manual_seed(0)
    weights = {k: torch.randn_like(w) for k, w in SequenceVAE(spec, model).state_dict().items()}
    again = to_ours(from_ours(weights, spec, model), spec, model)
    for name, values in weights.items():
        if "bias_ih" in name:
            other = name.replace("bias_ih", "bias_hh")
            torch.testing.assert_close(again[name] + again[other], values + weights[other])
        elif "bias_hh" not in name:
            assert torch.equal(again[name], values), name


def test_an_lstm_cell_computes_as_the_formulas_say() -> None:
    """Gates i, j, f, o of one kernel over [input, hidden]; 1 added to f. Sak et al. 2014."""
    preset = small(PRESETS["cat-mel_2bar_small"])
    variables = random_variables(preset)
    weights = to_ours(variables, preset.representation.spec, preset.model)
    scope = "decoder/multi_rnn_cell/cell_1/lstm_cell"
    kernel, bias = variables[f"{scope}/kernel"], variables[f"{scope}/bias"]
    units = bias.size // 4
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, len(kernel) - units), np.float32)
    c, h = rng.standard_normal((2, 3, units), np.float32)
    i, j, f, o = np.split(np.concatenate([x, h], axis=1) @ kernel + bias, 4, axis=1)

    def sigmoid(a: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-a))

    new_c = sigmoid(f + 1) * c + sigmoid(i) * np.tanh(j)
    ours = [weights[f"decoder.writers.0.lstm.layers.1.{part}_l0"]
            for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]  # fmt: skip
    state = (torch.from_numpy(h), torch.from_numpy(c))
    found = torch.lstm_cell(torch.from_numpy(x), state, *ours)
    np.testing.assert_allclose(found[1].numpy(), new_c, atol=1e-5)
    np.testing.assert_allclose(found[0].numpy(), sigmoid(o) * np.tanh(new_c), atol=1e-5)


def test_the_published_sizes_are_those_of_the_papers() -> None:
    """Parameters counted by the reference: 4.42, 134.6, 235 and 176 million."""
    counts = {
        "cat-mel_2bar_small": 4.42e6,
        "cat-mel_2bar_big": 134.6e6,
        "flat-mel_16bar": 235e6,
        "hierdec-mel_16bar": 176e6,
    }
    for name, count in counts.items():
        preset = PRESETS[name]
        found = shapes(preset.representation.spec, preset.model)
        assert sum(np.prod(shape) for shape in found.values()) == pytest.approx(count, rel=5e-3)


def test_a_mismatch_names_every_variable() -> None:
    expected = {"a": (1,), "b": (2, 3), "c": (4,), "d": ()}
    found = {"b": (3, 2), "c": (4,), "x": (1,), "y": (1,)}
    said = "missing: a, d; surplus: x, y; of another shape: b is (3, 2), not (2, 3)"
    assert mismatch(found, expected) == said
    assert mismatch(expected, expected) == ""


def test_variables_of_another_model_are_refused() -> None:
    preset = small(PRESETS["cat-mel_2bar_small"])
    variables = random_variables(preset)
    variables["encoder/mu/bias"] = variables["encoder/mu/bias"][1:]
    del variables["encoder/mu/kernel"]
    variables["surplus"] = np.zeros(2, np.float32)
    with pytest.raises(ValueError, match=r"missing: encoder/mu/kernel; surplus: surplus; of ano"):
        to_ours(variables, preset.representation.spec, preset.model)


@pytest.mark.parametrize("preset", OWN, ids=lambda preset: preset.name)
def test_models_that_the_reference_cannot_say_are_refused(preset: Preset) -> None:
    with pytest.raises(ValueError, match="the reference has no"):
        from_ours({}, preset.representation.spec, preset.model)
