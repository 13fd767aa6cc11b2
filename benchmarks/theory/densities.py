"""Section 4: three ways to say where the codes lie, by what each makes of codes that it never saw.

Of the two models of two numbers (a VAE, an autoencoder): both numbers together, and the first one
alone. What has to be chosen (cells, bandwidth, normals in a mixture) is chosen on a second set of
codes, and all are compared on a third.

Letters: N codes, M points, D dimensions of z.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from benchmarks.theory.data import Splits, kinds
from benchmarks.theory.models import in_the_plane, posteriors
from benchmarks.theory.setting import BLUE, GREY, ORANGE, PURPLE, TEAL, Setting
from musicvae.latent.aggregate import aggregate_log_density
from musicvae.latent.density import Histogram, Kernel, NormalDensity
from musicvae.metrics import bootstrap_interval
from musicvae.models.encoders import Posterior

BINS = (5, 8, 12, 18, 27, 40, 60, 90)
BANDWIDTHS = (0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.45, 0.7)  # of the codes' mean deviation
NORMALS = (1, 2, 4, 8, 16, 32)
CODES = 4000


class Density(Protocol):
    """Anything that says how dense codes are."""

    def log_density(self, z: Tensor) -> Tensor: ...


@dataclass(frozen=True, eq=False)
class Mixture:
    """Several normals with full covariances by maximum likelihood (EM, scikit-learn)."""

    fitted: Any

    @staticmethod
    def fit(z: Tensor, normals: int) -> Mixture:
        from sklearn.mixture import GaussianMixture

        return Mixture(GaussianMixture(normals, random_state=0, reg_covar=1e-5).fit(z.numpy()))

    def log_density(self, z: Tensor) -> Tensor:
        return torch.from_numpy(self.fitted.score_samples(z.numpy()))


@dataclass(frozen=True, eq=False)
class Aggregate:
    """The mixture of all posteriors: a kernel estimate whose bandwidths the encoder has learned."""

    posterior: Posterior

    def log_density(self, z: Tensor) -> Tensor:
        return aggregate_log_density(z, self.posterior.mean, self.posterior.std)


Some = TypeVar("Some", bound=Density)


def likeliest(candidates: Sequence[Some], z: Tensor) -> Some:
    """The one under which codes that it was not fitted to have the highest mean log density."""
    return max(candidates, key=lambda density: float(density.log_density(z).mean()))


def run(setting: Setting) -> None:
    """Compare, and draw."""
    data = kinds(setting).get("melody")
    if data is None:
        return
    result: dict[str, Any] = {"codes": CODES}
    for name, beta in (("vae", 1.0), ("autoencoder", 0.0)):
        model = in_the_plane(setting, beta, data.train)
        for size in (1, 2):
            codes = Codes.of(model, data, size)
            fits = codes.fits()
            result[f"{name}_{size}"] = codes.compare(fits)
            if size == 1:
                first = (codes, fits)
        _draw(setting, name, *first, codes, fits)
    setting.save("theory-density", result)


@dataclass(frozen=True, eq=False)
class Codes:
    """Draws from the posteriors, in three parts, and the posteriors of the first."""

    train: Tensor
    valid: Tensor
    test: Tensor
    posterior: Posterior

    @staticmethod
    def of(model: Any, data: Splits, size: int) -> Codes:
        """The first `size` numbers of each code."""
        generator = torch.Generator().manual_seed(0)
        found = [posteriors(model, d) for d in (data.train.sample(CODES, 0), data.valid, data.test)]
        drawn = [q.sample(generator)[:, :size] for q in found]
        return Codes(*drawn, Posterior(found[0].mean[:, :size], found[0].std[:, :size]))

    @property
    def scale(self) -> float:
        return float(self.train.std(0).mean())

    def kernels(self) -> list[Kernel]:
        return [Kernel(self.train, self.scale * share) for share in BANDWIDTHS]

    def histograms(self) -> list[Histogram]:
        return [Histogram.fit(self.train, bins) for bins in BINS]

    def fits(self) -> dict[str, Density]:
        """Every estimate, chosen by `valid` where there is a choice."""
        nothing = torch.zeros_like(self.train)
        mixtures = [Mixture.fit(self.train, n) for n in NORMALS if n < len(self.train) // 4]
        return {
            "prior": NormalDensity.standard(self.train.shape[1]),
            "normal": NormalDensity.fit(self.train, nothing),
            "mixture": likeliest(mixtures, self.valid),
            "histogram": likeliest(self.histograms(), self.valid),
            "kernel": likeliest(self.kernels(), self.valid),
            "aggregate": Aggregate(self.posterior),
        }

    def compare(self, fits: dict[str, Density]) -> list[dict[str, Any]]:
        """Mean log density of the third part in nats, with a 95 % interval, and what was chosen."""
        rows = []
        for name, density in fits.items():
            values = density.log_density(self.test).numpy()
            low, high = bootstrap_interval(values)
            rows.append({
                "density": name,
                "nats": float(np.mean(values)),
                "interval": [low, high],
                "chosen": _chosen(density),
            })  # fmt: skip
        return rows


def _chosen(density: Density) -> float | None:
    match density:
        case Histogram():
            return len(density.log_share)
        case Kernel():
            return density.bandwidth
        case Mixture():
            return density.fitted.n_components
        case _:
            return None


LOOKS = {"prior": (GREY, "prior N(0, 1)"), "normal": (PURPLE, "one normal"),
         "mixture": (TEAL, "mixture of normals"), "histogram": (ORANGE, "histogram"),
         "kernel": (BLUE, "kernel estimate")}  # fmt: skip


def _draw(setting: Setting, name: str, line: Codes, curves: dict[str, Density], plane: Codes,
          maps: dict[str, Density]) -> None:  # fmt: skip
    figure, axes = setting.axes(2, 4, 12.0, 5.6)
    _draw_line(axes[0, 0], line, curves)
    _draw_choice(axes[0, 1], "bandwidth, of the deviation", BANDWIDTHS, line, plane, Codes.kernels)
    _draw_choice(axes[0, 2], "cells to a side", BINS, line, plane, Codes.histograms)
    low, high = plane.train.quantile(0.002, dim=0), plane.train.quantile(0.998, dim=0)
    panels = [axes[0, 3], *axes[1]]
    panels[0].scatter(*plane.test.T, s=2, color="black", lw=0)
    panels[0].set(title="held-out codes", xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    for panel, key in zip(panels[1:], ("normal", "mixture", "histogram", "kernel"), strict=True):
        _draw_density(panel, maps[key], low, high)
        panel.set(title=LOOKS[key][1])
    for panel in panels:
        panel.set(xlabel="z₁", ylabel="z₂")
    setting.save_figure(figure, f"theory-density-{name}")


def _draw_line(axes: Any, codes: Codes, fits: dict[str, Density]) -> None:
    low, high = codes.train.quantile(0.002), codes.train.quantile(0.998)
    grid = torch.linspace(float(low), float(high), 400)[:, None]
    axes.hist(codes.test[:, 0].numpy(), 40, (float(low), float(high)), density=True,
              color="#dddddd", label="held-out codes")  # fmt: skip
    for key, (colour, label) in LOOKS.items():
        axes.plot(grid, fits[key].log_density(grid).exp(), color=colour, label=label, lw=1.1)
    axes.set(title="one dimension", xlabel="z₁", ylabel="density")
    axes.set_ylim(0, 1.75 * axes.get_ylim()[1])
    axes.legend(fontsize=7, loc="upper left")


def _draw_choice(
    axes: Any, label: str, choices: Sequence[float], line: Codes, plane: Codes, fit: Any
) -> None:
    """Mean log density of `valid` against what is chosen, the best one marked."""
    lowest = 0.0
    for codes, colour, size in ((line, BLUE, 1), (plane, ORANGE, 2)):
        values = [float(density.log_density(codes.valid).mean()) for density in fit(codes)]
        best = int(np.argmax(values))
        lowest = min(lowest, values[best] - 1)
        axes.plot(choices, values, color=colour, marker=".", label=f"D = {size}")
        axes.plot(choices[best], values[best], "o", color=colour, ms=7)
    axes.set(xscale="log", xlabel=label, ylabel="nats a code, validation", title="what to choose")
    axes.set_ylim(bottom=lowest)
    axes.set_xticks(choices[::2], [f"{choice:g}" for choice in choices[::2]])
    axes.minorticks_off()
    axes.legend()


def _draw_density(axes: Any, density: Density, low: Tensor, high: Tensor) -> None:
    edges = [torch.linspace(float(a), float(b), 160) for a, b in zip(low, high, strict=True)]
    values = density.log_density(torch.cartesian_prod(*edges)).exp().view(160, 160)
    extent = (float(low[0]), float(high[0]), float(low[1]), float(high[1]))
    axes.imshow(values.T, origin="lower", extent=extent, aspect="auto", cmap="Blues")
