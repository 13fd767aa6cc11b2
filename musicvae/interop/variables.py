"""Where each variable of the reference implementation is found in our models, and back.

The reference names variables by the scopes of its graph; `entries` is the whole table. Three kinds
of things are stored differently there:

* `Dense`: a kernel (inputs, outputs) is our weight (outputs, inputs) transposed.
* `Cell`: an LSTM cell has one kernel over [input, hidden] for the gates i, j, f, o, in that order
  (ours: i, f, j, o), and one bias, to whose forget gate 1 is added at run time. We have two biases,
  which are added: one is theirs to the last bit, the other that 1 and zeros.
* `Labels`: the weights of a NADE have an axis of size 1.

The initial state of an LSTM is in both orders c0, h0, c1, h1, ..., and needs no exchange.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from musicvae.config import Bidirectional, Conductor, Flat, Hierarchical, ModelConfig
from musicvae.models.vae import SequenceVAE
from musicvae.representations.base import MultiLabel, TokenSpec

Variables = Mapping[str, np.ndarray]
Shape = tuple[int, ...]

BIDIRECTIONAL = "cell_{}/bidirectional_rnn/{}/multi_rnn_cell/cell_0/lstm_cell"
CONDUCTOR = "decoder/hierarchical_level_0"
STACK = "multi_rnn_cell/cell_{}/lstm_cell"
FORGET_BIAS = 1.0


@dataclass(frozen=True)
class Dense:
    """A linear layer."""

    ours: str
    theirs: str

    def to_ours(self, v: Variables) -> dict[str, Tensor]:
        return {
            f"{self.ours}.weight": _tensor(v[f"{self.theirs}/kernel"].T),
            f"{self.ours}.bias": _tensor(v[f"{self.theirs}/bias"]),
        }

    def from_ours(self, weights: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
        return {
            f"{self.theirs}/kernel": _array(weights[f"{self.ours}.weight"].T),
            f"{self.theirs}/bias": _array(weights[f"{self.ours}.bias"]),
        }

    def shapes(self, weights: Mapping[str, Tensor]) -> dict[str, Shape]:
        outputs, inputs = weights[f"{self.ours}.weight"].shape
        return {f"{self.theirs}/kernel": (inputs, outputs), f"{self.theirs}/bias": (outputs,)}


@dataclass(frozen=True)
class Cell:
    """One layer of an LSTM in one direction."""

    ours: str
    theirs: str

    def to_ours(self, v: Variables) -> dict[str, Tensor]:
        kernel, bias = v[f"{self.theirs}/kernel"], _exchange(_tensor(v[f"{self.theirs}/bias"]))
        units = len(bias) // 4
        return {
            f"{self.ours}.weight_ih_l0": _exchange(_tensor(kernel[:-units].T)),
            f"{self.ours}.weight_hh_l0": _exchange(_tensor(kernel[-units:].T)),
            f"{self.ours}.bias_ih_l0": bias,
            f"{self.ours}.bias_hh_l0": _forget(units).float(),
        }

    def from_ours(self, weights: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
        rows = torch.cat([weights[f"{self.ours}.weight_{part}_l0"] for part in ("ih", "hh")], dim=1)
        first, second = (weights[f"{self.ours}.bias_{part}_l0"].double() for part in ("ih", "hh"))
        bias = first + (second - _forget(len(first) // 4).to(first.device))
        return {
            f"{self.theirs}/kernel": _array(_exchange(rows.clone()).T),
            f"{self.theirs}/bias": _array(_exchange(bias)),
        }

    def shapes(self, weights: Mapping[str, Tensor]) -> dict[str, Shape]:
        gates, inputs = weights[f"{self.ours}.weight_ih_l0"].shape
        return {
            f"{self.theirs}/kernel": (inputs + gates // 4, gates),
            f"{self.theirs}/bias": (gates,),
        }


@dataclass(frozen=True)
class Labels:
    """One of the two matrices of a NADE, (labels, hidden units) in ours."""

    ours: str
    theirs: str
    axis: int

    def to_ours(self, v: Variables) -> dict[str, Tensor]:
        return {self.ours: _tensor(v[self.theirs].squeeze(self.axis))}

    def from_ours(self, weights: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
        return {self.theirs: np.expand_dims(_array(weights[self.ours]), self.axis)}

    def shapes(self, weights: Mapping[str, Tensor]) -> dict[str, Shape]:
        labels, hidden = weights[self.ours].shape
        return {self.theirs: (labels, 1, hidden) if self.axis == 1 else (labels, hidden, 1)}


Entry = Dense | Cell | Labels


def to_ours(variables: Variables, spec: TokenSpec, model: ModelConfig) -> dict[str, Tensor]:
    """The reference's variables -> the state of our `SequenceVAE(spec, model)`, in float32.

    Raises `ValueError` that names what is missing, surplus or of another shape.
    """
    problems = mismatch({k: a.shape for k, a in variables.items()}, shapes(spec, model))
    if problems:
        raise ValueError(f"the variables are not those of this model: {problems}")
    weights: dict[str, Tensor] = {}
    for entry in entries(spec, model):
        weights |= entry.to_ours(variables)
    return weights


def from_ours(
    weights: Mapping[str, Tensor], spec: TokenSpec, model: ModelConfig
) -> dict[str, np.ndarray]:
    """The state of our model -> the reference's variables, in float32.

    Raises `ValueError` for a model that the reference has no counterpart of.
    """
    variables: dict[str, np.ndarray] = {}
    for entry in entries(spec, model):
        variables |= entry.from_ours(weights)
    return variables


@cache
def shapes(spec: TokenSpec, model: ModelConfig) -> Mapping[str, Shape]:
    """Every variable of the reference's model, and its shape."""
    with torch.device("meta"):
        weights = SequenceVAE(spec, model).state_dict()
    found: dict[str, Shape] = {}
    for entry in entries(spec, model):
        found |= entry.shapes(weights)
    return found


