"""Figures against models whose figures are known, and against a count by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sacrebleu
import torch

from musicvae.config import Bidirectional, Flat, ModelConfig, NoEncoder
from musicvae.models.vae import SequenceVAE
from musicvae.representations.text import Text, Words
from musicvae.training.dataset import Dataset
from musicvae.training.evaluate import evaluate
from tests.models.small import MELODIES, build, small
from tests.training.small_data import dataset

UNITS = ("nats", "bits", "nats_per_step", "bits_per_step")
NAMES = ("reconstruction", "kl", "elbo", "mutual_information")
FIGURES = {
    "teacher", "teacher_onsets", "sampled", "sampled_onsets", "greedy", "greedy_onsets",
    "nll_bits", "bits_per_onset", "active_units", "examples", "steps", "seed",
    "bleu_greedy", "bleu_drawn", "elbo_nats_low", "elbo_nats_high", "perplexity_elbo",
    "mutual_information_ceiling_nats", "mutual_information_leave_one_out_nats",
} | {f"{name}_{unit}" for name in NAMES for unit in UNITS}  # fmt: skip
WEIGHTED = {
    "iw_nll_nats_low", "iw_nll_nats_high", "perplexity_iw", "perplexity_iw_low",
    "perplexity_iw_high", "iw_samples", "iw_effective_samples", "iw_effective_samples_low",
} | {f"iw_nll_{unit}" for unit in UNITS}  # fmt: skip
SENTENCES = (
    "the rain had stopped before noon.",
    "she closed the old book and smiled.",
    "no one answered.",
    "a small boat came slowly into the harbour at dusk.",
    "he said that it was late.",
)


def sentences(*lines: str, max_length: int = 16) -> Dataset:
    """Sentences of their own words, each as long as it is."""
    text = Text(vocabulary=Words(), max_length=max_length).fit(lines)
    examples = text.encode("\n".join(lines))
    return Dataset(
        representation=text,
        tokens=np.stack([e.tokens for e in examples]),
        lengths=np.stack([e.lengths for e in examples]),
        rows=np.arange(len(examples)),
    )


def writer(data: Dataset, z: int, **decoder: object) -> SequenceVAE:
    """A small model of sentences; without z a language model."""
    config = ModelConfig(
        z=z,
        encoder=Bidirectional(units=(7,)) if z else NoEncoder(),
        decoder=Flat(units=(9,), **decoder),
        embedding=6,
    )
    torch.manual_seed(0)
    model = SequenceVAE(data.representation.spec, config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.5)
    return model


def even(model: SequenceVAE) -> SequenceVAE:
    """The same, for which all tokens are equally likely at every step."""
    with torch.no_grad():
        for parameter in model.decoder.writers[0].head.parameters():
            parameter.zero_()
    return model


def stubborn(token: int, name: str = "melody-2bar") -> SequenceVAE:
    """A model that writes one token for ever, and whose posterior is the prior."""
    model = build(name)
    with torch.no_grad():
        model.decoder.writers[0].head.project.weight.zero_()
        model.decoder.writers[0].head.project.bias.fill_(0.0)[token] = 50.0
        for key, parameter in model.encoder.named_parameters():
            if key.startswith(("mean", "sigma", "mixed", "bar_")):
                parameter.zero_()
        model.encoder.mixed_sigma.bias.fill_(math.log(math.expm1(1.0)))
    return model


def test_a_model_that_writes_holds_is_right_at_every_hold() -> None:
    """Three steps of four in the data are holds, and no onset is one."""
    figures = evaluate(stubborn(0), dataset(small("melody-2bar"), rows=9), batch_size=4)
    assert figures.keys() == FIGURES
    for how in ("teacher", "sampled", "greedy"):
        assert figures[how] == 0.75
        assert figures[f"{how}_onsets"] == 0.0
    assert figures["kl_bits"] == pytest.approx(0.0, abs=1e-4)
    assert figures["active_units"] == 0
    assert figures["mutual_information_nats"] == pytest.approx(0.0, abs=1e-3)
    assert figures["mutual_information_ceiling_nats"] == pytest.approx(math.log(9), abs=1e-4)
    onsets = (6 * 32 + 3 * 24) / 4  # a third of the rows has bars of 12
    assert figures["nll_bits"] == pytest.approx(onsets * 50 / math.log(2) / 9, rel=1e-3)
    assert figures["bits_per_onset"] == pytest.approx(50 / math.log(2), rel=1e-3)
    assert figures["examples"] == 9


@pytest.mark.parametrize("name", MELODIES)
def test_figures_are_the_means_over_valid_steps(name: str) -> None:
    model, data = build(name), dataset(small(name), rows=6)
    figures = evaluate(model, data, seed=1)
    tokens = torch.from_numpy(data.tokens.astype(np.int64))
    lengths = torch.from_numpy(data.lengths.astype(np.int64))
    with torch.no_grad():
        result = model(tokens, lengths, generator=torch.Generator().manual_seed(1))
        greedy = model.decode(result.posterior.mean, lengths, 0.0) == tokens
    mask, onsets = result.mask, result.mask & (tokens > 1)
    right = (result.logits.argmax(-1) == tokens).float()
    assert figures["teacher"] == pytest.approx(right[mask].mean().item(), abs=1e-4)
    assert figures["teacher_onsets"] == pytest.approx(right[onsets].mean().item(), abs=1e-4)
    assert figures["greedy"] == pytest.approx(greedy[mask].float().mean().item(), abs=1e-4)
    kl = result.kl.sum(1).mean().item() / math.log(2)
    assert figures["kl_bits"] == pytest.approx(kl, abs=0.02, rel=1e-4)


def test_figures_say_the_same_in_all_units() -> None:
    data = dataset(small("melody-2bar"), rows=6)
    f = evaluate(build("melody-2bar", spread=0.2), data, importance=4)
    assert f.keys() == FIGURES | WEIGHTED
    assert f["steps"] == data.lengths.sum()
    for name in (*NAMES, "iw_nll"):
        assert f[f"{name}_bits"] == pytest.approx(f[f"{name}_nats"] / math.log(2), abs=1e-3)
        for unit in ("nats", "bits"):
            expected = f[f"{name}_{unit}"] * 6 / f["steps"]
            assert f[f"{name}_{unit}_per_step"] == pytest.approx(expected, abs=1e-3)
    assert f["elbo_nats"] == pytest.approx(-f["reconstruction_nats"] - f["kl_nats"], abs=1e-3)
    assert f["elbo_nats_low"] < f["elbo_nats"] < f["elbo_nats_high"]
    assert f["nll_bits"] == f["reconstruction_bits"]
    assert f["perplexity_elbo"] == pytest.approx(math.exp(-f["elbo_nats_per_step"]), rel=1e-3)
    assert f["perplexity_iw"] == pytest.approx(math.exp(f["iw_nll_nats_per_step"]), rel=1e-3)
    assert f["perplexity_iw_low"] < f["perplexity_iw"] < f["perplexity_iw_high"]
    assert f["iw_nll_nats_low"] < f["iw_nll_nats"] < f["iw_nll_nats_high"]
    assert 1 <= f["iw_effective_samples_low"] <= f["iw_effective_samples"] <= f["iw_samples"] == 4


def test_more_samples_bound_the_likelihood_more_tightly() -> None:
    data = sentences(*SENTENCES * 8)
    model = writer(data, z=4, to_output=True)
    one, many = (evaluate(model, data, importance=k) for k in (1, 300))
    assert one["iw_nll_nats"] == pytest.approx(-one["elbo_nats"], rel=0.1)
    assert many["iw_nll_nats"] < one["iw_nll_nats"] - 0.1


@pytest.mark.parametrize("z", [0, 3])
def test_where_all_tokens_are_equally_likely_perplexity_is_their_number(z: int) -> None:
    """The end of each sentence counts as a step, and what z is does not matter."""
    data = sentences(*SENTENCES)
    figures = evaluate(even(writer(data, z)), data, importance=2000, prior_share=0.5)
    size = data.representation.spec.outputs.size
    assert figures["steps"] == (data.tokens != 0).sum() + len(SENTENCES)
    assert figures["reconstruction_nats_per_step"] == pytest.approx(math.log(size), abs=1e-3)
    assert figures["perplexity_iw"] == pytest.approx(size, rel=0.005)
    if not z:
        assert figures["perplexity_elbo"] == pytest.approx(size, rel=1e-4)


def test_a_language_model_says_exactly_how_likely_a_sentence_is() -> None:
    data = sentences(*SENTENCES)
    f = evaluate(writer(data, z=0), data, importance=500)
    assert f["iw_nll_nats"] == f["reconstruction_nats"] == -f["elbo_nats"]
    assert f["perplexity_iw"] == f["perplexity_elbo"]
    assert f["iw_effective_samples"] == f["iw_effective_samples_low"] == 500
    for name in ("kl_nats", "mutual_information_nats", "active_units"):
        assert f[name] == 0
    assert f["bleu_greedy"] == f["bleu_drawn"]


def test_sentences_are_compared_by_their_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that gives each sentence back but for one that it writes on and on."""
    data = sentences(*SENTENCES)
    model = writer(data, z=3)
    wanted = torch.from_numpy(data.tokens.astype(np.int64))
    wanted[2] = wanted[1, 0]  # this word, sixteen times, and no end

    def decode(self, z, lengths, temperature=1.0, generator=None, controls=None):
        assert (lengths == 16).all()  # how long a sentence was it is not told
        return wanted if temperature == 0 else torch.zeros_like(wanted)

    monkeypatch.setattr(SequenceVAE, "decode", decode)
    figures = evaluate(model, data)
    written = [*SENTENCES[:2], " ".join(["she"] * 16), *SENTENCES[3:]]
    expected = sacrebleu.corpus_bleu(written, [list(SENTENCES)]).score
    assert 40 < expected < 90
    assert figures["bleu_greedy"] == figures["bleu_drawn"] == pytest.approx(expected, abs=0.01)
    assert figures["greedy"] == pytest.approx(1 - data.lengths[2, 0] / data.lengths.sum(), abs=1e-4)


