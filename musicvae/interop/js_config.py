"""What the `config.json` of a Magenta.js folder says of its model, as our specification.

The file names a converter between notes and tensors, and what the model is told beside them. Sizes
of layers are not in it: `model_of` reads them off the shapes of the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from musicvae.config import Bidirectional, Conductor, Flat, Hierarchical, ModelConfig
from musicvae.interop.variables import BIDIRECTIONAL, CONDUCTOR, STACK, Shape
from musicvae.representations.base import (
    Categorical,
    MultiLabel,
    Several,
    Space,
    Strokes,
    TokenSpec,
)
from musicvae.representations.melody_events import FIRST_NOTE, HIGHEST_PITCH, LOWEST_PITCH

CHORDS: Mapping[str, Categorical | MultiLabel] = {
    "MajorMinorChordEncoder": Categorical(25),
    "TriadChordEncoder": Categorical(49),
    "PitchChordEncoder": MultiLabel(37),
}
KEYS = 12
DRUMS = 9
CONTROLS = "control_preprocessing"
_MOST = 2**20  # of anything that is counted in a configuration


@dataclass(frozen=True, kw_only=True)
class JsConfig:
    """A `config.json` that was read: the converter's type and arguments, and the controls.

    `extras` are further controls by name with their widths; `boolean` says that every label is
    written by itself.
    """

    converter: str
    args: Mapping[str, Any]
    chords: str | None = None
    key: bool = False
    extras: tuple[tuple[str, int], ...] = ()
    boolean: bool = False

    @property
    def steps(self) -> int:
        return number(self.args, "numSteps")

    @property
    def segments(self) -> int | None:
        """Into how many segments a hierarchical model divides its steps; None for a flat one."""
        return None if self.args.get("numSegments") is None else number(self.args, "numSegments")

    @property
    def told_width(self) -> int:
        """The columns of all controls together."""
        chords = 0 if self.chords is None else CHORDS[self.chords].size
        return chords + KEYS * self.key + sum(width for _, width in self.extras)


def parse_config(said: Any) -> JsConfig:
    """Check and read a `config.json`. Raises `ValueError` that says what it has that is unknown."""
    if not isinstance(said, dict) or not isinstance(said.get("type"), str):
        raise ValueError("this config.json is not of Magenta.js: it names no type of model")
    if said["type"] != "MusicVAE":
        raise ValueError(f"this is a {said['type']} model; only MusicVAE models can be imported")
    converter = said.get("dataConverter")
    if not isinstance(converter, dict) or not isinstance(converter.get("args"), dict):
        raise ValueError("this config.json has no dataConverter with args")
    chords = said.get("chordEncoder")
    if chords is not None and chords not in CHORDS:
        raise ValueError(f"there is no chordEncoder {chords!r}; known are {', '.join(CHORDS)}")
    extras = said.get("extraControls") or []
    if not isinstance(extras, list) or not all(isinstance(extra, dict) for extra in extras):
        raise ValueError(f"the extraControls of this config.json are no list: {extras!r}")
    return JsConfig(
        converter=str(converter.get("type")),
        args=converter["args"],
        chords=chords,
        key=bool(said.get("conditionOnKey")),
        extras=tuple((str(extra.get("name")), number(extra, "depth")) for extra in extras),
        boolean=bool(said.get("useBooleanDecoder")),
    )


def spec_of(config: JsConfig) -> TokenSpec:
    """What a model of this configuration reads and writes, in its own classes."""
    inputs, outputs = _spaces(config)
    segments = config.segments or 1
    if config.steps % segments:
        raise ValueError(f"{config.steps} steps cannot be divided into {segments} segments")
    end = None
    if config.converter == "MultitrackConverter" and isinstance(outputs, Categorical):
        end = outputs.size - 1
    return TokenSpec(
        inputs=inputs,
        outputs=outputs,
        length=config.steps,
        segments=segments,
        controls=_controls(config),
        end=end,
    )


def model_of(config: JsConfig, spec: TokenSpec, shapes: Mapping[str, Shape]) -> ModelConfig:
    """The sizes of the network, read off the shapes of its variables.

    Raises `ValueError` that names a variable which every such model has and this one does not.
    """
    cells = BIDIRECTIONAL.replace("{}", "{0}", 1).replace("/{}/", "/fw/")
    separate = isinstance(spec.outputs, Several)
    core = "decoder" if config.segments is None else "core_decoder/decoder"
    if separate:
        core = "core_decoder_0/decoder"
        core = core if config.segments is None else f"core_decoder/{core}"
    units = _units(shapes, f"{core}/{STACK}")
    encoder: Bidirectional | Hierarchical
    decoder: Flat | Conductor
    if config.segments is None:
        encoder = Bidirectional(units=_units(shapes, f"encoder/{cells}"))
        decoder = Flat(units=units, separate=separate)
    else:
        encoder = Hierarchical(units=_units(shapes, f"encoder/hierarchical_level_0/{cells}"))
        conductor = _units(shapes, f"{CONDUCTOR}/cell_{{}}/lstm_cell")
        decoder = Conductor(units=units, conductor_units=conductor, separate=separate)
    told = f"{CONTROLS}/{cells}"
    model = ModelConfig(
        z=_size(shapes, "encoder/mu/bias"),
        encoder=encoder,
        decoder=decoder,
        control_units=_units(shapes, told)[0] if f"{told.format(0)}/bias" in shapes else None,
    )
    weights = shapes.get(f"{core}/nade/w_enc", ())
    if config.boolean or len(weights) == 3:
        model = replace(model, nade=1 if config.boolean else weights[2])
    return model


def number(args: Mapping[str, Any], name: str, default: int | None = None) -> int:
    """A count in a configuration. Raises `ValueError` where it is none."""
    value = args.get(name, default)
    if type(value) is not int or not 0 < value <= _MOST:
        raise ValueError(f"{name} in this config.json is {value!r}, and no number above 0")
    return value


def classes_of(args: Mapping[str, Any]) -> tuple[tuple[int, ...], ...] | None:
    """The pitches of each drum where a configuration states them."""
    classes = args.get("pitchClasses")
    if classes is None:
        return None
    if not isinstance(classes, list) or not classes or not all(map(_pitches, classes)):
        raise ValueError("the pitchClasses of this config.json are no lists of pitches 0 to 127")
    return tuple(map(tuple, classes))


def range_of(args: Mapping[str, Any]) -> tuple[int, int]:
    """The lowest and the highest pitch of a melody."""
    low, high = args.get("minPitch", LOWEST_PITCH), args.get("maxPitch", HIGHEST_PITCH)
    if type(low) is not int or type(high) is not int or not 0 <= low <= high <= 127:
        raise ValueError(f"the pitches of this config.json are from {low!r} to {high!r}")
    return low, high


def _spaces(config: JsConfig) -> tuple[Space, Space]:
    """What the encoder reads and the decoder writes."""
    args, kind = config.args, config.converter
    if config.boolean != (kind == "MelodyRhythmConverter"):
        with_it = "with" if config.boolean else "without"
        raise ValueError(f"a {kind} {with_it} useBooleanDecoder is not known")
    drums = len(classes_of(args) or range(DRUMS))
    struck = MultiLabel(drums, silence=True)
    match kind:
        case "MelodyConverter":
            melody = _melody(args)
            return melody, melody
        case "MelodyRhythmConverter":
            return MultiLabel(1), MultiLabel(1)
        case "MelodyShapeConverter":
            return Categorical(3), Categorical(3)
        case "DrumsConverter":
            return struck, Categorical(2**drums)
        case "DrumRollConverter":
            return struck, MultiLabel(drums)
        case "DrumsOneHotConverter":
            return Categorical(2**drums), Categorical(2**drums)
        case "TrioConverter":
            trio = Several(
                (
                    *(_melody(_part(args, name)).size for name in ("melArgs", "bassArgs")),
                    2 ** len(classes_of(_part(args, "drumsArgs")) or range(DRUMS)),
                )
            )
            return trio, trio
        case "MultitrackConverter":
            events = Categorical(_events(args))
            return events, events
        case "GrooveConverter":
            strokes = Strokes(1 if args.get("splitInstruments") else drums)
            return strokes, strokes
    raise ValueError(
        f"the converter {kind!r} is not known; known are MelodyConverter, "
        "MelodyRhythmConverter, MelodyShapeConverter, DrumsConverter, "
        "DrumRollConverter, DrumsOneHotConverter, TrioConverter, "
        "MultitrackConverter and GrooveConverter"
    )


def _melody(args: Mapping[str, Any]) -> Categorical:
    low, high = range_of(args)
    return Categorical(FIRST_NOTE + high - low + 1)


def _events(args: Mapping[str, Any]) -> int:
    """The vocabulary of tracks: notes on and off, time, velocity, 128 programs, drums, the end."""
    low, high = args.get("minPitch", 0), args.get("maxPitch", 127)
    pitches = number({"pitches": high - low + 1}, "pitches")
    return 2 * pitches + number(args, "totalSteps") + number(args, "numVelocityBins") + 130


def _part(args: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = args.get(name)
    if not isinstance(part, dict):
        raise ValueError(f"the TrioConverter of this config.json has no {name}")
    return part


def _pitches(pitches: Any) -> bool:
    return isinstance(pitches, list) and all(type(p) is int and 0 <= p < 128 for p in pitches)


def _controls(config: JsConfig) -> Categorical | MultiLabel | None:
    """Chords alone are of their own space; where several things are told, all are labels."""
    if config.chords is not None and not config.key and not config.extras:
        return CHORDS[config.chords]
    return MultiLabel(config.told_width) if config.told_width else None


def _units(shapes: Mapping[str, Shape], cells: str) -> tuple[int, ...]:
    """The widths of all layers of an LSTM; `cells` is the scope of its layer {}."""
    first = _size(shapes, f"{cells.format(0)}/bias")
    units: list[int] = [first // 4]
    for layer in count(1):
        name = f"{cells.format(layer)}/bias"
        if name not in shapes:
            break
        units.append(_size(shapes, name) // 4)
    return tuple(units)


def _size(shapes: Mapping[str, Shape], name: str) -> int:
    if name not in shapes:
        raise ValueError(f"the weights are not those of such a model: there is no {name}")
    if len(shapes[name]) != 1 or not shapes[name][0]:
        raise ValueError(f"{name} has the shape {shapes[name]}, and should be a list of numbers")
    return shapes[name][0]
