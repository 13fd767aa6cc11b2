"""What each step of a decoder may know: the tokens before it, z, and the controls; and how sampling
uses that. An end token is in test_end.py."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from musicvae.config import Flat, ModelConfig
from musicvae.models.decoders import Decoder
from musicvae.models.vae import SequenceVAE
from musicvae.presets import PRESETS
from tests.models.small import (
    CONDUCTED,
    WIRINGS,
    Case,
    case,
    code,
    full,
    layout,
    logits,
    mixed,
    other,
    random_of,
    three_quarters,
    wired,
)

SEPARATE = [name for name in WIRINGS if PRESETS[name].model.decoder.separate]
TOLD = [name for name in WIRINGS if PRESETS[name].representation.spec.controls is not None]
LENGTHS = pytest.mark.parametrize("lengths_of", [full, three_quarters], ids=["full", "gaps"])


def teacher_forced(
    model: SequenceVAE, z: Tensor, given: Case, keep: Tensor | None = None
) -> Tensor:
    with torch.no_grad():
        return logits(model, z.expand(len(given), -1), given, keep)


def copies(given: Case, count: int) -> Case:
    """The first row, `count` times, to be changed."""
    copied = given.rows(torch.zeros(count, dtype=torch.long))
    return Case(copied.tokens.clone(), copied.inputs, copied.lengths, copied.controls)


@LENGTHS
@pytest.mark.parametrize("name", WIRINGS)
def test_a_step_knows_nothing_of_itself_and_what_follows(name: str, lengths_of) -> None:
    model = wired(name)
    valid = layout(model, lengths_of(model, 1)).mask[0].nonzero()[:, 0]
    chosen = valid if len(valid) < 40 else torch.cat([valid[:20], valid[20:-1:7], valid[-2:]])
    rows = copies(case(model, lengths_of(model, 1)), len(chosen) + 1)
    at = torch.arange(len(chosen))
    rows.tokens[at, chosen] = other(rows.tokens[at, chosen], model.spec.outputs)
    found = teacher_forced(model, code(model, 1), rows)
    linked, L = model.spec.end is None, model.spec.segment_length
    for row, slot in zip(found, chosen.tolist(), strict=False):
        upto, after = valid[valid <= slot], valid[valid > slot][:1]
        assert torch.equal(row[upto], found[-1, upto]), f"slot {slot} is seen too early"
        read = len(after) and (linked or after.item() == slot + 1 or slot % L == L - 1)
        assert torch.equal(row[after], found[-1, after]) != bool(read), f"slot {slot}"


@LENGTHS
@pytest.mark.parametrize("name", CONDUCTED)
def test_segments_know_of_each_other_only_the_token_carried_over(name: str, lengths_of) -> None:
    """With an end token, which makes segments of tracks, only where a segment was full."""
    model = wired(name)
    S, L = model.spec.segments, model.spec.segment_length
    lengths = lengths_of(model, 1)
    steps = int(lengths[0, 0])
    rows = copies(case(model, lengths), 2 * S + 1)
    bars = rows.tokens.unflatten(1, (S, L))
    for k in range(S):
        inside, last = bars[k, k, : steps - 1], bars[S + k, k, steps - 1]
        inside.copy_(other(inside, model.spec.outputs))  # all of segment k but its last step
        last.copy_(other(last, model.spec.outputs))  # only its last step
    found = teacher_forced(model, code(model, 1), rows).unflatten(1, (S, L))[:, :, :steps]
    plain = found[-1]
    for k in range(S):
        inside, carried = found[k], found[S + k]
        elsewhere = [b for b in range(S) if b != k]
        assert torch.equal(inside[elsewhere], plain[elsewhere]), f"bar {k} leaks out of itself"
        assert not torch.equal(inside[k], plain[k])
        beyond = [b for b in range(S) if b != k + 1]
        assert torch.equal(carried[beyond], plain[beyond]), f"bar {k} reaches beyond the next"
        if k + 1 < S:
            told = model.spec.end is None or steps == L
            assert torch.equal(carried[k + 1, 0], plain[k + 1, 0]) != told, f"after bar {k}"


@pytest.mark.parametrize("name", sorted(set(WIRINGS) - set(CONDUCTED) - {"text-small"}))
def test_a_flat_decoder_remembers_the_bar_before(name: str) -> None:
    model = wired(name)
    L = model.spec.segment_length
    rows = copies(case(model, full(model, 1)), 2)
    before = rows.tokens[1, L // 2 : L - 4]  # not the token carried over
    before.copy_(other(before, model.spec.outputs))
    found = teacher_forced(model, code(model, 1), rows)
    assert not torch.equal(found[0, L : L + 4], found[1, L : L + 4])


@pytest.mark.parametrize("name", SEPARATE)
def test_streams_apart_know_nothing_of_each_other(name: str) -> None:
    model = wired(name)
    widths, streams = model.decoder.widths, model.spec.outputs.shape[0]
    rows = copies(case(model, full(model, 1)), streams + 1)
    changed = other(rows.tokens, model.spec.outputs)
    for i in range(streams):
        rows.tokens[i, :, i] = changed[i, :, i]
    found = teacher_forced(model, code(model, 1), rows).split(widths, -1)
    for i in range(streams):
        for j in range(streams):
            assert torch.equal(found[j][i], found[j][-1]) == (i != j), (i, j)


def test_streams_of_one_decoder_know_each_other() -> None:
    model = wired("flat-trio_16bar")
    rows = copies(case(model, full(model, 1)), 2)
    rows.tokens[1, 3, 1] += 1
    found = teacher_forced(model, code(model, 1), rows)
    for size in (slice(0, 90), slice(90, 180), slice(180, 692)):
        assert torch.equal(found[0, :4, size], found[1, :4, size])
        assert not torch.equal(found[0, 4, size], found[1, 4, size])


def test_only_streams_can_be_written_apart() -> None:
    spec = wired("cat-mel_2bar_big").spec
    config = ModelConfig(
        z=8,
        encoder=PRESETS["cat-mel_2bar_big"].model.encoder,
        decoder=Flat(units=(4,), separate=True),
    )
    with pytest.raises(ValueError, match="separate decoders are for several streams"):
        Decoder(spec, config)


@pytest.mark.parametrize("name", TOLD)
def test_each_step_is_told_its_own_controls(name: str) -> None:
    """What is told from a step on reaches that step and none before, in sampling too."""
    model = wired(name)
    given = copies(case(model, full(model, 1)), 2)
    assert given.controls is not None
    given.controls[1, 5:] = other(given.controls[1, 5:], model.spec.controls)
    found = teacher_forced(model, code(model, 1), given)
    assert torch.equal(found[0, :5], found[1, :5])
    assert not torch.equal(found[0, 5], found[1, 5])
    z, drawn = code(model, 1), list[Tensor]()
    for i in range(2):
        row, chance = given.row(i), torch.Generator().manual_seed(0)
        drawn.append(model.decode(z, row.lengths, 1.0, chance, row.controls)[0])
    assert torch.equal(drawn[0][:5], drawn[1][:5])
    assert not torch.equal(drawn[0], drawn[1])


@pytest.mark.parametrize("name", WIRINGS)
def test_greedy_samples_are_what_teacher_forcing_finds_likeliest(name: str) -> None:
    model = wired(name)
    given = case(model, mixed(model))
    z = code(model, len(given))
    tokens = model.decode(z, given.lengths, 0.0, controls=given.controls)
    written = model.written(tokens, given.lengths)
    mask = layout(model, written).mask
    found = teacher_forced(model, z, Case(tokens, given.inputs, written, given.controls))
    likeliest = model.decoder.draw(found, 0.0)
    torch.testing.assert_close(likeliest[mask].float(), tokens[mask].float(), atol=1e-5, rtol=1e-5)
    assert not tokens[~mask].any()
    assert len(tokens[mask].unique(dim=0)) > 3  # the model writes something


@pytest.mark.parametrize("name", WIRINGS)
def test_scheduled_sampling_at_probability_0_is_teacher_forcing(name: str) -> None:
    model = wired(name)
    for lengths, hide in ((full(model, 3), 0.0), (mixed(model), 0.5)):
        given = case(model, lengths)
        z, place = code(model, len(given)), layout(model, lengths)
        keep, mask = torch.rand(place.mask.shape) >= hide, place.mask
        with torch.no_grad():
            stepwise = model.decoder.scheduled(
                z, given.tokens, place, 0.0, None, keep, given.controls
            )
        at_once = teacher_forced(model, z, given, keep)
        torch.testing.assert_close(stepwise[mask], at_once[mask], atol=5e-5, rtol=1e-4)


@pytest.mark.parametrize("name", WIRINGS)
def test_scheduled_sampling_at_probability_1_runs_freely(name: str) -> None:
    """So sure of itself that a draw is the likeliest token, and never the end token."""
    model = wired(name)
    with torch.no_grad():
        for writer in model.decoder.writers:
            writer.head.project.weight *= 1e12
            writer.head.project.bias *= 1e12
            if model.spec.end is not None:
                writer.head.project.weight[model.spec.end] = 0.0
                writer.head.project.bias[model.spec.end] = -1e30
    given = case(model, mixed(model))
    z, place = code(model, len(given)), layout(model, given.lengths)
    free = model.decode(z, given.lengths, 0.0, controls=given.controls)
    with torch.no_grad():
        found = model.decoder.scheduled(z, given.tokens, place, 1.0, controls=given.controls)
    assert torch.equal(model.decoder.draw(found, 0.0)[place.mask], free[place.mask])


@pytest.mark.parametrize("name", WIRINGS)
def test_scheduled_sampling_feeds_draws_as_often_as_it_says(name: str) -> None:
    """Where the draw and the truth differ, what is fed tells which one it was."""
    model = wired(name)
    spec, decoder = model.spec, model.decoder
    drawn, true = (random_of(spec.outputs, (1, 1)) for _ in range(2))
    decoder.draw = lambda logits, *_: drawn[0].expand(len(logits), *drawn.shape[2:])
    writer, fed = decoder.writers[0], list[Tensor]()
    step = writer.lstm.step
    writer.lstm.step = lambda x, state: (fed.append(x.clone()), step(x, state))[1]
    given = case(model, full(model, 200 if spec.length < 64 else 100))
    tokens = true.expand(*given.tokens.shape)
    with torch.no_grad():
        decoder.scheduled(
            code(model, len(given)), tokens, layout(model, given.lengths), 0.3,
            controls=given.controls,
        )  # fmt: skip
        seen = torch.stack(fed, dim=1)[:, 1:, : writer.tokens.width]  # the first is fed nothing
        was = [(seen == writer.tokens(decoder._split(t)[0])).all(-1) for t in (drawn, true)]
    assert bool((was[0] ^ was[1]).all())
    assert was[0].float().mean().item() == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("name", WIRINGS)
def test_a_hidden_token_is_not_read(name: str) -> None:
    model = wired(name)
    rows = copies(case(model, full(model, 1)), 2)
    rows.tokens[1, 3] = other(rows.tokens[1, 3], model.spec.outputs)
    z = code(model, 1)
    keep = torch.ones(rows.tokens.shape[:2], dtype=torch.bool)
    keep[:, 4] = False  # the step after the token that differs
    hidden = teacher_forced(model, z, rows, keep)
    assert torch.equal(hidden[0], hidden[1])
    shown = teacher_forced(model, z, rows)
    assert not torch.equal(shown[0], shown[1])


@pytest.mark.parametrize("name", WIRINGS)
def test_the_same_seed_draws_the_same_and_temperature_0_needs_none(name: str) -> None:
    model = wired(name)
    given = case(model, full(model, 2))
    z = code(model, 2)

    def drawn(temperature: float, seed: int) -> Tensor:
        chance = torch.Generator().manual_seed(seed)
        return model.decode(z, given.lengths, temperature, chance, given.controls)

    first = drawn(1.0, 1)
    assert torch.equal(first, drawn(1.0, 1))
    assert not torch.equal(first, drawn(1.0, 2))
    assert torch.equal(drawn(0.0, 1), drawn(0.0, 2))


def test_a_decoder_without_feedback_knows_only_z() -> None:
    """The tokens before a step are neither read in training nor in sampling."""
    name = "groove-2bar-humanize"
    assert not PRESETS[name].model.decoder.feedback
    model = wired(name)
    rows = copies(case(model, full(model, 1)), 2)
    rows.tokens[1] = other(rows.tokens[1], model.spec.outputs)
    z = code(model, 1)
    found = teacher_forced(model, z, rows)
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found, teacher_forced(model, code(model, 1), rows))
    with torch.no_grad():
        freely = model.decoder.scheduled(
            z.expand(2, -1), rows.tokens, layout(model, rows.lengths), 1.0
        )
    torch.testing.assert_close(freely, found, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["cat-mel_2bar_med_chords", "hier-multiperf_vel_1bar_med_chords"])
def test_controls_read_by_a_network_are_known_ahead(name: str) -> None:
    """Of the same stretch: all of a flat sequence, or the segment; and step by step alike."""
    plain = wired(name)
    torch.manual_seed(0)
    model = SequenceVAE(plain.spec, replace(plain.config, control_units=5)).eval()
    given = copies(case(model, full(model, 1)), 2)
    L = model.spec.segment_length
    told = given.controls[1, L + 5]
    told.copy_(other(told, model.spec.controls))
    with torch.no_grad():
        controls = model.decoder.controls(given.controls)
    assert controls.shape == (2, model.spec.length, 10)
    differs = (controls[0] != controls[1]).any(-1)
    assert differs[L : L + 5].any()
    assert differs[:L].any() == (not model.decoder.view.per_segment)
    assert not differs[2 * L :].any()
    z = code(model, 2)
    with torch.no_grad():
        stepwise = model.decoder.scheduled(
            z, given.tokens, layout(model, given.lengths), 0.0, controls=given.controls
        )
    at_once = teacher_forced(model, z, given)
    torch.testing.assert_close(stepwise, at_once, atol=2e-5, rtol=1e-4)
