"""What the posterior depends on, what noise z is drawn with, and how gradients come back to it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from musicvae.config import Bidirectional, EveryStep
from musicvae.losses import gaussian_kl
from musicvae.models.encoders import Posterior, softplus_inverse
from musicvae.models.vae import SequenceVAE
from musicvae.presets import PRESETS
from tests.models.small import NAMES, build, full, layout, mixed, other, small, tokens_for


def means(model: SequenceVAE, tokens: Tensor, lengths: Tensor) -> Tensor:
    with torch.no_grad():
        return model.posterior(tokens, lengths).mean


def change(model: SequenceVAE, tokens: Tensor, lengths: Tensor, slot: int) -> Tensor:
    """How far the mean of each row moves when the token in `slot` is another one."""
    moved = tokens.clone()
    moved[:, slot] = other(moved[:, slot])
    return (means(model, moved, lengths) - means(model, tokens, lengths)).norm(dim=1)


@pytest.mark.parametrize("steps", [16, 12], ids=["4/4", "3/4"])
@pytest.mark.parametrize("name", NAMES)
def test_the_mean_depends_on_the_first_and_on_the_last_token(name: str, steps: int) -> None:
    """As much on the one as on the other: a backward direction that is read at the wrong end
    has seen one token, and the first then matters only through what the forward one remembers."""
    model = build(name)
    lengths = torch.full((64, model.spec.segments), steps)
    tokens = tokens_for(model, lengths)
    first = change(model, tokens, lengths, 0).mean()
    last = change(model, tokens, lengths, model.spec.length - 16 + steps - 1).mean()
    assert first > 0.05
    assert last > 0.05
    assert 0.25 < first / last < 4


@pytest.mark.parametrize("name", NAMES)
def test_the_mean_does_not_depend_on_padding(name: str) -> None:
    model = build(name)
    lengths = mixed(model)
    tokens = tokens_for(model, lengths)
    mask = layout(model, lengths).mask
    assert not mask.all()
    filled = torch.where(mask, tokens, torch.randint(90, tokens.shape))
    with torch.no_grad():
        plain, padded = model.posterior(tokens, lengths), model.posterior(filled, lengths)
    assert torch.equal(plain.mean, padded.mean)
    assert torch.equal(plain.std, padded.std)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_is_as_good_as_its_rows_one_by_one(name: str) -> None:
    """Also where 3/4, 4/4 and shorter pieces share the batch."""
    model = build(name)
    lengths = mixed(model)
    tokens = tokens_for(model, lengths)
    z = torch.randn(len(tokens), model.config.z)
    with torch.no_grad():
        together = model.posterior(tokens, lengths)
        logits = model.decoder(z, tokens, layout(model, lengths))
        greedy = model.decode(z, lengths, temperature=0.0)
        for i in range(len(tokens)):
            row, length = tokens[i : i + 1], lengths[i : i + 1]
            mask = layout(model, length).mask[0]
            alone = model.posterior(row, length)
            torch.testing.assert_close(together.mean[i], alone.mean[0], atol=2e-5, rtol=1e-4)
            torch.testing.assert_close(together.std[i], alone.std[0], atol=2e-5, rtol=1e-4)
            by_itself = model.decoder(z[i : i + 1], row, layout(model, length))[0]
            torch.testing.assert_close(logits[i, mask], by_itself[mask], atol=5e-5, rtol=1e-4)
            assert torch.equal(greedy[i], model.decode(z[i : i + 1], length, temperature=0.0)[0])


def test_compact_sequences_are_the_same_whatever_their_bars() -> None:
    """24 steps are 24 steps to a flat encoder: as 12 + 12 or as 16 + 8."""
    model = build("cat-mel_2bar_small")
    steps = torch.randint(90, (1, 24))
    cut = {}
    for first, second in ((12, 12), (16, 8)):
        tokens = torch.zeros(1, 32, dtype=torch.long)
        tokens[:, :first], tokens[:, 16 : 16 + second] = steps[:, :first], steps[:, first:]
        cut[first] = means(model, tokens, torch.tensor([[first, second]]))
    torch.testing.assert_close(cut[12], cut[16], atol=1e-6, rtol=1e-5)


def nll_by_one_path(model: SequenceVAE, z: Tensor, tokens: Tensor, path: str) -> Tensor:
    """The reconstruction cost when z may act through one path alone: "features", or "0h" for the
    hidden and "0c" for the cell state that layer 0 starts in."""
    layer = None if path == "features" else int(path[0])
    part = None if path == "features" else "hc".index(path[1])
    view, initial = model.decoder.view, model.decoder.writers[0].initial
    see, begin = view.forward, initial.forward

    def narrowed(z: Tensor) -> tuple[Tensor, Tensor]:
        features, start = see(z)
        return features if path == "features" else features.detach(), start

    def kept(start: Tensor) -> list[tuple[Tensor, ...]]:
        return [
            tuple(s if (i, j) == (layer, part) else s.detach() for j, s in enumerate(pair))
            for i, pair in enumerate(begin(start))
        ]

    view.forward, initial.forward = narrowed, kept
    lengths = full(model, len(tokens))
    logits = model.decoder(z, tokens, layout(model, lengths))
    view.forward, initial.forward = see, begin
    return model.decoder.nll(logits, tokens).sum()


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_the_encoder_through_the_inputs_and_through_every_initial_state(
    name: str,
) -> None:
    model = build(name)
    lengths = full(model, 3)
    tokens = tokens_for(model, lengths)
    layers = len(model.config.decoder.units)
    for path in ("features", *(f"{i}{s}" for i in range(layers) for s in "hc")):
        model.zero_grad()
        posterior = model.posterior(tokens, lengths)
        posterior.mean.retain_grad()
        posterior.std.retain_grad()
        nll_by_one_path(model, posterior.sample(), tokens, path).backward()
        for what in (posterior.mean, posterior.std):
            assert what.grad is not None, path
            assert what.grad.isfinite().all()
            assert (what.grad != 0).float().mean() > 0.99, f"{path}: a part of z has no effect"
        for key, parameter in model.encoder.lstm.named_parameters():
            assert parameter.grad is not None, (path, key)
            assert parameter.grad.abs().sum() > 0, (path, key)


@pytest.mark.parametrize("name", NAMES)
def test_every_weight_is_trained(name: str) -> None:
    model = build(name)
    lengths = full(model, 4)
    result = model(tokens_for(model, lengths), lengths)
    (result.nll.sum() + result.kl.sum()).backward()
    still = (
        {"decoder.view.conductor.layers.0.weight_ih_l0"} if name == "hierdec-mel_16bar" else set()
    )
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        moved = bool(parameter.grad.abs().sum() > 0)
        assert moved != (key in still), key  # the published conductor reads a single zero


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


@pytest.mark.parametrize("name", NAMES)
def test_sigma_may_be_far_below_1_and_above(name: str) -> None:
    model = build(name)
    lengths = full(model, 3)
    tokens = tokens_for(model, lengths)
    for wanted in (0.01, 0.2, 3.0):
        with torch.no_grad():
            for key, parameter in model.encoder.named_parameters():
                if "sigma" in key:
                    parameter.zero_()
            biases = [b for k, b in model.encoder.named_parameters() if k.endswith("sigma.bias")]
            biases[-1].fill_(softplus_inverse(wanted))
            std = model.posterior(tokens, lengths).std
        torch.testing.assert_close(std, torch.full_like(std, wanted))


@pytest.mark.parametrize("name", NAMES)
def test_before_training_sigma_is_what_the_configuration_says(name: str) -> None:
    preset = small(name)
    model = SequenceVAE(preset.representation.spec, preset.model)
    lengths = full(model, 4)
    std = model.posterior(tokens_for(model, lengths), lengths).std
    assert std.mean().item() == pytest.approx(PRESETS[name].model.sigma, rel=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_z_is_drawn_from_the_posterior_and_its_kl_is_reported(name: str) -> None:
    model = build(name)
    lengths = full(model, 2)
    tokens = tokens_for(model, lengths)
    with torch.no_grad():
        result = model(tokens, lengths, generator=torch.Generator().manual_seed(3))
        z = result.posterior.sample(torch.Generator().manual_seed(3))
        logits = model.decoder(z, tokens, layout(model, lengths))
    assert torch.equal(result.logits, logits)
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
    lengths = full(model, 8)
    result = model(tokens_for(model, lengths), lengths)
    assert result.posterior.mean.abs().max() < 0.01
    assert result.kl.mean().item() == pytest.approx(0.1067, abs=1e-3)
