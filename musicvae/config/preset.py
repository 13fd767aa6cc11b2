"""A model by name: what it reads, what it is, how it is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from musicvae.config.model import ModelConfig
from musicvae.config.training import TrainingConfig
from musicvae.representations.base import Representation


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A model by name: what it reads, what it is, how it is trained."""

    name: str
    summary: str
    representation: Representation[Any]
    model: ModelConfig
    training: TrainingConfig
