"""A melody model of fewer pitches as one of all 88 that our melodies have.

Magenta.js models name the pitches that they know, published ones 21 to 108. A class that a model
does not know gets the weights of the same note in the nearest octave that it does know where it is
read, and next to no probability where it is written. What the model does with notes in its own
range is the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from musicvae.config import ModelConfig
from musicvae.interop.variables import scopes
from musicvae.representations.base import Categorical, Several, TokenSpec
from musicvae.representations.melody_events import (
    CLASSES,
    FIRST_NOTE,
    HIGHEST_PITCH,
    LOWEST_PITCH,
)

OCTAVE = 12
NEVER = -100.0  # the logit of a class that the model does not have: a chance of e ** -100


def widen(
    variables: Mapping[str, np.ndarray],
    spec: TokenSpec,
    model: ModelConfig,
    ranges: Sequence[tuple[int, int]],
) -> dict[str, np.ndarray]:
    """Variables of a model of `spec` -> those of the same one with our 90 classes of melody.

    `ranges` are the lowest and highest pitch of each of its melodic streams. Raises `ValueError`
    for pitches that our melodies do not have, or less than an octave of them.
    """
    for low, high in ranges:
        _check(low, high)
    own = list(spec.outputs.sizes) if isinstance(spec.outputs, Several) else [_size(spec)]
    tables = [_folded(*pitches) for pitches in ranges]
    tables += [np.arange(size) for size in own[len(ranges) :]]
    starts = np.cumsum([0, *own[:-1]])
    read = np.concatenate([start + table for start, table in zip(starts, tables, strict=True)])
    widened = dict(variables)
    lowest = ("encoder/cell_0/", "encoder/hierarchical_level_0/")
    for name, kernel in variables.items():
        if name.startswith(lowest) and name.endswith("/kernel"):
            widened[name] = _rows(kernel, read, sum(own))
    for stream, scope in enumerate(scopes(spec, model)[: len(ranges)]):
        first = f"{scope}/multi_rnn_cell/cell_0/lstm_cell/kernel"
        widened[first] = _rows(variables[first], tables[stream], own[stream])
        known = _known(*ranges[stream])
        for part, missing in (("kernel", 0.0), ("bias", NEVER)):
            name = f"{scope}/output_projection/{part}"
            columns = np.full((*variables[name].shape[:-1], CLASSES), missing, dtype=np.float32)
            columns[..., known] = variables[name]
            widened[name] = columns
    return widened


def _rows(kernel: np.ndarray, read: np.ndarray, own: int) -> np.ndarray:
    """A kernel whose first `own` rows are classes, with those of the table instead."""
    return np.concatenate([kernel[:own][read], kernel[own:]])


def _folded(low: int, high: int) -> np.ndarray:
    """For each of our classes the model's own that it is read as: (90,)."""
    pitches = np.arange(LOWEST_PITCH, HIGHEST_PITCH + 1)
    pitches = pitches + OCTAVE * np.ceil((low - pitches) / OCTAVE).clip(min=0).astype(np.int64)
    pitches = pitches - OCTAVE * np.ceil((pitches - high) / OCTAVE).clip(min=0).astype(np.int64)
    return np.concatenate([np.arange(FIRST_NOTE), FIRST_NOTE + pitches - low])


def _known(low: int, high: int) -> np.ndarray:
    """Which of our classes the model has, in its order."""
    first = FIRST_NOTE + low - LOWEST_PITCH
    return np.concatenate([np.arange(FIRST_NOTE), np.arange(first, first + high - low + 1)])


def _check(low: int, high: int) -> None:
    if low < LOWEST_PITCH or high > HIGHEST_PITCH:
        raise ValueError(
            f"it knows the pitches {low} to {high}; melodies here have {LOWEST_PITCH} to "
            f"{HIGHEST_PITCH}"
        )
    if high - low + 1 < OCTAVE:
        raise ValueError(f"it knows the pitches {low} to {high}, which is less than an octave")


def _size(spec: TokenSpec) -> int:
    assert isinstance(spec.outputs, Categorical)  # what a melody is
    return spec.outputs.size
