"""Transform coding for the shares of z: what neighbours have in common is said once.

Each stretch of music (a beat, say) has its own share of z. Neighbouring shares are alike: they lie
in one register and one key, and a prior of independent dimensions makes each of them pay for that
again. So the encoder turns the row of shares by a linear map that starts as a cosine transform
along the row (Ahmed, Natarajan & Rao 1974; what JPEG does to blocks of pixels), and the decoder
turns it back. Both maps are learned from there on.

Letters: B batch, G groups, Z dimensions of z, of which Z / G belong to each group.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn


class ShareTransform(nn.Module):
    """A learned linear map (B, Z) -> (B, Z) that starts as the cosine transform over the groups,
    or, with `inverse`, as that of its way back."""

    def __init__(self, size: int, groups: int, *, inverse: bool = False) -> None:
        super().__init__()
        start = torch.kron(cosine_matrix(groups), torch.eye(size // groups))
        self.weight = nn.Parameter(start.T.contiguous() if inverse else start)

    def forward(self, z: Float[Tensor, "B Z"]) -> Float[Tensor, "B Z"]:
        return nn.functional.linear(z, self.weight)


def cosine_matrix(size: int) -> Float[Tensor, "size size"]:
    """The orthonormal DCT-II: row k is a cosine of k half periods."""
    k = torch.arange(size, dtype=torch.float64)
    rows = torch.cos(math.pi / size * (k + 0.5) * k[:, None]) * math.sqrt(2 / size)
    rows[0] /= math.sqrt(2)
    return rows.float()
