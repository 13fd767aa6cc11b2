"""What some representations can do and others cannot, beside the contract of `base`.

Whoever needs one of these asks for it by `isinstance`, and never for the kind of source.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

from musicvae.notes.score import Score

# Between two sources the decoder is least certain, and at temperature 0 music loses notes there:
# the temperature of Roberts et al. 2018, figure 3.
BETWEEN = 0.5


@runtime_checkable
class Audible(Protocol):
    """Sources that can be heard and drawn, and that last some time."""

    def heard(self, source: Any) -> Score:
        """A source as notes."""
        ...


@runtime_checkable
class Printable(Protocol):
    """Sources for which lines of plain text can stand: printed, or in quotes on a command line.

    `read` takes such lines where no file has that name.
    """

    def shown(self, source: Any) -> str:
        """A source as lines of plain text, without a line break at the end."""
        ...


@runtime_checkable
class Exacting(Protocol):
    """A representation that can be told to read nothing with losses."""

    def strict(self) -> Self:
        """The same, but what it would read with losses it drops under a reason."""
        ...


@dataclass(frozen=True, kw_only=True)
class Nouns:
    """What the things of a representation are called, one of each: `nouns` of it, or these."""

    source: str = "song"
    window: str = "window"  # what an example is of
    segment: str = "bar"  # what is compared one by one in a reconstruction
    step: str = "sixteenth"


def nouns_of(representation: object) -> Nouns:
    """What its things are called."""
    nouns: Nouns = getattr(representation, "nouns", Nouns())
    return nouns


def bars_of(representation: object) -> int | None:
    """The bars of a window; None where a source does not go on in bars."""
    bars: int | None = getattr(representation, "bars", None)
    return bars


def temperature_between(representation: object) -> float:
    """The temperature at which what lies between two sources is decoded, unless one is asked for:
    `between` of the representation, or that of music."""
    temperature: float = getattr(representation, "between", BETWEEN)
    return temperature
