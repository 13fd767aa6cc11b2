"""What a model is and how it is trained, as frozen data that goes to JSON and back.

A choice is one dataclass of a union (`Bidirectional | EveryStep | BarByBar`), never a name to be
compared. In JSON each dataclass carries its class name as "kind".
"""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from musicvae.representations.base import Representation
from musicvae.representations.registry import REPRESENTATIONS
from musicvae.schedules import Constant, ExponentialDecay, ExponentialRise, Schedule


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


Encoder = Bidirectional | Hierarchical | EveryStep | BarByBar


@dataclass(frozen=True, kw_only=True)
class Flat:
    """The published flat decoder: z in the initial state, through tanh, and at every step."""

    units: tuple[int, ...]
    separate: bool = False


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
    bidirectional LSTM of that width reads them, not as they are.
    """

    z: int
    encoder: Encoder
    decoder: Decoder
    embedding: int | None = None
    sigma: float = 0.6931471805599453
    nade: int = 128
    dropout: float = 0.0
    control_units: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is from 0 to below 1, not {self.dropout}")
        for part in (self, self.encoder, self.decoder):
            _require_positive(part)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How a model is trained. Steps are optimiser updates.

    `free_bits` is a threshold in bits on the KL of each example (Roberts et al. 2018, eq. 4);
    `free_bits_per_dimension` spreads it evenly over the dimensions of z instead.
    `sampling` is the probability of feeding the decoder its own sample (scheduled sampling);
    `token_dropout` the probability of hiding a token from it. `ema` is the decay of the averaged
    weights, 0 for none.
    """

    batch_size: int
    updates: int
    learning_rate: Schedule = field(default_factory=ExponentialDecay)
    beta: Schedule = field(default_factory=lambda: ExponentialRise(limit=1.0))
    free_bits: float = 0.0
    free_bits_per_dimension: bool = False
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


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A model by name: what it reads, what it is, how it is trained."""

    name: str
    summary: str
    representation: Representation[Any]
    model: ModelConfig
    training: TrainingConfig


def _kinds(*roots: type) -> dict[str, type]:
    """Some dataclasses and, through their fields, all that they are made of, by name."""
    found: dict[str, type] = {}
    todo = list(roots)
    while todo:
        kind = todo.pop()
        if found.setdefault(kind.__name__, kind) is not kind:
            raise TypeError(f"two kinds are called {kind.__name__}: {kind}, {found[kind.__name__]}")
        hints = get_type_hints(kind)
        parts = [part for f in dataclasses.fields(kind) for part in _parts(hints[f.name])]
        todo += [part for part in parts if found.get(part.__name__) is not part]
    return found


def _parts(hint: Any) -> list[type]:
    """The dataclasses in a type: in a union, in a tuple."""
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return [hint]
    return [part for choice in get_args(hint) for part in _parts(choice)]


KINDS = _kinds(Preset, *REPRESENTATIONS)


def to_json(value: Any) -> Any:
    """A config -> plain JSON values; every dataclass carries its class as "kind"."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"kind": type(value).__name__, **fields}
    if isinstance(value, (tuple, list)):
        return [to_json(v) for v in value]
    return value


def from_json(value: Any) -> Any:
    """Undo `to_json`. Raises `ValueError` that names an unknown kind or field, or a wrong value."""
    if isinstance(value, list):
        return tuple(from_json(v) for v in value)
    if not isinstance(value, Mapping):
        return value
    kind = KINDS.get(str(value.get("kind")))
    if kind is None:
        raise ValueError(_unknown("kind", str(value.get("kind")), KINDS))
    known = {f.name for f in dataclasses.fields(kind)}
    for name in value:
        if name != "kind" and name not in known:
            raise ValueError(_unknown(f"field of {kind.__name__}", name, known))
    fields = {name: from_json(v) for name, v in value.items() if name != "kind"}
    for name, part in fields.items():
        _check_type(kind, name, part)
    try:
        return kind(**fields)
    except TypeError as error:  # a field that has no default is missing
        raise ValueError(f"{kind.__name__}: {error}") from None


def override(config: Any, path: str, text: str) -> Any:
    """A copy of `config` in which the field at a dotted `path` is read from `text`.

    `override(preset, "model.z", "64")`. The text is JSON, or a bare string. Raises `ValueError`
    with the nearest right name.
    """
    name, _, rest = path.partition(".")
    fields = {f.name for f in dataclasses.fields(config)}
    if name not in fields:
        raise ValueError(_unknown(f"setting of {type(config).__name__}", name, fields))
    old = getattr(config, name)
    if rest:
        if not dataclasses.is_dataclass(old):
            raise ValueError(f"{name!r} is a single value and has no part {rest!r}")
        return dataclasses.replace(config, **{name: override(old, rest, text)})
    new = _parse(text)
    if isinstance(old, float) and isinstance(new, int) and not isinstance(new, bool):
        new = float(new)
    if isinstance(old, tuple) and not isinstance(new, tuple):
        new = (new,)
    _check_type(type(config), name, new)
    return dataclasses.replace(config, **{name: new})


def _parse(text: str) -> Any:
    try:
        return from_json(json.loads(text))
    except json.JSONDecodeError:
        return text


def _check_type(kind: type, name: str, value: Any) -> None:
    """Raise `ValueError` unless `value` is what the annotation of a dataclass's field asks for."""
    if not _fits(value, get_type_hints(kind)[name]):
        wanted = next(f.type for f in dataclasses.fields(kind) if f.name == name)
        raise ValueError(f"{name} of {kind.__name__} is to be {wanted}, not {value!r}")


def _fits(value: Any, hint: Any) -> bool:
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, choice) for choice in args)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        kinds = args[:1] * len(value) if Ellipsis in args else args
        return len(value) == len(kinds) and all(map(_fits, value, kinds))
    if origin is Representation:  # a protocol: whatever can say what a model may know of it
        return hasattr(value, "spec")
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


def preset_of(folder: Path, value: Any) -> Preset:
    """The preset in the `config.json` of a checkpoint folder. Raises `ValueError` that names it."""
    try:
        preset = from_json(value)
    except ValueError as error:
        raise ValueError(f"{folder / 'config.json'}: {error}") from None
    if not isinstance(preset, Preset):
        raise ValueError(f"{folder / 'config.json'}: its 'preset' is {value!r}, no preset")
    return preset


def _require_positive(config: Any) -> None:
    """Raise `ValueError` where a size or a count of a part of a model is not above 0."""
    for name, value in vars(config).items():
        sizes = value if isinstance(value, tuple) else (value,)
        numbers = [n for n in sizes if isinstance(n, (int, float)) and not isinstance(n, bool)]
        if name != "dropout" and (not sizes or any(n <= 0 for n in numbers)):
            raise ValueError(f"{name} of {type(config).__name__} is above 0, not {value}")


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
    return f"there is no {what} {name!r}; {hint}"
