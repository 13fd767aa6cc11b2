"""How a model is trained, and what keeps its posterior from collapsing."""

from __future__ import annotations

from dataclasses import dataclass, field

from musicvae.schedules import Constant, ExponentialDecay, ExponentialRise, Schedule


@dataclass(frozen=True)
class PerExample:
    """The KL of each example as a whole (Roberts et al. 2018, equation 4)."""


@dataclass(frozen=True)
class PerDimension:
    """The KL of each example in each dimension of z, by itself (Li et al. 2019)."""


@dataclass(frozen=True)
class PerBatch:
    """The mean KL of a batch as a whole."""


@dataclass(frozen=True)
class PerBatchDimension:
    """The mean KL of a batch in each dimension of z, by itself (Kingma et al. 2016)."""


FreeBits = PerExample | PerDimension | PerBatch | PerBatchDimension


@dataclass(frozen=True, kw_only=True)
class TargetRate:
    """Keeps the KL of an example, in the mean, from falling below `bits`, by a Lagrange multiplier
    that moves at each update by `speed` times what is missing, in nats (Pelsmaeker & Aziz 2020)."""

    bits: float
    speed: float = 0.002


@dataclass(frozen=True, kw_only=True)
class Pretraining:
    """The first `updates` train an autoencoder, without any cost on z; then the decoder, but not
    the encoder, begins anew, and the schedule of beta with it (Li et al. 2019)."""

    updates: int


@dataclass(frozen=True, kw_only=True)
class Aggressive:
    """Keeps the encoder from lagging behind the decoder (He et al. 2019, algorithm 1).

    Before each update of the decoder the encoder alone is updated on other batches, until their
    loss over `window` of them no longer falls, at most `most` times. That is over for good once
    the mutual information of x and z, measured every `measured` updates, no longer rises.
    """

    most: int = 100
    window: int = 10
    measured: int = 300

    def __post_init__(self) -> None:
        for name in ("most", "window", "measured"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} of Aggressive is 1 or more, not {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How a model is trained. Steps are optimiser updates.

    `free_bits` is a threshold on the KL, in bits for the whole of z, below which it costs nothing;
    `free_bits_on` says which KL: where it is of single dimensions, each has an even share.
    `sampling` is the probability of feeding the decoder its own sample (scheduled sampling);
    `token_dropout` that of hiding a token from it (Bowman et al. 2016). `ema` is the decay of the
    averaged weights, 0 for none.
    """

    batch_size: int
    updates: int
    learning_rate: Schedule = field(default_factory=ExponentialDecay)
    beta: Schedule = field(default_factory=lambda: ExponentialRise(limit=1.0))
    free_bits: float = 0.0
    free_bits_on: FreeBits = field(default_factory=PerExample)
    rate: TargetRate | None = None
    pretraining: Pretraining | None = None
    aggressive: Aggressive | None = None
    sampling: Schedule = field(default_factory=lambda: Constant(value=0.0))
    token_dropout: float = 0.0
    weight_decay: float = 0.0
    adam_betas: tuple[float, float] = (0.9, 0.999)
    clip_norm: float = 1.0
    ema: float = 0.0
    augment: bool = True

    def __post_init__(self) -> None:
        for name in ("batch_size", "updates", "clip_norm"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is above 0, not {getattr(self, name)}")
        for name in ("free_bits", "weight_decay"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is 0 or above, not {getattr(self, name)}")
        for name in ("token_dropout", "ema"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is from 0 to below 1, not {getattr(self, name)}")
