"""Models of Magenta.js become checkpoints of ours.

A folder, or the URL of one, with a `config.json` (`js_config`), a `weights_manifest.json` and the
files that it lists (`js_weights`). `read_magenta_js` takes every such model, as tensors;
`import_magenta_js` those that have a representation here, for use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from musicvae.checkpoint import Checkpoint
from musicvae.config import ModelConfig, Preset, TrainingConfig
from musicvae.interop.js_config import JsConfig, model_of, parse_config, range_of, spec_of
from musicvae.interop.js_pitches import widen
from musicvae.interop.js_representation import representation_of
from musicvae.interop.js_weights import MANIFEST, is_url, read_json, read_weights
from musicvae.interop.magenta_tf import LEFT_OUT, STEP
from musicvae.interop.variables import scopes, to_ours
from musicvae.models.inputs import EncoderInput
from musicvae.models.vae import SequenceVAE
from musicvae.presets import preset as preset_called
from musicvae.representations.base import MultiLabel, Representation, TokenSpec

CONFIG = "config.json"


@dataclass(frozen=True, eq=False, kw_only=True)
class JsModel:
    """A model in its own classes: what it reads and writes, its sizes, its weights.

    Labels that are each written by themselves (`useBooleanDecoder`) are those of a NADE here, whose
    weights between labels are zero.
    """

    config: JsConfig
    spec: TokenSpec
    model: ModelConfig
    variables: Mapping[str, np.ndarray]

    @property
    def weights(self) -> dict[str, Tensor]:
        """The state of `SequenceVAE(spec, model)`. Raises `ValueError` for what does not fit."""
        return to_ours(self.variables, self.spec, self.model)

    def build(self) -> SequenceVAE:
        """The model, in evaluation mode."""
        model = SequenceVAE(self.spec, self.model)
        model.load_state_dict(self.weights)
        return model.eval()


def is_magenta_js(source: str | Path) -> bool:
    """Whether a source looks like one of Magenta.js: a URL that is no file, or such a folder."""
    if is_url(source):
        return not str(source).endswith((".tar", ".index"))
    return (Path(source) / MANIFEST).is_file()


def read_magenta_js(source: str | Path) -> JsModel:
    """Any model of Magenta.js, as tensors.

    Raises `ValueError` that says what in its files is missing, damaged, unknown or does not fit.
    """
    config = parse_config(read_json(source, CONFIG))
    spec = spec_of(config)
    variables = {
        name: values
        for name, values in read_weights(source).items()
        if name != STEP and not LEFT_OUT.search(name)
    }
    model = model_of(config, spec, {name: values.shape for name, values in variables.items()})
    for name in variables:
        if name.endswith("/nade/w_dec_t"):  # (D, 1, H) or (D, H, 1), which are the same numbers
            variables[name] = variables[name].reshape(len(variables[name]), -1, 1)
    if config.boolean:
        variables = _as_nade(variables, scopes(spec, model)[0])
    found = JsModel(config=config, spec=spec, model=model, variables=variables)
    _ = found.weights  # what does not fit is said now
    return found


class _EarlySilence(EncoderInput):
    """What Magenta.js shows an encoder of drums: see `misread_silence`."""

    def forward(self, tokens: Tensor, there: Tensor | None = None) -> Tensor:
        x: Tensor = super().forward(tokens, there)
        early = F.pad(x[:, 1:, -1:], (0, 0, 0, 1))
        return torch.cat([x[..., :-1], early], dim=-1)


def misread_silence(model: SequenceVAE) -> None:
    """Let the encoder of a drum model read what Magenta.js shows it, in place.

    The column "nothing sounds" of a step is there in the row before it, and 0 in the last row: not
    what the models were trained with. Raises `ValueError` for a model without such a column.
    """
    space = model.spec.inputs
    if not isinstance(space, MultiLabel) or not space.silence:
        raise ValueError(f"this model reads {space}, in which no column says that nothing sounds")
    model.encoder.tokens = _EarlySilence(model.spec, model.config)


def import_magenta_js(source: str | Path, preset: str | None = None) -> Checkpoint:
    """A model of Magenta.js -> a checkpoint of ours, which reads music leniently.

    `preset` is the name of one of our models that reads the same music: some tasks look alike.
    Raises `ValueError` as `read_magenta_js` does, and for a model of music that has no
    representation here.
    """
    found = read_magenta_js(source)
    representation = representation_of(found.config)
    if preset is not None:
        named = preset_called(preset).representation
        if named.spec != representation.spec:
            raise ValueError(
                f"this model does not read what {preset} reads: it is one of {representation}"
            )
        representation = _lenient(named)
    variables = found.variables
    ranges = _ranges(found.config)
    if ranges:
        variables = widen(variables, found.spec, found.model, ranges)
    name = preset or _name(source)
    where = str(source) if is_url(source) else Path(source).absolute().name
    return Checkpoint(
        preset=Preset(
            name=name,
            summary=f"{name}, imported from Magenta.js",
            representation=representation,
            model=found.model,
            training=TrainingConfig(batch_size=512, updates=50_000),
        ),
        weights=to_ours(variables, representation.spec, found.model),
        figures={"imported": {"from": "Magenta.js", "file": where}},
        card=_card(name, where, found.config, ranges),
    )


def _ranges(config: JsConfig) -> list[tuple[int, int]]:
    """The pitches of each melodic stream."""
    match config.converter:
        case "MelodyConverter":
            return [range_of(config.args)]
        case "TrioConverter":
            return [range_of(config.args[part]) for part in ("melArgs", "bassArgs")]
        case _:
            return []


def _as_nade(variables: dict[str, np.ndarray], scope: str) -> dict[str, np.ndarray]:
    """Labels that know nothing of one another: a NADE of one hidden unit that says nothing."""
    kernel, bias = (f"{scope}/output_projection/{part}" for part in ("kernel", "bias"))
    labels = variables[bias].size if bias in variables else 0
    if labels and kernel in variables:
        silent = np.zeros((labels, 1, 1), dtype=np.float32)
        variables |= {
            kernel: np.pad(variables[kernel], ((0, 0), (1, 0))),
            bias: np.pad(variables[bias], (1, 0)),
            f"{scope}/nade/w_enc": silent,
            f"{scope}/nade/w_dec_t": silent,
        }
    return variables


def _lenient(representation: Representation[Any]) -> Representation[Any]:
    """Reading music as a musician would, not only what the reference takes."""
    plain: Any = representation
    lenient: Representation[Any] = replace(plain, extraction=type(plain)().extraction)
    return lenient


def _name(source: str | Path) -> str:
    """The last part of a path or URL."""
    path = unquote(urlsplit(str(source)).path) if is_url(source) else str(Path(source).absolute())
    return Path(path.rstrip("/")).name or "imported"


def _card(name: str, where: str, config: JsConfig, ranges: list[tuple[int, int]]) -> str:
    pitches = "".join(
        f"\nIt knows the pitches {low} to {high}; notes beyond are read an octave nearer.\n"
        for low, high in dict.fromkeys(ranges)
        if (low, high) != range_of({})
    )
    return f"""# {name}

Imported from the Magenta.js model `{where}` ({config.converter}, {config.steps} steps).

The weights are those of that model, and their licence and their training data are those of whoever
trained them. The settings of training in `config.json` say nothing about it.
{pitches}"""
