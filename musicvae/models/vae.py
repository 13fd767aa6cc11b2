"""The sequence VAE: an encoder, a latent code, a decoder. It sees tokens, never notes.

Letters: B batch, S segments, T slots, Z dimensions of z, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor, nn

from musicvae.config import ModelConfig
from musicvae.losses import gaussian_kl
from musicvae.models.decoders import Decoder
from musicvae.models.encoders import Posterior, build_encoder
from musicvae.models.layout import Layout
from musicvae.representations.base import TokenSpec


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """One pass through the model. `nll` (B, T) and `kl` (B, Z) are in nats; `nll` is zero, and
    `correct` (B, T) False, in slots without music."""

    posterior: Posterior
    logits: Tensor
    nll: Tensor
    kl: Tensor
    correct: Tensor
    mask: Tensor


class SequenceVAE(nn.Module):
    """p(z) = N(0, 1), q(z | x) by the encoder, p(x | z) by the decoder."""

    def __init__(self, spec: TokenSpec, model: ModelConfig) -> None:
        super().__init__()
        self.spec, self.config = spec, model
        self.encoder = build_encoder(spec, model)
        self.decoder = Decoder(spec, model)

    def layout(self, lengths: Integer[Tensor, "B S"]) -> Layout:
        """Where the valid slots of a batch lie."""
        return Layout.of(lengths, self.spec.segment_length)

    def posterior(
        self, tokens: Integer[Tensor, "B T"], lengths: Integer[Tensor, "B S"]
    ) -> Posterior:
        """q(z | x)."""
        posterior: Posterior = self.encoder(tokens.long(), self.layout(lengths))
        return posterior

    def forward(
        self,
        tokens: Integer[Tensor, "B T"],
        lengths: Integer[Tensor, "B S"],
        *,
        inputs: Integer[Tensor, "B T"] | None = None,
        keep: Tensor | None = None,
        sampling: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> Reconstruction:
        """Encode, draw z, and reconstruct `tokens` under teacher forcing.

        `lengths` counts the valid steps of each segment, at most L. `inputs` are what the encoder
        reads, where that differs from `tokens`. For training: `keep` (B, T) is False where the
        decoder is not told the token before a step; `sampling` is the probability with which it
        is told its own draw instead of the true one
        (scheduled sampling).
        """
        layout = self.layout(lengths)
        tokens = tokens.long()
        posterior = self.encoder(tokens if inputs is None else inputs.long(), layout)
        z = posterior.sample(generator)
        if sampling > 0:
            logits = self.decoder.scheduled(z, tokens, layout, sampling, generator, keep)
        else:
            logits = self.decoder(z, tokens, layout, keep)
        nll = self.decoder.head.nll(logits, tokens) * layout.mask
        correct = (self.decoder.head.most_likely(logits) == tokens) & layout.mask
        kl = gaussian_kl(posterior.mean.float(), posterior.std.float())
        return Reconstruction(posterior, logits, nll, kl, correct, layout.mask)

    @torch.no_grad()
    def decode(
        self,
        z: Float[Tensor, "B Z"],
        lengths: Integer[Tensor, "B S"],
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Int[Tensor, "B T"]:
        """Tokens for z, sampled step by step; temperature 0 takes the likeliest at each step."""
        return self.decoder.sample(z, self.layout(lengths), temperature, generator)
