"""Section 5: what z says (rate) against what it leaves unsaid (distortion), over beta.

Rate is E[KL(q(z | x) || p(z))] and distortion E[-log p(x | z)]; both together are the negative
ELBO, so that models of one ELBO lie on a line that falls one for one (Alemi et al. 2018).
"""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.theory.data import Splits, kinds
from benchmarks.theory.models import BETAS, language_model, of_beta
from benchmarks.theory.setting import BLUE, GREY, ORANGE, Setting
from musicvae.latent.aggregate import mutual_information
from musicvae.metrics import active_units
from musicvae.models.vae import SequenceVAE
from musicvae.training.dataset import Dataset
from musicvae.training.likelihood import importance_weighted

EXAMPLES, SAMPLES = 300, 50


def run(setting: Setting) -> None:
    """Every beta, and the language model, on the test split of each kind."""
    result: dict[str, Any] = {"examples": EXAMPLES, "samples": SAMPLES}
    for kind, data in kinds(setting).items():
        result[kind] = measured(setting, kind, data)
    setting.save("theory-rate", result)
    _draw(setting, result)


def measured(setting: Setting, kind: str, data: Splits) -> dict[str, Any]:
    """In nats a sequence."""
    count, samples = (20, 3) if setting.quick else (EXAMPLES, SAMPLES)
    some = data.test.sample(count, 4)
    language = importance_weighted(language_model(setting, kind, data.train), data.test, 1)
    low, high = language.interval()
    models = []
    for beta in BETAS:
        model = of_beta(setting, kind, beta, data.train)
        weighted = importance_weighted(model, some, samples)
        models.append({
            "beta": beta,
            **both(model, data.test),
            "weighted_nll": weighted.nll,
            "weighted_nll_interval": list(weighted.interval()),
            "effective_samples": float(weighted.effective_samples.mean()),
        })  # fmt: skip
    return {
        "steps": float(language.steps.mean()),
        "language_model_nll": language.nll,
        "language_model_interval": [low, high],
        "language_model_same_examples": importance_weighted(
            language_model(setting, kind, data.train), some, 1
        ).nll,
        "models": models,
    }


@torch.no_grad()
def both(model: SequenceVAE, data: Dataset) -> dict[str, Any]:
    """Rate and distortion with one draw of z, mutual information over all examples, active
    units, and the share of tokens that are the likeliest given those before them."""
    generator = torch.Generator().manual_seed(0)
    parts = [
        model(batch.tokens, batch.lengths, inputs=batch.inputs, generator=generator)
        for _, batch in data.batches(250)
    ]
    mean = torch.cat([p.posterior.mean for p in parts])
    std = torch.cat([p.posterior.std for p in parts])
    z = mean + std * torch.randn(mean.shape, generator=generator)
    information = mutual_information(mean, std, z)
    return {
        "rate": float(torch.cat([p.kl.sum(1) for p in parts]).mean()),
        "distortion": float(torch.cat([p.nll.sum(1) for p in parts]).mean()),
        "information": information.nats,
        "ceiling": information.ceiling,
        "active_units": active_units(mean.numpy()),
        "accuracy": float(torch.cat([p.correct[p.mask].float() for p in parts]).mean()),
    }


def _draw(setting: Setting, result: dict[str, Any]) -> None:
    names = {"melody": ("2-bar melodies", BLUE), "text": ("sentences", ORANGE)}
    there = [kind for kind in names if kind in result]
    figure, axes = setting.axes(1, len(there), 4.8 * len(there), 3.8, squeeze=False)
    for panel, kind in zip(axes[0], there, strict=True):
        _draw_kind(panel, result[kind], *names[kind])
    setting.save_figure(figure, "theory-rate")


def _draw_kind(axes: Any, found: dict[str, Any], title: str, colour: str) -> None:
    """The autoencoder's rate has no meaning (nothing held it down) and lies far to the right."""
    models = [m for m in found["models"] if m["beta"] > 0]
    exact = found["language_model_nll"]
    reach = max(1.0, 1.25 * max(m["rate"] for m in models))
    bottom = min(m["distortion"] for m in models)
    step = max(1.0, round((exact - bottom + reach) / 5))
    for offset in range(-2, 12):
        axes.plot([0, reach], [exact + offset * step, exact + offset * step - reach],
                  color=GREY, lw=0.4, alpha=0.5)  # fmt: skip
    axes.plot([0, reach], [exact, exact - reach], color="black", lw=1, ls="--",
              label="ELBO = the language model's likelihood")  # fmt: skip
    axes.plot(0, exact, "s", color="black", ms=5, label="language model, no z", clip_on=False)
    axes.plot([m["rate"] for m in models], [m["distortion"] for m in models], "o-", color=colour)
    for m in models:
        axes.annotate(f"β = {m['beta']:g}", (m["rate"], m["distortion"]), xytext=(6, 6),
                      textcoords="offset points", fontsize=8)  # fmt: skip
    low, high = min(bottom, exact) - 2, max(exact, max(m["distortion"] for m in models)) + 4
    axes.set(title=title, xlabel="rate: KL, nats a sequence", xlim=(-0.02 * reach, reach),
             ylabel="distortion: nats a sequence", ylim=(low, high))  # fmt: skip
    axes.legend(loc="upper right")
