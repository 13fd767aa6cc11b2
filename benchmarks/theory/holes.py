"""The holes of a latent space of two numbers: how much of the prior falls into them, in pictures.

Letters: N codes, M points.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.theory.data import Splits
from benchmarks.theory.densities import BANDWIDTHS, likeliest
from benchmarks.theory.models import posteriors
from benchmarks.theory.ngram import NGrams
from benchmarks.theory.setting import GREY, Setting
from musicvae.latent.density import Kernel
from musicvae.models.vae import SequenceVAE

CODES = 4000
RARE = 0.01  # of held-out codes, so many lie where the density is lower than in "a hole"
SIDE, ROLLS = 24, 5  # points to a side of the map, melodies to a side of the grid


def holes(model: SequenceVAE, data: Splits) -> dict[str, float]:
    """The share of N(0, 1) that falls where fewer than one in a hundred held-out codes lie."""
    train, valid, test = (
        posteriors(model, part).sample(torch.Generator().manual_seed(0))
        for part in (data.train.sample(CODES, 0), data.valid, data.test)
    )
    scale = float(train.std(0).mean())
    density = likeliest([Kernel(train, scale * b) for b in BANDWIDTHS], valid)
    limit = density.log_density(test).quantile(RARE)
    prior = torch.randn(CODES, 2, generator=torch.Generator().manual_seed(1))
    return {
        "in_holes": float((density.log_density(prior) < limit).double().mean()),
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
        _draw_map(figure, plane, model, judge)
        _draw_rolls(rolls, model)
    setting.save_figure(figure, "theory-holes")


def _draw_codes(figure: Any, axes: Any, model: SequenceVAE, data: Splits, name: str) -> None:
    tokens, _, _ = data.test.take(np.arange(len(data.test)))
    onsets = data.test.representation.onsets(tokens).sum(axis=1)
    mean = posteriors(model, data.test).mean
    dots = axes.scatter(*mean.T, c=onsets, s=5, cmap="viridis", lw=0)
    figure.colorbar(dots, ax=axes, label="notes in two bars")
    _draw_prior(axes, "black")
    axes.set(title=f"{name}: codes", xlabel="z₁", ylabel="z₂")
    axes.set_aspect("equal", "datalim")


def _draw_map(figure: Any, axes: Any, model: SequenceVAE, judge: NGrams) -> None:
    edge = torch.linspace(-3, 3, SIDE)
    z = torch.cartesian_prod(edge, edge)
    bits = torch.stack([_bits(model, z, judge, seed) for seed in range(4)]).mean(0)
    image = axes.imshow(bits.view(SIDE, SIDE).T, origin="lower", extent=(-3, 3, -3, 3),
                        cmap="magma_r", vmin=1.0, vmax=3.0)  # fmt: skip
    figure.colorbar(image, ax=axes, label="bits a step under n-grams")
    _draw_prior(axes, "black")
    axes.set(title="what is decoded there", xlabel="z₁", ylabel="z₂")


def _draw_rolls(axes: Any, model: SequenceVAE) -> None:
    """Piano rolls at the deciles of the prior, of the likeliest token at every step."""
    shares = torch.linspace(0.1, 0.9, ROLLS)
    edge = torch.distributions.Normal(0.0, 1.0).icdf(shares)
    z = torch.cartesian_prod(edge, edge)
    tokens = model.decode(z, torch.full((len(z), 2), 16), 0.0)
    for (column, row), melody in zip(
        ((i, j) for i in range(ROLLS) for j in range(ROLLS)), tokens.tolist(), strict=True
    ):
        _draw_roll(axes, melody, column, row)
    axes.set(title="melodies at the prior's deciles", xlabel="z₁", ylabel="z₂",
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
    steps, lowest, highest = len(melody), 38, 82
    start, pitch = 0, 0
    for step, token in enumerate([*melody, 1]):
        if token and pitch:
            height = row + 0.08 + 0.84 * (pitch - lowest) / (highest - lowest)
            ends = column + 0.06 + 0.88 * np.array([start, step - 0.3]) / steps
            axes.plot(ends, [height, height], color="#1f3b57", lw=1.6, solid_capstyle="butt")
        if token:
            start, pitch = step, token if token > 1 else 0


def _draw_prior(axes: Any, colour: str) -> None:
    """Circles that hold half and 99 in a hundred of N(0, 1)."""
    angle = np.linspace(0, 2 * np.pi, 200)
    for share, style in ((0.5, ":"), (0.99, "-")):
        radius = np.sqrt(-2 * np.log(1 - share))
        axes.plot(radius * np.cos(angle), radius * np.sin(angle), style, color=colour, lw=0.8)


def _bits(model: SequenceVAE, z: Tensor, judge: NGrams, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    tokens = model.decode(z, torch.full((len(z), 2), 16), 1.0, generator)
    return torch.from_numpy(judge.bits_a_step(tokens.numpy()))
