"""Where a model's codes lie, measured on the music that it was trained on."""

from __future__ import annotations

import torch

from musicvae.latent.density import NormalDensity
from musicvae.models.vae import SequenceVAE
from musicvae.training.dataset import Dataset

EXAMPLES = 10_000  # twenty for each of the 512 dimensions of the largest z
BATCH = 250


@torch.no_grad()
def fit_density(model: SequenceVAE, data: Dataset, seed: int = 0) -> NormalDensity:
    """The normal fitted to the posteriors of at most `EXAMPLES` examples, chosen by `seed`.

    Of fewer examples than z has dimensions only the variances are kept: correlations would be
    guesses.
    """
    device = next(model.parameters()).device
    chosen = data.sample(EXAMPLES, seed)
    means, stds = [], []
    for _, batch in chosen.batches(BATCH):
        batch = batch.to(device)
        posterior = model.posterior(batch.read, batch.lengths, batch.controls)
        means.append(posterior.mean.cpu())
        stds.append(posterior.std.cpu())
    density = NormalDensity.fit(torch.cat(means), torch.cat(stds))
    if len(chosen) > len(density.mean):
        return density
    return NormalDensity(density.mean, torch.diag(density.covariance.diagonal()))
