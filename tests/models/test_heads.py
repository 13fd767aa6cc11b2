"""Each head is the distribution it is named after: costs by hand, draws that follow them.

Temperature acts on logits, and 0 is the likeliest.
"""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from musicvae.models.heads import (
    CategoricalHead,
    NadeHead,
    SeveralHead,
    StrokesHead,
    head_for,
)
from musicvae.models.inputs import EncoderInput, TokenInput
from musicvae.representations.base import Categorical, MultiLabel, Several, Space, Strokes
from tests.models.small import other, random_of, wired

CLASSES = CategoricalHead(4, Categorical(5))
LOGITS = torch.tensor([2.0, 1.0, 0.0, -1.0, 0.5])
SPACES = (Categorical(5), Several((3, 4, 2)), MultiLabel(6), Strokes(3))


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def nade(labels: int, hidden: int = 5) -> NadeHead:
    torch.manual_seed(1)
    head = NadeHead(4, MultiLabel(labels), hidden)
    with torch.no_grad():
        head.encode.normal_()
        head.decode.normal_()
    return head


def label_sets(labels: int) -> Tensor:
    return torch.tensor(list(itertools.product((0, 1), repeat=labels)))


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_a_head_follows_from_its_space(space: Space) -> None:
    head = head_for(space, 4, nade=7)
    kinds = (CategoricalHead, SeveralHead, NadeHead, StrokesHead)
    assert type(head) is kinds[SPACES.index(space)]
    logits = head(torch.randn(2, 3, 4))
    assert logits.shape == (2, 3, head.width)
    tokens = head.draw(logits, 1.0, chance())
    assert tokens.shape == (2, 3, *space.shape)
    assert tokens.is_floating_point() == (space.dtype.kind == "f")
    assert head.nll(logits, tokens).shape == (2, 3)
    streams = len(space.sizes) if isinstance(space, Several) else 1
    assert head.matches(tokens, tokens).shape == (2, 3, streams)
    assert head.matches(tokens, tokens).all()
    assert not head.matches(tokens, other(tokens, space)).any()


@pytest.mark.parametrize("temperature", [0.25, 0.5, 1.0, 2.0, 10.0])
def test_draws_follow_softmax_of_logits_over_temperature(temperature: float) -> None:
    count = 100_000
    drawn = CLASSES.draw(LOGITS.expand(count, -1), temperature, chance())
    share = torch.bincount(drawn, minlength=5) / count
    torch.testing.assert_close(share, (LOGITS / temperature).softmax(0), atol=0.006, rtol=0)


def test_temperature_0_is_argmax() -> None:
    logits = torch.randn(200, 5)
    assert torch.equal(CLASSES.draw(logits, 0.0, None), logits.argmax(1))


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_a_low_temperature_comes_close_to_the_likeliest_without_a_nan(space: Space) -> None:
    head = head_for(space, 4, nade=7)
    logits = 30 * torch.randn(200, head.width)
    assert torch.equal(head.draw(logits, 1e-6, chance()), head.draw(logits, 0.0, None))


def test_a_class_costs_its_logarithm_in_nats() -> None:
    logits, tokens = torch.zeros(2, 3, 5), torch.zeros(2, 3, dtype=torch.long)
    torch.testing.assert_close(CLASSES.nll(logits, tokens), torch.full((2, 3), 5.0).log())


def test_several_streams_cost_the_sum_of_their_classes() -> None:
    head = SeveralHead(4, Several((3, 4, 2)))
    logits, tokens = torch.randn(2, 6, 9), random_of(Several((3, 4, 2)), (2, 6))
    parts = zip(logits.split((3, 4, 2), -1), tokens.unbind(-1), strict=True)
    costs = [-torch.distributions.Categorical(logits=p).log_prob(t) for p, t in parts]
    torch.testing.assert_close(head.nll(logits, tokens), sum(costs))
    assert torch.equal(head.draw(logits, 0.0, None)[..., 1], logits[..., 3:7].argmax(-1))
    one = tokens.clone()
    one[..., 2] = 1 - one[..., 2]
    assert head.matches(tokens, one).sum((0, 1)).tolist() == [12, 12, 0]


