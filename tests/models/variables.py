"""The reference's variables of our models, for tests: the table is `musicvae.interop.variables`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from musicvae.interop.variables import (
    BIDIRECTIONAL,
    CONDUCTOR,
    FORGET_BIAS,
    STACK,
    Variables,
    from_ours,
    scopes,
    shapes,
    to_ours,
)
from musicvae.models.vae import SequenceVAE

__all__ = [
    "BIDIRECTIONAL",
    "CONDUCTOR",
    "STACK",
    "Variables",
    "as_variables",
    "load_variables",
    "random_variables",
    "scopes",
]


def load_variables(model: SequenceVAE, v: Variables) -> None:
    """Put the reference's variables into a model; every parameter is set, none left over."""
    wanted = {k: a for k, a in v.items() if k != "global_step"}
    model.load_state_dict(to_ours(wanted, model.spec, model.config))


def as_variables(
    model: SequenceVAE, values: Mapping[str, Tensor], forget: float = 1.0
) -> dict[str, np.ndarray]:
    """Parameters, or gradients of them, under the reference's names and in its order.

    `forget` is what our bias of the forget gate has more than the reference's: 0 for gradients.
    Of the gradients of the two biases, which are the same, only the first one counts.
    """
    if not forget:
        values = {k: torch.zeros_like(a) if "bias_hh" in k else a for k, a in values.items()}
    v = from_ours(values, model.spec, model.config)
    for key, bias in v.items():
        if key.endswith("lstm_cell/bias"):
            bias[bias.size // 2 : 3 * bias.size // 4] += FORGET_BIAS - forget
    return v


def random_variables(
    model: SequenceVAE, rng: np.random.Generator, spread: float
) -> dict[str, np.ndarray]:
    """Variables drawn from N(0, spread^2), of the shapes that a model has them in."""
    wanted = shapes(model.spec, model.config)
    return {k: rng.normal(0, spread, shape).astype(np.float32) for k, shape in wanted.items()}
