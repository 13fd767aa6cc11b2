"""Section 2: how noisy is a gradient? The reparameterised one and the score function's.

Of E[f(x)] under x = t + e, e ~ N(0, 1), both are unbiased: d f(t + e) / dt, and (f(x) - c) e, the
derivative of log N(x; t, 1) in t times f less any constant c (Williams 1992; Kingma & Welling 2014,
section 2.3). For f(x) = |x|^2 in D dimensions, each mean being t, all moments are polynomials.

Letters: M draws, D dimensions, B examples, Z dimensions of z, P weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.theory.data import sample_melodies
from benchmarks.theory.models import Wanted, trained, untrained
from benchmarks.theory.setting import BLUE, GREY, ORANGE, PURPLE, TEAL, Setting
from musicvae.models.vae import SequenceVAE
from musicvae.training.dataset import Batch


def reparameterised(t: float, e: Float[Tensor, "M D"]) -> Float[Tensor, "M D"]:
    """The gradient of |x|^2 in each mean, through x = t + e."""
    return 2 * (t + e)


def score_function(t: float, e: Float[Tensor, "M D"], baseline: float = 0.0) -> Tensor:
    """(|x|^2 - baseline) e: no derivative of the function is needed."""
    return ((t + e).square().sum(-1, keepdim=True) - baseline) * e


def reparameterised_variance(t: float, size: int = 1) -> float:
    """Var[2 (t + e)] = 4, whatever t and D are."""
    del t, size
    return 4.0


def score_function_variance(t: float, size: int = 1) -> float:
    """Var[|x|^2 e_i], of one of D coordinates.

    Let R be the sum of the squares of the others: E[R] = (D - 1)(t^2 + 1) and
    Var[R] = (D - 1)(4 t^2 + 2). With E[e^2] = 1, E[e^4] = 3, E[e^6] = 15 the coordinate itself
    gives E[x^4 e^2] = t^4 + 18 t^2 + 15 and E[x^2 e^2] = t^2 + 3, and the mean of the gradient
    is 2 t. In one dimension: t^4 + 14 t^2 + 15.
    """
    rest, spread = (size - 1) * (t**2 + 1), (size - 1) * (4 * t**2 + 2)
    return t**4 + 14 * t**2 + 15 + 2 * (t**2 + 3) * rest + rest**2 + spread


def with_mean_baseline_variance(t: float, size: int = 1) -> float:
    """The same with the baseline E[|x|^2] = D (t^2 + 1): 8 t^2 + 10 + (D - 1)(4 t^2 + 2)."""
    return 8 * t**2 + 10 + (size - 1) * (4 * t**2 + 2)


def best_baseline_variance(t: float, size: int = 1) -> float:
    """With the best constant, E[|x|^2 e^2] = D (t^2 + 1) + 2: 8 t^2 + 6 + (D - 1)(4 t^2 + 2).

    Var[(f - c) e] = Var[f e] - 2 c E[f e^2] + c^2 is least there.
    """
    return 8 * t**2 + 6 + (size - 1) * (4 * t**2 + 2)


Estimator = Callable[[SequenceVAE, Batch, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Spread:
    """Of M estimates of a gradient of P numbers: the squared length of their mean, corrected for
    its own noise, and the sum of their variances. `mean` (P,) is what they agree on."""

    mean: Tensor
    signal: float
    variance: float

    @staticmethod
    def of(estimates: Float[Tensor, "M P"]) -> Spread:
        variance = float(estimates.var(0).sum())
        mean = estimates.mean(0)
        return Spread(mean, float(mean.square().sum()) - variance / len(estimates), variance)


def loss_of(model: SequenceVAE, batch: Batch, z: Tensor) -> Float[Tensor, " B"]:
    """-log p(x | z) of each example in nats."""
    layout = model.layout(batch.lengths)
    logits = model.decoder(z, batch.tokens, layout)
    return (model.decoder.nll(logits, batch.tokens) * layout.mask).sum(1)


def by_path(model: SequenceVAE, batch: Batch, noise: Float[Tensor, "B Z"]) -> Tensor:
    """The reparameterised gradient of the reconstruction term in all weights of the encoder."""
    q = model.posterior(batch.read, batch.lengths)
    return _gradient(model, loss_of(model, batch, q.mean + q.std * noise).mean())


def by_score(model: SequenceVAE, batch: Batch, noise: Float[Tensor, "B Z"]) -> Tensor:
    """The score function's: the loss as it is, times the gradient of log q at the z drawn."""
    return _gradient(model, _surrogate(model, batch, noise, torch.zeros(len(noise))))


