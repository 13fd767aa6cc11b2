"""Numbers about tokens and latents. NumPy only, pure functions.

Letters: N sequences, S segments (bars), T steps, Z dimensions of z. `lengths` (N, S) counts the
valid steps of each segment, as in `Example`; the steps behind them never count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

FIRST_NOTE = 2  # tokens from here on start a note, in representations of melody
ACTIVE_VARIANCE = 0.01  # Burda et al. 2016, section 5.2
RESAMPLES = 1000  # of a bootstrap: enough for two digits of an interval's width


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
    """Dimensions of z that say something: posterior means (N, Z) with variance >= threshold.

    The unbiased variance, over N - 1, as published figures count them (He et al. 2019); none for a
    single example. Where a model fixes the spread of its means they are all active, and this says
    nothing: mutual information does.
    """
    return int((means.var(axis=0, ddof=1) >= threshold).sum()) if len(means) > 1 else 0


def nats_to_bits(nats: float) -> float:
    return nats / math.log(2)


def perplexity(nats: float, steps: int) -> float:
    """exp of the nats that `steps` steps cost together: of how many equally likely tokens each
    step seems to be drawn; inf where that is no number any more."""
    with np.errstate(over="ignore"):
        return float(np.exp(np.float64(nats) / steps))


def bootstrap_interval(
    values: np.ndarray,
    shares: np.ndarray | None = None,
    *,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Where the mean of values (N,) would lie had N other examples been drawn (Efron 1979).

    With `shares` (N,) the sum of the values over the sum of the shares instead: nats a step from
    nats and steps. The two percentiles around `confidence` of the resampled figures.
    """
    rng, count = np.random.default_rng(seed), len(values)
    figures = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        drawn = rng.integers(count, size=count)
        total = count if shares is None else shares[drawn].sum()
        figures[i] = values[drawn].sum() / total
    low, high = np.quantile(figures, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def bleu(written: Sequence[str], true: Sequence[str], *, words: bool = True) -> float:
    """How many runs of one to four words come back: corpus BLEU, 0 to 100, as `sacrebleu` has it.

    With `words` punctuation is split from words first, as is usual (its tokenizer "13a"); without,
    words are whatever stands between spaces.
    """
    from sacrebleu.metrics.bleu import BLEU

    tokenizer = "13a" if words else "none"
    score: float = BLEU(tokenize=tokenizer).corpus_score(list(written), [list(true)]).score
    return score


def _mask(tokens: np.ndarray, lengths: np.ndarray | None) -> np.ndarray:
    if lengths is None:
        return np.ones(tokens.shape, dtype=bool)
    return valid_steps(lengths, tokens.shape[1])


def _share(right: np.ndarray, counted: np.ndarray) -> float:
    total = int(counted.sum())
    return int((right & counted).sum()) / total if total else math.nan