@pytest.mark.parametrize("labels", [1, 4, 9])
def test_the_probabilities_of_all_sets_of_labels_sum_to_one(labels: int) -> None:
    """To within what is added inside the logarithms: 1e-6 for each label of each set."""
    head = nade(labels)
    sets = label_sets(labels)
    logits = torch.randn(1, 1, head.width).expand(1, len(sets), -1)
    p = head.nll(logits, sets[None]).neg().exp()
    assert p.sum().item() == pytest.approx(1.0, abs=3e-6 * labels)
    assert p.max() < 0.999


def test_a_set_of_labels_costs_what_the_formulas_say() -> None:
    """Two labels, one hidden unit h = sigmoid(a + what was said), p = sigmoid(b + v h)."""
    head = NadeHead(4, MultiLabel(2), hidden=1)
    with torch.no_grad():
        head.encode.copy_(torch.tensor([[0.5], [9.0]]))  # the last label tells nobody anything
        head.decode.copy_(torch.tensor([[2.0], [-1.0]]))
    logits = torch.tensor([[[0.1, 0.3, -0.2]]])  # hidden first, then one for each label

    def sigmoid(x: float) -> float:
        return 1 / (1 + math.exp(-x))

    first = sigmoid(0.3 + 2 * sigmoid(0.1))
    for labels in ((0, 0), (0, 1), (1, 0), (1, 1)):
        second = sigmoid(-0.2 - sigmoid(0.1 + 0.5 * labels[0]))
        right = [p if said else 1 - p for p, said in zip((first, second), labels, strict=True)]
        cost = -sum(math.log(1e-6 + p) for p in right)
        found = head.nll(logits, torch.tensor([[labels]])).item()
        assert found == pytest.approx(cost, rel=1e-5), labels


def test_sets_of_labels_are_drawn_as_often_as_they_are_likely() -> None:
    head, sets, count = nade(4), label_sets(4), 60_000
    logits = torch.randn(1, 1, head.width)
    p = head.nll(logits.expand(1, 16, -1), sets[None]).neg().exp()[0]
    drawn = head.draw(logits[0].expand(count, -1), 1.0, chance())
    numbers = (drawn * torch.tensor([8, 4, 2, 1])).sum(-1)
    share = torch.bincount(numbers, minlength=16) / count
    torch.testing.assert_close(share, p.detach(), atol=0.01, rtol=0)


def test_at_temperature_0_each_label_is_the_likelier_given_those_before() -> None:
    head = nade(5)
    logits = torch.randn(50, head.width)
    drawn = head.draw(logits, 0.0, None)
    for i in range(5):
        other_way = drawn.clone()
        other_way[:, i] = 1 - other_way[:, i]
        both = torch.stack([drawn, other_way])[..., : i + 1]
        prefix = NadeHead(4, MultiLabel(i + 1), 5)
        prefix.load_state_dict(
            {
                "encode": head.encode[: i + 1],
                "decode": head.decode[: i + 1],
                "project.weight": torch.zeros(prefix.width, 4),
                "project.bias": torch.zeros(prefix.width),
            }
        )
        cost = prefix.nll(logits[:, : 5 + i + 1].expand(2, -1, -1), both)
        assert bool((cost[0] <= cost[1]).all()), i


def test_one_wrong_label_makes_a_step_wrong() -> None:
    a = torch.tensor([[[1, 0, 1], [1, 0, 1]]])
    b = torch.tensor([[[1, 0, 1], [1, 1, 1]]])
    assert NadeHead(4, MultiLabel(3), 2).matches(a, b).tolist() == [[[True], [False]]]


def test_a_stroke_costs_what_the_formulas_say() -> None:
    """Two drums: cross entropy of the hit, squared errors of velocity and offset, all alike."""
    head = StrokesHead(4, Strokes(2))
    logits = torch.tensor([[[0.0, 2.0, 0.5, -1.0, 0.3, -0.4]]])
    true = torch.tensor([[[1.0, 0.0, 0.9, 0.0, -0.2, 0.0]]])
    eps = 1e-7
    p = [0.5, 1 / (1 + math.exp(-2.0))]
    cost = -math.log(p[0] + eps) - math.log(1 - p[1] + eps)
    cost += (1 / (1 + math.exp(-0.5)) - 0.9) ** 2 + (1 / (1 + math.exp(1.0))) ** 2
    cost += (math.tanh(0.3) + 0.2) ** 2 + math.tanh(-0.4) ** 2
    assert head.nll(logits, true).item() == pytest.approx(cost, rel=1e-5)


