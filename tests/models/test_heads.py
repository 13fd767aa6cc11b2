"""Temperature acts on logits, 0 is argmax; tokens become one-hot vectors or rows of a table."""

from __future__ import annotations

import pytest
import torch

from musicvae.models.heads import CategoricalHead
from musicvae.models.inputs import TokenInput
from musicvae.representations.base import Categorical

HEAD = CategoricalHead(4, Categorical(5))
LOGITS = torch.tensor([2.0, 1.0, 0.0, -1.0, 0.5])


@pytest.mark.parametrize("temperature", [0.25, 0.5, 1.0, 2.0, 10.0])
def test_draws_follow_softmax_of_logits_over_temperature(temperature: float) -> None:
    count = 100_000
    drawn = HEAD.draw(LOGITS.expand(count, -1), temperature, torch.Generator().manual_seed(0))
    share = torch.bincount(drawn, minlength=5) / count
    torch.testing.assert_close(share, (LOGITS / temperature).softmax(0), atol=0.006, rtol=0)


def test_temperature_0_is_argmax() -> None:
    logits = torch.randn(200, 5)
    assert torch.equal(HEAD.draw(logits, 0.0, None), logits.argmax(1))


def test_a_low_temperature_comes_close_to_argmax_without_a_nan() -> None:
    logits = 30 * torch.randn(200, 5)
    assert torch.equal(HEAD.draw(logits, 1e-6, None), logits.argmax(1))


def test_nll_is_in_nats() -> None:
    logits, tokens = torch.zeros(2, 3, 5), torch.zeros(2, 3, dtype=torch.long)
    torch.testing.assert_close(HEAD.nll(logits, tokens), torch.full((2, 3), 5.0).log())


@pytest.mark.parametrize("embedding", [None, 3])
def test_no_token_is_a_vector_of_zeros(embedding: int | None) -> None:
    table = TokenInput(Categorical(5), embedding)
    vectors = table(torch.tensor([[0, 4, 4]]), torch.tensor([[True, True, False]]))
    assert vectors.shape == (1, 3, embedding or 5) == (1, 3, table.width)
    assert not vectors[0, 2].any()
    assert vectors[0, :2].any(-1).all()


def test_without_a_table_tokens_are_one_hot() -> None:
    vectors = TokenInput(Categorical(5), None)(torch.arange(5))
    assert torch.equal(vectors, torch.eye(5))
