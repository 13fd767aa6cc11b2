"""The network between tokens and tokens: its encoder, its decoder, its sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

_SHARES = ("dropout", "writer_dropout")  # of a model's settings those that may be 0


@dataclass(frozen=True, kw_only=True)
class Bidirectional:
    """The published encoder: stacked bidirectional LSTM, the last states of its top layer."""

    units: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class EveryStep:
    """A bidirectional LSTM that is read at every step, not only at its ends.

    Each step's output becomes `features` numbers. Each of `groups` equal stretches of steps
    writes its own share of z with weights shared by all; a layer of `mixer` units over the whole
    sequence adds what they have in common.
    """

    units: tuple[int, ...]
    features: int = 32
    groups: int = 8
    mixer: int = 1024


@dataclass(frozen=True, kw_only=True)
class BarByBar:
    """A bidirectional LSTM within each bar, read at every step, and another across the bars.

    Each bar writes its own share of z, each of its `groups` stretches a share of that.
    """

    units: tuple[int, ...]
    bar_units: tuple[int, ...]
    features: int = 32
    groups: int = 4


@dataclass(frozen=True, kw_only=True)
class Hierarchical:
    """A bidirectional LSTM over the steps of each segment, and another of the same size over the
    segments (Simon et al. 2018): the encoder of the published `hier-` models."""

    units: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class NoEncoder:
    """Nothing is read and z has no dimension: the decoder by itself, a language model."""

    units: ClassVar[tuple[int, ...]] = ()


Encoder = Bidirectional | Hierarchical | EveryStep | BarByBar | NoEncoder


@dataclass(frozen=True, kw_only=True)
class Flat:
    """The published flat decoder: z in the initial state, through tanh, and at every step.

    With `to_output` the logits read z too, past the LSTM (Dieng et al. 2019).
    """

    units: tuple[int, ...]
    separate: bool = False
    to_output: bool = False


@dataclass(frozen=True, kw_only=True)
class FlatViews:
    """A flat decoder in which each step sees its own `features` numbers of z.

    Mirrors `EveryStep`: `groups` shares of z, and a layer of `mixer` units over the whole of it.
    Without `feedback` a step is not told the token before it, and all that it knows is in z.
    """

    units: tuple[int, ...]
    features: int = 64
    groups: int = 8
    mixer: int = 1024
    separate: bool = False
    feedback: bool = True


@dataclass(frozen=True, kw_only=True)
class Conductor:
    """The published hierarchical decoder: a conductor LSTM writes one embedding a segment, which
    takes the place of z in a decoder that starts anew in each segment."""

    units: tuple[int, ...]
    conductor_units: tuple[int, ...]
    separate: bool = False


@dataclass(frozen=True, kw_only=True)
class ConductorViews:
    """A hierarchical decoder whose conductor reads each bar's share of z, and in which each step
    sees its own `features` numbers of the bar's embedding and of its `groups` shares of z."""

    units: tuple[int, ...]
    conductor_units: tuple[int, ...]
    features: int = 64
    groups: int = 4
    separate: bool = False


Decoder = Flat | FlatViews | Conductor | ConductorViews


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The network between tokens and tokens. `embedding` None feeds tokens as one-hot vectors.

    `sigma` is the standard deviation of the posterior before training; the reference's heads
    start at softplus(0) = ln 2. `nade` is the number of hidden units with which a decoder writes
    several labels at once; `dropout` the share of the inputs of every LSTM layer that training
    hides. A decoder with `separate` writes each of several streams with an LSTM of its own, which
    is told nothing of the others. With `control_units` the decoder is told the controls as a
    bidirectional LSTM of that width reads them, not as they are. `writer_dropout` is the share
    that training hides of what a decoder is told of the token before, and of what its LSTM tells
    the logits. `mean_gain` is the fixed gain of a batch norm on the posterior mean, which keeps the
    rate of z at `mean_gain`^2 / 2 nats a dimension or above (Zhu et al. 2020).
    """

    z: int
    encoder: Encoder
    decoder: Decoder
    embedding: int | None = None
    sigma: float = 0.6931471805599453
    nade: int = 128
    dropout: float = 0.0
    control_units: int | None = None
    writer_dropout: float = 0.0
    mean_gain: float | None = None

    def __post_init__(self) -> None:
        for name in _SHARES:
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is from 0 to below 1, not {getattr(self, name)}")
        if isinstance(self.encoder, NoEncoder) and self.z:
            raise ValueError(f"without an encoder z has no dimension, not {self.z}: set z to 0")
        for part in (self, self.encoder, self.decoder):
            _require_positive(part)


def _require_positive(config: Any) -> None:
    """Raise `ValueError` where a size or a count of a part of a model is not above 0."""
    without = isinstance(getattr(config, "encoder", None), NoEncoder)
    for name, value in vars(config).items():
        if name in _SHARES or (name == "z" and without):
            continue
        sizes = value if isinstance(value, tuple) else (value,)
        numbers = [n for n in sizes if isinstance(n, (int, float)) and not isinstance(n, bool)]
        if not sizes or any(n <= 0 for n in numbers):
            raise ValueError(f"{name} of {type(config).__name__} is above 0, not {value}")
