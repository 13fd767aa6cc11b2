"""A second forward pass, written in NumPy and float64 from the formulas of the published model.

Its weights are named and laid out as the reference implementation stores them: an LSTM has one
kernel over [input, hidden] for the gates i, j, f, o, whose forget gate gets 1 added at run time.
Sources: Roberts et al. 2018, section 3; Hochreiter & Schmidhuber 1997.

Letters: B batch, T steps, Z dimensions of z, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from musicvae.config import Bidirectional, Conductor, Flat, ModelConfig
from musicvae.models.vae import SequenceVAE

Variables = Mapping[str, np.ndarray]
LSTM, BIDIRECTIONAL = "multi_rnn_cell/cell_{}/lstm_cell", "encoder/cell_{}/bidirectional_rnn/{}"
CONDUCTOR = "decoder/hierarchical_level_0/"
State = list[tuple[np.ndarray, np.ndarray]]  # (c, h) of each layer


@dataclass(frozen=True)
class Forward:
    """The reference's numbers: everything that a pass over the variables `v` gives."""

    v: Variables
    config: ModelConfig
    segments: int
    classes: int

    def encode(self, x: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """x (B, T, K), lengths (B,) -> mean and standard deviation, (B, Z)."""
        last = np.stack([self._last_states(row[:n]) for row, n in zip(x, lengths, strict=True)])
        return self._dense(last, "encoder/mu"), np.logaddexp(0, self._dense(last, "encoder/sigma"))

    def logits(self, z: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """Teacher forcing: z (B, Z), one-hot tokens (B, T, K) -> (B, T, K)."""
        before = np.concatenate([np.zeros_like(tokens[:, :1]), tokens[:, :-1]], axis=1)
        if isinstance(self.config.decoder, Flat):
            return self._write(z, before, "decoder")
        bars = np.split(before, self.segments, axis=1)
        embeddings = self._conduct(z)
        return np.concatenate(
            [
                self._write(e, b, "core_decoder/decoder")
                for e, b in zip(embeddings, bars, strict=True)
            ],
            axis=1,
        )

    def _last_states(self, x: np.ndarray) -> np.ndarray:
        for layer in range(len(self.config.encoder.units)):
            outputs = []
            for direction, sequence in (("fw", x), ("bw", x[::-1])):
                name = f"{BIDIRECTIONAL.format(layer, direction)}/{LSTM.format(0)}"
                units = self.v[name + "/bias"].size // 4
                c = h = np.zeros(units)
                hs = []
                for step in sequence:
                    c, h = self._cell(step, c, h, name)
                    hs.append(h)
                outputs.append(np.array(hs))
            ahead, behind = outputs
            x = np.concatenate([ahead, behind[::-1]], axis=1)
        return np.concatenate([ahead[-1], behind[-1]])

    def _conduct(self, z: np.ndarray) -> list[np.ndarray]:
        state = self._initial(z, CONDUCTOR + "initial_state", self.config.decoder.conductor_units)
        embeddings = []
        for _ in range(self.segments):
            x = np.zeros((len(z), 1))
            for layer, (c, h) in enumerate(state):
                c, x = self._cell(x, c, h, f"{CONDUCTOR}cell_{layer}/lstm_cell")
                state[layer] = (c, x)
            embeddings.append(x)
        return embeddings

    def _write(self, z: np.ndarray, before: np.ndarray, scope: str) -> np.ndarray:
        state = self._initial(z, f"{scope}/z_to_initial_state", self.config.decoder.units)
        logits = []
        for t in range(before.shape[1]):
            x = np.concatenate([before[:, t], z], axis=1)
            for layer, (c, h) in enumerate(state):
                c, x = self._cell(x, c, h, f"{scope}/{LSTM.format(layer)}")
                state[layer] = (c, x)
            logits.append(self._dense(x, f"{scope}/output_projection"))
        return np.stack(logits, axis=1)

    def _initial(self, z: np.ndarray, name: str, units: tuple[int, ...]) -> State:
        values, state, at = np.tanh(self._dense(z, name)), [], 0
        for h in units:  # the cell state of a layer stands before its hidden state
            state.append((values[:, at : at + h], values[:, at + h : at + 2 * h]))
            at += 2 * h
        return state

    def _cell(
        self, x: np.ndarray, c: np.ndarray, h: np.ndarray, name: str
    ) -> tuple[np.ndarray, np.ndarray]:
        gates = np.concatenate([x, h], axis=-1) @ self.v[name + "/kernel"].astype(np.float64)
        i, j, f, o = np.split(gates + self.v[name + "/bias"], 4, axis=-1)
        c = sigmoid(f + 1) * c + sigmoid(i) * np.tanh(j)
        return c, sigmoid(o) * np.tanh(c)

    def _dense(self, x: np.ndarray, name: str) -> np.ndarray:
        return x @ self.v[name + "/kernel"].astype(np.float64) + self.v[name + "/bias"]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def load_variables(model: SequenceVAE, v: Variables) -> None:
    """Put the reference's variables into a model; every parameter is set, none left over."""
    state: dict[str, torch.Tensor] = {}
    used: set[str] = set()

    def dense(ours: str, theirs: str) -> None:
        state[f"{ours}.weight"] = torch.from_numpy(v[theirs + "/kernel"].T.copy())
        state[f"{ours}.bias"] = torch.from_numpy(v[theirs + "/bias"].copy())
        used.update({theirs + "/kernel", theirs + "/bias"})

    def lstm(ours: str, theirs: str) -> None:
        kernel, bias = v[theirs + "/kernel"], v[theirs + "/bias"].copy()
        H = len(bias) // 4
        bias[2 * H : 3 * H] += 1
        order = np.concatenate([np.arange(g * H, (g + 1) * H) for g in (0, 2, 1, 3)])
        rows, inputs = kernel.T[order], kernel.shape[0] - H
        state[f"{ours}.weight_ih_l0"] = torch.from_numpy(rows[:, :inputs].copy())
        state[f"{ours}.weight_hh_l0"] = torch.from_numpy(rows[:, inputs:].copy())
        state[f"{ours}.bias_ih_l0"] = torch.from_numpy(bias[order])
        state[f"{ours}.bias_hh_l0"] = torch.zeros(4 * H)
        used.update({theirs + "/kernel", theirs + "/bias"})

    config = model.config
    assert isinstance(config.encoder, Bidirectional)
    for i in range(len(config.encoder.units)):
        for ours, theirs in (("forwards", "fw"), ("backwards", "bw")):
            name = f"{BIDIRECTIONAL.format(i, theirs)}/{LSTM.format(0)}"
            lstm(f"encoder.lstm.{ours}.{i}", name)
    dense("encoder.mean", "encoder/mu")
    dense("encoder.sigma", "encoder/sigma")
    scope = "decoder"
    if isinstance(config.decoder, Conductor):
        scope = "core_decoder/decoder"
        dense("decoder.view.start.project", CONDUCTOR + "initial_state")
        for i in range(len(config.decoder.conductor_units)):
            lstm(f"decoder.view.conductor.layers.{i}", f"{CONDUCTOR}cell_{i}/lstm_cell")
    dense("decoder.writers.0.initial.project", f"{scope}/z_to_initial_state")
    for i in range(len(config.decoder.units)):
        lstm(f"decoder.writers.0.lstm.layers.{i}", f"{scope}/{LSTM.format(i)}")
    dense("decoder.writers.0.head.project", f"{scope}/output_projection")
    model.load_state_dict(state)
    assert used == v.keys() - {"global_step"}, used ^ v.keys()


def random_variables(model: SequenceVAE, rng: np.random.Generator, spread: float) -> Variables:
    """Variables of the shapes that the published model of this configuration has."""
    config, K = model.config, model.spec.outputs.size
    v: dict[str, np.ndarray] = {}

    def add(name: str, inputs: int, outputs: int) -> None:
        v[name + "/kernel"] = rng.normal(0, spread, (inputs, outputs)).astype(np.float32)
        v[name + "/bias"] = rng.normal(0, spread, outputs).astype(np.float32)

    def stack(name: str, inputs: int, units: tuple[int, ...]) -> None:
        for i, (below, h) in enumerate(zip((inputs, *units), units, strict=False)):
            add(name.format(i), below + h, 4 * h)

    width = K
    for i, h in enumerate(config.encoder.units):
        for direction in ("fw", "bw"):
            add(f"{BIDIRECTIONAL.format(i, direction)}/{LSTM.format(0)}", width + h, 4 * h)
        width = 2 * h
    add("encoder/mu", width, config.z)
    add("encoder/sigma", width, config.z)
    scope, z, decoder = "decoder", config.z, config.decoder
    if isinstance(decoder, Conductor):
        add(CONDUCTOR + "initial_state", z, 2 * sum(decoder.conductor_units))
        stack(CONDUCTOR + "cell_{}/lstm_cell", 1, decoder.conductor_units)
        scope, z = "core_decoder/decoder", decoder.conductor_units[-1]
    add(f"{scope}/z_to_initial_state", z, 2 * sum(decoder.units))
    stack(f"{scope}/{LSTM}", K + z, decoder.units)
    add(f"{scope}/output_projection", decoder.units[-1], K)
    return v