def by_score_with_baseline(baseline: Float[Tensor, " B"]) -> Estimator:
    """The same, less a constant for each example (its mean loss over other draws, say)."""

    def estimate(model: SequenceVAE, batch: Batch, noise: Tensor) -> Tensor:
        return _gradient(model, _surrogate(model, batch, noise, baseline))

    return estimate


def _surrogate(model: SequenceVAE, batch: Batch, noise: Tensor, baseline: Tensor) -> Tensor:
    q = model.posterior(batch.read, batch.lengths)
    z = (q.mean + q.std * noise).detach()
    log_q = torch.distributions.Normal(q.mean, q.std).log_prob(z).sum(-1)
    with torch.no_grad():
        loss = loss_of(model, batch, z) - baseline
    return (loss * log_q).mean()


def _gradient(model: SequenceVAE, loss: Tensor) -> Float[Tensor, " P"]:
    weights = [p for p in model.encoder.parameters() if p.requires_grad]
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, weights)])


@torch.no_grad()
def mean_loss(model: SequenceVAE, batch: Batch, draws: int, generator: torch.Generator) -> Tensor:
    """-log p(x | z) of each example (B,), the mean over `draws` of its posterior."""
    q = model.posterior(batch.read, batch.lengths)
    losses = [loss_of(model, batch, q.sample(generator)) for _ in range(draws)]
    return torch.stack(losses).mean(0)


def spread_of(
    estimator: Estimator, model: SequenceVAE, batch: Batch, draws: int, generator: torch.Generator
) -> Spread:
    """Of `draws` estimates, each with noise of its own."""
    shape = (len(batch.tokens), model.config.z)
    estimates = (
        estimator(model, batch, torch.randn(shape, generator=generator)) for _ in range(draws)
    )
    return Spread.of(torch.stack(list(estimates)))


THETAS = (-2.0, -1.0, 0.0, 1.0, 2.0)
SIZES = (1, 2, 4, 8, 16, 32)
ROWS = 32  # examples of the real batch
Z = 32
EXAMPLE = (  # name, colour, label, closed form of the variance
    ("reparameterised", TEAL, "reparameterised", reparameterised_variance),
    ("score", ORANGE, "score function", score_function_variance),
    ("mean_baseline", BLUE, "score function, baseline E[f]", with_mean_baseline_variance),
    ("best_baseline", PURPLE, "score function, best baseline", best_baseline_variance),
)


