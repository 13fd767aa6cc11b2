"""Section 3: what the prior is for. A plain autoencoder has codes, but not where one would draw.

What is sampled is judged by n-grams, which are no party to it, in both directions: bits a step of
the samples under n-grams of real music or text (too many: unlikely; too few: dull), and bits a step
of real music or text under n-grams of the samples (too many: they lack what there is; Zhao et al.
2018 call it reverse perplexity). No sample can be good in both by being dull or by being noise.

Letters: N samples, D dimensions of z.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.theory.data import Splits, kinds, sequences
from benchmarks.theory.holes import draw_plane, holes
from benchmarks.theory.models import BETAS, in_the_plane, of_beta, posteriors
from benchmarks.theory.ngram import NGrams
from benchmarks.theory.setting import Setting
from musicvae.latent.density import NormalDensity
from musicvae.metrics import bootstrap_interval
from musicvae.models.vae import SequenceVAE
from musicvae.training.dataset import Dataset

SAMPLES, REAL = 1000, 5000  # drawn from a model; real ones that the judge has read


def run(setting: Setting) -> None:
    """Samples of every beta from the prior, and of the autoencoder from where its codes lie."""
    result: dict[str, Any] = {"samples": SAMPLES, "read_by_judge": REAL}
    for kind, data in kinds(setting).items():
        result[kind] = judged(setting, kind, data)
    data = kinds(setting).get("melody")
    if data is not None:
        planes = {beta: in_the_plane(setting, beta, data.train) for beta in (1.0, 0.0)}
        judge = _judge(sequences(data.train.sample(REAL, 1)), data)
        result["plane"] = {f"{b:g}": holes(model, data) for b, model in planes.items()}
        draw_plane(setting, planes, data, judge)
    setting.save("theory-autoencoder", result)


def judged(setting: Setting, kind: str, data: Splits) -> list[dict[str, Any]]:
    """One row for each source of samples: real ones first."""
    real = sequences(data.test)
    judge = _judge(sequences(data.train.sample(REAL, 1)), data)
    rows = [_row("real", None, sequences(data.train.sample(SAMPLES, 2)), real, judge, data)]
    for beta in reversed(BETAS):
        model = of_beta(setting, kind, beta, data.train)
        normal = NormalDensity.standard(model.config.z)
        drawn = sampled(model, normal.sample(SAMPLES, _generator()), data.test)
        rows.append(_row("prior", beta, drawn, real, judge, data))
    q = posteriors(model, data.train.sample(REAL, 1))  # of beta 0, the last
    fitted = NormalDensity.fit(q.mean, q.std)
    drawn = sampled(model, fitted.sample(SAMPLES, _generator()), data.test)
    return [*rows, _row("fitted normal", 0.0, drawn, real, judge, data)]


def sampled(model: SequenceVAE, z: Tensor, like: Dataset) -> list[np.ndarray]:
    """What each z (N, D) is decoded to at temperature 1, as long as examples of `like` may be."""
    longest = torch.from_numpy(np.asarray(like.lengths[like.rows]).astype(np.int64)).amax(0)
    lengths = longest.expand(len(z), -1)
    tokens = model.decode(z, lengths, 1.0, _generator())
    ends = model.written(tokens, lengths).sum(1)
    return [row[:end].numpy() for row, end in zip(tokens, ends, strict=True)]


def _judge(read: Sequence[np.ndarray], data: Splits) -> NGrams:
    space = data.train.representation.spec.outputs
    return NGrams.fit(read, space.size)


def _row(
    source: str,
    beta: float | None,
    drawn: Sequence[np.ndarray],
    real: Sequence[np.ndarray],
    judge: NGrams,
    data: Splits,
) -> dict[str, Any]:
    there, back = judge.bits_a_step(drawn), _judge(drawn, data).bits_a_step(real)
    return {
        "z_from": source,
        "beta": beta,
        "bits_of_samples": float(there.mean()),
        "bits_of_samples_interval": list(bootstrap_interval(there)),
        "bits_of_real": float(back.mean()),
        "bits_of_real_interval": list(bootstrap_interval(back)),
    }


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)
