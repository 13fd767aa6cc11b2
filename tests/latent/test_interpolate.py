"""slerp against a NumPy reference, closed forms, and wherever the formula would be 0/0."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from musicvae.latent.interpolate import grid, lerp, slerp, smooth, walk

DOUBLE = torch.float64


def white(a: np.ndarray, b: np.ndarray, t: float) -> np.ndarray:
    """White's formula, written from the paper for one pair of vectors."""
    cosine = a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
    w = np.arccos(np.clip(cosine, -1, 1))
    return np.sin((1 - t) * w) / np.sin(w) * a + np.sin(t * w) / np.sin(w) * b


def pairs(count: int, size: int, dtype: torch.dtype = DOUBLE) -> tuple[Tensor, Tensor]:
    a, b = torch.randn(2, count, size, dtype=DOUBLE)
    return a.to(dtype), b.to(dtype)


def unit(size: int, axis: int, dtype: torch.dtype = DOUBLE) -> Tensor:
    return torch.eye(size, dtype=dtype)[axis]


@given(seed=st.integers(0, 2**31), size=st.sampled_from([2, 3, 32, 512]), t=st.floats(0, 1))
def test_generic_vectors_follow_the_formula(seed: int, size: int, t: float) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, size)) * rng.uniform(0.1, 10, size=(2, 1))
    cosine = a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
    assume(abs(cosine) < 0.9999)  # where the formula loses digits, other tests look
    ours = slerp(torch.tensor(a), torch.tensor(b), t)
    np.testing.assert_allclose(ours.numpy(), white(a, b, t), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("function", [slerp, lerp])
def test_the_ends_are_exact(function, dtype: torch.dtype) -> None:
    a, b = pairs(257, 37, dtype)
    b[0], b[1], b[2], a[3], b[4] = a[0], -a[1], -3 * a[2], 0, 0
    for t, end in ((0, a), (1, b), (0.0, a), (1.0, b)):
        assert torch.equal(function(a, b, t), end)
    both = function(a, b, torch.tensor([[0.0], [1.0]]))
    assert torch.equal(both, torch.stack([a, b]))


def test_a_quarter_turn_is_cosine_and_sine() -> None:
    t = torch.linspace(0, 1, 9, dtype=DOUBLE)
    path = slerp(unit(3, 0), unit(3, 1), t)
    angle = t * math.pi / 2
    expected = torch.stack([angle.cos(), angle.sin(), torch.zeros(9, dtype=DOUBLE)], dim=-1)
    torch.testing.assert_close(path, expected)


def test_equal_lengths_stay_and_the_angle_grows_evenly() -> None:
    a, b = pairs(20, 16)
    a, b = (5 * x / x.norm(dim=-1, keepdim=True) for x in (a, b))
    path = slerp(a, b, torch.linspace(0, 1, 7, dtype=DOUBLE)[:, None])
    torch.testing.assert_close(path.norm(dim=-1), torch.full((7, 20), 5.0, dtype=DOUBLE))
    cosines = (path[1:] * path[:-1]).sum(-1) / 25
    torch.testing.assert_close(cosines, cosines[:1].expand_as(cosines))


def test_there_and_back_is_the_same_way() -> None:
    a, b = pairs(20, 16)
    for t in (0.1, 0.37, 0.5):
        torch.testing.assert_close(slerp(a, b, t), slerp(b, a, 1 - t))


def test_identical_vectors_stay_and_parallel_ones_are_a_straight_line() -> None:
    a, _ = pairs(20, 16)
    t = torch.linspace(0, 1, 5, dtype=DOUBLE)[:, None]
    torch.testing.assert_close(slerp(a, a, t), a.expand(5, 20, 16))
    torch.testing.assert_close(slerp(a, 3 * a, t), lerp(a, 3 * a, t))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nearly_parallel_vectors_pass_smoothly_into_parallel_ones(dtype: torch.dtype) -> None:
    """Against an exact arc through every angle at which the code changes its formula."""
    for angle in np.geomspace(1e-12, 0.5, 200):
        b = torch.tensor([math.cos(angle), math.sin(angle)], dtype=dtype)
        turned = [math.cos(0.3 * angle), math.sin(0.3 * angle)]
        tolerance = 8 * torch.finfo(dtype).eps
        torch.testing.assert_close(
            slerp(unit(2, 0, dtype), b, 0.3),
            torch.tensor(turned, dtype=dtype),
            rtol=tolerance,
            atol=tolerance * angle,
        )


def test_antipodal_vectors_make_a_half_turn_of_straight_length() -> None:
    a, _ = pairs(20, 16)
    t = torch.linspace(0, 1, 9, dtype=DOUBLE)[:, None]
    path = slerp(a, -3 * a, t)
    torch.testing.assert_close(path.norm(dim=-1), (1 + 2 * t) * a.norm(dim=-1))
    cosines = (path * a).sum(-1) / (path.norm(dim=-1) * a.norm(dim=-1))
    torch.testing.assert_close(cosines, torch.cos(math.pi * t).expand(9, 20))
    assert torch.equal(path, slerp(a, -3 * a, t))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_opposite_ends_of_an_axis_are_joined_off_the_axis(axis: int) -> None:
    end = 2 * unit(3, axis)
    middle = slerp(end, -end, 0.5)
    torch.testing.assert_close(middle.norm(), torch.tensor(2.0, dtype=DOUBLE))
    torch.testing.assert_close(middle[axis], torch.tensor(0.0, dtype=DOUBLE))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_low_precision_is_rounded_once(dtype: torch.dtype) -> None:
    a, b = pairs(20, 16, dtype)
    assert torch.equal(slerp(a, b, 0.375), slerp(a.float(), b.float(), 0.375).to(dtype))


def test_almost_antipodal_vectors_turn_in_their_own_plane() -> None:
    for off in (1e-5, 1e-4, 9e-4, 1.1e-3, 1e-2):
        b = torch.tensor([-math.cos(off), 0.0, math.sin(off)], dtype=DOUBLE)
        middle = torch.tensor([math.sin(off / 2), 0.0, math.cos(off / 2)], dtype=DOUBLE)
        torch.testing.assert_close(slerp(unit(3, 0), b, 0.5), middle, rtol=1e-6, atol=1e-6)


def test_a_zero_vector_has_no_direction_so_the_way_is_straight() -> None:
    a, _ = pairs(5, 16)
    zero = torch.zeros_like(a)
    torch.testing.assert_close(slerp(a, zero, 0.25), 0.75 * a)
    torch.testing.assert_close(slerp(zero, a, 0.25), 0.25 * a)
    assert torch.equal(slerp(zero, zero, 0.25), zero)


def test_in_one_dimension_there_is_only_the_line() -> None:
    a, b = torch.tensor([[2.0], [-1.0]], dtype=DOUBLE)
    torch.testing.assert_close(slerp(a, b, 0.25), torch.tensor([1.25], dtype=DOUBLE))


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e20, 1e30])
def test_tiny_and_huge_vectors_keep_their_arc(scale: float) -> None:
    a, b = pairs(5, 16, torch.float32)
    torch.testing.assert_close(slerp(scale * a, scale * b, 0.4) / scale, slerp(a, b, 0.4))


