"""What a model itself does against a collapse of its posterior: its means are normed, its logits
read z, words are hidden from it; and the model without a posterior that it is compared with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from musicvae.checkpoint import Checkpoint, load, save
from musicvae.config import Flat, ModelConfig, NoEncoder, Preset
from musicvae.losses import elbo
from musicvae.models.encoders import Normed, Nothing, Posterior
from musicvae.models.layout import Layout
from musicvae.models.vae import SequenceVAE
from musicvae.representations.base import Categorical, TokenSpec
from tests.models.small import Case, case, code, full, logits, other, posterior, run, small

SPEC = TokenSpec(inputs=Categorical(9), outputs=Categorical(9), length=7, segments=1, end=0)


class Told(Nothing):
    """An encoder that says what a test has it say."""

    def __init__(self, mean: Tensor, std: float = 1.0) -> None:
        super().__init__()
        self.said = Posterior(mean, torch.full_like(mean, std))

    def forward(self, tokens: Tensor, layout: Layout, controls: Tensor | None = None) -> Posterior:
        return self.said


def normed(name: str = "text-small", gain: float = 0.6) -> Preset:
    preset = small(name)
    return replace(preset, model=replace(preset.model, mean_gain=gain))


def built(preset: Preset) -> SequenceVAE:
    torch.manual_seed(0)
    return SequenceVAE(preset.representation.spec, preset.model)


def of(preset: Preset, rows: int) -> tuple[SequenceVAE, Case]:
    model = built(preset)
    return model, case(model, full(model, rows))


def ask(norm: Normed) -> Posterior:
    """Of an encoder that does not look at its inputs."""
    posterior: Posterior = norm(torch.zeros(0), Layout.of(torch.ones(1, 1), 1))
    return posterior


@given(
    seed=st.integers(0, 2**31),
    rows=st.integers(8, 64),
    gain=st.floats(0.05, 2.0),
    scale=st.sampled_from([1e-2, 1.0, 1e2]),
)
def test_a_normed_mean_has_the_gain_as_deviation_and_the_offset_as_mean(
    seed: int, rows: int, gain: float, scale: float
) -> None:
    chance = torch.Generator().manual_seed(seed)
    raw = scale * (torch.randn(rows, 5, generator=chance) + torch.arange(5.0))
    norm = Normed(Told(raw), 5, gain).train()
    with torch.no_grad():
        norm.offset.copy_(torch.linspace(-1, 1, 5))
    mean = ask(norm).mean
    torch.testing.assert_close(mean.mean(0), norm.offset.detach(), atol=1e-4, rtol=0)
    torch.testing.assert_close(
        mean.std(0, correction=0), torch.full((5,), gain), atol=1e-5, rtol=1e-3
    )


@given(seed=st.integers(0, 2**31), gain=st.floats(0.1, 2.0), std=st.floats(0.05, 3.0))
def test_the_rate_under_a_norm_is_half_the_squared_gain_a_dimension_at_least(
    seed: int, gain: float, std: float
) -> None:
    raw = torch.randn(32, 6, generator=torch.Generator().manual_seed(seed))
    norm = Normed(Told(raw, std), 6, gain).train()
    found = ask(norm)
    rate = elbo(torch.zeros(32), 0.5 * (found.mean**2 + found.std**2 - 1) - found.std.log()).kl
    least = 6 * gain**2 / 2
    assert rate.item() >= least * (1 - 1e-4) - 1e-5
    if std == 1.0:  # the prior's own: nothing but the means costs
        assert rate.item() == pytest.approx(least, rel=1e-4)


def test_a_norm_holds_the_rate_of_means_that_training_draws_to_nothing() -> None:
    """With nothing to learn the KL goes to 0 in steps as large as the weights themselves."""
    torch.manual_seed(0)
    preset = normed()
    model = SequenceVAE(SPEC, replace(preset.model, embedding=4))
    least = model.config.z * 0.6**2 / 2
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(60):
        tokens = torch.randint(1, 9, (16, 7))
        result = model(tokens, torch.full((16, 1), 7))
        optimiser.zero_grad()
        elbo(result.nll.sum(1), result.kl).loss.backward()
        optimiser.step()
        assert result.kl.sum(1).mean().item() > 0.99 * least


def test_in_use_the_moments_of_training_count() -> None:
    raw = torch.tensor([[1.0, 10.0], [3.0, 30.0], [8.0, 80.0]])
    norm = Normed(Told(raw), 2, 0.5).train()
    for _ in range(300):  # until the running moments are those of the one batch there is
        ask(norm)
    norm.eval()
    norm.encoder.said = Posterior(raw[:1], torch.ones(1, 2))  # type: ignore[union-attr]
    want = 0.5 * (raw[:1] - raw.mean(0)) / raw.std(0)
    torch.testing.assert_close(ask(norm).mean, want, atol=1e-4, rtol=1e-4)
    gain, offset = norm.affine()
    torch.testing.assert_close(gain * raw[:1] + offset, want, atol=1e-4, rtol=1e-4)
    before = norm.running_mean.clone()
    ask(norm)
    assert torch.equal(norm.running_mean, before)


def test_the_gain_is_not_trained() -> None:
    model, given = of(normed(), 6)
    result = run(model, given)
    (result.nll.sum() + result.kl.sum()).backward()
    assert isinstance(model.encoder, Normed)
    assert "encoder.offset" in dict(model.named_parameters())
    assert not any("gain" in name for name, _ in model.named_parameters())
    assert model.encoder.gain == 0.6


@pytest.mark.parametrize("name", ["text-small", "melody-2bar", "hier-trio_16bar"])
def test_a_norm_survives_a_file_of_half_precision(name: str, tmp_path: Path) -> None:
    preset = normed(name)
    model, given = of(preset, 6)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3)
    for _ in range(5):
        run(model.train(), given)
    save(Checkpoint(preset=preset, weights=model.state_dict()), tmp_path / "n", torch.float16)
    again = load(tmp_path / "n").build()
    with torch.no_grad():
        ours, theirs = posterior(model.eval(), given), posterior(again, given)
    assert ours.mean.std() > 0.05
    torch.testing.assert_close(theirs.mean, ours.mean, atol=0.02, rtol=0.02)
    torch.testing.assert_close(theirs.std, ours.std, atol=0.02, rtol=0.02)


def model_of(decoder: Flat, z: int = 4) -> SequenceVAE:
    torch.manual_seed(0)
    encoder = NoEncoder() if not z else small("text-small").model.encoder
    model = SequenceVAE(SPEC, ModelConfig(z=z, encoder=encoder, decoder=decoder)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.6)
    return model


@pytest.mark.parametrize("to_output", [False, True])
def test_z_reaches_the_logits_past_the_lstm_where_it_is_let(to_output: bool) -> None:
    """With every way from z into the LSTM cut, what is left is the one to the output layer."""
    model = model_of(Flat(units=(6,), to_output=to_output))
    writer = model.decoder.writers[0]
    with torch.no_grad():
        writer.initial.project.weight.zero_()
        writer.lstm.layers[0].weight_ih_l0[:, writer.tokens.width :].zero_()
    given, z = case(model, full(model, 3)), code(model, 3).requires_grad_()
    found = logits(model, z, given)
    assert (not torch.equal(found, logits(model, z + 1, given))) is to_output
    found[:, -1].square().sum().backward()
    assert z.grad is not None
    assert bool((z.grad.abs() > 0).all()) is to_output
    drawn = [model.decode(v, given.lengths, 0.0) for v in (z, -9 * z)]  # in sampling as well
    assert (not torch.equal(*drawn)) is to_output


def test_what_the_output_layer_reads_of_z_is_linear() -> None:
    model = model_of(Flat(units=(6,), to_output=True))
    writer = model.decoder.writers[0]
    with torch.no_grad():
        writer.initial.project.weight.zero_()
        writer.lstm.layers[0].weight_ih_l0[:, writer.tokens.width :].zero_()
    given, z = case(model, full(model, 2)), code(model, 2)
    moved = logits(model, z, given) - logits(model, torch.zeros_like(z), given)
    weight = writer.head.project.weight[:, 6:]  # of what stands behind the LSTM's outputs
    torch.testing.assert_close(moved, (z @ weight.T)[:, None].expand_as(moved))


def test_without_an_encoder_there_is_a_language_model_left() -> None:
    model = model_of(Flat(units=(6,)), z=0)
    given = case(model, full(model, 3))
    result = run(model, given)
    assert result.kl.shape == (3, 0)
    assert result.posterior.mean.shape == (3, 0)
    terms = elbo(result.nll.sum(1), result.kl)
    assert terms.kl.item() == 0
    assert terms.loss.item() == pytest.approx(result.nll.sum(1).mean().item())
    terms.loss.backward()
    grads = [p.grad for p in model.parameters() if p.numel()]
    assert all(g is not None and g.abs().sum() > 0 for g in grads)
    alone = logits(model, torch.zeros(3, 0), given)
    assert torch.equal(result.logits, alone)


def test_a_language_models_probabilities_of_all_sentences_sum_to_one() -> None:
    """Of 3 tokens, one of which ends a sentence, there are 1 + 2 + 4 sentences of up to 3 steps
    and 8 that are cut after the third."""
    spec = TokenSpec(inputs=Categorical(3), outputs=Categorical(3), length=3, segments=1, end=0)
    torch.manual_seed(1)
    model = SequenceVAE(spec, ModelConfig(z=0, encoder=NoEncoder(), decoder=Flat(units=(5,))))
    words = torch.cartesian_prod(*[torch.arange(3)] * 3)
    lengths = model.written(words, torch.full((27, 1), 3))
    words[torch.arange(3) >= lengths] = 0
    sentences, first = torch.unique(torch.cat([words, lengths], 1), dim=0), lengths
    assert len(sentences) == 1 + 2 + 4 + 8
    assert len(first) == 27
    nll = model(sentences[:, :3], sentences[:, 3:]).nll.sum(1)
    assert nll.neg().exp().sum().item() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("where", ["token", "output"])
def test_writer_dropout_hides_what_is_told_and_what_is_said_in_training_only(where: str) -> None:
    preset = small("text-small")
    preset = replace(preset, model=replace(preset.model, writer_dropout=0.5))
    model = built(preset)
    writer = model.decoder.writers[0]
    seen: list[Tensor] = []
    part, index = (writer.lstm, 0) if where == "token" else (writer.head, 0)
    part.register_forward_pre_hook(lambda _, args: seen.append(args[index]))
    given = case(model, full(model, 8))
    for mode in (False, True):
        model.train(mode)
        run(model, given)
    width = writer.tokens.width if where == "token" else writer.lstm.units[-1]
    use, training = (x[:, 1:, :width] for x in seen)
    assert bool((use != 0).all())
    assert (training == 0).float().mean().item() == pytest.approx(0.5, abs=0.05)


def test_a_hidden_token_has_no_part_in_any_later_logit_but_through_what_it_said_itself() -> None:
    """With the token before every step hidden, a sentence's cost is that of its length and z."""
    model = model_of(Flat(units=(6,), to_output=True))
    given, z = case(model, full(model, 4)), code(model, 4)
    moved = replace(given, tokens=other(given.tokens, SPEC.outputs))
    nothing = torch.zeros(given.tokens.shape, dtype=torch.bool)
    assert torch.equal(logits(model, z, given, nothing), logits(model, z, moved, nothing))
    first = torch.ones_like(nothing)
    first[:, 0] = False  # has no token before it to be hidden
    assert torch.equal(logits(model, z, given, first), logits(model, z, given))


@pytest.mark.parametrize("name", ["text-small", "melody-2bar", "cat-mel_2bar_med_chords"])
def test_what_is_cut_off_behind_the_longest_changes_nothing(name: str) -> None:
    preset = small(name)
    spec = replace(preset.representation.spec, segments=1, end=0)
    torch.manual_seed(0)
    model = SequenceVAE(spec, preset.model).eval()
    lengths = torch.tensor([[9], [4], [1]])
    given = case(model, lengths)
    told = given.controls
    cut = replace(
        given,
        tokens=given.tokens[:, :9],
        inputs=given.inputs[:, :9],
        controls=None if told is None else told[:, :9],
    )
    results = [run(model, one, generator=torch.Generator().manual_seed(3)) for one in (given, cut)]
    assert results[1].nll.shape == (3, 9)
    torch.testing.assert_close(results[0].nll[:, :9], results[1].nll)
    assert not results[0].nll[:, 9:].any()
    torch.testing.assert_close(results[0].kl, results[1].kl)
    assert torch.equal(results[0].correct[:, :9], results[1].correct)
