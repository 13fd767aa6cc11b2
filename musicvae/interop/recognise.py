"""Which published model a set of variables belongs to.

Names and shapes tell most of it, and all sizes are read off them, so that a model of other sizes is
recognised as well. Models that differ only in what they were taught look alike; then the name of a
file tells, or a person has to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from musicvae.config import Conductor, Hierarchical, Preset
from musicvae.interop.variables import (
    BIDIRECTIONAL,
    CONDUCTOR,
    STACK,
    Shape,
    mismatch,
    scopes,
    shapes,
)
from musicvae.presets import PRESETS
from musicvae.presets.published import PUBLISHED

Shapes = Mapping[str, Shape]


def recognise(found: Shapes, names: Sequence[str]) -> Preset:
    """The published model with variables of these names and shapes, in the sizes that they have.

    `names` are those of files and folders, which decide between models that look alike. Raises
    `ValueError` that says what does not fit, or which models would all do.
    """
    sized = [_with_sizes(preset, found) for preset in PUBLISHED]
    fitting = [preset for preset in sized if not _differs(preset, found)]
    if not fitting:
        nearest = min(sized, key=lambda preset: _distance(preset, found))
        raise ValueError(
            f"it is none of the published models; of the nearest, {nearest.name}, its variables "
            f"differ: {_differs(nearest, found)}"
        )
    fitting = _most_alike(fitting)
    named = [p for p in fitting if any(p.name in name for name in names)]
    if named:
        return max(named, key=lambda preset: len(preset.name))
    if any(preset.representation != fitting[0].representation for preset in fitting):
        listed = ", ".join(preset.name for preset in fitting)
        raise ValueError(
            f"its variables are those of several models; name the one it is with --preset: {listed}"
        )
    return fitting[0]


def fit(preset: Preset, found: Shapes) -> Preset:
    """A preset in the sizes that variables have. Raises `ValueError` that names what differs."""
    if preset.name not in {p.name for p in PUBLISHED}:
        raise ValueError(f"{preset.name} is a model of our own, and TensorFlow has none of it")
    sized = _with_sizes(preset, found)
    if difference := _differs(sized, found):
        raise ValueError(f"it is not {preset.name}, its variables differ: {difference}")
    return sized


def _with_sizes(preset: Preset, found: Shapes) -> Preset:
    """A preset in the sizes that variables have, as far as they are there."""
    model, spec = preset.model, preset.representation.spec
    reader: Any = model.encoder
    encoder = "encoder"
    if isinstance(reader, Hierarchical):
        encoder = "encoder/hierarchical_level_0"
    cells = BIDIRECTIONAL.format("{}", "fw")
    read = _units(found, f"{encoder}/{cells}") or reader.units
    scope = scopes(spec, model)[0]
    written = _units(found, f"{scope}/{STACK}") or model.decoder.units
    decoder: Any = replace(model.decoder, units=written)
    if isinstance(decoder, Conductor):
        conducted = _units(found, f"{CONDUCTOR}/cell_{{}}/lstm_cell") or decoder.conductor_units
        decoder = replace(decoder, conductor_units=conducted)
    sized = replace(
        model,
        z=_last(found, "encoder/mu/kernel") or model.z,
        encoder=replace(reader, units=read),
        decoder=decoder,
        nade=_last(found, f"{scope}/nade/w_enc") or model.nade,
    )
    return replace(preset, model=sized)


def _most_alike(fitting: list[Preset]) -> list[Preset]:
    """Those of exactly their published sizes, or else of as many layers, or else all."""
    for alike in (_same_sizes, _same_layers):
        kept = [preset for preset in fitting if alike(preset)]
        if kept:
            return kept
    return fitting


def _same_sizes(preset: Preset) -> bool:
    return preset.model == PRESETS[preset.name].model


def _same_layers(preset: Preset) -> bool:
    known, model = PRESETS[preset.name].model, preset.model
    pairs = (known.encoder.units, model.encoder.units), (known.decoder.units, model.decoder.units)
    return all(len(a) == len(b) for a, b in pairs)


def _differs(preset: Preset, found: Shapes) -> str:
    return mismatch(found, shapes(preset.representation.spec, preset.model))


def _distance(preset: Preset, found: Shapes) -> int:
    """How many variables are missing, surplus or of another shape."""
    expected = shapes(preset.representation.spec, preset.model)
    return len(found.keys() ^ expected.keys()) + sum(
        found[k] != expected[k] for k in found.keys() & expected.keys()
    )


def _units(found: Shapes, cells: str) -> tuple[int, ...]:
    """The sizes of a stack of LSTM cells, whose names have the number of the layer at `{}`."""
    units: list[int] = []
    while size := _last(found, f"{cells.format(len(units))}/bias"):
        units.append(size // 4)
    return tuple(units)


def _last(found: Shapes, name: str) -> int:
    """The last dimension of a variable, or 0."""
    return found[name][-1] if found.get(name) else 0
