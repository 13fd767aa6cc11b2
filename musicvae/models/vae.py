"""The sequence VAE: an encoder, a latent code, a decoder. It sees tokens, never notes.

Letters: B batch, S segments, T slots, Z dimensions of z, K logits, C streams of tokens. Tokens are
(B, T) or (B, T, C), as the spaces of the specification say.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Integer, Shaped
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
    `correct` (B, T, C) False, in slots without music."""

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

    def _layout_of(self, tokens: Tensor, lengths: Tensor) -> Layout:
        """The same for tokens (B, T, ...) that may be cut off behind the longest sequence."""
        return Layout.of(lengths, tokens.shape[1] // self.spec.segments)

    def posterior(
        self,
        inputs: Shaped[Tensor, "B T ..."],
        lengths: Integer[Tensor, "B S"],
        controls: Integer[Tensor, "B T ..."] | None = None,
    ) -> Posterior:
        """q(z | x)."""
        posterior: Posterior = self.encoder(
            _computable(inputs), self._layout_of(inputs, lengths), _optional(controls)
        )
        return posterior

    def forward(
        self,
        tokens: Shaped[Tensor, "B T ..."],
        lengths: Integer[Tensor, "B S"],
        *,
        inputs: Shaped[Tensor, "B T ..."] | None = None,
        controls: Integer[Tensor, "B T ..."] | None = None,
        keep: Tensor | None = None,
        sampling: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> Reconstruction:
        """Encode, draw z, and reconstruct `tokens` under teacher forcing.

        `lengths` counts the valid steps of each segment, at most L. `inputs` are what the encoder
        reads, where that differs from `tokens`. For training: `keep` (B, T) is False where the
        decoder is not told the token before a step; `sampling` is the probability with which it
        is told its own draw instead of the true one (scheduled sampling).
        """
        layout = self._layout_of(tokens, lengths)
        tokens, controls = _computable(tokens), _optional(controls)
        read = tokens if inputs is None else _computable(inputs)
        posterior = self.encoder(read, layout, controls)
        z = posterior.sample(generator)
        if sampling > 0:
            logits = self.decoder.scheduled(z, tokens, layout, sampling, generator, keep, controls)
        else:
            logits = self.decoder(z, tokens, layout, keep, controls)
        nll = self.decoder.nll(logits, tokens) * layout.mask
        likeliest = self.decoder.draw(logits.detach(), 0.0)
        correct = self.decoder.matches(likeliest, tokens) & layout.mask[..., None]
        kl = gaussian_kl(posterior.mean.float(), posterior.std.float())
        return Reconstruction(posterior, logits, nll, kl, correct, layout.mask)

    @torch.no_grad()
    def decode(
        self,
        z: Float[Tensor, "B Z"],
        lengths: Integer[Tensor, "B S"],
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
        controls: Integer[Tensor, "B T ..."] | None = None,
    ) -> Shaped[Tensor, "B T ..."]:
        """Tokens for z, sampled step by step; temperature 0 takes the likeliest at each step.

        Where the specification has an end token a segment has at most the steps of `lengths`.
        """
        layout = self.layout(lengths)
        return self.decoder.sample(z, layout, temperature, generator, _optional(controls))

    def written(self, tokens: Shaped[Tensor, "B T ..."], lengths: Tensor) -> Tensor:
        """How many steps of each segment of decoded tokens count: (B, S).

        `lengths`, or up to and with the end token where there is one.
        """
        if self.spec.end is None:
            return lengths
        steps = torch.arange(1, self.spec.segment_length + 1, device=tokens.device)
        segments = tokens.unflatten(1, (self.spec.segments, -1))
        ends = torch.where(segments == self.spec.end, steps, self.spec.segment_length)
        return torch.minimum(ends.amin(-1), lengths)


def _computable(tokens: Tensor) -> Tensor:
    """Stored integers as int64, numbers as they are."""
    return tokens if tokens.is_floating_point() else tokens.long()


def _optional(controls: Tensor | None) -> Tensor | None:
    return None if controls is None else controls.long()
