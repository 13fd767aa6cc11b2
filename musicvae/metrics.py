"""Numbers about tokens and latents. NumPy only, pure functions.

Letters: N sequences, S segments (bars), T steps, Z dimensions of z. `lengths` (N, S) counts the
valid steps of each segment, as in `Example`; the steps behind them never count.
"""

from __future__ import annotations

import math

import numpy as np

FIRST_NOTE = 2  # tokens from here on start a note, in representations of melody
ACTIVE_VARIANCE = 0.01  # Burda et al. 2016, section 5.2


def valid_steps(lengths: np.ndarray, steps: int) -> np.ndarray:
    """Lengths (N, S) -> mask (N, T), true at the steps that count. S must divide T."""
    count, segments = lengths.shape
    if steps % segments:
        raise ValueError(f"{steps} steps cannot be divided into {segments} segments")
    mask = np.arange(steps // segments) < lengths[:, :, None]  # (N, S, T / S)
    return mask.reshape(count, steps)


def step_accuracy(
    predicted: np.ndarray, true: np.ndarray, lengths: np.ndarray | None = None
) -> float:
    """The share of steps with the right token, of all (N, T); nan without any step."""
    return _share(predicted == true, _mask(true, lengths))


def onset_accuracy(
    predicted: np.ndarray,
    true: np.ndarray,
    lengths: np.ndarray | None = None,
    first_note: int = FIRST_NOTE,
) -> float:
    """The same over the steps at which, in truth, a note starts; nan without any note.

    Holds and rests are most of the steps and easy: they flatter `step_accuracy`.
    """
    return _share(predicted == true, _mask(true, lengths) & (true >= first_note))


def bar_accuracy(predicted: np.ndarray, true: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Accuracy of every segment: (N, S) float64; nan where a segment is empty."""
    right = (predicted == true) & valid_steps(lengths, true.shape[1])
    counts = right.reshape(*lengths.shape, -1).sum(axis=2)
    with np.errstate(invalid="ignore"):
        share: np.ndarray = counts / lengths.astype(np.float64)
    return share


def hamming_distance(a: np.ndarray, b: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray:
    """At how many valid steps two batches of sequences differ: (N,) int64."""
    distance: np.ndarray = ((a != b) & _mask(a, lengths)).sum(axis=1)
    return distance


def active_units(means: np.ndarray, threshold: float = ACTIVE_VARIANCE) -> int:
    """Dimensions of z that say something: posterior means (N, Z) with variance >= threshold."""
    return int((means.var(axis=0) >= threshold).sum())


def nats_to_bits(nats: float) -> float:
    return nats / math.log(2)


def _mask(tokens: np.ndarray, lengths: np.ndarray | None) -> np.ndarray:
    if lengths is None:
        return np.ones(tokens.shape, dtype=bool)
    return valid_steps(lengths, tokens.shape[1])


def _share(right: np.ndarray, counted: np.ndarray) -> float:
    total = int(counted.sum())
    return int((right & counted).sum()) / total if total else math.nan
