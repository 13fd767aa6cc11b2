"""Section 1: a linear Gaussian VAE against probabilistic PCA, whose likelihood is known.

x = W z + b + s e with z ~ N(0, 1) and e ~ N(0, 1) is probabilistic PCA (Tipping & Bishop 1999). Its
maximum likelihood has a closed form, and a linear VAE with a diagonal posterior can reach it: at
that maximum W can be turned so that the true posterior is diagonal (Lucas et al. 2019). So the
ELBO, optimised by gradients from `musicvae.losses`, has to arrive at a number that is known.

Letters: N points, D numbers of a point, Q numbers of z, K draws.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

from benchmarks.theory.setting import BLUE, GREY, ORANGE, TEAL, Setting
from musicvae.latent.aggregate import normal_log_density
from musicvae.losses import LossTerms, elbo, gaussian_kl
from musicvae.models.encoders import Posterior
from musicvae.training.likelihood import importance_weighted_log_likelihood

POINTS, SIZE, Q, UPDATES = 2000, 10, 3, 2000
KS = (1, 2, 5, 10, 50, 100, 500)


def ppca_log_likelihood(x: Float[Tensor, "N D"], q: int) -> float:
    """The largest mean log likelihood of a point in nats, over all W, b and s.

    Tipping & Bishop 1999, equations 3, 7 and 8: the noise is the mean of the D - q smallest
    eigenvalues of the covariance, and the q largest ones are explained by W.
    """
    size = x.shape[1]
    eigenvalues = torch.linalg.eigvalsh(torch.cov(x.T.double(), correction=0)).flip(0)
    noise = eigenvalues[q:].mean()
    log_determinant = eigenvalues[:q].log().sum() + (size - q) * noise.log()
    return float(-0.5 * (size * math.log(2 * math.pi) + log_determinant + size))


class LinearVAE(nn.Module):
    """p(x | z) = N(W z + b, s^2), q(z | x) = N(V x + c, t^2) with a number t for each of z."""

    def __init__(self, size: int, q: int) -> None:
        super().__init__()
        self.decoder, self.encoder = nn.Linear(q, size), nn.Linear(size, q)
        self.log_noise = nn.Parameter(torch.zeros(()))
        self.log_std = nn.Parameter(torch.zeros(q))

    def posterior(self, x: Float[Tensor, "N D"]) -> Posterior:
        """q(z | x): mean and standard deviation (N, Q)."""
        mean = self.encoder(x)
        return Posterior(mean, self.log_std.exp().expand_as(mean))

    def log_p_given(self, z: Float[Tensor, "... Q"], x: Tensor) -> Tensor:
        """log p(x | z) (...,) in nats."""
        mean = self.decoder(z)
        return normal_log_density(x, mean, self.log_noise.exp().expand_as(mean))

    def terms(self, x: Float[Tensor, "N D"]) -> LossTerms:
        """The negative ELBO by the package's own loss, with one reparameterised draw of z."""
        q = self.posterior(x)
        return elbo(-self.log_p_given(q.sample(), x), gaussian_kl(q.mean, q.std))

    def log_likelihood(self, x: Float[Tensor, "N D"]) -> Float[Tensor, " N"]:
        """log p(x), exactly: x ~ N(b, W W^T + s^2)."""
        w = self.decoder.weight
        covariance = w @ w.T + (2 * self.log_noise).exp() * torch.eye(len(w))
        return MultivariateNormal(self.decoder.bias, covariance).log_prob(x)

    def true_posterior(self, x: Float[Tensor, "N D"]) -> MultivariateNormal:
        """p(z | x), exactly (Tipping & Bishop 1999, equation 6)."""
        w, noise = self.decoder.weight, (2 * self.log_noise).exp()
        precision = torch.eye(w.shape[1]) + w.T @ w / noise
        mean = (x - self.decoder.bias) @ w / noise @ torch.linalg.inv(precision)
        return MultivariateNormal(mean, precision_matrix=precision)


def points(count: int, size: int, q: int, seed: int = 0) -> Float[Tensor, "N D"]:
    """Points that a linear Gaussian model with unequal factors has made."""
    generator = torch.Generator().manual_seed(seed)
    strength = torch.linspace(3.0, 1.0, q)
    weight = torch.linalg.qr(torch.randn(size, q, generator=generator)).Q * strength
    z = torch.randn(count, q, generator=generator)
    noise = 0.5 * torch.randn(count, size, generator=generator)
    return z @ weight.T + noise + torch.randn(size, generator=generator)


def train(x: Tensor, q: int, updates: int, rate: float = 0.03) -> Iterator[tuple[int, LinearVAE]]:
    """Adam on all points at once, its rate falling to 0: the model before each update, and last."""
    model = LinearVAE(x.shape[1], q)
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    for step in range(updates):
        yield step, model
        optimiser.param_groups[0]["lr"] = rate * 0.5 * (1 + math.cos(math.pi * step / updates))
        optimiser.zero_grad()
        model.terms(x).loss.backward()
        optimiser.step()
    yield updates, model


