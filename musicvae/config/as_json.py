"""Configurations to JSON and back, and settings by name.

In JSON each dataclass carries its class name as "kind".
"""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from musicvae.config.preset import Preset
from musicvae.representations.base import Representation
from musicvae.representations.registry import REPRESENTATIONS


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
    value = _migrated(value)
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


def _migrated(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an older version wrote, as today's would."""
    if "free_bits_per_dimension" not in value:
        return value
    kind = "PerDimension" if value["free_bits_per_dimension"] else "PerExample"
    kept = {k: v for k, v in value.items() if k != "free_bits_per_dimension"}
    return kept | {"free_bits_on": {"kind": kind}}


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


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
    return f"there is no {what} {name!r}; {hint}"