def test_a_batch_is_its_rows_and_dimensions_broadcast() -> None:
    a, b = pairs(6, 8)
    t = torch.rand(6, dtype=DOUBLE)
    rows = torch.stack([slerp(a[i], b[i], float(t[i])) for i in range(6)])
    torch.testing.assert_close(slerp(a, b, t), rows)
    assert slerp(a[:, None], b[None, :], 0.5).shape == (6, 6, 8)
    torch.testing.assert_close(slerp(a[:, None], b[None, :], 0.5)[2, 4], slerp(a[2], b[4], 0.5))


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("case", ["generic", "close", "antipodal plane", "unequal"])
def test_gradients_are_those_of_finite_differences(case: str, t: float) -> None:
    a, b = pairs(1, 4)
    if case == "close":
        b = a + 1e-4 * b  # on the series' side
    elif case == "antipodal plane":
        b = -a + 5e-4 * b  # inside the half turn, in the plane of a and b
    elif case == "unequal":
        b = 30 * b
    weight = torch.tensor([t], dtype=DOUBLE)
    inputs = tuple(x.clone().requires_grad_() for x in (a, b, weight))
    assert torch.autograd.gradcheck(slerp, inputs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("t", [0.0, 1e-8, 0.5, 1.0])
def test_no_gradient_is_nan(t: float, dtype: torch.dtype) -> None:
    a, _ = pairs(1, 8, dtype)
    zero = torch.zeros_like(a)
    axis = unit(8, 3, dtype)[None]
    other = unit(8, 4, dtype)[None]
    alike = [(a, a), (a, 2 * a), (a, a + 1e-7), (axis, axis)]
    opposite = [(a, -a), (a, -2 * a), (a, 1e-7 - a), (axis, -axis)]
    for x, y in [*alike, *opposite, (zero, a), (a, zero), (zero, zero), (axis, other)]:
        leaves = [v.clone().requires_grad_() for v in (x, y, torch.tensor([t], dtype=dtype))]
        out = slerp(leaves[0], leaves[1], leaves[2])
        out.sum().backward()
        assert out.isfinite().all()
        for leaf in leaves:
            assert leaf.grad is not None
            assert leaf.grad.isfinite().all()


def test_a_grid_has_its_corners_and_its_edges() -> None:
    corners = torch.randn(4, 8, dtype=DOUBLE)
    cells = grid(corners, 3, 5)
    assert cells.shape == (3, 5, 8)
    for cell, corner in zip(cells[[0, 0, -1, -1], [0, -1, 0, -1]], corners, strict=True):
        assert torch.equal(cell, corner)
    torch.testing.assert_close(cells[0, 2], slerp(corners[0], corners[1], 0.5))
    torch.testing.assert_close(cells[1, 0], slerp(corners[0], corners[2], 0.5))
    centre = slerp(slerp(corners[0], corners[2], 0.5), slerp(corners[1], corners[3], 0.5), 0.5)
    torch.testing.assert_close(cells[1, 2], centre)
    assert torch.equal(grid(corners, 1, 1)[0, 0], corners[0])
    with pytest.raises(ValueError, match="at least one row and one column, not 0 x 5"):
        grid(corners, 0, 5)


def test_a_walk_passes_through_its_points() -> None:
    points = torch.randn(4, 8, dtype=DOUBLE)
    path = walk(points, 3)
    assert path.shape == (10, 8)
    assert torch.equal(path[::3], points)
    torch.testing.assert_close(path[4], slerp(points[1], points[2], 1 / 3))
    assert torch.equal(walk(points[:1], 5), points[:1])
    with pytest.raises(ValueError, match="a walk needs a point and a step"):
        walk(points, 0)


def test_the_smooth_curve_goes_from_0_to_1_and_never_back() -> None:
    alpha = torch.linspace(0, 1, 101, dtype=DOUBLE)
    curve = smooth(alpha)
    assert curve[0] == 0
    assert curve[-1] == 1
    assert (curve.diff() > 0).all()
    torch.testing.assert_close(curve + curve.flip(0), torch.ones(101, dtype=DOUBLE))


def test_the_smooth_curve_rests_at_both_ends() -> None:
    alpha = torch.tensor([0.0, 0.5, 1.0], dtype=DOUBLE, requires_grad=True)
    smooth(alpha).sum().backward()
    torch.testing.assert_close(alpha.grad, torch.tensor([0.0, 1.5, 0.0], dtype=DOUBLE))
