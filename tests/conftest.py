"""Every test runs on one thread, from a fixed seed, with shapes and types checked at the door."""

from __future__ import annotations

import random

import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import settings

import tests.typecheck  # noqa: F401 - the import hook finds it by name

# Before anything of the package is imported. The checker reads annotations such as
# Float[Tensor, "B T H"] at each call; the music layers, which take any object and answer in
# words, are checked by mypy alone.
CHECKED = ("musicvae.latent", "musicvae.losses", "musicvae.models")
jaxtyping.install_import_hook(list(CHECKED), "tests.typecheck.check")

torch.set_num_threads(1)
settings.register_profile("house", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("house")


@pytest.fixture(autouse=True)
def seeded() -> None:
    """The same random numbers in every run, whichever tests are chosen."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - for libraries that read the global state
    torch.manual_seed(0)
