"""Published models in sizes that a test can write and read, with weights drawn by chance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from musicvae.config import Conductor, Preset
from musicvae.interop.variables import shapes
from musicvae.representations.base import MultiLabel


def small(preset: Preset) -> Preset:
    """As many layers, each of few units, no two of which are the same."""
    model = preset.model
    written = tuple(4 + i for i, _ in enumerate(model.decoder.units))
    decoder: Any = replace(model.decoder, units=written)
    if isinstance(decoder, Conductor):
        conducted = tuple(8 + i for i, _ in enumerate(decoder.conductor_units))
        decoder = replace(decoder, conductor_units=conducted)
    encoder = replace(model.encoder, units=tuple(6 - i for i, _ in enumerate(model.encoder.units)))
    nade = 7 if isinstance(preset.representation.spec.outputs, MultiLabel) else model.nade
    sized = replace(model, z=3, encoder=encoder, decoder=decoder, nade=nade)
    return replace(preset, model=sized)


def random_variables(preset: Preset, seed: int = 0) -> dict[str, np.ndarray]:
    """The reference's variables of a model."""
    rng = np.random.default_rng(seed)
    wanted = shapes(preset.representation.spec, preset.model)
    return {k: 0.4 * rng.standard_normal(shape, np.float32) for k, shape in wanted.items()}
