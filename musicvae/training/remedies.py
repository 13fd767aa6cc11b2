"""What keeps the posterior from collapsing, where that takes more than a term of the loss.

Each is a small state that a training carries along, and saves: the multiplier of a target rate,
whether the encoder is still trained ahead of the decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from musicvae.config import Aggressive, TargetRate, TrainingConfig
from musicvae.latent.aggregate import mutual_information
from musicvae.losses import NATS_PER_BIT
from musicvae.models.vae import SequenceVAE
from musicvae.training.dataset import Dataset

COLLAPSED_NATS = 0.7  # one bit: a posterior that carries less says nothing about its sequence
SMALL_NATS = 7.0  # a rate above this may well fall by half, and be none the worse
UNINFORMED = 0.3  # of the rate, or of what can be seen of it, tells sequences from another
MEASURED_EXAMPLES = 1024
BATCH = 256


@dataclass(kw_only=True)
class Remedies:
    """`multiplier` is what a target rate takes off beta; while `leading` the encoder is trained
    ahead of the decoder; `information` is the most, in nats, that z was found to say of x."""

    multiplier: float = 0.0
    leading: bool = False
    information: float = 0.0

    @staticmethod
    def at_first(config: TrainingConfig) -> Remedies:
        return Remedies(leading=config.aggressive is not None)

    def beta(self, config: TrainingConfig, step: int) -> float:
        """What a nat of KL costs at a step; nothing in pretraining, before the schedule begins."""
        first = config.pretraining.updates if config.pretraining else 0
        if step < first:
            return 0.0
        return config.beta.at(step - first) - self.multiplier

    def keep_rate(self, rate: TargetRate, kl: float) -> None:
        """Move the multiplier after an update whose KL was `kl` nats: it is never negative."""
        missing = rate.bits * NATS_PER_BIT - kl
        self.multiplier = max(0.0, self.multiplier + rate.speed * missing)

    def judge_lead(self, information: float) -> None:
        """The encoder need not lead any longer once z says no more of x than it did."""
        self.leading = information > self.information
        self.information = max(information, self.information)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def lead(config: Aggressive, update: Callable[[int], float]) -> int:
    """Update the encoder, `update(k)` -> the loss of its k-th batch, until the loss over a window
    no longer falls, or the most times -> how many times."""
    before, window = float("inf"), 0.0
    for k in range(1, config.most + 1):
        window += update(k)
        if k % config.window == 0:
            if window >= before:
                return k
            before, window = window, 0.0
    return config.most


@contextmanager
def frozen(part: nn.Module) -> Iterator[None]:
    """Within, a part of a model gets no gradient, and an optimiser leaves it as it is."""
    parameters = [p for p in part.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


@torch.no_grad()
def information_of(model: SequenceVAE, data: Dataset, seed: int) -> float:
    """Nats that z says of x, over some of `data`: at most the log of their number."""
    device = next(model.parameters()).device
    model.eval()
    posteriors = [
        model.posterior(batch.read, batch.lengths, batch.controls)
        for _, batch in (
            (tokens, batch.to(device))
            for tokens, batch in data.sample(MEASURED_EXAMPLES, seed).batches(BATCH)
        )
    ]
    mean = torch.cat([p.mean for p in posteriors])
    std = torch.cat([p.std for p in posteriors])
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(seed)).to(device)
    return mutual_information(mean, std, mean + std * noise).nats


def advice(
    config: TrainingConfig, kl: float, before: float, information: float, ceiling: float
) -> str | None:
    """What to say of a run whose KL is `kl` nats, was `before` at the last look, and whose z says
    `information` nats of x, of which `ceiling` at most can be seen: None where all is well."""
    bits, remedy = kl / NATS_PER_BIT, _remedy(config)
    if kl < COLLAPSED_NATS:
        return (
            f"the posterior has collapsed: z carries {bits:.2f} bits, so the decoder writes "
            f"without it. {remedy}"
        )
    if kl < before / 2 and kl < SMALL_NATS:
        return (
            f"the posterior is collapsing: z carries {bits:.1f} bits, less than half of the "
            f"{before / NATS_PER_BIT:.1f} before. {remedy}"
        )
    if information < UNINFORMED * min(kl, ceiling):
        return (
            f"z costs {bits:.1f} bits but says only {information / NATS_PER_BIT:.1f} of its "
            f"sequence: the rate is noise. {remedy}"
        )
    return None


def _remedy(config: TrainingConfig) -> str:
    """The cheapest thing that this run does not yet do."""
    early = max(1, config.updates // 50)
    if config.beta.at(early) > 0.5 * config.beta.at(config.updates):
        rise = f'{{"kind": "LinearRamp", "end": 1.0, "steps": {config.updates // 2}}}'
        return f"Let the cost of z rise slowly: --set 'training.beta={rise}'."
    if not config.free_bits and config.rate is None:
        return "Let some bits of z be free: --set training.free_bits=8."
    if config.pretraining is None:
        first = f'{{"kind": "Pretraining", "updates": {config.updates // 4}}}'
        return f"Begin as an autoencoder: --set 'training.pretraining={first}'."
    return (
        "Norm the means of the posterior (--set model.mean_gain=0.6), hide more tokens from the "
        "decoder (--set training.token_dropout=0.3), or lower training.beta."
    )
