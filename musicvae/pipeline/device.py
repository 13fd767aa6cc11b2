"""Where a model computes."""

from __future__ import annotations

import torch


def choose_device(device: str | torch.device) -> torch.device:
    """ "auto" is a GPU where there is one. Raises `ValueError` for one that is not there."""
    if str(device) == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"there is no device {str(device)!r} here: {reason}") from None
    return chosen
