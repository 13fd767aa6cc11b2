"""Values that change over training, as frozen data: `schedule.at(step)` for step 0, 1, 2, ...

The published ones follow Roberts et al. 2018, section 4.2, and the hyperparameters of the
reference's presets; `WarmupCosine` is Loshchilov & Hutter 2017 with a linear warm-up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Constant:
    """The same `value` at every step."""

    value: float

    def at(self, step: int) -> float:
        return self.value


@dataclass(frozen=True, kw_only=True)
class ExponentialDecay:
    """From `start` down to `floor`: (start - floor) * rate**step + floor."""

    start: float = 1e-3
    rate: float = 0.9999
    floor: float = 1e-5

    def at(self, step: int) -> float:
        return (self.start - self.floor) * self.rate**step + self.floor


@dataclass(frozen=True, kw_only=True)
class ExponentialRise:
    """From 0 up to `limit`: (1 - rate**step) * limit. Rate 0 is `limit` from step 1 on."""

    limit: float
    rate: float = 0.0

    def at(self, step: int) -> float:
        return (1 - self.rate**step) * self.limit


@dataclass(frozen=True, kw_only=True)
class InverseSigmoid:
    """The probability of feeding back a sample: 1 - k / (k + exp(step / k)), Bengio et al. 2015."""

    k: float

    def at(self, step: int) -> float:
        return 1 - self.k / (self.k + math.exp(min(step / self.k, 500.0)))


@dataclass(frozen=True, kw_only=True)
class LinearRamp:
    """From `start` to `end` in a straight line over `steps` steps, then `end`."""

    start: float = 0.0
    end: float
    steps: int

    def at(self, step: int) -> float:
        return self.start + (self.end - self.start) * min(1.0, step / self.steps)


@dataclass(frozen=True, kw_only=True)
class Sigmoid:
    """From near 0 up to `limit` in an S: limit / (1 + exp(-(step - middle) / width)).

    The annealing of Bowman et al. 2016, figure 2, where `middle` is the step of half the way.
    """

    limit: float = 1.0
    middle: float
    width: float

    def __post_init__(self) -> None:
        if not self.width > 0:
            raise ValueError(f"width of Sigmoid is above 0, not {self.width}")

    def at(self, step: int) -> float:
        return self.limit / (1 + math.exp(min((self.middle - step) / self.width, 500.0)))


@dataclass(frozen=True, kw_only=True)
class Cyclical:
    """Over `steps` steps `cycles` times from 0 in a straight line to `limit`, which is reached
    after the share `rise` of a cycle and kept to its end, and for ever behind the last cycle
    (Fu et al. 2019, equation 6)."""

    limit: float = 1.0
    steps: int
    cycles: int = 4
    rise: float = 0.5

    def __post_init__(self) -> None:
        for name in ("steps", "cycles", "rise"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} of Cyclical is above 0, not {getattr(self, name)}")

    def at(self, step: int) -> float:
        if step >= self.steps:
            return self.limit
        done = step * self.cycles / self.steps % 1
        return self.limit * min(1.0, done / self.rise)


@dataclass(frozen=True, kw_only=True)
class WarmupCosine:
    """Linear to `peak` over `warmup` steps, then half a cosine down to `floor` at step `total`."""

    peak: float
    warmup: int
    total: int
    floor: float = 0.0

    def at(self, step: int) -> float:
        if step < self.warmup:
            return self.peak * (step + 1) / self.warmup
        done = min(1.0, (step - self.warmup) / max(1, self.total - self.warmup))
        return self.floor + (self.peak - self.floor) * 0.5 * (1 + math.cos(math.pi * done))


@dataclass(frozen=True, kw_only=True)
class WarmupHoldDecay:
    """Linear to `peak`, held, then linear to `floor` over the last `decay` of `total` steps.

    What is trained up to `total - decay` does not depend on `total`: a run can be prolonged.
    """

    peak: float
    warmup: int
    total: int
    decay: int
    floor: float = 0.0

    def at(self, step: int) -> float:
        if step < self.warmup:
            return self.peak * (step + 1) / self.warmup
        left = max(0, self.total - step)
        return self.floor + (self.peak - self.floor) * min(1.0, left / max(1, self.decay))


Schedule = (
    Constant
    | ExponentialDecay
    | ExponentialRise
    | InverseSigmoid
    | LinearRamp
    | Sigmoid
    | Cyclical
    | WarmupCosine
    | WarmupHoldDecay
)
