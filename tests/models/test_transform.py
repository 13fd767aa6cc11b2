"""The transform of shares: scipy's cosine transform is the witness."""

from __future__ import annotations

import pytest
import torch
from scipy.fft import dct

from musicvae.models.transform import ShareTransform, cosine_matrix


@pytest.mark.parametrize("size", [1, 2, 8, 64])
def test_cosine_matrix_is_the_orthonormal_dct(size: int) -> None:
    expected = torch.from_numpy(dct(torch.eye(size).double().numpy(), norm="ortho", axis=0))
    torch.testing.assert_close(cosine_matrix(size).double(), expected, atol=1e-6, rtol=0)


def test_starts_as_the_cosine_transform_of_every_channel_and_back() -> None:
    shares = torch.randn(3, 8, 4)  # 8 groups of 4 numbers
    there = ShareTransform(32, 8)(shares.flatten(1))
    expected = torch.from_numpy(dct(shares.double().numpy(), norm="ortho", axis=1)).float()
    torch.testing.assert_close(there.unflatten(1, (8, 4)), expected, atol=1e-5, rtol=0)
    back = ShareTransform(32, 8, inverse=True)(there)
    torch.testing.assert_close(back, shares.flatten(1), atol=1e-5, rtol=0)


def test_what_all_groups_share_is_said_once() -> None:
    alike = torch.randn(1, 1, 4).expand(1, 8, 4)
    there = ShareTransform(32, 8)(alike.flatten(1)).detach().unflatten(1, (8, 4))
    assert there[:, 1:].abs().max() < 1e-5