def test_a_hit_that_was_thought_impossible_costs_a_finite_sum() -> None:
    head = StrokesHead(4, Strokes(1))
    logits, hit = torch.tensor([[[-200.0, 0.0, 0.0]]]), torch.tensor([[[1.0, 0.5, 0.0]]])
    assert head.nll(logits, hit).item() == pytest.approx(-math.log(1e-7), rel=1e-4)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_only_hits_are_left_to_chance(temperature: float) -> None:
    head, count = StrokesHead(4, Strokes(2)), 40_000
    logits = torch.tensor([1.0, -2.0, 0.5, -1.0, 0.3, -0.4])
    drawn = head.draw(logits.expand(count, -1), temperature, chance())
    expected = torch.sigmoid(logits[:2] / temperature)
    torch.testing.assert_close(drawn[:, :2].mean(0), expected, atol=0.01, rtol=0)
    assert set(drawn[:, :2].unique().tolist()) == {0.0, 1.0}
    rest = torch.cat([torch.sigmoid(logits[2:4]), torch.tanh(logits[4:])])
    assert torch.equal(drawn[:, 2:], rest.expand(count, -1))
    likeliest = head.draw(logits[None], 0.0, None)[0]
    assert torch.equal(likeliest, torch.cat([torch.tensor([1.0, 0.0]), rest]))


def test_strokes_are_right_where_the_same_drums_are_struck() -> None:
    head = StrokesHead(4, Strokes(2))
    a = torch.tensor([[[1.0, 0.0, 0.9, 0.0, 0.1, 0.0]]])
    softer = torch.tensor([[[1.0, 0.0, 0.2, 0.0, -0.3, 0.0]]])
    more = torch.tensor([[[1.0, 1.0, 0.9, 0.5, 0.1, 0.0]]])
    assert head.matches(a, softer).item()
    assert not head.matches(a, more).item()


@pytest.mark.parametrize("space", SPACES, ids=str)
@pytest.mark.parametrize("embedding", [None, 3])
def test_no_token_is_a_vector_of_zeros(space: Space, embedding: int | None) -> None:
    table = TokenInput(space, embedding)
    tokens = random_of(space, (1, 3))
    tokens[0, 0] = other(torch.zeros_like(tokens[0, 0]), space)
    vectors = table(tokens, torch.tensor([[True, True, False]]))
    assert vectors.shape == (1, 3, table.width)
    assert not vectors[0, 2].any()
    assert vectors[0, 0].any()


def test_without_a_table_tokens_are_one_hot() -> None:
    vectors = TokenInput(Categorical(5), None)(torch.arange(5))
    assert torch.equal(vectors, torch.eye(5))
    two = TokenInput(Several((2, 3)), None)(torch.tensor([[1, 0], [0, 2]]))
    assert two.tolist() == [[0, 1, 1, 0, 0], [1, 0, 0, 0, 1]]


def test_streams_have_rows_of_their_own_in_a_table() -> None:
    table = TokenInput(Several((2, 3)), 4)
    assert table.width == 8
    vectors = table(torch.tensor([[0, 0]]))[0]
    assert not torch.equal(vectors[:4], vectors[4:])
    assert torch.equal(vectors[4:], table.table.weight[2])


def test_silence_is_a_column_of_its_own() -> None:
    bits = torch.tensor([[[1, 0, 1], [0, 0, 0]]])
    shown = TokenInput(MultiLabel(3, silence=True), None)(bits)
    assert shown.tolist() == [[[1, 0, 1, 0], [0, 0, 0, 1]]]
    assert TokenInput(MultiLabel(3), None)(bits).tolist() == bits.tolist()


def test_an_encoder_reads_tokens_and_then_controls() -> None:
    model = wired("cat-mel_2bar_med_chords")
    reads = model.encoder.tokens
    assert isinstance(reads, EncoderInput)
    x = reads.read(torch.tensor([[3, 0]]), torch.tensor([[7, 48]]))
    assert x.shape == (1, 2, 90 + 49)
    assert x.nonzero().tolist() == [[0, 0, 3], [0, 0, 97], [0, 1, 0], [0, 1, 138]]
