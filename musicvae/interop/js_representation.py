"""Which of our representations a `config.json` of Magenta.js is about, and back.

The music is the same; how files are read is ours (`Lenient` and its kind).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from musicvae.interop.js_config import DRUMS, JsConfig, classes_of
from musicvae.representations.base import Representation
from musicvae.representations.chord_controls import (
    ChordControls,
    FullChords,
    MajorMinor,
    Triads,
    WithKey,
)
from musicvae.representations.drums import Drums
from musicvae.representations.drums_hits import NINE, SIXTY_ONE_PITCHES
from musicvae.representations.drums_kit import CombinedNine, SeparateNine, SeparateSixtyOne
from musicvae.representations.groove import Groove
from musicvae.representations.groove_tasks import (
    FixedVelocity,
    HitsAsControls,
    Humanize,
    NoteDropout,
    Tap,
    Task,
    WithoutDrum,
)
from musicvae.representations.melody import Melody
from musicvae.representations.melody_events import HIGHEST_PITCH, LOWEST_PITCH, STEPS_PER_BAR
from musicvae.representations.meters import Native, Regrouped
from musicvae.representations.multitrack import Multitrack
from musicvae.representations.performance_events import MOST_STEPS, STEPS_PER_QUARTER
from musicvae.representations.trio import Trio

VELOCITIES = 8
HITS = "hits"  # the extra control with which a groove model is told what is struck
_CHORDS: Mapping[str, Triads | MajorMinor | FullChords] = {
    "MajorMinorChordEncoder": MajorMinor(),
    "TriadChordEncoder": Triads(),
    "PitchChordEncoder": FullChords(),
}
_PITCHES = {"minPitch": LOWEST_PITCH, "maxPitch": HIGHEST_PITCH}


def representation_of(config: JsConfig) -> Representation[Any]:
    """What reads music for a model. Raises `ValueError` where nothing here does."""
    hits = config.converter == "GrooveConverter" and config.extras == ((HITS, DRUMS),)
    if config.extras and not hits:
        names = ", ".join(name for name, _ in config.extras)
        raise ValueError(_refused(f"it is told {names} at every step, which no music file states"))
    if config.converter not in ("MelodyConverter", "MultitrackConverter") and (
        config.chords or config.key
    ):
        raise ValueError(_refused(f"a {config.converter} with chords or a key has none here"))
    match config.converter:
        case "MelodyConverter":
            return Melody(bars=_bars(config), chords=_chords(config))
        case "DrumsConverter" | "DrumRollConverter":
            return Drums(bars=_bars(config), kit=_kit(config))
        case "TrioConverter":
            _nine(classes_of(config.args["drumsArgs"]))
            return Trio(bars=_bars(config))
        case "MultitrackConverter":
            return _multitrack(config)
        case "GrooveConverter":
            return _groove(config, hits)
    raise ValueError(_refused(f"nothing here reads what a {config.converter} does"))


def describe(representation: object) -> dict[str, Any]:
    """A representation -> the `config.json` of its models, but for the division into segments.

    Raises `ValueError` for what Magenta.js has no converter for.
    """
    match representation:
        case Melody(bars=bars, chords=chords):
            _no_meters(representation.meters)
            config = _described("MelodyConverter", {"numSteps": bars * STEPS_PER_BAR, **_PITCHES})
            return config | _describe_chords(chords)
        case Drums(bars=bars, kit=kit):
            _no_meters(representation.meters)
            args: dict[str, Any] = {"numSteps": bars * STEPS_PER_BAR}
            if isinstance(kit, SeparateSixtyOne):
                args["pitchClasses"] = [[pitch] for pitch in SIXTY_ONE_PITCHES]
            combined = isinstance(kit, CombinedNine)
            return _described("DrumsConverter" if combined else "DrumRollConverter", args)
        case Trio(bars=bars):
            _no_meters(representation.meters)
            parts = {"melArgs": _PITCHES, "bassArgs": _PITCHES, "drumsArgs": {}}
            return _described("TrioConverter", {"numSteps": bars * STEPS_PER_BAR, **parts})
        case Groove(bars=bars, tasks=tasks):
            return _describe_groove(bars, tasks)
        case Multitrack(chords=chords):
            config = _described("MultitrackConverter", _multitrack_args())
            return config | _describe_chords(chords)
        case _:
            raise ValueError(f"Magenta.js has no converter for {type(representation).__name__}")


def _described(converter: str, args: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "MusicVAE", "dataConverter": {"type": converter, "args": dict(args)}}


def _multitrack_args() -> dict[str, Any]:
    return {
        "numSteps": Multitrack().spec.length,
        "stepsPerQuarter": STEPS_PER_QUARTER,
        "totalSteps": MOST_STEPS,
        "numVelocityBins": VELOCITIES,
    }


def _describe_chords(chords: ChordControls | None) -> dict[str, Any]:
    if chords is None:
        return {}
    if isinstance(chords, WithKey):
        return _describe_chords(chords.chords) | {"conditionOnKey": True}
    return {"chordEncoder": next(name for name, known in _CHORDS.items() if known == chords)}


def _describe_groove(bars: int, tasks: tuple[Task, ...]) -> dict[str, Any]:
    args: dict[str, Any] = {"numSteps": bars * STEPS_PER_BAR}
    told: dict[str, Any] = {}
    match [task for task in tasks if not isinstance(task, NoteDropout)]:
        case [] | [WithoutDrum()]:  # the page leaves the drum out itself, as the published one did
            pass
        case [Humanize()]:
            args["humanize"] = True
        case [Tap(), FixedVelocity()]:
            args["tapify"] = True
        case [HitsAsControls()]:
            told = {"extraControls": [{"name": HITS, "depth": DRUMS}]}
        case _:
            raise ValueError(f"Magenta.js cannot prepare grooves so: {tasks}")
    return _described("GrooveConverter", args) | told


def _no_meters(meters: Regrouped | Native) -> None:
    if isinstance(meters, Native):
        raise ValueError("Magenta.js reads bars of 4/4 alone; this model was made for any meter")


def _bars(config: JsConfig) -> int:
    bars, rest = divmod(config.steps, STEPS_PER_BAR)
    if rest:
        raise ValueError(_refused(f"its {config.steps} steps are no whole bars of 16"))
    if config.segments not in (None, bars):
        raise ValueError(_refused(f"it divides {bars} bars into {config.segments} segments"))
    return bars


def _chords(config: JsConfig) -> ChordControls | None:
    chords = None if config.chords is None else _CHORDS[config.chords]
    return WithKey(chords=chords) if config.key else chords


def _kit(config: JsConfig) -> CombinedNine | SeparateNine | SeparateSixtyOne:
    classes = classes_of(config.args)
    if config.converter == "DrumRollConverter":
        if classes == tuple((pitch,) for pitch in SIXTY_ONE_PITCHES):
            return SeparateSixtyOne()
        _nine(classes)
        return SeparateNine()
    _nine(classes)
    return CombinedNine()


def _nine(classes: tuple[tuple[int, ...], ...] | None) -> None:
    """Raise unless the drums are the nine published ones, by the pitch that each is played with.

    Magenta.js hears a high floor tom (43) as a high tom and a Chinese cymbal (52) as a ride.
    """
    if classes is None:
        return
    if len(classes) != DRUMS or any(not c or NINE[c[0]] != k for k, c in enumerate(classes)):
        raise ValueError(_refused("it has drums of its own, other than the nine published ones"))


def _groove(config: JsConfig, hits: bool) -> Groove:
    args = config.args
    if args.get("splitInstruments"):
        raise ValueError(_refused("it reads the drums of a step one after another"))
    if args.get("stepsPerQuarter", 4) != 4:
        raise ValueError(_refused(f"it has {args['stepsPerQuarter']} steps in a quarter, not 4"))
    _nine(classes_of(args))
    tasks: tuple[Task, ...] = (HitsAsControls(),) if hits else ()
    if args.get("humanize"):
        tasks += (Humanize(),)
    if args.get("tapify"):
        tasks += (Tap(), FixedVelocity())
    return Groove(bars=_bars(config), tasks=tasks)


def _multitrack(config: JsConfig) -> Multitrack:
    if config.key or config.chords not in (None, "TriadChordEncoder"):
        raise ValueError(_refused("multitrack models are told triads here, and nothing else"))
    known = _multitrack_args() | {"numSegments": Multitrack().spec.segments}
    said = {name: config.args.get(name) for name in known}
    pitches = (config.args.get("minPitch", 0), config.args.get("maxPitch", 127))
    if said != known or pitches != (0, 127):
        differing = ", ".join(
            f"{name} {said[name]}, not {known[name]}" for name in known if said[name] != known[name]
        )
        raise ValueError(_refused(f"tracks are written in another way here: {differing}"))
    return Multitrack(chords=None if config.chords is None else Triads())


def _refused(reason: str) -> str:
    return (
        f"this model cannot be used on music here: {reason}; as tensors it can be read with "
        "musicvae.interop.magenta_js.read_magenta_js"
    )
