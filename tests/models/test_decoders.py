"""What each step of a decoder may know: the tokens before it, and z; and how sampling uses that."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from musicvae.models.vae import SequenceVAE
from tests.models.small import (
    HIERARCHICAL,
    NAMES,
    build,
    full,
    layout,
    mixed,
    other,
    tokens_for,
)


def code(model: SequenceVAE, rows: int) -> Tensor:
    return torch.randn(rows, model.config.z)


def teacher_forced(
    model: SequenceVAE, z: Tensor, tokens: Tensor, lengths: Tensor, keep: Tensor | None = None
) -> Tensor:
    with torch.no_grad():
        return model.decoder(z, tokens, layout(model, lengths), keep)


def perturbed(model: SequenceVAE, tokens: Tensor, slots: Tensor) -> Tensor:
    """A row for each of `slots` with another token there; a last row without a change."""
    rows = tokens.expand(len(slots) + 1, -1).clone()
    where = torch.arange(len(slots))
    rows[where, slots] = other(rows[where, slots])
    return rows


@pytest.mark.parametrize("steps", [16, 12], ids=["4/4", "3/4"])
@pytest.mark.parametrize("name", NAMES)
def test_a_step_knows_nothing_of_itself_and_what_follows(name: str, steps: int) -> None:
    model = build(name)
    lengths = torch.full((1, model.spec.segments), steps)
    valid = layout(model, lengths).mask[0].nonzero()[:, 0]
    chosen = valid if len(valid) < 40 else torch.cat([valid[:20], valid[20:-1:17], valid[-2:]])
    rows = perturbed(model, tokens_for(model, lengths), chosen)
    z = code(model, 1).expand(len(rows), -1)
    logits = teacher_forced(model, z, rows, lengths.expand(len(rows), -1))
    for row, slot in zip(logits, chosen.tolist(), strict=False):
        upto = valid[valid <= slot]
        assert torch.equal(row[upto], logits[-1, upto]), f"slot {slot} is seen too early"
        after = valid[valid > slot][:1]
        assert not torch.equal(row[after], logits[-1, after]) or not len(after), f"slot {slot}"


@pytest.mark.parametrize("steps", [16, 12], ids=["4/4", "3/4"])
@pytest.mark.parametrize("name", HIERARCHICAL)
def test_bars_know_of_each_other_only_the_token_carried_over(name: str, steps: int) -> None:
    model = build(name)
    S, L = model.spec.segments, model.spec.segment_length
    lengths = torch.full((2 * S + 1, S), steps)
    tokens = tokens_for(model, lengths[:1]).expand(2 * S + 1, -1).clone()
    bars = tokens.unflatten(1, (S, L))
    for k in range(S):
        bars[k, k, : steps - 1] = other(bars[k, k, : steps - 1])  # all of bar k but its last step
        bars[S + k, k, steps - 1] = other(bars[S + k, k, steps - 1])  # only its last step
    z = code(model, 1).expand(len(tokens), -1)
    logits = teacher_forced(model, z, tokens, lengths).unflatten(1, (S, L))[:, :, :steps]
    plain = logits[-1]
    for k in range(S):
        inside, carried = logits[k], logits[S + k]
        elsewhere = [b for b in range(S) if b != k]
        assert torch.equal(inside[elsewhere], plain[elsewhere]), f"bar {k} leaks out of itself"
        assert not torch.equal(inside[k], plain[k])
        beyond = [b for b in range(S) if b != k + 1]
        assert torch.equal(carried[beyond], plain[beyond]), f"bar {k} reaches beyond the next"
        if k + 1 < S:
            assert not torch.equal(carried[k + 1, 0], plain[k + 1, 0]), f"bar {k} carries nothing"


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(HIERARCHICAL)))
def test_a_flat_decoder_remembers_the_bar_before(name: str) -> None:
    model = build(name)
    lengths = full(model, 2)
    tokens = tokens_for(model, lengths[:1]).expand(2, -1).clone()
    tokens[1, 8:12] = other(tokens[1, 8:12])  # not the token carried over
    logits = teacher_forced(model, code(model, 1).expand(2, -1), tokens, lengths)
    assert not torch.equal(logits[0, 16:20], logits[1, 16:20])


@pytest.mark.parametrize("name", NAMES)
def test_greedy_samples_are_what_teacher_forcing_finds_likeliest(name: str) -> None:
    model = build(name)
    lengths = mixed(model)
    z = code(model, len(lengths))
    tokens = model.decode(z, lengths, temperature=0.0)
    mask = layout(model, lengths).mask
    likeliest = teacher_forced(model, z, tokens, lengths).argmax(-1)
    assert torch.equal(likeliest[mask], tokens[mask])
    assert not tokens[~mask].any()
    assert len(tokens[mask].unique()) > 3  # the model writes something


@pytest.mark.parametrize("lengths_of", [lambda m: full(m, 3), mixed], ids=["full", "mixed"])
@pytest.mark.parametrize("name", NAMES)
def test_scheduled_sampling_at_probability_0_is_teacher_forcing(name: str, lengths_of) -> None:
    model = build(name)
    lengths = lengths_of(model)
    z, tokens = code(model, len(lengths)), tokens_for(model, lengths)
    place = layout(model, lengths)
    for keep in (None, torch.rand(tokens.shape) < 0.5):
        with torch.no_grad():
            stepwise = model.decoder.scheduled(z, tokens, place, 0.0, None, keep)
        at_once = teacher_forced(model, z, tokens, lengths, keep)
        torch.testing.assert_close(stepwise[place.mask], at_once[place.mask], atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_scheduled_sampling_at_probability_1_runs_freely(name: str) -> None:
    model = build(name)
    with torch.no_grad():
        model.decoder.writers[
            0
        ].head.project.weight *= 1e12  # so sure of itself that a draw is the argmax
        model.decoder.writers[0].head.project.bias *= 1e12
    lengths = mixed(model)
    z, place = code(model, len(lengths)), layout(model, lengths)
    free = model.decode(z, lengths, temperature=0.0)
    with torch.no_grad():
        logits = model.decoder.scheduled(z, tokens_for(model, lengths), place, 1.0)
    assert torch.equal(logits.argmax(-1)[place.mask], free[place.mask])


@pytest.mark.parametrize("name", NAMES)
def test_scheduled_sampling_feeds_draws_as_often_as_it_says(name: str) -> None:
    """Where the draw and the truth differ, the next logits tell which one was fed."""
    model = build(name)
    with torch.no_grad():
        model.decoder.writers[0].head.project.weight.zero_()
        model.decoder.writers[0].head.project.bias.fill_(-1e4)[5] = 1e4  # every draw is a 5
    fed: list[Tensor] = []
    step = model.decoder.writers[0].lstm.step
    model.decoder.writers[0].lstm.step = lambda x, state: (fed.append(x.clone()), step(x, state))[1]
    lengths = full(model, 200 if model.spec.length < 100 else 30)
    z = code(model, len(lengths))
    tokens = torch.full((len(lengths), model.spec.length), 7)
    with torch.no_grad():
        model.decoder.scheduled(z, tokens, layout(model, lengths), 0.3)
        width = model.decoder.writers[0].tokens.width
        seen = torch.stack(fed, dim=1)[:, 1:, :width]  # the first step is fed nothing
        drawn = (seen == model.decoder.writers[0].tokens(torch.tensor(5))).all(-1)
        true = (seen == model.decoder.writers[0].tokens(torch.tensor(7))).all(-1)
    assert bool((drawn ^ true).all())
    assert drawn.float().mean().item() == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_a_hidden_token_is_not_read(name: str) -> None:
    model = build(name)
    lengths = full(model, 2)
    tokens = tokens_for(model, lengths[:1]).expand(2, -1).clone()
    tokens[1, 3] = other(tokens[1, 3])
    z = code(model, 1).expand(2, -1)
    keep = torch.ones(2, model.spec.length, dtype=torch.bool)
    keep[:, 4] = False  # the step after the token that differs
    hidden = teacher_forced(model, z, tokens, lengths, keep)
    assert torch.equal(hidden[0], hidden[1])
    shown = teacher_forced(model, z, tokens, lengths)
    assert not torch.equal(shown[0], shown[1])


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_draws_the_same_and_temperature_0_needs_none(name: str) -> None:
    model = build(name)
    lengths = full(model, 2)
    z = code(model, 2)

    def drawn(temperature: float, seed: int) -> Tensor:
        return model.decode(z, lengths, temperature, torch.Generator().manual_seed(seed))

    assert torch.equal(drawn(1.0, 1), drawn(1.0, 1))
    assert not torch.equal(drawn(1.0, 1), drawn(1.0, 2))
    assert torch.equal(drawn(0.0, 1), drawn(0.0, 2))