def test_sentences_of_another_vocabulary_are_refused() -> None:
    """As many words, and other ones: the figures would be those of nonsense."""
    data = sentences(*SENTENCES)
    other = data.representation.fit(s.replace("boat", "ship") for s in SENTENCES)
    assert other.spec == data.representation.spec
    with pytest.raises(ValueError, match="learned from other sources"):
        data.read_by(other)
    again = data.representation.fit(SENTENCES)
    assert data.read_by(again).representation == again


def test_of_one_sequence_there_is_no_information_without_it() -> None:
    figures = evaluate(build("melody-2bar"), dataset(small("melody-2bar"), rows=1))
    assert figures.keys() == FIGURES - {"mutual_information_leave_one_out_nats"}
    assert figures["active_units"] == figures["mutual_information_nats"] == 0


def test_strokes_have_no_words() -> None:
    preset = small("groove-2bar-humanize")
    spec = preset.representation.spec
    silent = Dataset(
        representation=preset.representation,
        tokens=np.zeros((3, spec.length, *spec.outputs.shape), dtype=np.float32),
        lengths=np.full((3, spec.segments), spec.segment_length),
        rows=np.arange(3),
    )
    figures = evaluate(build("groove-2bar-humanize"), silent)
    assert figures.keys() == FIGURES - {"bleu_greedy", "bleu_drawn"}


