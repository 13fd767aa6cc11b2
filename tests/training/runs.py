"""Trainings of a few steps, and what is to be seen of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from musicvae.config import Preset
from musicvae.training.trainer import Progress, Trainer
from tests.models.small import small
from tests.training.small_data import dataset


class Heard:
    """A listener that remembers; `stop` raises after that many steps of its own."""

    def __init__(self, stop: int | None = None, error: type[BaseException] = KeyboardInterrupt):
        self.steps: list[Progress] = []
        self.validations: list[tuple[int, dict[str, Any]]] = []
        self.warnings: list[str] = []
        self.stop, self.error = stop, error

    def step(self, progress: Progress) -> None:
        self.steps.append(progress)
        if len(self.steps) == self.stop:
            raise self.error

    def validation(self, step: int, figures: dict[str, Any]) -> None:
        self.validations.append((step, figures))

    def warning(self, text: str) -> None:
        self.warnings.append(text)

    @property
    def losses(self) -> list[float]:
        return [p.loss for p in self.steps]


def tiny(name: str = "melody-2bar", **settings: object) -> Preset:
    return small(name, **{"batch_size": 6, "updates": 6, **settings})


def trainer(preset: Preset, folder: Path, **options: Any) -> Trainer:
    options = {"dtype": torch.float32, "save_every": 100, **options}
    return Trainer(preset, dataset(preset), folder, **options)


def everything(trained: Trainer) -> dict[str, Tensor]:
    """Weights, their average, and what the optimiser remembers."""
    state = {f"model.{k}": v for k, v in trained.model.state_dict().items()}
    state |= {f"average.{k}": v for k, v in trained.average.items()}
    for name, parameter in trained.model.named_parameters():
        memory = trained.optimiser.state[parameter]
        state |= {f"optimiser.{name}.{k}": v for k, v in memory.items()}
    return {k: v.detach().clone() for k, v in state.items()}


def assert_identical(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    assert a.keys() == b.keys()
    assert [k for k in a if not torch.equal(a[k], b[k])] == []


def assert_repeats(preset: Preset, folder: Path, *breaks: int) -> None:
    """That a run broken off after some steps gives the losses, weights and the memory of one that
    never was."""
    whole, heard = Heard(), Heard()
    once = trainer(preset, folder / "once")
    once.run(whole)
    for step in (*breaks, preset.training.updates):
        last = trainer(preset, folder / "broken")
        last.run(heard, until=step)
    assert heard.losses == whole.losses
    assert len(set(whole.losses)) == len(whole.losses)
    assert_identical(everything(once), everything(last))
    assert last.remedies == once.remedies
