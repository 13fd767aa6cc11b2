"""How a file is read: what the model reads of it, changed as the options say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from musicvae.notes.score import Score

PARTS = ("melody", "bass", "drums")


def subject(representation: Any) -> str:
    """What a representation reads, in a word: "melody", "drums", "groove", "trio", "tracks"."""
    name = type(representation).__name__.lower()
    return {"multitrack": "tracks"}.get(name, name)


def windows(representation: Any, count: int) -> str:
    """So many of its windows, such as "3 windows of 2 bars" or "3 sentences"."""
    from musicvae.cli.talk import plural
    from musicvae.representations.abilities import bars_of, nouns_of

    bars = bars_of(representation)
    size = f" of {plural(bars, 'bar')}" if bars is not None else ""
    return f"{plural(count, nouns_of(representation).window)}{size}"


def with_tracks(representation: Any, tracks: Sequence[str]) -> Any:
    """The representation with its parts taken from tracks: "3", "vocals", "bass=3".

    Raises `ValueError` for a part that it does not read, or whose track cannot be chosen.
    """
    chosen: dict[str, str] = {}
    for said in tracks:
        part, track = split_track(said)
        chosen[_field(representation, part)] = track
    if not chosen:
        return representation
    return replace(representation, extraction=replace(representation.extraction, **chosen))


def with_meter(representation: Any, score: Score) -> Any:
    """The representation as it reads all bars of a score, whatever their meter.

    The same if it knows the meters of the score. Raises `ValueError` for one that cannot be forced.
    """
    from musicvae.notes.score import Meter
    from musicvae.representations.groove import Groove
    from musicvae.representations.meters import FOUR_FOUR, meter_to_force

    meters = getattr(representation, "meters", None)
    if meters is None:
        raise ValueError("--force is for models of a few meters: this one reads all that it can")
    stated = [Meter(0.0, 4, 4), *score.meters]
    if isinstance(representation, Groove):
        other = [m for m in stated if meters.read_as(m) != FOUR_FOUR]
        wanted = "4/4" if other else None
    else:
        other = [m for m in stated if meters.read_as(m) is None]
        wanted = meter_to_force(other[0]) if other else None
    if wanted is None:
        return representation
    return replace(representation, meters=replace(meters, force=wanted))


def split_track(said: str) -> tuple[str, str]:
    """ "bass=3" -> "bass", "3"; a name of a track that has a "=" in it stays whole."""
    part, equals, track = said.partition("=")
    if equals and part.strip().lower() in PARTS:
        return part.strip().lower(), track
    return "", said


def takes(representation: Any, part: str) -> bool:
    """Whether the track of a part can be chosen."""
    return part in _choices(representation)


def _choices(representation: Any) -> dict[str, str]:
    """The parts whose tracks can be chosen, and the fields that take them; "" is the only one."""
    extraction = getattr(representation, "extraction", None)
    own = {f.name for f in fields(extraction)} if extraction is not None else set()
    if "track" in own:
        return {"": "track", _only_part(representation): "track"}
    return {name: name for name in PARTS if name in own}


def _only_part(representation: Any) -> str:
    return {"groove": "drums"}.get(subject(representation), subject(representation))


def _field(representation: Any, part: str) -> str:
    """The field of the representation's extraction that takes the track of `part`."""
    choices, what = _choices(representation), _only_part(representation)
    if not hasattr(representation, "extraction"):
        raise ValueError(f"there are no tracks in {what}: --track is for models of music")
    if not choices:
        raise ValueError(
            f"this model finds the {what} in all tracks for itself and cannot be given one"
        )
    if part in choices:
        return choices[part]
    if not part:
        names = " or ".join(f"{name}=NAME" for name in choices)
        raise ValueError(f"this model reads several parts: say which, as in --track {names}")
    if part in getattr(representation, "part_names", ()):
        names = " and ".join(choices)
        raise ValueError(
            f"the {part} are found without help: a track can be given for {names} only"
        )
    raise ValueError(f"this model reads no {part}, only {what}")
