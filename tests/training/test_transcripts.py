"""What is compared word by word."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from musicvae.representations.base import Categorical, Example, Several, TokenSpec
from musicvae.training.transcripts import transcript_bleu, transcripts


@dataclass(frozen=True)
class Numbers:
    """Tokens that nobody can read."""

    spec: TokenSpec


@dataclass(frozen=True)
class Letters(Numbers):
    """Tokens that stand for letters, a word each; 0 is the end."""

    def transcript(self, example: Example) -> str:
        tokens = example.tokens[: int(example.lengths[0])]
        return " ".join(chr(96 + t) for t in tokens if t)


PLAIN = TokenSpec(inputs=Categorical(9), outputs=Categorical(9), length=4, segments=2)
TOKENS = np.array([[5, 0, 7, 3]])


def test_each_step_that_counts_is_a_word() -> None:
    assert transcripts(Numbers(PLAIN), TOKENS, np.array([[2, 2]])) == ["5 0 7 3"]
    assert transcripts(Numbers(PLAIN), TOKENS, np.array([[1, 2]])) == ["5 7 3"]


def test_an_end_is_no_word() -> None:
    ending = replace(PLAIN, end=0)
    assert transcripts(Numbers(ending), TOKENS, np.array([[2, 2]])) == ["5 7 3"]


def test_several_streams_make_one_word() -> None:
    spec = replace(PLAIN, outputs=Several((9, 9)))
    tokens = np.array([[[5, 1], [0, 0], [7, 2], [3, 3]]])
    assert transcripts(Numbers(spec), tokens, np.array([[2, 1]])) == ["5,1 0,0 7,2"]


def test_readable_words_go_before_numbers() -> None:
    spec = TokenSpec(inputs=Categorical(9), outputs=Categorical(9), length=4, end=0)
    tokens = np.array([[3, 1, 2, 0], [1, 0, 0, 0]])
    assert transcripts(Letters(spec), tokens, np.array([[4], [2]])) == ["c a b", "a"]


@pytest.mark.parametrize(("kind", "same"), [(Letters, "a, b, c, d!"), (Numbers, "1,2 3,4 5,6 7,8")])
def test_what_is_the_same_has_all_of_it(kind: type, same: str) -> None:
    assert transcript_bleu(kind(PLAIN), [same], [same]) == pytest.approx(100)


def test_punctuation_is_a_word_in_what_can_be_read_only() -> None:
    written, true = ["the cat sat on a mat."], ["the cat sat on a mat ."]
    assert transcript_bleu(Letters(PLAIN), written, true) == pytest.approx(100)
    assert transcript_bleu(Numbers(PLAIN), written, true) < 90