def mismatch(found: Mapping[str, Shape], expected: Mapping[str, Shape]) -> str:
    """What is missing, surplus or of another shape, in words; empty if nothing is."""
    misshapen = [
        f"{k} is {tuple(found[k])}, not {expected[k]}"
        for k in sorted(found.keys() & expected.keys())
        if tuple(found[k]) != expected[k]
    ]
    sorts = {
        "missing": sorted(expected.keys() - found.keys()),
        "surplus": sorted(found.keys() - expected.keys()),
        "of another shape": misshapen,
    }
    return "; ".join(f"{sort}: {', '.join(names)}" for sort, names in sorts.items() if names)


def entries(spec: TokenSpec, model: ModelConfig) -> Iterator[Entry]:
    """The table for a model of one of the published architectures.

    Raises `ValueError` for any other.
    """
    if model.embedding is not None:
        raise ValueError("the reference has no embeddings of tokens: its models read them one-hot")
    if model.mean_gain is not None:
        raise ValueError("the reference has no batch norm on the posterior mean")
    if isinstance(model.decoder, Flat) and model.decoder.to_output:
        raise ValueError("the reference's logits do not read z")
    layers = range(len(model.encoder.units))
    match model.encoder:
        case Bidirectional():
            yield from _bidirectional("encoder.lstm", "encoder", layers)
        case Hierarchical():
            yield from _bidirectional("encoder.lstm", "encoder/hierarchical_level_0", layers)
            yield from _bidirectional("encoder.upper", "encoder/hierarchical_level_1", layers)
        case _:
            name = type(model.encoder).__name__
            raise ValueError(f"the reference has no encoder like {name}")
    yield Dense("encoder.mean", "encoder/mu")
    yield Dense("encoder.sigma", "encoder/sigma")
    match model.decoder:
        case Flat():
            pass
        case Conductor(conductor_units=units):
            yield Dense("decoder.view.start.project", f"{CONDUCTOR}/initial_state")
            for i in range(len(units)):
                ours = f"decoder.view.conductor.layers.{i}"
                yield Cell(ours, f"{CONDUCTOR}/cell_{i}/lstm_cell")
        case Flat():
            raise ValueError("the reference has no flat decoder with an LSTM for each stream")
        case _:
            name = type(model.decoder).__name__
            raise ValueError(f"the reference has no decoder like {name}")
    if spec.controls is not None and model.control_units is not None:
        yield from _bidirectional("decoder.controls.lstm", "control_preprocessing", range(1))
    for i, scope in enumerate(scopes(spec, model)):
        writer = f"decoder.writers.{i}"
        yield Dense(f"{writer}.initial.project", f"{scope}/z_to_initial_state")
        for layer in range(len(model.decoder.units)):
            yield Cell(f"{writer}.lstm.layers.{layer}", f"{scope}/{STACK.format(layer)}")
        yield Dense(f"{writer}.head.project", f"{scope}/output_projection")
        if isinstance(spec.outputs, MultiLabel):
            yield Labels(f"{writer}.head.encode", f"{scope}/nade/w_enc", axis=1)
            yield Labels(f"{writer}.head.decode", f"{scope}/nade/w_dec_t", axis=2)


def scopes(spec: TokenSpec, model: ModelConfig) -> list[str]:
    """Where the reference keeps each LSTM that writes. A flat decoder with several is Magenta.js's
    alone."""
    core = "" if isinstance(model.decoder, Flat) else "core_decoder/"
    if not model.decoder.separate:
        return [f"{core}decoder"]
    return [f"{core}core_decoder_{i}/decoder" for i in range(spec.outputs.shape[0])]


def _bidirectional(ours: str, theirs: str, layers: range) -> Iterator[Entry]:
    for i in layers:
        yield Cell(f"{ours}.forwards.{i}", f"{theirs}/{BIDIRECTIONAL.format(i, 'fw')}")
        yield Cell(f"{ours}.backwards.{i}", f"{theirs}/{BIDIRECTIONAL.format(i, 'bw')}")


def _exchange(gates: Tensor) -> Tensor:
    """Exchange, in place, the two in the middle of four gates: i, j, f, o <-> i, f, j, o."""
    units = len(gates) // 4
    second = gates[units : 2 * units].clone()
    gates[units : 2 * units] = gates[2 * units : 3 * units]
    gates[2 * units : 3 * units] = second
    return gates


def _forget(units: int) -> Tensor:
    """What the reference adds to a bias, in our order: 1 to the forget gate; in double."""
    bias = torch.zeros(4 * units, dtype=torch.float64)
    bias[units : 2 * units] = FORGET_BIAS
    return bias


def _tensor(values: np.ndarray) -> Tensor:
    """A contiguous copy in float32."""
    array = np.require(values, np.float32, ["ALIGNED", "WRITEABLE"])
    return torch.from_numpy(array).clone(memory_format=torch.contiguous_format)


def _array(values: Tensor) -> np.ndarray:
    """A contiguous copy in float32."""
    return np.array(values.detach().cpu().float().numpy(), order="C", copy=True)