def log_weights(
    model: LinearVAE, q: Posterior, x: Tensor, z: Float[Tensor, "... N Q"]
) -> Float[Tensor, "... N"]:
    """log p(x, z) - log q(z | x), for z drawn from q or from wherever."""
    prior = normal_log_density(z, torch.zeros_like(z), torch.ones_like(z))
    return model.log_p_given(z, x) + prior - normal_log_density(z, q.mean, q.std)


def upper_bound(drawn: Float[Tensor, "N K"], of_truth: Float[Tensor, " N"]) -> Tensor:
    """An estimate (N,) that is in expectation above log p(x), by as much less as K is larger.

    The importance-weighted average with one of its K draws from the true posterior. Let r be the
    law of such draws, the odd one at a random place: the average is p(x) r / q^K, so that the mean
    of its logarithm under r is log p(x) + KL(r || q^K) (Grosse et al. 2015, without annealing).
    """
    return importance_weighted_log_likelihood(torch.cat([of_truth[:, None], drawn[:, 1:]], dim=1))[
        0
    ]


def run(setting: Setting) -> None:
    """Train, compare with the closed form, and bound the likelihood from both sides."""
    torch.manual_seed(0)
    x = points(POINTS, SIZE, Q)
    best = ppca_log_likelihood(x, Q)
    updates = 300 if setting.quick else UPDATES
    course: list[dict[str, float]] = []
    for step, model in train(x, Q, updates):
        if step % max(1, updates // 100) == 0:
            course.append({"update": step, **_reached(model, x)})
    reached = _reached(model, x)
    with torch.no_grad():
        q = model.posterior(x)
    proposals = {
        "trained": q,
        "doubled": Posterior(q.mean, 2 * q.std),
        "prior": Posterior(torch.zeros(len(x), Q), torch.ones(len(x), Q)),
    }
    result = {
        "points": POINTS,
        "size": SIZE,
        "q": Q,
        "updates": updates,
        "closed_form_nats": best,
        **{f"{name}_nats": value for name, value in reached.items()},
        "gap_percent": 100 * abs(reached["log_likelihood"] - best) / abs(best),
        "elbo_gap_percent": 100 * abs(reached["elbo"] - best) / abs(best),
        "bounds": {name: bounds(model, x, p) for name, p in proposals.items()},
        "course": course,
    }
    setting.save("theory-ppca", result)
    _draw(setting, result)


@torch.no_grad()
def bounds(model: LinearVAE, x: Tensor, q: Posterior) -> list[dict[str, float]]:
    """For each K the mean over all points of a lower and an upper bound of log p(x), in nats."""
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(max(KS), *q.mean.shape, generator=generator)
    weights = log_weights(model, q, x, q.mean + q.std * noise).T
    truth = log_weights(model, q, x, model.true_posterior(x).sample())
    return [
        {
            "k": k,
            "lower": float(importance_weighted_log_likelihood(weights[:, :k])[0].mean()),
            "upper": float(upper_bound(weights[:, :k], truth).mean()),
        }
        for k in KS
    ]


@torch.no_grad()
def _reached(model: LinearVAE, x: Tensor) -> dict[str, float]:
    """The mean exact log likelihood of a point, and the mean ELBO of 50 draws."""
    lowers = torch.stack([-model.terms(x).loss for _ in range(50)])
    return {"log_likelihood": float(model.log_likelihood(x).mean()), "elbo": float(lowers.mean())}


def _draw(setting: Setting, result: dict[str, Any]) -> None:
    figure, (left, right) = setting.axes(1, 2, 9.0, 3.4)
    best, course = result["closed_form_nats"], result["course"]
    steps = [c["update"] for c in course]
    left.axhline(best, color="black", lw=1, ls="--", label="closed form (PPCA)")
    left.plot(steps, [c["log_likelihood"] for c in course], color=BLUE, label="exact log p(x)")
    left.plot(steps, [c["elbo"] for c in course], color=ORANGE, label="ELBO")
    left.set(xlabel="update", ylabel="nats a point", title="training", ylim=(best - 6, best + 0.6))
    left.legend(loc="lower right")
    exact = result["log_likelihood_nats"]
    right.axhline(exact, color="black", lw=1, ls="--", label="exact log p(x)")
    kinds = {"prior": (ORANGE, "q = the prior"), "doubled": (BLUE, "trained q, twice as wide"),
             "trained": (TEAL, "trained q")}  # fmt: skip
    for name, (colour, label) in kinds.items():
        ks, lower, upper = ([r[key] for r in result["bounds"][name]]
                            for key in ("k", "lower", "upper"))  # fmt: skip
        right.fill_between(ks, lower, upper, color=colour, alpha=0.15, lw=0)
        right.plot(ks, lower, color=colour, marker="o", ms=3, label=label)
        right.plot(ks, upper, color=colour, marker="o", ms=3)
    right.set(xscale="log", xlabel="draws K", ylabel="nats a point",
              title="lower and upper bound of log p(x)", ylim=(exact - 8, exact + 4.5))  # fmt: skip
    right.set_xticks(KS, [str(k) for k in KS])
    right.minorticks_off()
    right.legend(loc="lower right", frameon=True, framealpha=1, edgecolor="none")
    for axes in (left, right):
        axes.grid(color=GREY, lw=0.4, alpha=0.4)
    setting.save_figure(figure, "theory-ppca")
