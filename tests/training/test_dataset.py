"""Batches follow from seed and step alone, and a folder that is no dataset says so."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from musicvae.config import Bidirectional, Flat, ModelConfig, to_json
from musicvae.models.vae import SequenceVAE
from musicvae.training.dataset import Batch, Dataset, load_dataset
from tests.models.small import small
from tests.training.small_data import dataset, sentences

PRESET = small("melody-2bar")


def written(folder: Path, weights: bool = False) -> Dataset:
    """Ten rows on disk: six to train on, three to validate, one to test."""
    data = dataset(PRESET, rows=10)
    np.save(folder / "tokens.npy", data.tokens)
    np.save(folder / "lengths.npy", data.lengths)
    np.save(folder / "split.npy", np.array([0, 1, 0, 2, 0, 1, 0, 0, 1, 0], dtype=np.uint8))
    if weights:
        np.save(folder / "weights.npy", np.array([5, 0, 1, 0, 0, 0, 1, 1, 0, 0], dtype=np.float32))
    description = {"format": 1, "representation": to_json(PRESET.representation)}
    (folder / "dataset.json").write_text(json.dumps(description))
    return data


def test_a_split_holds_its_rows_and_no_other(tmp_path: Path) -> None:
    data = written(tmp_path)
    for split, rows in (("train", [0, 2, 4, 6, 7, 9]), ("valid", [1, 5, 8]), ("test", [3])):
        loaded = load_dataset(tmp_path, split)
        assert loaded.representation == PRESET.representation
        assert len(loaded) == len(rows)
        tokens, lengths, _ = loaded.take(np.arange(len(rows)))
        assert np.array_equal(tokens, data.tokens[rows])
        assert np.array_equal(lengths, data.lengths[rows])


def test_batches_follow_from_seed_and_step() -> None:
    data = dataset(PRESET)
    first = data.batch(8, seed=1, step=5, augment=True)
    again = data.batch(8, seed=1, step=5, augment=True)
    assert torch.equal(first.tokens, again.tokens)
    assert torch.equal(first.lengths, again.lengths)
    for seed, step in ((2, 5), (1, 6)):
        assert not torch.equal(first.tokens, data.batch(8, seed, step, augment=True).tokens)
    assert first.tokens.dtype == first.lengths.dtype == torch.int64


def test_augmentation_moves_notes_and_nothing_else() -> None:
    data = dataset(PRESET)
    before, after = (data.batch(64, 0, 0, augment=augment) for augment in (False, True))
    assert torch.equal(before.lengths, after.lengths)
    plain, moved = before.tokens, after.tokens
    assert torch.equal(plain > 1, moved > 1)
    assert torch.equal(plain[plain < 2], moved[moved < 2])
    shift = (moved - plain)[plain > 1]
    assert set(shift.tolist()) == set(range(-5, 6))
    assert all(len(row[p > 1].unique()) == 1 for row, p in zip(moved - plain, plain, strict=True))


def test_without_weights_examples_are_equally_likely() -> None:
    data = dataset(PRESET, rows=5)
    drawn = np.bincount(data.draw(20_000, np.random.default_rng(0)), minlength=5) / 20_000
    np.testing.assert_allclose(drawn, 0.2, atol=0.02)


def test_weights_say_how_often_an_example_is_drawn(tmp_path: Path) -> None:
    written(tmp_path, weights=True)
    data = load_dataset(tmp_path)  # rows 0, 2, 4, 6, 7, 9
    drawn = np.bincount(data.draw(20_000, np.random.default_rng(0)), minlength=6) / 20_000
    np.testing.assert_allclose(drawn, np.array([5, 1, 0, 1, 1, 0]) / 8, atol=0.02)
    assert drawn[2] == drawn[5] == 0


@pytest.mark.parametrize("weighted", [False, True])
def test_in_batches_of_like_length_every_example_comes_as_often_as_ever(weighted: bool) -> None:
    """The count over many steps, against its expectation by chi-squared."""
    data, size, steps = sentences(rows=200), 4, 3000
    share = np.full(200, 1 / 200)
    if weighted:
        weights = 1.0 + np.arange(200) % 3
        data, share = dataclasses.replace(data, weights=weights), weights / weights.sum()
    drawn = [data.batch(size, 7, step, augment=False).tokens[:, 0] - 2 for step in range(steps)]
    found = np.bincount(torch.cat(drawn).numpy(), minlength=200)
    expected = share * size * steps
    assert found.sum() == size * steps
    # 199 degrees of freedom, a deviation of 20; a batch may hold an example twice, which adds some
    assert ((found - expected) ** 2 / expected).sum() < 350


def test_batches_of_like_length_are_of_like_length() -> None:
    data = sentences(rows=200, longest=40)
    spread, longest = [], []
    for step in range(60):
        lengths = data.batch(8, 0, step, augment=False).lengths.numpy()
        spread.append(int(lengths.max() - lengths.min()))
        longest.append(int(lengths.max()))
    at_random = [np.ptp(data.lengths[data.draw(8, np.random.default_rng(i))]) for i in range(60)]
    assert np.mean(spread) < 0.25 * np.mean(at_random)
    assert min(longest) < 8  # short ones and long ones alike have their turn
    assert max(longest) > 36


def test_batches_of_like_length_follow_from_seed_and_step() -> None:
    data = sentences()
    first, again = (data.batch(6, seed=3, step=4, augment=True) for _ in range(2))
    assert torch.equal(first.tokens, again.tokens)
    assert torch.equal(first.lengths, again.lengths)
    others = [data.batch(6, seed=3, step=step, augment=True).tokens for step in range(5, 15)]
    assert not any(t.shape == first.tokens.shape and torch.equal(t, first.tokens) for t in others)


def test_a_batch_is_as_wide_as_its_longest_example_and_loses_nothing() -> None:
    data = sentences(rows=64)
    for step in range(20):
        batch = data.batch(4, 0, step, augment=True)
        assert batch.tokens.shape == (4, int(batch.lengths.max()))
        stored = data.tokens[batch.tokens[:, 0].numpy() - 2]
        width = batch.tokens.shape[1]
        np.testing.assert_array_equal(batch.tokens.numpy(), stored[:, :width])
        assert not stored[:, width:].any()
    for stored, batch in data.batches(10):  # in order, so of any length
        assert stored.shape[1] == 12
        assert batch.tokens.shape[1] == int(batch.lengths.max())


def test_what_has_segments_or_no_end_is_neither_sorted_nor_cut() -> None:
    data = dataset(PRESET, rows=9)
    short = dataclasses.replace(data, lengths=np.full_like(data.lengths, 12))
    batch = short.batch(4, 0, 0, augment=False)
    assert batch.tokens.shape == (4, 32)
    drawn = data.draw(4, np.random.default_rng((0, 0)))
    np.testing.assert_array_equal(batch.tokens.numpy(), data.tokens[drawn])


def test_controls_are_cut_with_the_tokens() -> None:
    data = sentences(rows=5)
    told = np.arange(60, dtype=np.uint8).reshape(5, 12)
    batch = Batch.of(data.representation, data.tokens[:2], np.array([[3], [5]]), told[:2])
    assert batch.tokens.shape == (2, 5)
    assert batch.controls is not None
    np.testing.assert_array_equal(batch.controls.numpy(), told[:2, :5])


def test_a_sentence_costs_the_same_in_any_batch() -> None:
    """Its nats in a batch of like length, and as it is stored, with what lies behind it."""
    data = sentences(rows=48)
    config = ModelConfig(z=4, embedding=5, encoder=Bidirectional(units=(6,)),
                         decoder=Flat(units=(7,), to_output=True))  # fmt: skip
    torch.manual_seed(0)
    model = SequenceVAE(data.representation.spec, config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.5)
        batch = data.batch(6, 0, 1, augment=False)
        assert batch.tokens.shape[1] < 12
        stored = data.tokens[batch.tokens[:, 0].numpy() - 2].astype(np.int64)
        whole, cut = (
            model(tokens, batch.lengths, generator=torch.Generator().manual_seed(5))
            for tokens in (torch.from_numpy(stored), batch.tokens)
        )
    torch.testing.assert_close(whole.nll.sum(1), cut.nll.sum(1))
    torch.testing.assert_close(whole.kl, cut.kl)


def test_a_sample_is_drawn_once_and_without_repetition() -> None:
    data = dataclasses.replace(dataset(PRESET, rows=20), weights=np.arange(20, dtype=np.float32))
    some = data.sample(7, seed=3)
    assert len(some) == 7
    assert len(set(some.rows)) == 7
    assert np.array_equal(some.weights, some.rows)
    assert np.array_equal(some.rows, data.sample(7, seed=3).rows)
    assert not np.array_equal(some.rows, data.sample(7, seed=4).rows)
    assert len(data.sample(99, seed=3)) == 20


def test_tensors_keep_their_values() -> None:
    stored = np.array([[255]], np.uint8), np.array([[65535]], np.uint16)
    batch = Batch.of(PRESET.representation, *stored)
    assert (batch.tokens.item(), batch.lengths.item()) == (255, 65535)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no prepared dataset \(dataset.json, .*split.npy"):
        load_dataset(tmp_path / "nowhere")
    written(tmp_path)
    (tmp_path / "lengths.npy").unlink()
    with pytest.raises(ValueError, match=r"\(lengths.npy missing\).*musicvae prepare"):
        load_dataset(tmp_path)


def test_a_wrong_or_an_empty_split_is_refused(tmp_path: Path) -> None:
    written(tmp_path)
    with pytest.raises(ValueError, match="no split 'tset'; there are train, valid, test"):
        load_dataset(tmp_path, "tset")
    np.save(tmp_path / "split.npy", np.zeros(10, dtype=np.uint8))
    with pytest.raises(ValueError, match="no examples in its valid split"):
        load_dataset(tmp_path, "valid")
