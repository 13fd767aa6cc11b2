"""Examples as words, so that what a model gives back can be compared word by word (BLEU)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from musicvae.metrics import bleu, valid_steps
from musicvae.representations.base import Example, Representation


@runtime_checkable
class Transcribes(Protocol):
    """A representation whose examples can be read: they are compared by their words."""

    def transcript(self, example: Example) -> str:
        """An example as one line of readable words."""
        ...


def transcripts(
    representation: Representation[Any], tokens: np.ndarray, lengths: np.ndarray
) -> list[str]:
    """Tokens (B, T, ...) and the steps of each segment (B, S) -> a line of words for each.

    The readable words where the representation `Transcribes`; otherwise each step is a word, made
    of its token numbers, and an end token is none.
    """
    if isinstance(representation, Transcribes):
        pairs = zip(tokens, lengths, strict=True)
        return [representation.transcript(Example(tokens=t, lengths=n)) for t, n in pairs]
    counted = valid_steps(lengths, tokens.shape[1])
    if representation.spec.end is not None:
        counted &= tokens != representation.spec.end
    return [" ".join(map(_word, own[valid])) for own, valid in zip(tokens, counted, strict=True)]


def transcript_bleu(
    representation: Representation[Any], written: Sequence[str], true: Sequence[str]
) -> float:
    """BLEU, 0 to 100, of lines that `transcripts` gave."""
    return bleu(written, true, words=isinstance(representation, Transcribes))


def _word(step: np.ndarray) -> str:
    return ",".join(map(str, np.ravel(step).tolist()))
