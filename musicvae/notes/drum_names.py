"""The drums of General MIDI (General MIDI System Level 1, table 3), in short names.

In the order in which a drummer's score has them, from the bottom up: kick, snare, toms, hi-hats,
cymbals, then all else.
"""

from __future__ import annotations

DRUM_NAMES: dict[int, str] = {
    35: "kick 2", 36: "kick",
    38: "snare", 40: "snare 2", 37: "rim", 39: "clap",
    41: "floor tom 2", 43: "floor tom", 45: "low tom", 47: "mid tom 2", 48: "mid tom",
    50: "high tom",
    42: "closed hat", 44: "pedal hat", 46: "open hat",
    51: "ride", 59: "ride 2", 53: "bell", 49: "crash", 57: "crash 2", 52: "china", 55: "splash",
    54: "tambourine", 56: "cowbell", 58: "vibraslap", 60: "high bongo", 61: "low bongo",
    62: "mute conga", 63: "high conga", 64: "low conga", 65: "high timbale", 66: "low timbale",
    67: "high agogo", 68: "low agogo", 69: "cabasa", 70: "maracas", 71: "short whistle",
    72: "long whistle", 73: "short guiro", 74: "long guiro", 75: "claves", 76: "high block",
    77: "low block", 78: "mute cuica", 79: "open cuica", 80: "mute triangle", 81: "triangle",
}  # fmt: skip

_ORDER = {pitch: place for place, pitch in enumerate(DRUM_NAMES)}


def drum_name(pitch: int) -> str:
    """36 -> "kick"; what is no drum of General MIDI is called by its number."""
    return DRUM_NAMES.get(pitch, f"drum {pitch}")


def drum_order(pitch: int) -> int:
    """The place of a drum from the bottom up."""
    return _ORDER.get(pitch, len(_ORDER) + pitch)
