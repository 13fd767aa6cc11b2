"""Checkpoints of ours become folders that Magenta.js loads.

It knows the published models alone: tokens read one-hot, an encoder of one bidirectional layer with
a flat decoder, or a hierarchical encoder with a conductor. What it has no words for is refused.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from musicvae.checkpoint import Checkpoint
from musicvae.config import Bidirectional, Conductor, Flat, Hierarchical, ModelConfig
from musicvae.interop.js_representation import describe
from musicvae.interop.js_weights import write_weights
from musicvae.interop.magenta_js import CONFIG
from musicvae.interop.variables import from_ours
from musicvae.representations.base import Several, TokenSpec

BITS = (8, 16)


def export_magenta_js(checkpoint: Checkpoint, folder: str | Path, bits: int | None = None) -> None:
    """Write a new folder that Magenta.js loads, weights in float32 or as numbers of `bits` bits.

    Raises `ValueError` for a model that cannot be expressed there, with the reason, and for a
    folder that is not empty; nothing is written then.
    """
    if bits is not None and bits not in BITS:
        raise ValueError(f"weights are quantized to 8 or 16 bits, not to {bits}")
    target = Path(folder)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ValueError(f"{target} is there already, and not empty: give a new folder")
    config = config_for(checkpoint)
    preset = checkpoint.preset
    checkpoint.build()  # weights and config agree
    variables = from_ours(checkpoint.weights, preset.representation.spec, preset.model)
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        write_weights(variables, staging, bits)
        (staging / CONFIG).write_text(json.dumps(config, indent=2) + "\n")
        staging.chmod(0o755)  # mkdtemp makes it for the owner alone
        if target.exists():
            target.rmdir()
        staging.replace(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def config_for(checkpoint: Checkpoint) -> dict[str, Any]:
    """The `config.json` of a checkpoint. Raises `ValueError` where there can be none."""
    preset = checkpoint.preset
    reason = _inexpressible(preset.representation.spec, preset.model)
    if reason:
        raise ValueError(f"{preset.name} cannot become a Magenta.js model: {reason}")
    try:
        config = describe(preset.representation)
    except ValueError as error:
        raise ValueError(f"{preset.name} cannot become a Magenta.js model: {error}") from None
    if isinstance(preset.model.decoder, Conductor):
        config["dataConverter"]["args"]["numSegments"] = preset.representation.spec.segments
    return config


def _inexpressible(spec: TokenSpec, model: ModelConfig) -> str:
    """Why Magenta.js cannot run a network, or nothing."""
    encoder, decoder = model.encoder, model.decoder
    if not isinstance(encoder, Bidirectional | Hierarchical):
        return f"it has no encoder like {type(encoder).__name__}, only those of the published ones"
    if not isinstance(decoder, Flat | Conductor):
        return f"it has no decoder like {type(decoder).__name__}, only those of the published ones"
    if model.embedding is not None:
        return "it reads tokens one-hot, and has no embeddings"
    if isinstance(encoder, Hierarchical) != isinstance(decoder, Conductor):
        return (
            f"it has no {type(encoder).__name__} encoder with a {type(decoder).__name__} decoder: "
            "flat models have neither level, hierarchical ones both"
        )
    if len(encoder.units) != 1:
        return f"its encoders have one layer, and this one {len(encoder.units)}"
    if len(set(decoder.units)) != 1:
        return f"all layers of its decoders are of one width, and these of {decoder.units}"
    if isinstance(decoder, Conductor) and len(set(decoder.conductor_units)) != 1:
        return f"all layers of its conductors are of one width, not of {decoder.conductor_units}"
    if isinstance(spec.outputs, Several) and not decoder.separate:
        return "it writes each stream with a decoder of its own, and this model all with one"
    return ""
