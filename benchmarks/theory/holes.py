"""The holes of a latent space of two numbers: how much of the prior falls into them, in pictures.

Letters: N codes, M points.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.theory.data import Splits, sequences
from benchmarks.theory.densities import BANDWIDTHS, likeliest
from benchmarks.theory.models import posteriors
from benchmarks.theory.ngram import NGrams
from benchmarks.theory.setting import GREY, Setting
from musicvae.latent.density import Kernel, NormalDensity
from musicvae.models.vae import SequenceVAE

CODES = 4000
RARE = 0.01  # a hole is where the density is lower than at all but so many held-out codes
SIDE, ROLLS = 24, 5  # points to a side of the map, melodies to a side of the grid


def holes(model: SequenceVAE, data: Splits) -> dict[str, float]:
    """How prior and codes miss each other: the shares of draws from N(0, 1), and from a normal
    fitted to the codes, that fall where codes are rarer than all but one in a hundred held-out
    ones find it; and the share of those that lie where 99 % of N(0, 1) does."""
    train, valid, test = (
        posteriors(model, part).sample(_generator())
        for part in (data.train.sample(CODES, 0), data.valid, data.test)
    )
    scale = float(train.std(0).mean())
    density = likeliest([Kernel(train, scale * b) for b in BANDWIDTHS], valid)
    limit = density.log_density(test).quantile(RARE)
    fitted = NormalDensity.fit(train, torch.zeros_like(train))
    shares = [
        float((density.log_density(normal.sample(CODES, _generator())) < limit).double().mean())
        for normal in (NormalDensity.standard(2), fitted)
    ]
    return {
        "prior_in_holes": shares[0],
        "fitted_in_holes": shares[1],
        "codes_reached": float((test.norm(dim=1) < radius(0.99)).double().mean()),
        "code_std": scale,
        "farthest_code": float(test.norm(dim=1).max()),
        "bandwidth": density.bandwidth,
    }


def draw_plane(
    setting: Setting, planes: dict[float, SequenceVAE], data: Splits, judge: NGrams
) -> None:
    """A row for each model: its codes, what its plane is decoded to, and melodies on a grid."""
    figure, axes = setting.axes(len(planes), 3, 11.0, 3.4 * len(planes))
    for (codes, plane, rolls), (beta, model) in zip(axes, planes.items(), strict=True):
        name = f"VAE, β = {beta:g}" if beta else "autoencoder, β = 0"
        _draw_codes(figure, codes, model, data, name)
        _draw_map(figure, plane, model, data, judge)
        _draw_rolls(rolls, model)
    setting.save_figure(figure, "theory-holes")


def _draw_codes(figure: Any, axes: Any, model: SequenceVAE, data: Splits, name: str) -> None:
    tokens, _, _ = data.test.take(np.arange(len(data.test)))
    onsets = data.test.representation.onsets(tokens).sum(axis=1)
    mean = posteriors(model, data.test).mean
    dots = axes.scatter(*mean.T, c=onsets, s=5, cmap="viridis", lw=0)
    figure.colorbar(dots, ax=axes, label="notes in two bars")
    _draw_prior(axes)
    axes.set(title=f"{name}: codes", xlabel="z₁", ylabel="z₂")
    axes.set_aspect("equal", "datalim")


def _draw_map(figure: Any, axes: Any, model: SequenceVAE, data: Splits, judge: NGrams) -> None:
    """Over all codes and all of the prior, against what real melodies cost."""
    mean = posteriors(model, data.test).mean
    low, high = mean.amin(0).clamp(max=-3.2).tolist(), mean.amax(0).clamp(min=3.2).tolist()
    z = torch.cartesian_prod(*(torch.linspace(a, b, SIDE) for a, b in zip(low, high, strict=True)))
    bits = torch.stack([_bits(model, z, judge, seed) for seed in range(4)]).mean(0)
    real = float(judge.bits_a_step(sequences(data.test)).mean())
    image = axes.imshow(bits.view(SIDE, SIDE).T - real, origin="lower", cmap="RdBu_r",
                        extent=(low[0], high[0], low[1], high[1]), vmin=-2, vmax=2)  # fmt: skip
    figure.colorbar(image, ax=axes, label="bits a step, less real ones'", extend="both")
    axes.scatter(*mean.T, s=1, color="black", lw=0, alpha=0.5)
    _draw_prior(axes)
    axes.set(title="what is decoded there", xlabel="z₁", ylabel="z₂")


def _draw_rolls(axes: Any, model: SequenceVAE) -> None:
    """Piano rolls at quantiles of the prior, drawn at temperature 1."""
    shares = torch.linspace(0.1, 0.9, ROLLS)
    edge = torch.distributions.Normal(0.0, 1.0).icdf(shares)
    z = torch.cartesian_prod(edge, edge)
    tokens = model.decode(z, torch.full((len(z), 2), 16), 1.0, _generator())
    for (column, row), melody in zip(
        ((i, j) for i in range(ROLLS) for j in range(ROLLS)), tokens.tolist(), strict=True
    ):
        _draw_roll(axes, melody, column, row)
    axes.set(title="melodies across the prior", xlabel="z₁", ylabel="z₂",
             xlim=(0, ROLLS), ylim=(0, ROLLS))  # fmt: skip
    labels = [f"{value:.1f}" for value in edge.tolist()]
    axes.set_xticks(np.arange(ROLLS) + 0.5, labels)
    axes.set_yticks(np.arange(ROLLS) + 0.5, labels)
    axes.tick_params(length=0)
    for at in range(ROLLS + 1):
        axes.axvline(at, color=GREY, lw=0.4)
        axes.axhline(at, color=GREY, lw=0.4)


def _draw_roll(axes: Any, melody: list[int], column: int, row: int) -> None:
    """Notes as lines in a cell: a token above 1 begins a note, 0 holds it, 1 ends it."""
    steps, lowest, highest = len(melody), 25, 75
    start, pitch = 0, 0
    for step, token in enumerate([*melody, 1]):
        if token and pitch:
            share = (min(max(pitch, lowest), highest) - lowest) / (highest - lowest)
            height = row + 0.06 + 0.88 * share
            ends = column + 0.06 + 0.88 * np.array([start, step - 0.3]) / steps
            axes.plot(ends, [height, height], color="#1f3b57", lw=1.6, solid_capstyle="butt")
        if token:
            start, pitch = step, token if token > 1 else 0


def radius(share: float) -> float:
    """Of the circle that holds a share of N(0, 1) in two dimensions."""
    return math.sqrt(-2 * math.log(1 - share))


def _draw_prior(axes: Any) -> None:
    """Circles that hold half and 99 in a hundred of N(0, 1)."""
    angle = np.linspace(0, 2 * np.pi, 200)
    for share, style in ((0.5, ":"), (0.99, "-")):
        x, y = radius(share) * np.cos(angle), radius(share) * np.sin(angle)
        axes.plot(x, y, style, color="black", lw=1)


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def _bits(model: SequenceVAE, z: Tensor, judge: NGrams, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    tokens = model.decode(z, torch.full((len(z), 2), 16), 1.0, generator)
    return torch.from_numpy(judge.bits_a_step(tokens.numpy()))
