"""An untrained model, small enough for many runs."""

from __future__ import annotations

import pytest

from musicvae.checkpoint import Checkpoint
from musicvae.pipeline.model import MusicVAE
from tests.models.small import build, small


@pytest.fixture(scope="session")
def model() -> MusicVAE:
    """`melody-2bar`, with weights so large that what it makes depends on z."""
    weights = build("melody-2bar").state_dict()
    return MusicVAE(Checkpoint(preset=small("melody-2bar"), weights=weights), "cpu")
