"""Ways from one latent to another: straight, on the sphere, over a grid, along a walk.

Source: T. White, "Sampling Generative Networks" (2016, arXiv:1609.04468), section 2.1, as MusicVAE
uses it (Roberts et al. 2018): with w the angle between a and b,

    slerp(a, b, t) = sin((1 - t) w) / sin(w) * a  +  sin(t w) / sin(w) * b

A standard normal in many dimensions lives near a sphere of radius sqrt(D); a straight line between
two of its samples passes through the inside, where nothing was trained. This file sees only z.

Letters: D dimensions of z, N points.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

# Below this |a/|a| + b/|b|| the angle is a half turn to 1e-3 rad, and 1/sin(w) is above 1000.
_HALF_TURN = 1e-3
# Below this part of b across a, the direction in which to turn is rounding noise.
_NO_DIRECTION = 1e-6


def lerp(
    a: Float[Tensor, "*#batch D"], b: Float[Tensor, "*#batch D"], t: Tensor | float
) -> Float[Tensor, "*out D"]:
    """The straight line from `a` (t = 0) to `b` (t = 1), exact at both ends.

    `t` is a number or a tensor that broadcasts against the leading dimensions of `a` and `b`.
    """
    a, b, weight = _prepare(a, b, t)
    return torch.lerp(a, b, weight)


def slerp(
    a: Float[Tensor, "*#batch D"], b: Float[Tensor, "*#batch D"], t: Tensor | float
) -> Float[Tensor, "*out D"]:
    """The arc from `a` (t = 0) to `b` (t = 1): White's formula, exact at both ends.

    `t` is a number or a tensor that broadcasts against the leading dimensions of `a` and `b`;
    outside of 0 to 1 it extrapolates. Vectors of equal length keep it on the way. Where the formula
    or its gradient would be 0/0:

    - nearly parallel vectors: the same formula as a series in w, which is `lerp` at w = 0;
    - a zero vector, which has no direction, or numbers of opposite sign (D = 1): `lerp`;
    - antipodal vectors: a half turn at constant speed, the length going straight from |a| to |b|,
      in the plane of a and b, or where that is undefined too, towards the axis farthest from a.

    float16 and bfloat16 are computed in float32 and rounded once.
    """
    a, b, weight = _prepare(a, b, t)
    low = torch.finfo(a.dtype).bits < 32
    path = _arc(a.float(), b.float(), weight.float()) if low else _arc(a, b, weight)
    return _pin(_pin(path.to(a.dtype), a, weight == 0), b, weight == 1)


def grid(corners: Float[Tensor, "4 D"], rows: int, columns: int) -> Float[Tensor, "rows columns D"]:
    """Blend four corners over a grid: `slerp` down both sides, then across each row.

    `corners` in reading order: top left, top right, bottom left, bottom right; the grid holds them
    exactly. Raises `ValueError` for a grid without rows or columns.
    """
    if rows < 1 or columns < 1:
        raise ValueError(f"a grid needs at least one row and one column, not {rows} x {columns}")
    top_left, top_right, bottom_left, bottom_right = corners
    down = _steps(rows, like=corners)
    left = slerp(top_left, bottom_left, down)
    right = slerp(top_right, bottom_right, down)
    return slerp(left[:, None], right[:, None], _steps(columns, like=corners)[None, :])


def walk(points: Float[Tensor, "N D"], steps: int) -> Float[Tensor, "M D"]:
    """Visit `points` in order by `slerp`, each leg in `steps` equal steps: M = (N - 1) * steps + 1.

    The points themselves are in the walk, exactly. Raises `ValueError` for fewer than one step or
    no points.
    """
    if steps < 1 or len(points) < 1:
        raise ValueError(f"a walk needs a point and a step, not {len(points)} and {steps}")
    along = _steps(steps + 1, like=points)[None, :-1]
    legs = slerp(points[:-1, None], points[1:, None], along)
    return torch.cat([legs.flatten(0, 1), points[-1:]])


def smooth(alpha: Tensor) -> Tensor:
    """Progress of a morph with a slow start and a slow end: 3 alpha^2 - 2 alpha^3 on 0 to 1."""
    return alpha * alpha * (3 - 2 * alpha)


def _prepare(a: Tensor, b: Tensor, t: Tensor | float) -> tuple[Tensor, Tensor, Tensor]:
    dtype = torch.promote_types(a.dtype, b.dtype)
    weight = torch.as_tensor(t, dtype=dtype, device=a.device)
    return a.to(dtype), b.to(dtype), weight[..., None]


def _steps(count: int, *, like: Tensor) -> Tensor:
    return torch.linspace(0, 1, count, dtype=like.dtype, device=like.device)


def _arc(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    unit_a, length_a = _polar(a)
    unit_b, length_b = _polar(b)
    gap, bisector = _norm(unit_a - unit_b), _norm(unit_a + unit_b)
    angle = 2 * torch.atan2(gap, bisector)  # Kahan: accurate at both 0 and pi, where arccos is not
    opposite = bisector < _HALF_TURN
    safe = torch.where(opposite, 1.0, angle)
    path = _weight(1 - t, safe) * a + _weight(t, safe) * b

    turn = _turn(unit_a, unit_b, angle, t) * torch.lerp(length_a, length_b, t)
    straight = (length_a == 0) | (length_b == 0)
    if a.shape[-1] == 1:  # no room to turn in
        straight = straight | opposite
    return torch.where(straight, torch.lerp(a, b, t), torch.where(opposite, turn, path))


def _weight(t: Tensor, angle: Tensor) -> Tensor:
    """sin(t w) / sin(w), by its series where w is so small that the quotient loses digits."""
    limit = torch.finfo(angle.dtype).eps ** (1 / 3)  # on w^2; the first term left out is O(w^6)
    square = angle * angle
    small = square < limit
    wide = torch.where(small, 1.0, angle)
    rest = 1 - t * t
    fourth = rest * (7 - 3 * t * t) / 360
    series = t * (1 + rest * square / 6 + fourth * square * square)
    return torch.where(small, series, torch.sin(t * wide) / torch.sin(wide))


def _turn(unit_a: Tensor, unit_b: Tensor, angle: Tensor, t: Tensor) -> Tensor:
    """Unit vectors on the way from `unit_a` to the almost opposite `unit_b`."""
    across = unit_b - (unit_a * unit_b).sum(-1, keepdim=True) * unit_a
    axis = torch.zeros_like(unit_a).scatter(-1, unit_a.abs().argmin(-1, keepdim=True), 1.0)
    fallback = axis - (unit_a * axis).sum(-1, keepdim=True) * unit_a
    side, _ = _polar(torch.where(_norm(across) < _NO_DIRECTION, fallback, across))
    return torch.cos(t * angle) * unit_a + torch.sin(t * angle) * side


def _polar(x: Tensor) -> tuple[Tensor, Tensor]:
    """Direction (..., D) and length (..., 1); a zero vector points along the first axis."""
    scale = x.detach().abs().amax(-1, keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)
    scaled = x / scale  # so that squares neither overflow nor vanish
    length = _norm(scaled)
    zero = length == 0
    first = torch.zeros_like(x)
    first[..., 0] = 1
    return torch.where(zero, first, scaled / torch.where(zero, 1.0, length)), length * scale


def _norm(x: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return norm


def _pin(path: Tensor, end: Tensor, here: Tensor) -> Tensor:
    """`end` bit for bit where `here`, with the gradient of `path`."""
    return torch.where(here, end.detach() + (path - path.detach()), path)
