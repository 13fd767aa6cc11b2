"""Chord symbols as they stand over a tune (`C`, `F#m7b5`, `Bb7sus4/F`) <-> the notes they mean.

A symbol is a root, a kind, changes to single degrees and a bass. The kinds and their degrees are
those of note-seq's `chord_symbols_lib`, and some more spellings that lead sheets use.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

NO_CHORD = "N.C."
READABLE = (
    "a root (A to G, with # or b), then nothing for major, or m, dim, aug, sus4, 5, 6, 7, maj7, "
    "m7, m7b5, dim7, 9, 11, 13 and the like, then changes such as b9, #11, add9, no3, then a bass "
    "such as /G; or N.C. for no chord"
)

NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
TRIADS = ("", "m", "aug", "dim")  # major, minor, augmented, diminished
_NATURAL = dict(zip("CDEFGAB", (0, 2, 4, 5, 7, 9, 11), strict=True))
_SEMITONES = (0, 2, 4, 5, 7, 9, 11)  # of the degrees 1 to 7
_OTHER_SIGNS = str.maketrans({"♭": "b", "♯": "#", "–": "-", "−": "-", "△": "Δ", "º": "°"})
_NONE = {"n.c.", "nc", "n.c", "no chord", "none"}

# Degrees of each kind and its spellings, the first of which is written.
_KINDS: dict[str, str] = {
    "1 3 5": " maj M major",
    "1 b3 5": "m min mi - minor",
    "1 3 #5": "aug +",
    "1 b3 b5": "dim o °",
    "1 3 5 b7": "7 dom7",
    "1 3 5 7": "maj7 M7 ma7 Maj7 Δ Δ7 j7",
    "1 b3 5 b7": "m7 min7 mi7 -7",
    "1 b3 b5 bb7": "dim7 o7 °7",
    "1 3 #5 b7": "aug7 +7",
    "1 b3 b5 b7": "m7b5 -7b5 min7b5 ø ø7 /o /o7",
    "1 b3 5 7": "mmaj7 mM7 minmaj7 minM7 -maj7 -M7 m(maj7) m(M7) min(maj7) min(M7) "
    "-(maj7) -(M7) mΔ",
    "1 3 5 6": "6 maj6 M6",
    "1 b3 5 6": "m6 min6 -6",
    "1 3 5 b7 9": "9",
    "1 3 5 7 9": "maj9 M9 Maj9 Δ9",
    "1 b3 5 b7 9": "m9 min9 -9",
    "1 3 #5 b7 9": "aug9 +9",
    "1 3 5 6 9": "6/9 69",
    "1 b3 5 6 9": "m6/9 m69",
    "1 3 5 b7 9 11": "11",
    "1 3 5 7 9 11": "maj11 M11",
    "1 b3 5 b7 9 11": "m11 min11 -11",
    "1 3 5 b7 9 11 13": "13",
    "1 3 5 7 9 11 13": "maj13 M13",
    "1 b3 5 b7 9 11 13": "m13 min13 -13",
    "1 2 5": "sus2",
    "1 4 5": "sus4 sus",
    "1 4 5 b7": "7sus 7sus4 sus7",
    "1 2 5 b7": "7sus2",
    "1 4 5 b7 9": "9sus4 9sus",
    "1 4 5 b7 9 13": "13sus4 13sus",
    "1 3 #5 b7 b9": "7alt alt",
    "1": "ped",
    "1 5": "5",
}
_Degrees = list[tuple[int, int]]  # degree and its alteration in semitones


def _degree(text: str) -> tuple[int, int]:
    number = text.lstrip("b#")
    return int(number), text.count("#") - text.count("b")


_BY_SPELLING: dict[str, _Degrees] = {
    spelling: [_degree(d) for d in degrees.split()]
    for degrees, spellings in _KINDS.items()
    for spelling in spellings.split(" ")
}
_CHANGE = r"\(?(add[#b]?|no|omit|#|b)(1[0-3]|[1-9])\)?,?"
_SYMBOL = re.compile(
    r"([A-G](?:#*|b*)(?![#b]))"
    rf"({'|'.join(map(re.escape, sorted(_BY_SPELLING, key=len, reverse=True)))})"
    rf"((?:{_CHANGE})*)"
    r"(?:/([A-G](?:#*|b*)))?"
)


@dataclass(frozen=True)
class Chord:
    """The chord symbol in force from `time` (seconds) on."""

    time: float
    symbol: str


@dataclass(frozen=True, kw_only=True)
class Harmony:
    """What a symbol means, in pitch classes (0 for C to 11 for B).

    `triad` is an index of `TRIADS`, None where the chord has no plain third and fifth. The bass
    need not be one of `pitch_classes`.
    """

    root: int
    pitch_classes: tuple[int, ...]  # ascending
    bass: int
    triad: int | None


@lru_cache(maxsize=4096)
def parse_chord(symbol: str) -> Harmony | None:
    """The notes of a chord symbol; None for "no chord".

    Raises `ValueError`, which names the symbol and what can be read.
    """
    text = _plain(symbol)
    if text.lower() in _NONE:
        return None
    match = _SYMBOL.fullmatch(text)
    if match is None:
        raise ValueError(f"{symbol!r} is no chord symbol that can be read; expected {READABLE}")
    root = _pitch_class(match[1])
    degrees = _changed(_BY_SPELLING[match[2]], match[3])
    classes = {(root + _SEMITONES[(d - 1) % 7] + alter) % 12 for d, alter in degrees}
    return Harmony(
        root=root,
        pitch_classes=tuple(sorted(classes)),
        bass=_pitch_class(match[6]) if match[6] else root,
        triad=_triad(degrees),
    )


@lru_cache(maxsize=4096)
def is_chord(symbol: str) -> bool:
    """Whether `parse_chord` can read it."""
    try:
        parse_chord(symbol)
    except ValueError:
        return False
    return True


def are_chords(texts: Sequence[str]) -> bool:
    """Whether texts of one sort in a file are chords: every one of them can be read as one.

    The bare letters A, B, C ... in this order are not: they name the parts of a piece.
    """
    letters = [chr(ord("A") + i) for i in range(len(texts))]
    return bool(texts) and all(map(is_chord, texts)) and list(texts) != letters


@lru_cache(maxsize=4096)
def transpose_chord(symbol: str, semitones: int) -> str:
    """The symbol with root and bass moved by `semitones`; what cannot be read is left alone."""
    match = _SYMBOL.fullmatch(_plain(symbol))
    if match is None or semitones % 12 == 0:
        return symbol
    root = NAMES[(_pitch_class(match[1]) + semitones) % 12]
    bass = "/" + NAMES[(_pitch_class(match[6]) + semitones) % 12] if match[6] else ""
    return root + match[2] + match[3] + bass


@lru_cache(maxsize=4096)
def name_chord(root: int, pitch_classes: tuple[int, ...], bass: int) -> str:
    """A symbol for a root, any pitch classes and a bass: the kind with the most notes in common.

    Undoes `parse_chord` up to the spelling where the notes are those of a kind without changes.
    """
    wanted = {(p - root) % 12 for p in pitch_classes}
    kinds = [(spellings.split(" ")[0], degrees) for degrees, spellings in _KINDS.items()]

    def distance(kind: tuple[str, str]) -> int:
        degrees = map(_degree, kind[1].split())
        return len(wanted ^ {(_SEMITONES[(d - 1) % 7] + alter) % 12 for d, alter in degrees})

    name = NAMES[root] + min(kinds, key=distance)[0]
    return name if bass == root else f"{name}/{NAMES[bass]}"


def parse_progression(text: str, *, bars: int, steps_per_bar: int) -> tuple[str, ...]:
    """Chords written in a line -> the symbol at every step, bars * steps_per_bar of them.

    `C G Am F` is spread evenly over all bars. With `|` each part is a bar, its chords spread evenly
    over it, and the line is repeated until all bars are filled. `%` repeats the chord before it.
    Raises `ValueError` that names a chord that cannot be read and its place in the line.
    """
    lines = [part.split() for part in text.strip().strip("|").split("|")]
    in_bars = len(lines) > 1
    total = bars * steps_per_bar
    if not any(lines):
        raise ValueError('no chord is given: expected chords such as "C G Am F"')
    if in_bars and len(lines) > bars:
        raise ValueError(f"{len(lines)} bars of chords are given for {bars} bars of music")
    steps: list[str] = []
    last, place = NO_CHORD, 0
    for chords in lines:
        size = steps_per_bar if in_bars else total
        if len(chords) > size:
            raise ValueError(f"{len(chords)} chords do not fit into {size} steps of a sixteenth")
        named: list[str] = []
        for symbol in chords or ["%"]:
            place += bool(chords)
            last = last if symbol == "%" else _checked(symbol, place, text)
            named.append(last)
        steps += [named[k * len(named) // size] for k in range(size)]
    return tuple((steps * bars)[:total])


def _checked(symbol: str, place: int, text: str) -> str:
    try:
        parse_chord(symbol)
    except ValueError as error:
        raise ValueError(f"chord {place} of {text!r}: {error}") from None
    return symbol


def _plain(symbol: str) -> str:
    return symbol.strip().translate(_OTHER_SIGNS)


def _pitch_class(name: str) -> int:
    return (_NATURAL[name[0]] + name.count("#") - name[1:].count("b")) % 12


def _changed(degrees: _Degrees, changes: str) -> _Degrees:
    """The degrees after changes such as `b9`, `add9`, `no3`; `b9#9` gives both."""
    natural = dict(degrees)
    changed = list(degrees)
    for how, number in re.findall(_CHANGE, changes):
        degree = int(number)
        alter = how.count("#") - how.replace("add", "").count("b")
        if how in ("no", "omit"):
            changed = [d for d in changed if d[0] != degree]
        elif how.startswith("add"):
            changed.append((degree, alter - (degree == 7)))  # add7 is the minor seventh
        else:
            if degree in natural and (degree, natural[degree]) in changed:
                changed.remove((degree, natural[degree]))
            changed.append((degree, natural.get(degree, 0) + alter))
    return changed


def _triad(degrees: _Degrees) -> int | None:
    thirds = [alter for degree, alter in degrees if degree == 3]
    fifths = [alter for degree, alter in degrees if degree == 5]
    if len(thirds) != 1 or len(fifths) != 1 or (1, 0) not in degrees:
        return None
    kinds = {(0, 0): 0, (-1, 0): 1, (0, 1): 2, (-1, -1): 3}
    return kinds.get((thirds[0], fifths[0]))
