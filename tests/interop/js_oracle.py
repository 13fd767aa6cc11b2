"""What Magenta.js computed with small models, and what ours compute of the same tensors.

Only the machine on which MUSICVAE_ORACLE names the folder of its tensors can run these.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from musicvae.interop.magenta_js import JsModel, misread_silence, read_magenta_js
from musicvae.models.vae import SequenceVAE
from musicvae.representations.base import Categorical, MultiLabel, Several, Space

CLOSE_LOGITS = 1e-4  # two classes that are nearer than this may change places

# Every model with recorded outputs.
RECORDED = (
    "drums_nade_tiny",
    "drums_onehot_tiny",
    "groovae_humanize_tiny",
    "groovae_split_tiny",
    "groovae_tiny",
    "mel_allctrl_cp_tiny",
    "mel_chords_majmin_tiny",
    "mel_chords_tiny",
    "mel_key_tiny",
    "mel_tiny",
    "mel_tiny_float16",
    "mel_tiny_shards",
    "mel_tiny_uint16",
    "multitrack_chords_tiny",
    "multitrack_tiny",
    "rhythm_bool_tiny",
    "trio_flat_tiny",
    "trio_tiny",
)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """The worst difference in each quantity: means (of the largest mean) and logits; and how many
    of all greedy steps differ although no two classes are close."""

    means: float
    logits: float
    greedy: int
    steps: int


class JsOracle:
    """A recording: the model as it is read, and what Magenta.js made of it."""

    def __init__(self, name: str) -> None:
        self.name, self.root = name, root()
        self.said: Mapping[str, Any] = json.loads(
            (self.root / "reference" / f"{name}.json").read_text()
        )
        self.read: JsModel = read_magenta_js(self.folder)

    @property
    def folder(self) -> Path:
        return self.root / "checkpoints" / self.name

    @cached_property
    def model(self) -> SequenceVAE:
        """As Magenta.js runs it: segments follow one another, all to their last step."""
        return self.built(self.read.spec.length)

    def built(self, length: int) -> SequenceVAE:
        return as_there(self.read, length)

    def array(self, path: str) -> Tensor:
        return torch.from_numpy(np.load(self.root / "reference" / path))

    def logits(self, run: Mapping[str, Any]) -> Tensor:
        return torch.cat([self.array(path) for path in run["logits"]], dim=-1)

    def tokens(self, run: Mapping[str, Any]) -> Tensor:
        """What was drawn, and fed back."""
        if "samples" in run:
            return tokens_of(self.read.spec.outputs, self.array(run["samples"][0]))
        labels = torch.tensor(run["labels"])  # (streams, B, T)
        several = isinstance(self.read.spec.outputs, Several)
        return labels.permute(1, 2, 0) if several else labels[0]

    def controls(self, run: Mapping[str, Any], batch: int) -> Tensor | None:
        """Of a run, the same for all rows."""
        space = self.read.spec.controls
        if space is None:
            return None
        told = tokens_of(space, self.array(run["controlTensor"]))
        return told.expand(batch, *told.shape)

    def lengths(self, batch: int, length: int | None = None) -> Tensor:
        """All steps of every segment."""
        spec = self.read.spec
        return torch.full((batch, spec.segments), (length or spec.length) // spec.segments)

    @torch.no_grad()
    def means(self, run: Mapping[str, Any]) -> Tensor:
        rows = self.array(self.said["inputTensors"])
        inputs = tokens_of(self.read.spec.inputs, rows)
        model = self.built(rows.shape[1])
        lengths = self.lengths(len(rows), rows.shape[1])
        if "segmentLengths" in run:
            lengths = torch.tensor(run["segmentLengths"])
        return model.posterior(inputs, lengths, self.controls(run, len(rows))).mean

    @torch.no_grad()
    def compare(self) -> Compared:
        """All runs of a recording."""
        z = self.array(self.said["zFixed"])
        means, logits, wrong, steps = 0.0, 0.0, 0, 0
        for run in self.said["runs"]:
            expected = self.array(run["mu"])
            apart = (self.means(run) - expected).abs().max() / expected.abs().max()
            means = max(means, float(apart))
            for kind, codes in (
                ("temp1_fixed_z", z),
                ("greedy_fixed_z", z),
                ("greedy_mu", expected),
            ):
                theirs, tokens = self.logits(run[kind]), self.tokens(run[kind])
                controls = self.controls(run, len(codes))
                place = self.model.layout(self.lengths(len(codes)))
                ours = self.model.decoder(codes, tokens, place, None, controls)
                silent = ours.shape[-1] - theirs.shape[-1]  # of labels that are no NADE there
                logits = max(logits, float((ours[..., silent:] - theirs).abs().max()))
                if kind != "temp1_fixed_z":
                    lengths = self.lengths(len(codes))
                    drawn = self.model.decode(codes, lengths, 0.0, controls=controls)
                    same = self.model.decoder.matches(drawn, tokens)
                    if tokens.is_floating_point():
                        same = (drawn - tokens).abs().amax(-1, keepdim=True) < CLOSE_LOGITS
                    sure = self.sure(theirs)
                    wrong += int((~same & sure.cummin(1).values).sum())
                    steps += same.numel()
        return Compared(means=means, logits=logits, greedy=wrong, steps=steps)

    def sure(self, logits: Tensor) -> Tensor:
        """Where the likeliest class is not close to the next (B, T, C): the rest may differ, and
        whatever follows it."""
        outputs = self.read.spec.outputs
        if not isinstance(outputs, Categorical | Several):
            return torch.ones(*logits.shape[:-1], 1, dtype=torch.bool)
        sizes = outputs.sizes if isinstance(outputs, Several) else (outputs.size,)
        best = [part.topk(2, -1).values for part in logits.split(sizes, -1)]
        return torch.stack([(b[..., 0] - b[..., 1]) > CLOSE_LOGITS for b in best], dim=-1)


def as_there(read: JsModel, length: int) -> SequenceVAE:
    """A model as Magenta.js runs it, for sequences of `length` steps."""
    spec = replace(read.spec, end=None, length=length)
    model = SequenceVAE(spec, read.model)
    model.load_state_dict(read.weights)
    if isinstance(spec.inputs, MultiLabel) and spec.inputs.silence:
        misread_silence(model)
    return model.eval()


def root() -> Path:
    """The folder of the recordings, or the test is skipped."""
    folder = Path(os.environ.get("MUSICVAE_ORACLE", "")) / "models_js"
    if "MUSICVAE_ORACLE" not in os.environ or not folder.is_dir():
        pytest.skip("MUSICVAE_ORACLE does not name a folder with the reference's tensors")
    return folder


def tokens_of(space: Space, rows: Tensor) -> Tensor:
    """Rows of numbers (..., D) -> the tokens that they stand for."""
    if isinstance(space, Categorical):
        return rows.long().argmax(-1)
    if isinstance(space, Several):
        return torch.stack([part.long().argmax(-1) for part in rows.split(space.sizes, -1)], -1)
    if isinstance(space, MultiLabel):
        return rows[..., : space.size].long()
    return rows.float()