def test_the_seed_decides_and_batches_only_group() -> None:
    model, data = build("melody-2bar"), dataset(small("melody-2bar"), rows=6)
    assert evaluate(model, data, seed=1) == evaluate(model, data, seed=1)
    sevens = [evaluate(model, data, seed=7, batch_size=n) for n in (6, 4)]
    for name in ("greedy", "greedy_onsets", "kl_bits", "active_units", "examples"):
        assert sevens[0][name] == sevens[1][name]  # what depends on no noise


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    data = dataset(small("melody-2bar"), rows=5)
    evaluate(build("melody-2bar"), data, batch_size=2, progress=lambda *at: told.append(at))
    assert told == [(2, 5), (4, 5), (5, 5)]


def test_what_is_not_written_is_not_right() -> None:
    """A model that ends every sentence at once has written no other end where the true one is."""
    data = sentences(*SENTENCES)
    model = writer(data, z=3)
    head = model.decoder.writers[0].head.project
    with torch.no_grad():
        head.weight.zero_()
        head.bias.zero_()
        head.bias[data.representation.spec.end] = 1e3
    figures = evaluate(model.eval(), data)
    assert (figures["greedy"], figures["sampled"]) == (0.0, 0.0)
    assert figures["teacher"] == round(len(SENTENCES) / int(data.lengths.sum()), 4)  # every end