def run(setting: Setting) -> None:
    """The textbook example against its closed forms, then the same on a batch of melodies."""
    draws = 20_000 if setting.quick else 1_000_000
    generator = torch.Generator().manual_seed(0)
    example = [measured(t, 1, draws, generator) for t in THETAS]
    sizes = [measured(1.0, d, max(draws // d, 1000), generator) for d in SIZES]
    result = {"draws": draws, "example": example, "sizes": sizes, "batch": on_melodies(setting)}
    setting.save("theory-gradients", result)
    _draw(setting, result)


def measured(t: float, size: int, draws: int, generator: torch.Generator) -> dict[str, Any]:
    """Variance of each estimator of one coordinate's gradient: the closed form, and as drawn."""
    e = torch.randn(draws, size, generator=generator, dtype=torch.float64)
    mean = size * (t**2 + 1)
    estimates = {
        "reparameterised": reparameterised(t, e),
        "score": score_function(t, e),
        "mean_baseline": score_function(t, e, mean),
        "best_baseline": score_function(t, e, mean + 2),
    }
    closed = {name: form(t, size) for name, _, _, form in EXAMPLE}
    drawn = {name: float(value[:, 0].var()) for name, value in estimates.items()}
    return {"theta": t, "size": size, "closed": closed, "drawn": drawn}


def on_melodies(setting: Setting) -> list[dict[str, Any]]:
    """A batch of two-bar melodies of data/samples, before and after training on them."""
    data = sample_melodies().train
    wanted = Wanted(kind="samples", z=Z, beta=0.2, updates=20 if setting.quick else 300)
    batch = data.batch(ROWS, seed=0, step=0, augment=False)
    draws = 4 if setting.quick else 200
    rows = []
    for when, model in (
        ("before", untrained(wanted, data)),
        ("after", trained(setting, wanted, data)),
    ):
        generator = torch.Generator().manual_seed(1)
        baseline = mean_loss(model, batch, 20, generator)
        ways = {"reparameterised": by_path, "score": by_score,
                "mean_baseline": by_score_with_baseline(baseline)}  # fmt: skip
        spreads = {n: spread_of(way, model, batch, draws, generator) for n, way in ways.items()}
        signal = spreads["reparameterised"].signal  # the least noisy measure of what all estimate
        rows.append(
            {
                "when": when,
                "loss_nats": float(baseline.mean()),
                "signal": signal,
                "variance": {n: s.variance for n, s in spreads.items()},
                "noise_to_signal": {n: s.variance / signal for n, s in spreads.items()},
                "draws": draws,
                "examples": ROWS,
                "weights": len(spreads["score"].mean),
            }
        )
    return rows


def _short(number: float) -> str:
    """Two or three digits: 6460 -> 6,500, 1.442 -> 1.4"""
    return f"{float(f'{number:.2g}'):,.2g}" if number < 100 else f"{float(f'{number:.2g}'):,.0f}"


def _draw(setting: Setting, result: dict[str, Any]) -> None:
    figure, (left, middle, right) = setting.axes(1, 3, 11.0, 3.4)
    grid = torch.linspace(-2.5, 2.5, 101).tolist()
    for name, colour, label, form in EXAMPLE:
        left.plot(grid, [form(t) for t in grid], color=colour, label=label)
        left.plot(THETAS, [r["drawn"][name] for r in result["example"]], "o", color=colour, ms=4)
        middle.plot(SIZES, [form(1.0, d) for d in SIZES], color=colour)
        middle.plot(SIZES, [r["drawn"][name] for r in result["sizes"]], "o", color=colour, ms=4)
    left.set(yscale="log", xlabel="θ", ylabel="variance of the gradient in θ",
             title="E[x²] under N(θ, 1)", ylim=(2, 2000))  # fmt: skip
    left.legend(loc="upper center", ncols=1)
    middle.set(xscale="log", yscale="log", xlabel="dimensions D", title="E[|x|²] under N(1, 1)",
               ylabel="variance of one coordinate's gradient")  # fmt: skip
    middle.set_xticks(SIZES, [str(d) for d in SIZES])
    middle.minorticks_off()
    kinds = [entry for entry in EXAMPLE if entry[0] != "best_baseline"]
    for i, (name, colour, _, _) in enumerate(kinds):
        for j, row in enumerate(result["batch"]):
            height = row["noise_to_signal"][name]
            right.bar(j + 0.27 * (i - 1), height, 0.25, color=colour)
            right.annotate(_short(height), (j + 0.27 * (i - 1), height), ha="center",
                           va="bottom", fontsize=7)  # fmt: skip
    right.set(yscale="log", title=f"{ROWS} melodies, all weights of an encoder",
              ylabel="variance / squared length of the gradient")  # fmt: skip
    right.set_xticks(
        range(len(result["batch"])), [f"{r['when']} training" for r in result["batch"]]
    )
    for axes in (left, middle):
        axes.grid(color=GREY, lw=0.4, alpha=0.4)
    setting.save_figure(figure, "theory-gradients")
