"""A model with an end token writes each of its segments until it says so, be it a track or a
sentence, and no track knows the tokens of another unless that one filled all of its slots."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from musicvae.models.vae import SequenceVAE
from tests.models.small import PRESETS, WIRINGS, case, code, full, layout, mixed, wired

ENDING = [name for name in WIRINGS if PRESETS[name].representation.spec.end is not None]
TRACKS = [name for name in ENDING if PRESETS[name].representation.spec.segments > 1]


def eager(name: str, odds: float = 0.0) -> SequenceVAE:
    """A model for which the end token is about as likely as all others together, times e^odds."""
    model = wired(name)
    head = model.decoder.writers[0].head.project
    with torch.no_grad():
        head.weight *= 0.1
        head.bias.zero_()[model.spec.end] = torch.tensor(model.spec.outputs.size).log() + odds
    return model


def segments(model: SequenceVAE, tokens: Tensor) -> Tensor:
    return tokens.unflatten(1, (model.spec.segments, -1))


@pytest.mark.parametrize("name", ENDING)
def test_a_segment_is_over_once_its_end_is_drawn(name: str) -> None:
    model = eager(name, odds=-2.0)
    lengths = full(model, 60)
    tokens = model.decode(code(model, 60), lengths)
    written = model.written(tokens, lengths)
    behind = torch.arange(model.spec.segment_length) >= written[..., None]
    assert not segments(model, tokens)[behind].any()
    ends = (segments(model, tokens) == model.spec.end) & ~behind  # which may be token 0 itself
    ended = ends.any(-1)
    assert 0.7 < ended.float().mean() < 1  # some fill all their slots without an end
    assert torch.equal(written[ended] - 1, ends.long().argmax(-1)[ended])
    assert bool((written[~ended] == model.spec.segment_length).all())
    assert len(written.unique()) > 10


@pytest.mark.parametrize("name", ENDING)
def test_the_lengths_asked_for_are_limits(name: str) -> None:
    model = eager(name, odds=-3.0)
    lengths = mixed(model)
    tokens = model.decode(code(model, len(lengths)), lengths)
    written = model.written(tokens, lengths)
    assert bool((written <= lengths).all())
    assert bool((written < lengths).any())
    assert not tokens[~layout(model, written).mask].any()


def test_without_an_end_token_what_is_asked_for_is_written() -> None:
    model = wired("cat-mel_2bar_big")
    lengths = mixed(model)
    assert model.written(model.decode(code(model, 5), lengths), lengths) is lengths


@pytest.mark.parametrize("name", TRACKS)
def test_lengths_are_read_off_any_tokens(name: str) -> None:
    model = wired(name)
    S, L, end = model.spec.segments, model.spec.segment_length, model.spec.end
    tokens = torch.zeros(1, S, L, dtype=torch.long)
    tokens[0, 0, 0] = end  # an unused track
    tokens[0, 1, 7:9] = end  # only the first one counts
    tokens[0, 2, L - 1] = end
    lengths = full(model, 1)
    assert model.written(tokens.flatten(1), lengths).tolist() == [[1, 8, L]]
    assert model.written(tokens.flatten(1), lengths - 10).tolist() == [[1, L - 10, L - 10]]


@pytest.mark.parametrize("name", TRACKS)
def test_a_track_is_told_nothing_of_the_one_before_unless_that_was_full(name: str) -> None:
    """What the first step of every segment is fed: zeros, or the last token of a full segment."""
    model = eager(name, odds=-2.0)
    writer, fed = model.decoder.writers[0], list[Tensor]()
    step = writer.lstm.step
    writer.lstm.step = lambda x, state: (fed.append(x.clone()), step(x, state))[1]
    lengths = full(model, 60)
    tokens = model.decode(code(model, 60), lengths)
    L = model.spec.segment_length
    whole = model.written(tokens, lengths) == L
    assert 0 < whole[:, :-1].float().mean() < 1
    told = torch.stack(fed, dim=1)[:, ::L, : writer.tokens.width]  # (B, S, E)
    assert not told[:, 0].any()
    with torch.no_grad():
        last = writer.tokens(segments(model, tokens)[:, :-1, -1])
    assert torch.equal(told[:, 1:], last * whole[:, :-1, None])


@pytest.mark.parametrize("name", ENDING)
def test_steps_behind_an_end_leave_the_state_as_it_was(name: str) -> None:
    """A row that ended is not computed on: whatever else is in the batch, it writes the same."""
    model = eager(name, odds=-2.0)
    z, given = code(model, 12), case(model, full(model, 12))
    together = model.decode(z, given.lengths, 0.0)
    for i in range(0, 12, 5):
        assert torch.equal(together[i], model.decode(z[i : i + 1], given.lengths[:1], 0.0)[0])
