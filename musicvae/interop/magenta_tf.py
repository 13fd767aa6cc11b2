"""Published MusicVAE checkpoints, as TensorFlow saved them, become checkpoints of ours."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from musicvae.checkpoint import Checkpoint
from musicvae.config import Preset
from musicvae.interop.checkpoint_files import open_bundle
from musicvae.interop.recognise import fit, recognise
from musicvae.interop.variables import to_ours
from musicvae.presets import preset as preset_called

STEP = "global_step"
ALWAYS = "encoder/mu/kernel"  # every published model has it
# What an optimiser keeps beside the variables, and cuDNN while it trains.
LEFT_OUT = re.compile(r"(/Adam(_\d+)?|/opaque_kernel|(^|/)beta[12]_power(_\d+)?)$")


def import_tensorflow(source: str | Path, preset: str | None = None) -> Checkpoint:
    """A checkpoint of TensorFlow (see `open_bundle`) -> one of ours, which reads music leniently.

    `preset` is the name of a published model; by default the variables tell which it is. Raises
    `ValueError` that says what is wrong with the files, or how the variables differ from those of
    the model.
    """
    path = Path(source)
    bundle = open_bundle(path)
    shapes = {k: bundle.shape(k) for k in bundle if k != STEP and not LEFT_OUT.search(k)}
    if ALWAYS not in shapes:
        some = ", ".join(sorted(shapes)[:3]) or "no variables"
        raise ValueError(f"{path} is no MusicVAE: it has no {ALWAYS}, but {some}")
    names = (bundle.name, path.name, path.absolute().parent.name)
    try:
        chosen = fit(preset_called(preset), shapes) if preset else recognise(shapes, names)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    variables = {k: bundle[k] for k in shapes}
    step = int(bundle[STEP]) if STEP in bundle and bundle.shape(STEP) == () else None
    return Checkpoint(
        preset=_for_use(chosen),
        weights=to_ours(variables, chosen.representation.spec, chosen.model),
        figures={"imported": {"from": "TensorFlow", "file": path.name, "step": step}},
        card=_card(chosen, path.name, step),
    )


def _for_use(preset: Preset) -> Preset:
    """Reading music as a musician would, not only what the reference takes."""
    representation: Any = preset.representation
    lenient = replace(representation, extraction=type(representation)().extraction)
    return replace(preset, representation=lenient, summary=f"{preset.summary}, imported")


def _card(preset: Preset, file: str, step: int | None) -> str:
    after = "" if step is None else f", saved after {step:,} updates"
    return f"""# {preset.name}

Imported from the TensorFlow checkpoint `{file}`{after}: {preset.summary}.

The weights are those of that file, and their licence and their training data are those of whoever
trained them. The settings of training in `config.json` are the reference's for a model of this
name; the file does not say what this one was trained with.

It reads any music as the models of this package do. The published extraction, which refuses what it
was not made for, is the preset `{preset.name}`.
"""
