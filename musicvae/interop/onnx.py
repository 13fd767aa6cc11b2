"""A checkpoint as ONNX: a folder that plays where there is no PyTorch.

`encoder.onnx` reads tokens; `decoder_start.onnx`, `decoder_step.onnx` and `decoder_draw.onnx` write
them, one step after another, in a loop of the caller's (`examples/onnx_sample.py` is one).
`meta.json` says what that loop has to know, and `latents.npz` (`mean` (Z,), `covariance` (Z, Z))
where the codes of the training data lie, where the checkpoint knows it. The inputs and outputs of
the graphs are described beside the functions that build them; B, the rows of a batch, is free.

The loop, for one row: before the first step there is no token (zeros, `there` false). Slots behind
the end of their segment are passed over: they hold zeros and change nothing. Where a stretch begins
its state of `starts` is taken. With an end token (`end`) a segment is over once that is drawn, and
a token is `there` only if the slot just before holds one; without, from the first token on.

Letters: B batch, Z dimensions of z, T steps, S segments.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from musicvae.checkpoint import Checkpoint
from musicvae.config import to_json
from musicvae.interop.onnx_decoder import (
    chances,
    draw_graph,
    start_graph,
    starts,
    state_sizes,
    step_graph,
    view_size,
)
from musicvae.interop.onnx_encoder import encoder_graph, number_type
from musicvae.models.vae import SequenceVAE
from musicvae.representations.base import Space

FORMAT = 1
_GRAPHS = {
    "encoder": encoder_graph,
    "decoder_start": start_graph,
    "decoder_step": step_graph,
    "decoder_draw": draw_graph,
}


def write_onnx(checkpoint: Checkpoint, folder: str | Path) -> None:
    """Write the folder described above; each of its files appears whole or not at all.

    Raises `ValueError` where the package onnx is missing, or weights and config disagree.
    """
    if importlib.util.find_spec("onnx") is None:
        raise ValueError(
            "to write ONNX takes the package onnx: install it with pip install 'musicvae[onnx]'"
        )
    model = checkpoint.build()
    target = Path(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        for name, build in _GRAPHS.items():
            (staging / f"{name}.onnx").write_bytes(build(model).build())
        meta = json.dumps(_meta(checkpoint, model), indent=2)
        (staging / "meta.json").write_text(meta + "\n")
        if checkpoint.latents:
            latents = {k: checkpoint.latents[k].float().numpy() for k in ("mean", "covariance")}
            np.savez(staging / "latents.npz", **latents)  # type: ignore[arg-type]
        target.mkdir(exist_ok=True)
        for file in staging.iterdir():
            file.replace(target / file.name)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _meta(checkpoint: Checkpoint, model: SequenceVAE) -> dict[str, Any]:
    """What is to be known of the graphs; `blank` is what an example of silence would be told."""
    spec, decoder = model.spec, model.decoder
    blank = checkpoint.preset.representation.blank()
    return {
        "format": FORMAT,
        "name": checkpoint.preset.name,
        "summary": checkpoint.preset.summary,
        "representation": to_json(checkpoint.preset.representation),
        "z": model.config.z,
        "length": spec.length,
        "segments": spec.segments,
        "end": spec.end,
        "inputs": _space(spec.inputs),
        "outputs": _space(spec.outputs),
        "controls": None if spec.controls is None else _space(spec.controls),
        "starts": starts(decoder),
        "state": sum(state_sizes(decoder)),
        "view": view_size(decoder),
        "logits": sum(decoder.widths),
        "chances": chances(decoder),
        "blank": {
            "lengths": blank.lengths.tolist(),
            "controls": None if blank.controls is None else blank.controls.tolist(),
        },
    }


def _space(space: Space) -> dict[str, Any]:
    """A space, and the array that a step of it is."""
    shape, dtype = list(space.shape), np.dtype(number_type(space)).name
    described: dict[str, Any] = to_json(space)
    return {**described, "shape": shape, "dtype": dtype}
