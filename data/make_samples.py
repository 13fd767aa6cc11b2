"""Write the sample tunes in `data/samples/`: python data/make_samples.py

The tunes are typed below from memory in a subset of ABC notation (abcnotation.com): C to B is the
octave of middle C, c to b the one above, `,` and `'` go an octave down and up; `^ _ =` before a
note sharpen, flatten, make natural; a number after it multiplies the unit length, `/` halves it;
`z` rests, `-` ties, `|` ends a bar. Every bar is checked against its meter. A pick-up is set into
a whole bar that begins with silence, so that bar lines are where the tune has them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from musicvae.notes.midi import write_midi
from musicvae.notes.score import Key, Meter, Score, Tempo, Track

SAMPLES = Path(__file__).parent / "samples"
NATURAL = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SHARPS, FLATS = "FCGDAEB", "BEADGCF"  # the order in which a signature gains them
SIGNATURES = {"C": 0, "Am": 0, "G": 1, "D": 2, "F": -1}  # sharps, or flats below zero
TOKEN = re.compile(r"([\^_=]?)([A-Ga-gz])([,']*)(\d*)(/?)(\d*)(-?)|(\|)")
BARS_OF_A_BEAT = 8  # of drums alone
ACCENT = {"bar": 12, "beat": 4}  # MIDI velocity added where a bar and where a beat begins


@dataclass(frozen=True, kw_only=True)
class Part:
    """One voice. `bars` is ABC; for drums `hits` gives the pattern of each drum's pitch.

    A pattern is of one bar or of several with `|` between them, each divided equally.
    """

    name: str
    program: int = 0
    velocity: int = 80
    bars: str = ""
    hits: dict[int, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Tune:
    """A tune; `unit` is the length of a note without a number, in quarter notes."""

    file: str
    meter: tuple[int, int]
    qpm: float
    key: str  # of the signature: "G", or "Am"
    unit: Fraction
    parts: tuple[Part, ...]


QUARTER, EIGHTH = Fraction(1), Fraction(1, 2)

ODE = "FFGA|AGFE|DDEF|F3/2E/E2|FFGA|AGFE|DDEF|E3/2D/D2|EEFD|EF/G/FD|EF/G/FE|DEA,F-|FFGA|AGFE|"
ODE += "DDEF|E3/2D/D2|"
SHEPHERDESS = "CCGG|AAG2|FFEE|DDC2|GGFF|EED2|GGFF|EED2|CCGG|AAG2|FFEE|DDC2|"
BROTHER_JOHN = "FGAF|FGAF|ABc2|ABc2|c/d/c/B/AF|c/d/c/B/AF|FCF2|FCF2|"
OLD_LONG_SINCE = "C|F3/2F/FA|G3/2F/GA|F3/2F/Ac|d3d|c3/2A/AF|G3/2F/GA|F3/2D/DC|F3d|c3/2A/AF|"
OLD_LONG_SINCE += "G3/2F/Gd|c3/2A/Ac|d3d|c3/2A/AF|G3/2F/GA|F3/2D/DC|F3|"
GREENSLEEVES = "A|c2de3/2f/e|d2BG3/2A/B|c2AA3/2^G/A|B2^GE2A|c2de3/2f/e|d2BG3/2A/B|"
GREENSLEEVES += "c3/2B/A^G3/2^F/^G|A6|g3g3/2^f/e|d2BG3/2A/B|c2AA3/2^G/A|B2^GE3|g3g3/2^f/e|"
GREENSLEEVES += "d2BG3/2A/B|c3/2B/A^G3/2^F/^G|A5|"
NEW_BRITAIN = "D|G2B/G/|B2A|G2E|D2D|G2B/G/|B2A|d3-|d2B|d3/2B/d/B/|G2D|E3/2G/G/E/|D2D|G2B/G/|"
NEW_BRITAIN += "B2A|G3-|G2|"
AUGUSTIN = "A3/4B/4AG|FDD|EA,A,|FDD|A3/4B/4AG|FDD|EA,A,|D3|EA,A,|FDD|EA,A,|FDD|A3/4B/4AG|FDD|"
AUGUSTIN += "EA,A,|D3|"
SUSANNA_VERSE = "Bdd3/2e/|dBG3/2A/|BBAG|A3G/A/|Bdd3/2e/|dBG3/2A/|BBAA|"
SUSANNA = f"G/A/|{SUSANNA_VERSE}G3G/A/|{SUSANNA_VERSE}G4|c2c2|ee2e|ddBG|A3G/A/|"
SUSANNA += "Bdd3/2e/|dBG3/2A/|BBAA|G3|"
WASHERWOMAN_A = "BGGDGG|BGBdcB|cAAEAA|cAcedc|BGGDGG|BGBdcB|cBcAdc|"
WASHERWOMAN_B = "bggdgg|bgbbag|affdff|afaagf|eggdgg|cggBgg|cBcAdc|"
WASHERWOMAN = f"d/c/|{WASHERWOMAN_A}BGGG2d/c/|{WASHERWOMAN_A}BGGG2g/a/|"
WASHERWOMAN += f"{WASHERWOMAN_B}BGGG2g/a/|{WASHERWOMAN_B}BGGG2|"
SILENT_NIGHT = "G3/2A/GE3|G3/2A/GE3|d2dB3|c2cG3|A2Ac3/2B/A|G3/2A/GE3|A2Ac3/2B/A|G3/2A/GE3|"
SILENT_NIGHT += "d2df3/2d/B|c3e3|c3/2G/EG3/2F/D|C6|"
YANKEE = "GGAB|GBAD|GGAB|G2F2|GGAB|cBAG|FDEF|G2G2|E3/2F/ED|EFG2|D3/2E/DC|B,2D2|E3/2F/ED|EFGE|"
YANKEE += "DGFA|G2G2|"
YANKEE_BASS = "G,,2D,,2|G,,2D,,2|G,,2D,,2|G,,2D,,2|G,,2D,,2|C,2G,,2|D,,2D,,2|G,,2G,,2|"
YANKEE_BASS += "C,2C,2|C,2G,,2|G,,2G,,2|G,,2D,,2|C,2C,2|C,2C,2|G,,2D,,2|G,,2G,,2|"
BROTHER_JOHN_BASS = "F,,2C,,2|F,,2C,,2|F,,2C,,2|F,,2C,,2|F,,2C,,2|F,,2C,,2|F,,C,,F,,2|F,,C,,F,,2|"
# Kick, snare, closed and open hi-hat, toms from low to high, crash; rim, kick and ride.
MARCH = {36: "x...x...", 38: "..x...xx", 42: "x.x.x.x."}
ROCK = {
    36: "x.....x.x.......|x.....x.x.x.....|x.....x.x.......|x.......x.......",
    38: "....x.......x...|....x.......x...|....x.......x...|....x.....xx....",
    42: "x.x.x.x.x.x.x.x.|x.x.x.x.x.x.x...|x.x.x.x.x.x.x.x.|x.x.x.x.........",
    46: "................|..............x.|................|................",
    45: "................|................|................|..............xx",
    50: "................|................|................|............xx..",
    49: "x...............|................|................|................",
}
BOSSA = {
    37: "x..x..x...x..x..|x..x..x...x..x..",
    36: "x...x..xx...x..x|x...x..xx...x..x",
    51: "x.x.x.x.x.x.x.x.|x.x.x.x.x.x.x.xx",
}


def solo(name: str, program: int, bars: str) -> tuple[Part, ...]:
    return (Part(name=name, program=program, bars=bars),)


TUNES = (
    Tune(file="ode_to_joy", meter=(4, 4), qpm=126, key="D", unit=QUARTER,
         parts=solo("Violoncello", 42, ODE)),
    Tune(file="ah_vous_dirai_je", meter=(4, 4), qpm=108, key="C", unit=QUARTER,
         parts=solo("Piano", 0, SHEPHERDESS)),
    Tune(file="frere_jacques", meter=(4, 4), qpm=112, key="F", unit=QUARTER,
         parts=solo("Vibraphone", 11, BROTHER_JOHN)),
    Tune(file="auld_lang_syne", meter=(4, 4), qpm=92, key="F", unit=QUARTER,
         parts=solo("Horn", 60, OLD_LONG_SINCE)),
    Tune(file="greensleeves", meter=(6, 8), qpm=84, key="Am", unit=EIGHTH,
         parts=solo("Lute", 24, GREENSLEEVES)),
    Tune(file="amazing_grace", meter=(3, 4), qpm=84, key="G", unit=QUARTER,
         parts=solo("Clarinet", 71, NEW_BRITAIN)),
    Tune(file="ach_du_lieber_augustin", meter=(3, 4), qpm=150, key="D", unit=QUARTER,
         parts=solo("Accordion", 21, AUGUSTIN)),
    Tune(file="oh_susanna", meter=(2, 4), qpm=104, key="G", unit=EIGHTH,
         parts=solo("Banjo", 105, SUSANNA)),
    Tune(file="irish_washerwoman", meter=(6, 8), qpm=168, key="G", unit=EIGHTH,
         parts=solo("Fiddle", 40, WASHERWOMAN)),
    Tune(file="silent_night", meter=(6, 8), qpm=72, key="C", unit=EIGHTH,
         parts=solo("Guitar", 25, SILENT_NIGHT)),
    Tune(file="yankee_doodle_band", meter=(4, 4), qpm=138, key="G", unit=QUARTER,
         parts=(Part(name="Drums", hits=MARCH, velocity=76),
                Part(name="Bass", program=32, velocity=84, bars=YANKEE_BASS),
                Part(name="Fife", program=72, velocity=88, bars=YANKEE))),
    Tune(file="frere_jacques_band", meter=(4, 4), qpm=116, key="F", unit=QUARTER,
         parts=(Part(name="Drums", hits=ROCK, velocity=80),
                Part(name="Bass", program=33, velocity=84, bars=BROTHER_JOHN_BASS),
                Part(name="Melody", program=65, velocity=88, bars=BROTHER_JOHN))),
    Tune(file="rock_beat", meter=(4, 4), qpm=112, key="C", unit=QUARTER,
         parts=(Part(name="Drums", hits=ROCK),)),
    Tune(file="bossa_beat", meter=(4, 4), qpm=138, key="C", unit=QUARTER,
         parts=(Part(name="Drums", hits=BOSSA),)),
)  # fmt: skip


def signature(key: str) -> dict[str, int]:
    """The alterations of a key signature: {"F": 1, "C": 1} for D major. "Am" is that of C."""
    sharps = SIGNATURES[key]
    order = SHARPS if sharps > 0 else FLATS
    return dict.fromkeys(order[: abs(sharps)], 1 if sharps > 0 else -1)


def melody(tune: Tune, bars: str) -> list[tuple[int, Fraction, Fraction]]:
    """ABC -> (pitch, start, end) in quarter notes, the pick-up moved to the end of its bar."""
    whole = Fraction(tune.meter[0] * 4, tune.meter[1])
    notes: list[tuple[int, Fraction, Fraction]] = []
    lengths: list[Fraction] = []
    now = bar = Fraction(0)
    tied = False
    if "".join(m[0] for m in TOKEN.finditer(bars)) != bars:
        raise ValueError(f"{tune.file}: this is not the subset of ABC that is read here: {bars}")
    for accidental, letter, octave, times, slash, by, tie, line in TOKEN.findall(bars):
        if line:
            lengths.append(now - bar)
            bar = now
            continue
        length = tune.unit * Fraction(int(times or 1), int(by or 2) if slash else 1)
        if letter != "z":
            pitch = 60 + NATURAL[letter.upper()] + 12 * letter.islower()
            pitch += 12 * (octave.count("'") - octave.count(","))
            signed = signature(tune.key).get(letter.upper(), 0)
            pitch += {"^": 1, "_": -1, "=": 0, "": signed}[accidental]
            if tied:
                if notes[-1][0] != pitch:
                    raise ValueError(f"{tune.file}: a tie to another pitch before quarter {now}")
                notes[-1] = (pitch, notes[-1][1], now + length)
            else:
                notes.append((pitch, now, now + length))
            tied = bool(tie)
        now += length
    inner = lengths[1:-1] if lengths[0] < whole else lengths[:-1]
    if any(length != whole for length in inner) or lengths[0] % whole + lengths[-1] != whole:
        raise ValueError(f"{tune.file}: these bars do not fill {tune.meter}: {lengths}")
    wait = -lengths[0] % whole
    return [(pitch, start + wait, end + wait) for pitch, start, end in notes]


def drums(tune: Tune, hits: dict[int, str], bars: int) -> list[tuple[int, Fraction, Fraction]]:
    """The pattern of each drum, repeated."""
    whole = Fraction(tune.meter[0] * 4, tune.meter[1])
    notes = []
    for bar in range(bars):
        for pitch, pattern in hits.items():
            patterns = pattern.split("|")
            marks = patterns[bar % len(patterns)]
            for i, mark in enumerate(marks):
                if mark == "x":
                    start = bar * whole + i * whole / len(marks)
                    notes.append((pitch, start, start + EIGHTH / 2))
    return sorted(notes, key=lambda note: (note[1], note[0]))


def score(tune: Tune) -> Score:
    """The tune in seconds, with a light accent on every beat and a stronger one on every bar."""
    whole = Fraction(tune.meter[0] * 4, tune.meter[1])
    beat = Fraction(3, 2) if tune.meter[1] == 8 else Fraction(1)
    rows = []
    for index, part in enumerate(tune.parts):
        bars = tune.parts[-1].bars.count("|") or BARS_OF_A_BEAT
        notes = drums(tune, part.hits, bars) if part.hits else melody(tune, part.bars)
        for pitch, start, end in notes:
            accent = ACCENT["bar"] if start % whole == 0 else ACCENT["beat"] * (start % beat == 0)
            rows.append((pitch, part.velocity + accent, start, end, index))
    pitch, velocity, start, end, track = zip(*sorted(rows, key=lambda r: (r[2], r[4])), strict=True)
    letter, minor = tune.key.removesuffix("m"), tune.key.endswith("m")
    return Score(
        pitch=np.array(pitch, dtype=np.uint8),
        velocity=np.array(velocity, dtype=np.uint8),
        start=np.array(start, dtype=np.float64) * 60 / tune.qpm,
        end=np.array(end, dtype=np.float64) * 60 / tune.qpm,
        track=np.array(track, dtype=np.int32),
        tracks=tuple(
            Track(name=p.name, program=p.program, is_drum=p.hits is not None) for p in tune.parts
        ),
        tempos=(Tempo(0.0, tune.qpm),),
        meters=(Meter(0.0, *tune.meter),),
        keys=(Key(0.0, NATURAL[letter], minor=minor),),
    )


def main() -> None:
    SAMPLES.mkdir(exist_ok=True)
    for tune in TUNES:
        music = score(tune)
        write_midi(music, SAMPLES / f"{tune.file}.mid")
        print(f"{tune.file}.mid: {len(music)} notes, {music.total_seconds:.1f} s")


if __name__ == "__main__":
    main()
