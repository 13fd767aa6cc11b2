"""The drums of any score, as a musician would read them: the default way in.

All drum kits are merged (`drums_choice`), each hit is put on the grid of its own beats and into the
class of its drum, and the steps are cut into windows of bars (`bar_windows`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from musicvae.notes.errors import Rejected
from musicvae.notes.quantize import STEPS_PER_QUARTER, quarters_to_steps
from musicvae.notes.score import Score
from musicvae.representations.bar_windows import BarCutter, Cuts, require_length
from musicvae.representations.base import Origin
from musicvae.representations.clock import origins_at
from musicvae.representations.drums_choice import DrumChoice, choose_drums
from musicvae.representations.drums_hits import NINE, NINE_EXEMPLARS, to_masks
from musicvae.representations.drums_kit import Kit
from musicvae.representations.melody_events import Windows
from musicvae.representations.meters import Meters, tell

# General MIDI 2 and Roland GS: a snare roll. What else lies outside the tables is an effect (clicks
# of a sequencer, applause) or means another thing on every instrument.
OTHER_PITCHES = {25: 38}


@dataclass(frozen=True, eq=False, kw_only=True)
class KitHits:
    """What is struck, in order of time."""

    step: np.ndarray  # (N,) int64, from the start of the score
    kind: np.ndarray  # (N,) int64, the class of the drum
    velocity: np.ndarray  # (N,) uint8


@dataclass(frozen=True, kw_only=True)
class LenientDrums:
    """Take all drum kits, or only `track` (an index, a name or a part of one), drums or not."""

    track: int | str | None = None

    def extract(
        self, score: Score, kit: Kit, *, meters: Meters, bars: int, overlap: bool
    ) -> Windows:
        """All windows of `bars` bars.

        Raises `Rejected` if there is nothing to begin with ("no-notes", "no-drums", "too-long"),
        and `ValueError` for a track that is not there.
        """
        choice = choose_drums(score, self.track)
        remarks = [choice.reason]
        hits = read_kit_hits(score, choice, kit, remarks)
        total = int(hits.step[-1]) + 1
        require_length(total)
        _count_doubles(hits, kit, remarks)
        cutter = BarCutter(
            meters=meters,
            bars=bars,
            overlap=overlap,
            firsts=np.ones(1, dtype=np.uint64),
            dropped={},
            remarks=remarks,
        )
        masks = to_masks(hits.step, hits.kind, total + meters.stride)
        cuts = cutter.cut(score, masks[:, None], total)
        lengths = cuts.lengths(bars)
        return Windows(
            tokens=kit.to_tokens(cuts.tokens[:, :, 0]),
            lengths=lengths,
            controls=tell(meters, cuts.known, lengths),
            filler=cuts.filler,
            origins=partial(_origins, score, choice, hits, cuts),
            dropped=cutter.dropped,
            remarks=tuple(remarks),
        )


def nearest(kit: Kit) -> np.ndarray:
    """The class of each MIDI pitch (128,) int64; -1 for what is no drum.

    What the kit lacks goes to the drum that stands for its class among nine.
    """
    classes = kit.classes.astype(np.int64)
    known = NINE.astype(np.int64)
    for pitch, like in OTHER_PITCHES.items():
        known[pitch] = NINE[like]
    alike = np.where(known >= 0, classes[NINE_EXEMPLARS[known]], -1)
    return np.where(classes >= 0, classes, alike)


def read_kit_hits(score: Score, choice: DrumChoice, kit: Kit, remarks: list[str]) -> KitHits:
    """The hits of the chosen tracks; says in `remarks` what was changed or left out."""
    taken = np.isin(np.arange(len(score.tracks)), choice.tracks)[score.track]
    rows = np.flatnonzero(taken & (score.velocity > 0))
    pitch = score.pitch[rows]
    kind = nearest(kit)[pitch]
    known = kind >= 0
    if not known.all():
        strange = _list_pitches(pitch[~known])
        if not known.any():
            raise Rejected(
                "no-drums",
                f"none of the {len(rows)} hits of the drums has a pitch of a General MIDI drum "
                f"(35 to 81): they have {strange}",
            )
        remarks.append(
            f"{int((~known).sum())} of {len(rows)} hits left out: {strange} is no General MIDI drum"
        )
    replaced = known & (kit.classes[pitch] < 0)
    if replaced.any():
        remarks.append(
            f"{int(replaced.sum())} of {len(rows)} hits taken for the drum most like them: "
            f"{_list_pitches(pitch[replaced])}"
        )
    rows, kind = rows[known], kind[known]
    at = quarters_to_steps(score.quarters_at(score.start[rows]), STEPS_PER_QUARTER)
    step = np.maximum(at, 0)
    order = np.argsort(step, kind="stable")
    return KitHits(step=step[order], kind=kind[order], velocity=score.velocity[rows][order])


def _count_doubles(hits: KitHits, kit: Kit, remarks: list[str]) -> None:
    distinct = len(np.unique(hits.step * len(kit.exemplars) + hits.kind))
    if distinct < len(hits.step):
        remarks.append(
            f"{len(hits.step) - distinct} of {len(hits.step)} hits left out: a drum struck more "
            "than once in a sixteenth"
        )


def _list_pitches(pitch: np.ndarray) -> str:
    """Such as "pitch 3, 12"."""
    values = np.unique(pitch).tolist()
    more = f" and {len(values) - 8} more" if len(values) > 8 else ""
    return f"pitch {', '.join(map(str, values[:8]))}{more}"


def _origins(score: Score, choice: DrumChoice, hits: KitHits, cuts: Cuts) -> tuple[Origin, ...]:
    """Where each window came from; its velocity is the mean of the hits in it."""
    entry = score.tracks[choice.tracks[0]]
    program = entry.program if entry.is_drum else 0
    whence = origins_at(score, cuts.first / STEPS_PER_QUARTER, cuts.meters)
    return tuple(
        replace(origin, program=program, velocity=velocity, name=entry.name)
        for origin, velocity in zip(whence, cuts.loudness(hits.step, hits.velocity), strict=True)
    )
