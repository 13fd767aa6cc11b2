"""What the reference implementation computed with small random weights, read as our models take it.

Only the machine on which MUSICVAE_ORACLE names the folder of its tensors can run these.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from musicvae.config import Conductor
from musicvae.interop.variables import to_ours
from musicvae.losses import LossTerms, elbo, gaussian_kl
from musicvae.models.vae import SequenceVAE
from musicvae.presets import PRESETS
from musicvae.representations.base import Categorical, MultiLabel, Several, Space, Strokes
from tests.models.small import Case

# The name of each recording, and of the preset whose build it is.
RECORDINGS = {
    "cat-drums_2bar_small": "cat-drums_2bar_small",
    "cat-mel_2bar_3layer": "cat-mel_2bar_big",
    "cat-mel_2bar_med_chords": "cat-mel_2bar_med_chords",
    "cat-mel_2bar_small": "cat-mel_2bar_small",
    "flat-trio_16bar": "flat-trio_16bar",
    "groovae_2bar_hits_control_tfds": "groovae_2bar_hits_control_tfds",
    "groovae_2bar_humanize": "groovae_2bar_humanize",
    "hier-multiperf_vel_1bar_med": "hier-multiperf_vel_1bar_med",
    "hier-multiperf_vel_1bar_med_chords": "hier-multiperf_vel_1bar_med_chords",
    "hierdec-mel_16bar": "hierdec-mel_16bar",
    "hierdec-trio_16bar": "hierdec-trio_16bar",
    "nade-drums_2bar_full": "nade-drums_2bar_full",
}


class Oracle:
    """A recording: `numbers` by key, the `model` with its weights, and the `case` it was given."""

    def __init__(self, name: str) -> None:
        folder = Path(os.environ.get("MUSICVAE_ORACLE", "")) / "models" / name
        if "MUSICVAE_ORACLE" not in os.environ or not folder.is_dir():
            pytest.skip("MUSICVAE_ORACLE does not name a folder with the reference's tensors")
        said = json.loads((folder / "hparams.json").read_text())["hparams"]
        with np.load(folder / "oracle.npz") as data:
            self.numbers: Mapping[str, np.ndarray] = {k: data[k] for k in data.files}
        self.variables = self.within("var/")
        del self.variables["global_step"]
        self.preset = PRESETS[RECORDINGS[name]]
        written, model = tuple(said["dec_rnn_size"]), self.preset.model
        decoder = replace(model.decoder, units=written)
        if isinstance(decoder, Conductor):
            decoder = replace(decoder, conductor_units=written)
        encoder = replace(model.encoder, units=tuple(said["enc_rnn_size"]))
        config = replace(
            model,
            z=said["z_size"],
            encoder=encoder,
            decoder=decoder,
            nade=said.get("nade_num_hidden", model.nade),
        )
        spec = self.preset.representation.spec
        self.model = SequenceVAE(spec, config).eval()
        self.model.load_state_dict(to_ours(self.variables, spec, config))
        S, L = spec.segments, spec.segment_length
        lengths = self.tensor("in/sequence_length").long()
        if lengths.ndim == 1:
            lengths = (lengths[:, None] - L * torch.arange(S)).clamp(0, L)
        controls = None
        if spec.controls is not None:
            controls = tokens_of(spec.controls, self.tensor("in/control_sequence"))
        self.case = Case(
            tokens=tokens_of(spec.outputs, self.tensor("in/output_sequence")),
            inputs=tokens_of(spec.inputs, self.tensor("in/input_sequence")),
            lengths=lengths,
            controls=controls,
        )

    def tensor(self, key: str) -> Tensor:
        return torch.from_numpy(np.asarray(self.numbers[key]))

    def within(self, prefix: str) -> dict[str, np.ndarray]:
        """All numbers whose key begins so, without that beginning."""
        return {k.removeprefix(prefix): a for k, a in self.numbers.items() if k.startswith(prefix)}

    def floats(self, key: str) -> np.ndarray | None:
        """Rows as the reference made them of tokens, or nothing."""
        return self.numbers[key].astype(np.float64) if key in self.numbers else None

    def logits(self, prefix: str = "logits/") -> Tensor:
        """Of the decoder's calls (B, T, K), of which only the first may have been recorded.

        One call writes a flat sequence, or a segment, or a segment of one stream; it stops where
        the longest row does, and the rest here is zero.
        """
        calls = {int(k): a for k, a in self.within(prefix).items()}
        spec, streams = self.model.spec, len(self.model.decoder.widths)
        steps = spec.segment_length if self.model.decoder.view.per_segment else spec.length
        filled = [
            np.pad(a, ((0, 0), (0, steps - a.shape[1]), (0, 0))) for _, a in sorted(calls.items())
        ]
        rows = [np.concatenate(filled[i::streams], axis=1) for i in range(streams)]
        return torch.from_numpy(np.concatenate(rows, axis=-1))

    def terms(self, beta: float) -> tuple[Tensor, Tensor, Tensor, Tensor, LossTerms]:
        """Mean, logits (B, T, K), nll (B,), KL (B, Z), and the loss, with the recorded noise."""
        case, place = self.case, self.model.layout(self.case.lengths)
        posterior = self.model.posterior(case.inputs, case.lengths, case.controls)
        z = posterior.mean + posterior.std * self.tensor("in/eps")
        logits = self.model.decoder(z, case.tokens, place, None, case.controls)
        nll = (self.model.decoder.nll(logits, case.tokens) * place.mask).sum(1)
        kl = gaussian_kl(posterior.mean, posterior.std)
        free = float(self.numbers["loss/free_bits"])
        return z, logits, nll, kl, elbo(nll, kl, beta=beta, free_bits=free)


def tokens_of(space: Space, rows: Tensor) -> Tensor:
    """Rows of numbers (B, T, D) -> the tokens that they stand for, zero where a row is empty."""
    match space:
        case Categorical():
            return rows.long().argmax(-1)
        case Several():
            return torch.stack([r.long().argmax(-1) for r in rows.split(space.sizes, -1)], -1)
        case MultiLabel():
            return rows[..., : space.size].long()
        case Strokes():
            return rows.float()
