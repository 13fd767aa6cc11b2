"""Where the valid steps of a batch lie, when segments may be shorter than their slot.

Sequences are stored at a fixed stride: segment s of L slots starts at s * L and only its first
`lengths[s]` slots hold music (12 of 16 for a bar of 3/4). A flat recurrent network must not see
the slots in between, so `compact` moves the valid steps to the front and `spread` moves them back.

Letters: B batch, S segments, L slots a segment, T = S * L.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Layout:
    """The valid slots of a batch: `mask` (B, T); `full` when every slot of every row is valid."""

    lengths: Tensor  # (B, S) int64
    mask: Tensor  # (B, T) bool
    total: Tensor  # (B,) int64, valid steps of each row
    order: Tensor  # (B, T) int64, the slot of the i-th valid step
    full: bool

    @staticmethod
    def of(lengths: Tensor, segment_length: int) -> Layout:
        """Build it from `lengths` (B, S)."""
        lengths = lengths.long()
        slots = torch.arange(segment_length, device=lengths.device)
        mask = (slots < lengths[..., None]).flatten(1)
        order = torch.argsort((~mask).to(torch.uint8), dim=1, stable=True)
        return Layout(lengths, mask, mask.sum(1), order, bool(mask.all()))

    def compact(self, x: Tensor) -> Tensor:
        """(B, T, ...) by slot -> (B, T, ...) with the valid steps first."""
        return x if self.full else _gather(x, self.order)

    def spread(self, x: Tensor) -> Tensor:
        """Undo `compact`; slots without music become zero."""
        if self.full:
            return x
        back = _gather(x, torch.argsort(self.order, dim=1))
        return back * self.mask.reshape(self.mask.shape + (1,) * (x.ndim - 2)).to(x.dtype)

    def previous(self, tokens: Tensor, linked: bool = True) -> tuple[Tensor, Tensor]:
        """The tokens before each slot (B, T, ...), and whether there is one (B, T).

        If segments are `linked`, the first slot of each follows the last step of the nearest
        segment before it that holds music; if not, the slot before it, where that is valid (as
        published). Both as in step-by-step decoding.
        """
        slots = torch.arange(tokens.shape[1], device=tokens.device)
        last = torch.where(self.mask, slots, -1)
        if linked:
            last = last.cummax(dim=1).values
        last = torch.cat([last.new_full((len(tokens), 1), -1), last[:, :-1]], dim=1)
        return _gather(tokens, last.clamp(min=0)), last >= 0


def _gather(x: Tensor, index: Tensor) -> Tensor:
    shaped = index.reshape(index.shape + (1,) * (x.ndim - 2)).expand(x.shape)
    return x.gather(1, shaped)
