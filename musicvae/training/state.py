"""What a training resumes from: one safetensors file, whole or not there.

It holds the weights, their average and the optimiser's moments, and says in its metadata which
preset they belong to, at which step, in which precision, and what the remedies carry along.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from musicvae.config import Preset, from_json, to_json
from musicvae.notes.files import replacing

Said = Mapping[str, str]


def write_state(
    path: Path,
    preset: Preset,
    model: nn.Module,
    average: Mapping[str, Tensor],
    optimiser: torch.optim.Optimizer,
    said: Said,
) -> None:
    """Write all of it; `said` is kept beside the preset."""
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    tensors |= {f"average.{k}": v for k, v in average.items()}
    for name, parameter in model.named_parameters():
        state = optimiser.state.get(parameter, {})
        tensors |= {f"optimiser.{name}.{k}": v for k, v in state.items()}
    tensors = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    with replacing(path) as temporary:
        save_file(tensors, temporary, {**said, "preset": json.dumps(to_json(preset))})


def read_state(
    path: Path, preset: Preset, model: nn.Module, optimiser: torch.optim.Optimizer
) -> tuple[dict[str, Tensor], Said]:
    """Put weights and moments where they belong -> the average, and what was said.

    Raises `ValueError` where the state is that of another model.
    """
    device = next(model.parameters()).device
    with safe_open(path, "pt", device=str(device)) as file:
        said: Said = file.metadata() or {}
        _check_same_model(json.loads(said["preset"]), to_json(preset))
        tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
    model.load_state_dict(_under("model.", tensors))
    moments = _under("optimiser.", tensors)
    for name, parameter in model.named_parameters():
        entry = _under(f"{name}.", moments)
        if entry:
            optimiser.state[parameter] = entry | {"step": entry["step"].cpu()}
    return _under("average.", tensors), said


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _check_same_model(then: dict[str, Any], now: dict[str, Any]) -> None:
    for part in ("representation", "model"):
        if from_json(then[part]) != from_json(now[part]):
            raise ValueError(
                f"this run was begun with another {part} than it is now given; choose another "
                "folder for the new run, or leave its settings as they were"
            )
