"""Codes on disk and codes that are none."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from musicvae.pipeline.codes import Codes
from musicvae.pipeline.model import MusicVAE
from musicvae.representations.base import Origin
from tests.pipeline.pieces import same, tune


def some(n: int = 2, z: int = 16, segments: int = 2) -> Codes:
    return Codes(
        mean=torch.zeros(n, z),
        std=torch.ones(n, z),
        lengths=torch.full((n, segments), 16),
        origins=(Origin(),) * n,
        model="another",
    )


def test_codes_survive_the_disk(model: MusicVAE, tmp_path: Path) -> None:
    codes = model.encode_examples(tune(5, bar=12, qpm=93.5, program=7, numerator=3, name="Flöte"))
    codes.save(tmp_path / "z.npz")
    loaded = Codes.load(tmp_path / "z.npz")
    assert torch.equal(loaded.mean, codes.mean)
    assert torch.equal(loaded.std, codes.std)
    assert loaded.lengths.tolist() == codes.lengths.tolist() == [[12, 12], [12, 12], [12, 0]]
    assert (loaded.origins, loaded.model) == (codes.origins, codes.model)
    assert same(model.decode(loaded), model.decode(codes))
    assert [p.name for p in tmp_path.iterdir()] == ["z.npz"]


def test_other_codes_for_the_same_windows_are_certain_of_themselves() -> None:
    codes = some().replace(torch.ones(2, 16))
    assert bool((codes.mean == 1).all())
    assert bool((codes.std == 0).all())
    assert codes.origins == some().origins


def test_a_file_without_codes_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "z.npz"
    for content in (b"", b"no archive", b"PK\x03\x04 damaged"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"z.npz holds no latents; make some with: musicvae"):
            Codes.load(path)
    np.savez(path, mean=np.zeros((2, 3)))
    with pytest.raises(ValueError, match="holds no latents"):
        Codes.load(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mean": torch.zeros(2)}, "mean and std are not tables with a row for each window"),
        ({"std": torch.zeros(2, 3)}, "mean and std are not tables"),
        ({"origins": (Origin(),)}, "mean, std, lengths and origins are not of the same windows"),
    ],
)
def test_tables_that_do_not_fit_together_are_refused(
    change: dict[str, Any], said: str, tmp_path: Path
) -> None:
    dataclasses.replace(some(), **change).save(tmp_path / "z.npz")
    with pytest.raises(ValueError, match=rf"z\.npz: {said}"):
        Codes.load(tmp_path / "z.npz")


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        (torch.zeros(1, 3), r"melody-2bar takes codes of 16 numbers each, not of shape \(1, 3\)"),
        (torch.zeros(16), r"codes are a table \(windows, numbers\), not of shape \(16,\)"),
        (torch.tensor(1.0), r"not of shape \(\)"),
        (torch.zeros(0, 16), "there are no codes to decode: give one row of numbers a window"),
        (torch.full((1, 16), torch.nan), r"numbers that are not finite \(nan or inf\)"),
        (some(z=8), r"takes codes of 16 numbers each, not of shape \(2, 8\)"),
        (some(segments=16), "writes 2 bars at a time; .* are of 16 and came from 'another'"),
        (dataclasses.replace(some(), lengths=torch.full((2, 2), 17)), "bars of 0 to 16 steps"),
        (dataclasses.replace(some(), lengths=torch.full((2, 2), -1)), "bars of 0 to 16 steps"),
    ],
)
def test_codes_that_the_model_cannot_use_are_refused(
    model: MusicVAE, codes: Codes | torch.Tensor, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        model.decode(codes)
