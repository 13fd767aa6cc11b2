"""A second forward pass, written in NumPy and float64 from the formulas of the published models.

It reads the reference's own variables, under its names, and rows of numbers as the reference makes
them of tokens: one-hot classes, one after another for several streams, labels as zeros and ones,
strokes as they are, and zeros behind a segment's end. Controls stand behind these.
Sources: Roberts et al. 2018, section 3; Simon et al. 2018; Gillick et al. 2019; Hochreiter &
Schmidhuber 1997; Boulanger-Lewandowski et al. 2012.

Letters: B batch, S segments, L slots a segment, T = S * L, D numbers a step, Z dimensions of z,
K logits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from musicvae.config import Bidirectional, Flat, ModelConfig
from musicvae.representations.base import (
    Categorical,
    MultiLabel,
    Several,
    Space,
    Strokes,
    TokenSpec,
)

BIDIRECTIONAL = "cell_{}/bidirectional_rnn/{}/multi_rnn_cell/cell_0/lstm_cell"
CONDUCTOR = "decoder/hierarchical_level_0"
STACK = "multi_rnn_cell/cell_{}/lstm_cell"
Variables = Mapping[str, np.ndarray]
State = list[tuple[np.ndarray, np.ndarray]]  # (c, h) of each layer


@dataclass(frozen=True)
class Forward:
    """The reference's numbers: everything that a pass over the variables `v` gives."""

    v: Variables
    spec: TokenSpec
    config: ModelConfig

    def encode(
        self, x: np.ndarray, lengths: np.ndarray, controls: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """x (B, T, D), lengths (B, S) -> mean and standard deviation, (B, Z)."""
        x = x if controls is None else np.concatenate([x, controls], axis=-1)
        last = np.stack([self._summary(*row) for row in zip(x, lengths, strict=True)])
        return self._dense(last, "encoder/mu"), np.logaddexp(0, self._dense(last, "encoder/sigma"))

    def logits(
        self, z: np.ndarray, outputs: np.ndarray, controls: np.ndarray | None = None
    ) -> np.ndarray:
        """Teacher forcing: z (B, Z), what is to be written (B, T, D) -> logits (B, T, K).

        Each slot reads the slot before it, valid or not: behind a segment's end that is zeros.
        """
        before = np.concatenate([np.zeros_like(outputs[:, :1]), outputs[:, :-1]], axis=1)
        told = np.zeros((*before.shape[:2], 0)) if controls is None else controls
        if isinstance(self.config.decoder, Flat):
            return self._write(z, before, told, "decoder")
        embeddings, controls_of = self._conduct(z), self._bars(told)
        written = []
        for scope, stream in self._cores(before):
            bars = zip(embeddings, self._bars(stream), controls_of, strict=True)
            written.append(np.concatenate([self._write(*bar, scope) for bar in bars], axis=1))
        return np.concatenate(written, axis=-1)

    def nll(self, logits: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        """Logits (B, T, K), what is to be written (B, T, D) -> nats (B, T)."""
        space: Space = self.spec.outputs
        match space:
            case Categorical():
                return _cross_entropy(logits, outputs)
            case Several():
                ends = np.cumsum(space.sizes)[:-1]
                parts = zip(np.split(logits, ends, -1), np.split(outputs, ends, -1), strict=True)
                return sum(_cross_entropy(*part) for part in parts)
            case MultiLabel():
                return self._nade(logits, outputs)
            case Strokes():
                hit, velocity, offset = np.split(logits, 3, -1)
                true_hit, true_velocity, true_offset = np.split(outputs, 3, -1)
                p = sigmoid(hit)
                cost = -true_hit * np.log(p + 1e-7) - (1 - true_hit) * np.log(1 - p + 1e-7)
                cost = cost + (sigmoid(velocity) - true_velocity) ** 2
                return (cost + (np.tanh(offset) - true_offset) ** 2).sum(-1)

    def _summary(self, x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """One row: x (T, D), lengths (S,) -> the numbers that mean and sigma are read from."""
        parts = [bar[:n] for bar, n in zip(np.split(x, self.spec.segments), lengths, strict=True)]
        if isinstance(self.config.encoder, Bidirectional):
            return self._last_states(np.concatenate(parts), "encoder")
        below = [self._last_states(part, "encoder/hierarchical_level_0") for part in parts]
        return self._last_states(np.array(below), "encoder/hierarchical_level_1")

    def _last_states(self, x: np.ndarray, scope: str) -> np.ndarray:
        """x (N, D) -> the last states of both directions, zeros where there is no step."""
        for layer in range(len(self.config.encoder.units)):
            outputs = []
            for direction, sequence in (("fw", x), ("bw", x[::-1])):
                name = f"{scope}/{BIDIRECTIONAL.format(layer, direction)}"
                c = h = np.zeros(self.v[name + "/bias"].size // 4)
                hs = [h]
                for step in sequence:
                    c, h = self._cell(step, c, h, name)
                    hs.append(h)
                outputs.append(np.array(hs))
            ahead, behind = outputs
            x = np.concatenate([ahead[1:], behind[:0:-1]], axis=1)
        return np.concatenate([ahead[-1], behind[-1]])

    def _conduct(self, z: np.ndarray) -> list[np.ndarray]:
        state = self._initial(z, f"{CONDUCTOR}/initial_state", self.config.decoder.conductor_units)
        embeddings = []
        for _ in range(self.spec.segments):
            x = np.zeros((len(z), 1))
            for layer, (c, h) in enumerate(state):
                c, x = self._cell(x, c, h, f"{CONDUCTOR}/cell_{layer}/lstm_cell")
                state[layer] = (c, x)
            embeddings.append(x)
        return embeddings

    def _write(self, z: np.ndarray, before: np.ndarray, told: np.ndarray, scope: str) -> np.ndarray:
        state = self._initial(z, f"{scope}/z_to_initial_state", self.config.decoder.units)
        logits = []
        for t in range(before.shape[1]):
            x = np.concatenate([before[:, t], z, told[:, t]], axis=1)
            for layer, (c, h) in enumerate(state):
                c, x = self._cell(x, c, h, f"{scope}/{STACK.format(layer)}")
                state[layer] = (c, x)
            logits.append(self._dense(x, f"{scope}/output_projection"))
        return np.stack(logits, axis=1)

    def _nade(self, logits: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        encode, decode = self.v["decoder/nade/w_enc"][:, 0], self.v["decoder/nade/w_dec_t"][:, :, 0]
        hidden = encode.shape[1]
        a, ground, cost = logits[..., :hidden], logits[..., hidden:], 0.0
        for i in range(len(encode)):
            p = sigmoid(ground[..., i] + sigmoid(a) @ decode[i])
            label = outputs[..., i]
            cost = cost - label * np.log(1e-6 + p) - (1 - label) * np.log(1e-6 + 1 - p)
            a = a + label[..., None] * encode[i]
        return cost

    def _cores(self, x: np.ndarray) -> list[tuple[str, np.ndarray]]:
        """The LSTMs that write segments, and what of (B, T, D) each of them reads."""
        if not self.config.decoder.separate:
            return [("core_decoder/decoder", x)]
        streams = np.split(x, np.cumsum(self.spec.outputs.sizes)[:-1], axis=-1)
        return [(f"core_decoder/core_decoder_{i}/decoder", s) for i, s in enumerate(streams)]

    def _bars(self, x: np.ndarray) -> list[np.ndarray]:
        return np.split(x, self.spec.segments, axis=1)

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


def _cross_entropy(logits: np.ndarray, one_hot: np.ndarray) -> np.ndarray:
    top = logits.max(-1, keepdims=True)
    total = np.log(np.exp(logits - top).sum(-1)) + top[..., 0]
    return total - (logits * one_hot).sum(-1)
