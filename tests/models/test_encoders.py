"""What the posterior depends on, what noise z is drawn with, and how gradients come back to it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Tensor

from musicvae.config import Bidirectional, Conductor, EveryStep
from musicvae.losses import gaussian_kl
from musicvae.models.encoders import Posterior, softplus_inverse
from musicvae.models.vae import SequenceVAE
from musicvae.representations.base import Space
from tests.models.small import (
    PRESETS,
    WIRINGS,
    Case,
    case,
    code,
    full,
    layout,
    logits,
    mixed,
    other,
    posterior,
    random_of,
    run,
    small,
    three_quarters,
    wired,
)

TOLD = [name for name in WIRINGS if PRESETS[name].representation.spec.controls is not None]


def means(model: SequenceVAE, given: Case) -> Tensor:
    with torch.no_grad():
        return posterior(model, given).mean


def change(model: SequenceVAE, given: Case, slot: int) -> Tensor:
    """How far the mean of each row moves when what is read in `slot` is something else."""
    moved = given.inputs.clone()
    moved[:, slot] = other(moved[:, slot], model.spec.inputs)
    return (means(model, replace(given, inputs=moved)) - means(model, given)).norm(dim=1)


@pytest.mark.parametrize("lengths_of", [full, three_quarters], ids=["full", "gaps"])
@pytest.mark.parametrize("name", WIRINGS)
def test_the_mean_depends_on_the_first_and_on_the_last_token(name: str, lengths_of) -> None:
    """As much on the one as on the other: a backward direction that is read at the wrong end
    has seen one token, and the first then matters only through what the forward one remembers."""
    model = wired(name)
    given = case(model, lengths_of(model, 64))
    valid = layout(model, given.lengths).mask[0].nonzero()[:, 0]
    first = change(model, given, int(valid[0])).mean()
    last = change(model, given, int(valid[-1])).mean()
    assert first > 0.05
    assert last > 0.05
    assert 0.25 < first / last < 4


@pytest.mark.parametrize("name", WIRINGS)
def test_the_mean_does_not_depend_on_padding(name: str) -> None:
    model = wired(name)
    given = case(model, mixed(model))
    spec, mask = model.spec, layout(model, given.lengths).mask
    assert not mask.all()

    def filled(tokens: Tensor, space: Space) -> Tensor:
        at = mask.reshape(mask.shape + (1,) * (tokens.ndim - 2))
        return torch.where(at, tokens, random_of(space, mask.shape))

    noisy = replace(given, inputs=filled(given.inputs, spec.inputs))
    if spec.controls is not None:
        noisy = replace(noisy, controls=filled(given.controls, spec.controls))
    with torch.no_grad():
        plain, padded = posterior(model, given), posterior(model, noisy)
    assert torch.equal(plain.mean, padded.mean)
    assert torch.equal(plain.std, padded.std)


@pytest.mark.parametrize("name", TOLD)
def test_the_mean_depends_on_the_controls(name: str) -> None:
    model = wired(name)
    given = case(model, full(model, 3))
    for slot in (0, model.spec.length - 1):
        told = given.controls.clone()
        told[:, slot] = other(told[:, slot], model.spec.controls)
        moved = means(model, replace(given, controls=told)) - means(model, given)
        assert bool((moved.norm(dim=1) > 0.01).all())


@pytest.mark.parametrize("name", WIRINGS)
def test_a_batch_is_as_good_as_its_rows_one_by_one(name: str) -> None:
    """Also where 3/4, 4/4 and shorter pieces share the batch."""
    model = wired(name)
    given = case(model, mixed(model))
    z = code(model, len(given))
    with torch.no_grad():
        together = posterior(model, given)
        found = logits(model, z, given)
        greedy = model.decode(z, given.lengths, 0.0, controls=given.controls)
        for i in (1, 3, 4):  # shorter ones, beside which a longer one stands
            row, own = given.row(i), z[i : i + 1]
            mask = layout(model, row.lengths).mask[0]
            alone = posterior(model, row)
            torch.testing.assert_close(together.mean[i], alone.mean[0], atol=2e-5, rtol=1e-4)
            torch.testing.assert_close(together.std[i], alone.std[0], atol=2e-5, rtol=1e-4)
            by_itself = logits(model, own, row)[0]
            torch.testing.assert_close(found[i, mask], by_itself[mask], atol=5e-5, rtol=1e-4)
            drawn = model.decode(own, row.lengths, 0.0, controls=row.controls)[0]
            torch.testing.assert_close(greedy[i], drawn, atol=1e-5, rtol=0)


def test_compact_sequences_are_the_same_whatever_their_bars() -> None:
    """24 steps are 24 steps to a flat encoder: as 12 + 12 or as 16 + 8."""
    model = wired("cat-mel_2bar_big")
    steps = torch.randint(90, (1, 24))
    cut = {}
    for first, second in ((12, 12), (16, 8)):
        tokens = torch.zeros(1, 32, dtype=torch.long)
        tokens[:, :first], tokens[:, 16 : 16 + second] = steps[:, :first], steps[:, first:]
        cut[first] = means(model, Case(tokens, tokens, torch.tensor([[first, second]]), None))
    torch.testing.assert_close(cut[12], cut[16], atol=1e-6, rtol=1e-5)


def test_a_hierarchical_encoder_reads_empty_segments_as_zeros() -> None:
    """The upper network runs over all segments: one without steps gives it a row of zeros, and
    where it stands matters."""
    model = wired("hier-multiperf_vel_1bar_med")
    L = model.spec.segment_length
    lengths = torch.tensor([[L, L, 0], [L, 0, L]])
    given = case(model, lengths)
    inputs = given.inputs.clone()
    inputs[1, :L], inputs[1, 2 * L :] = inputs[0, :L], inputs[0, L : 2 * L]
    mean = means(model, replace(given, inputs=inputs))
    assert not torch.allclose(mean[0], mean[1])
    seen = list[Tensor]()
    model.encoder.upper.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    means(model, given)
    assert not seen[0][0, 2].any()
    assert not seen[0][1, 1].any()
    assert bool(seen[0][0, :2].any(-1).all())


def nll_by_one_path(model: SequenceVAE, z: Tensor, given: Case, path: str) -> Tensor:
    """The reconstruction cost when z may act through one path alone: "features", or "0h" for the
    hidden and "0c" for the cell state that layer 0 of every LSTM that writes starts in."""
    layer = None if path == "features" else int(path[0])
    part = None if path == "features" else "hc".index(path[1])
    view, initials = model.decoder.view, [writer.initial for writer in model.decoder.writers]
    see, begins = view.forward, [initial.forward for initial in initials]

    def narrowed(z: Tensor) -> tuple[Tensor, Tensor]:
        features, start = see(z)
        return features if path == "features" else features.detach(), start

    def kept(begin, start: Tensor) -> list[tuple[Tensor, ...]]:
        return [
            tuple(s if (i, j) == (layer, part) else s.detach() for j, s in enumerate(pair))
            for i, pair in enumerate(begin(start))
        ]

    view.forward = narrowed
    for initial, begin in zip(initials, begins, strict=True):
        initial.forward = partial(kept, begin)
    cost = model.decoder.nll(logits(model, z, given), given.tokens).sum()
    view.forward = see
    for initial, begin in zip(initials, begins, strict=True):
        initial.forward = begin
    return cost


@pytest.mark.parametrize("name", WIRINGS)
def test_gradients_reach_the_encoder_through_the_inputs_and_through_every_initial_state(
    name: str,
) -> None:
    model = wired(name)
    given = case(model, full(model, 3))
    layers = len(model.config.decoder.units)
    for path in ("features", *(f"{i}{s}" for i in range(layers) for s in "hc")):
        model.zero_grad()
        found = posterior(model, given)
        found.mean.retain_grad()
        found.std.retain_grad()
        nll_by_one_path(model, found.sample(), given, path).backward()
        for what in (found.mean, found.std):
            assert what.grad is not None, path
            assert what.grad.isfinite().all()
            assert (what.grad != 0).float().mean() > 0.97, f"{path}: a part of z has no effect"
        for key, parameter in model.encoder.lstm.named_parameters():
            assert parameter.grad is not None, (path, key)
            assert parameter.grad.abs().sum() > 0, (path, key)


@pytest.mark.parametrize("name", WIRINGS)
def test_every_weight_is_trained(name: str) -> None:
    model = wired(name)
    result = run(model, case(model, full(model, 6)))
    (result.nll.sum() + result.kl.sum()).backward()
    still = set()
    if isinstance(model.config.decoder, Conductor):  # the published one reads a single zero
        still = {"decoder.view.conductor.layers.0.weight_ih_l0"}
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        moved = bool(parameter.grad.abs().sum() > 0)
        assert moved != (key in still), key


def test_the_noise_is_standard_normal() -> None:
    count, mean, std = 400_000, 0.7, 0.2
    posterior = Posterior(torch.full((count // 4, 4), mean), torch.full((count // 4, 4), std))
    noise = (posterior.sample(torch.Generator().manual_seed(1)) - mean) / std
    within = 5 / count**0.5
    assert noise.mean().abs() < within
    assert (noise.square().mean() - 1).abs() < 2 * within
    assert (noise.pow(3).mean()).abs() < 4 * within
    assert (noise.pow(4).mean() - 3).abs() < 10 * within
    for edge, inside in ((1.0, 0.682689), (2.0, 0.954500)):
        assert (noise.abs() < edge).float().mean().item() == pytest.approx(inside, abs=within)
    assert (noise[:, 0] * noise[:, 1]).mean().abs() < 2 * within


def test_noise_follows_its_generator_and_lets_gradients_pass() -> None:
    mean, std = torch.zeros(2, 3, requires_grad=True), torch.ones(2, 3, requires_grad=True)
    drawn = [Posterior(mean, std).sample(torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    drawn[0].sum().backward()
    assert torch.equal(mean.grad, torch.ones(2, 3))
    torch.testing.assert_close(std.grad, drawn[0].detach())


@pytest.mark.parametrize("name", WIRINGS)
def test_sigma_may_be_far_below_1_and_above(name: str) -> None:
    model = wired(name)
    given = case(model, full(model, 3))
    for wanted in (0.01, 0.2, 3.0):
        with torch.no_grad():
            for key, parameter in model.encoder.named_parameters():
                if "sigma" in key:
                    parameter.zero_()
            biases = [b for k, b in model.encoder.named_parameters() if k.endswith("sigma.bias")]
            biases[-1].fill_(softplus_inverse(wanted))
            std = posterior(model, given).std
        torch.testing.assert_close(std, torch.full_like(std, wanted))


@pytest.mark.parametrize("name", WIRINGS)
def test_before_training_sigma_is_what_the_configuration_says(name: str) -> None:
    drawn = wired(name)
    model = SequenceVAE(drawn.spec, drawn.config)
    std = posterior(model, case(model, full(model, 4))).std
    assert std.mean().item() == pytest.approx(PRESETS[name].model.sigma, rel=0.02)


@pytest.mark.parametrize("name", WIRINGS)
def test_z_is_drawn_from_the_posterior_and_its_kl_is_reported(name: str) -> None:
    model = wired(name)
    given = case(model, full(model, 2))
    with torch.no_grad():
        result = run(model, given, generator=torch.Generator().manual_seed(3))
        z = result.posterior.sample(torch.Generator().manual_seed(3))
        assert torch.equal(result.logits, logits(model, z, given))
    torch.testing.assert_close(result.kl, gaussian_kl(result.posterior.mean, result.posterior.std))


def test_shares_that_do_not_come_out_even_are_refused() -> None:
    preset = small("melody-2bar")
    uneven = EveryStep(units=(4,), groups=5)
    with pytest.raises(ValueError, match="cannot be divided into 5 equal shares"):
        SequenceVAE(
            preset.representation.spec,
            type(preset.model)(z=16, encoder=uneven, decoder=preset.model.decoder),
        )


def test_the_published_encoder_starts_with_next_to_no_mean() -> None:
    """Heads drawn from N(0, 0.001): sigma is softplus(0) = ln 2, the KL 0.1067 nats a dimension."""
    preset = small("cat-mel_2bar_small")
    assert isinstance(preset.model.encoder, Bidirectional)
    model = SequenceVAE(preset.representation.spec, preset.model)
    result = run(model, case(model, full(model, 8)))
    assert result.posterior.mean.abs().max() < 0.01
    assert result.kl.mean().item() == pytest.approx(0.1067, abs=1e-3)


@pytest.mark.parametrize("name", ["groovae_2bar_humanize", "groovae_2bar_hits_control_tfds"])
def test_dropout_hides_inputs_in_training_only(name: str) -> None:
    """The published grooves hide 70 % of what each LSTM layer reads, anew at each step."""
    model = wired(name)
    given = case(model, full(model, 3))
    z = code(model, 3)
    with torch.no_grad():
        sure = [posterior(model, given).mean for _ in range(2)]
        assert torch.equal(*sure)
        model.train()
        unsure = [posterior(model, given).mean for _ in range(2)]
        written = [logits(model, z, given) for _ in range(2)]
    assert not torch.equal(*unsure)
    assert not torch.equal(*written)
    seen = list[Tensor]()
    for stack in (model.encoder.lstm, model.decoder.writers[0].lstm):
        stack.drop.register_forward_hook(lambda _, args, out: seen.append(out[args[0] != 0] == 0))
    with torch.no_grad():
        posterior(model, given)
        logits(model, z, given)
        model.decode(z, given.lengths, controls=given.controls)  # step by step too
    assert len(seen) == 2 + 2 + 2 * model.spec.length
    assert torch.cat(seen).float().mean().item() == pytest.approx(0.7, abs=0.01)
