"""What holds for every preset: it builds, goes to JSON and back, runs, samples, is read again."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from musicvae.checkpoint import Checkpoint
from musicvae.config import from_json, to_json
from musicvae.models.vae import SequenceVAE
from musicvae.notes.errors import Rejected
from musicvae.pipeline.model import MusicVAE
from musicvae.presets import PRESETS
from musicvae.representations.base import Example
from tests.models.small import NAMES, build, full, mixed, small, tokens_for

# In millions, as the reference counts: one bias a cell, where PyTorch keeps two.
MILLIONS = {
    "cat-mel_2bar_small": 4.42,
    "cat-mel_2bar_big": 134.6,
    "flat-mel_16bar": 235,
    "hierdec-mel_16bar": 176,
}


def pipeline(name: str) -> MusicVAE:
    return MusicVAE(Checkpoint(preset=small(name), weights=build(name).state_dict()), "cpu")


@pytest.mark.parametrize("name", NAMES)
def test_full_size(name: str) -> None:
    preset = PRESETS[name]
    with torch.device("meta"):
        model = SequenceVAE(preset.representation.spec, preset.model)
    count = sum(p.numel() for k, p in model.named_parameters() if "bias_hh" not in k)
    if name in MILLIONS:
        digits = 0 if MILLIONS[name] > 150 else 2 if MILLIONS[name] < 10 else 1
        assert round(count / 1e6, digits) == MILLIONS[name]
    else:  # in the repository at float16: at most 25 and 60 MB
        assert 2 * count < {"melody-2bar": 25e6, "melody-16bar": 60e6}[name]


@pytest.mark.parametrize("name", NAMES)
def test_json(name: str) -> None:
    for preset in (PRESETS[name], small(name)):
        text = json.dumps(to_json(preset))
        assert from_json(json.loads(text)) == preset
        assert hash(from_json(json.loads(text))) == hash(preset)


@pytest.mark.parametrize("lengths_of", [lambda m: full(m, 2), mixed], ids=["full", "mixed"])
@pytest.mark.parametrize("name", NAMES)
def test_forward_and_sample(name: str, lengths_of) -> None:
    model = build(name)
    lengths = lengths_of(model)
    B, T, K = len(lengths), model.spec.length, model.spec.outputs.size
    tokens = tokens_for(model, lengths)
    result = model(tokens, lengths)
    assert result.logits.shape == (B, T, K)
    assert result.nll.shape == result.mask.shape == (B, T)
    assert result.correct.shape == (B, T, 1)
    assert result.kl.shape == result.posterior.mean.shape == (B, model.config.z)
    assert all(t.isfinite().all() for t in (result.logits, result.nll, result.kl))
    assert bool((result.posterior.std > 0).all())
    drawn = model.decode(torch.randn(B, model.config.z), lengths)
    assert drawn.shape == (B, T)
    assert drawn.dtype == torch.int64
    assert 0 <= int(drawn.min()) <= int(drawn.max()) < K
    assert not drawn[~result.mask].any()


@pytest.mark.parametrize("name", NAMES)
def test_small_stored_integers_are_as_good_as_large_ones(name: str) -> None:
    model = build(name)
    lengths = mixed(model)
    tokens = tokens_for(model, lengths)
    with torch.no_grad():
        wide = model(tokens, lengths, generator=torch.Generator().manual_seed(0))
        narrow = model(
            tokens.to(torch.uint8),
            lengths.to(torch.uint8),
            generator=torch.Generator().manual_seed(0),
        )
    assert torch.equal(wide.logits, narrow.logits)
    assert torch.equal(wide.nll, narrow.nll)


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_can_be_encoded_again(name: str, tmp_path) -> None:
    """As an object and as a file: it sounds, is read as one window, and has a posterior."""
    model = pipeline(name)
    for i, sample in enumerate(model.sample(4, temperature=1.0, seed=1)):
        path = tmp_path / f"{i}.mid"
        model.representation.write(sample, path)
        heard, read = model.encode(sample), model.encode(path)
        assert len(heard) == len(read) == 1
        assert torch.equal(heard.mean, read.mean)
        assert bool(heard.mean.isfinite().all())


@pytest.mark.parametrize("quiet", [0.5, 0.9, 0.98])
@pytest.mark.parametrize("name", ["melody-2bar", "melody-16bar"])
def test_what_sounds_can_be_encoded_however_little_of_it_there_is(name: str, quiet: float) -> None:
    """Holds, rests and note-offs anywhere, as a trained model writes them; silence is refused."""
    representation = small(name).representation
    spec, rng = representation.spec, np.random.default_rng(0)
    for bar in (16, 12):
        for _ in range(30):
            tokens = rng.integers(1, 90, spec.length) * (rng.random(spec.length) > quiet)
            tokens[np.arange(spec.length) % 16 >= bar] = 0
            lengths = np.full(spec.segments, bar, dtype=np.uint16)
            example = Example(tokens=tokens.astype(np.uint8), lengths=lengths)
            written = representation.decode([example])
            if not (tokens > 1).any():
                with pytest.raises(Rejected) as silence:
                    representation.encode(written)
                assert silence.value.reason == "no-notes"
                continue
            (again,) = representation.encode(written)
            assert np.array_equal(again.lengths, lengths)
            once_more = representation.encode(representation.decode([again]))[0]
            assert np.array_equal(once_more.tokens, again.tokens)
            assert np.array_equal(again.tokens[tokens > 1], tokens[tokens > 1])  # every note
