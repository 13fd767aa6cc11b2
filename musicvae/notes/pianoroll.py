"""Piano rolls of scores, one under the other, as a picture.

Drums stand below the notes, each in a row with its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from musicvae.notes.drum_names import drum_name, drum_order
from musicvae.notes.errors import InvalidMusic
from musicvae.notes.files import replacing
from musicvae.notes.score import Score
from musicvae.notes.transform import bar_starts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")
MOST_ROWS = 64
_INK, _SOFT, _LINE, _SHADE = "#22252b", "#6b717c", "#ccd1d9", "#f2f4f7"
# Okabe and Ito's colours, told apart with any kind of colour vision, the dark ones first.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8c6bb1", "#5c5c5c")
_DRUM_COLOUR = "#5c5c5c"
_MORPH = ("#0072b2", "#7a52b8", "#c2417c", "#d55e00")  # from the first row to the last
_BLACK_KEYS = (1, 3, 6, 8, 10)
_HIT_BARS, _HIT_SHARE = 1 / 24, 0.003  # how long a hit is drawn: of a bar, or of a row if longer
_DRUM_NAME_INCHES = 0.8
_LEAST_SEMITONES = 14  # of the pitch axis, so that a monotone stays a thin line
_MOST_TICKS = 17  # numbered bars in a row
_ROOM_FOR_BEATS = 16  # bars in a row
# Inches around the rolls, measured once: matplotlib's own layouts draw everything twice.
_LEFT, _RIGHT, _CAPTION, _BOTTOM = 0.4, 0.12, 0.33, 0.45


def plot_pianorolls(scores: Sequence[Score], titles: Sequence[str], path: str | Path) -> None:
    """Draw every score as a row and write the picture as .png, .svg or .pdf, whole or not at all.

    All rows share the pitch axis and the width of a bar. Colour tells the track, or, where every
    row has but one, runs from the first row to the last; soft notes are paler. Raises
    `InvalidMusic` for no score at all, `ValueError` for a wrong number of titles or a suffix that
    is none of these.
    """
    if not scores:
        raise InvalidMusic("nothing to draw: expected at least one score")
    if len(titles) != len(scores):
        raise ValueError(f"{len(titles)} titles for {len(scores)} scores: expected one each")
    if len(scores) > MOST_ROWS:
        raise ValueError(f"{len(scores)} rows are too many for a picture: at most {MOST_ROWS}")
    if Path(path).suffix.lower() not in SUFFIXES:
        raise ValueError(f"cannot draw to {path}: expected a name ending in .png, .svg or .pdf")
    figure = draw_pianorolls(scores, titles)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=160, facecolor="white")


def draw_pianorolls(scores: Sequence[Score], titles: Sequence[str]) -> Figure:
    """The picture of `plot_pianorolls` as a matplotlib figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    ladder = _Ladder.of(scores)
    bars = max(_bars(score) for score in scores)
    row = _row_height(len(scores), ladder)
    width = float(np.clip(4 + 1.1 * bars, 9, 16))
    height = len(scores) * row + _BOTTOM
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    place = {
        "left": (_DRUM_NAME_INCHES if ladder.drums else _LEFT) / width,
        "right": 1 - _RIGHT / width,
        "top": 1 - _CAPTION / height,
        "bottom": _BOTTOM / height,
        "hspace": _CAPTION / (row - _CAPTION),
    }
    rows = figure.subplots(
        len(scores), 1, squeeze=False, sharex=True, sharey=True, gridspec_kw=place
    )[:, 0]
    colours = _colours(scores)
    for axes, score, title, tracks in zip(rows, scores, titles, colours, strict=True):
        _frame(axes, ladder, bars)
        _bar_lines(axes, score)
        _notes(axes, ladder, score, tracks)
        _caption(axes, score, title)
    rows[-1].set_xlabel("bar", color=_SOFT, fontsize=8.5, labelpad=2)
    return figure


@dataclass(frozen=True, kw_only=True)
class _Ladder:
    """The rungs of all rows: pitches `low` to `high` if there are any, and below them the drums.

    A rung of a drum is `rung` semitones high, so that its name can be read.
    """

    low: int
    high: int
    drums: tuple[int, ...]  # pitches, from the bottom up
    rung: float

    @staticmethod
    def of(scores: Sequence[Score]) -> _Ladder:
        """What the notes of all scores need."""
        kits = [_on_drums(score) for score in scores]
        pairs = list(zip(scores, kits, strict=True))
        pitches = np.concatenate([s.pitch[~kit] for s, kit in pairs]).astype(int)
        struck = np.unique(np.concatenate([s.pitch[kit] for s, kit in pairs])).tolist()
        drums = tuple(sorted(struck, key=drum_order))
        if drums and not len(pitches):
            return _Ladder(low=0, high=-1, drums=drums, rung=1.0)
        low, high = (int(pitches.min()), int(pitches.max())) if len(pitches) else (60, 72)
        missing = max(_LEAST_SEMITONES - (high - low), 0)
        low = max(low - 2 - missing // 2, -1)
        high = min(high + 2 + (missing + 1) // 2, 128)
        rung = max(1.0, (high - low) / 20)
        return _Ladder(low=low, high=high, drums=drums, rung=rung)

    @property
    def bottom(self) -> float:
        return self.low - 0.5 - len(self.drums) * self.rung

    @property
    def height(self) -> float:
        """In rungs of a drum, or in semitones where there are none."""
        return (self.high + 0.5 - self.bottom) / self.rung

    def drum_at(self, place: np.ndarray | int) -> Any:
        """The middle of the rung of the drum at `place` in `drums`."""
        return self.bottom + (np.asarray(place) + 0.5) * self.rung

    def heights(self, score: Score) -> np.ndarray:
        """Where each note of a score lies (N,)."""
        place = {pitch: k for k, pitch in enumerate(self.drums)}
        places = np.array([place.get(p, 0) for p in score.pitch.tolist()], dtype=np.int64)
        at: np.ndarray = np.where(_on_drums(score), self.drum_at(places), score.pitch)
        return at


def _on_drums(score: Score) -> np.ndarray:
    """Which notes are of a drum kit (N,)."""
    kits = np.array([track.is_drum for track in score.tracks], dtype=bool)
    on: np.ndarray = kits[score.track] if len(score) else np.zeros(0, dtype=bool)
    return on


def _row_height(rows: int, ladder: _Ladder) -> float:
    """Inches a row: tall for few, so that nine of them still fit on a page, and no lower than the
    names of drums need."""
    names = 0.115 * ladder.height if ladder.drums else 0.0
    return float(np.clip(9 / rows, max(1.1, names + _CAPTION), max(2.4, names + _CAPTION)))


def _bars(score: Score) -> int:
    return max(len(bar_starts(score)) - 1, 1)


def _in_bars(score: Score, seconds: np.ndarray) -> np.ndarray:
    """Seconds -> bars since the start, so that rows of any tempo and meter line up."""
    starts = bar_starts(score)
    if len(starts) < 2:
        return np.zeros(len(seconds))
    return np.asarray(np.interp(seconds, starts, np.arange(len(starts))))


def _colours(scores: Sequence[Score]) -> list[dict[int, str]]:
    """For each row the colour of each track that has notes in it."""
    from matplotlib.colors import LinearSegmentedColormap, to_hex

    used = [sorted(set(score.track.tolist())) for score in scores]
    if len(scores) > 2 and all(len(tracks) <= 1 for tracks in used):
        morph = LinearSegmentedColormap.from_list("morph", _MORPH)
        place = np.linspace(0, 1, len(scores)).tolist()
        return [
            {i: to_hex(morph(at)) for i in tracks} for tracks, at in zip(used, place, strict=True)
        ]
    return [
        {
            i: _DRUM_COLOUR if score.tracks[i].is_drum else _COLOURS[i % len(_COLOURS)]
            for i in tracks
        }
        for score, tracks in zip(scores, used, strict=True)
    ]


def _frame(axes: Axes, ladder: _Ladder, bars: int) -> None:
    """The empty roll: rows of the black keys and every other drum shaded, a line and a name at
    every C, a name at every drum."""
    from matplotlib.ticker import FixedLocator

    axes.set_xlim(0, bars)
    axes.set_ylim(ladder.bottom, ladder.high + 0.5)
    pitches = range(ladder.low, ladder.high + 1)
    black = np.array([p for p in pitches if p % 12 in _BLACK_KEYS], dtype=float)
    every_other = ladder.drum_at(np.arange(1, len(ladder.drums), 2))
    for middle, half in ((black, 0.5), (every_other, ladder.rung / 2)):
        if len(middle):
            _rectangles(axes, 0.0, middle - half, float(bars), middle + half, _SHADE, zorder=0)
    octaves = [pitch for pitch in pitches if pitch % 12 == 0]
    axes.hlines(np.array(octaves) - 0.5, 0, bars, _LINE, lw=0.7, zorder=1)
    if ladder.drums and len(pitches):
        axes.axhline(ladder.low - 0.5, color=_SOFT, lw=0.7, zorder=1)
    drums = ladder.drum_at(np.arange(len(ladder.drums))).tolist()
    axes.yaxis.set_major_locator(FixedLocator([*octaves, *drums]))
    names = [drum_name(pitch) for pitch in ladder.drums]
    axes.set_yticklabels([*(f"C{pitch // 12 - 1}" for pitch in octaves), *names])
    step = int(np.ceil(bars / (_MOST_TICKS - 1)))
    axes.xaxis.set_major_locator(FixedLocator(list(range(0, bars, step))))
    axes.set_xticklabels([str(bar + 1) for bar in range(0, bars, step)])
    axes.tick_params(length=0, labelsize=7.5, labelcolor=_SOFT, pad=3)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(_LINE)


def _bar_lines(axes: Axes, score: Score) -> None:
    """A line at every bar of the score and, where there is room, a faint one at every beat."""
    bars = _bars(score)
    wide = axes.get_xlim()[1] <= _ROOM_FOR_BEATS
    axes.vlines(
        range(bars + 1), 0, 1, _LINE, lw=1 if wide else 0.4, zorder=1, transform=_tall(axes)
    )
    if not wide:
        return
    beats = [score.meter_at(t + 1e-6).numerator for t in bar_starts(score)[:-1].tolist()]
    within = [bar + np.arange(1, n) / n for bar, n in enumerate(beats)]
    at = np.concatenate([np.zeros(0), *within])
    axes.vlines(at, 0, 1, _SHADE, lw=0.8, zorder=0.5, transform=_tall(axes))


def _tall(axes: Axes) -> Any:
    """Coordinates of bars along, and of the whole height of the row upward."""
    return axes.get_xaxis_transform()


def _notes(axes: Axes, ladder: _Ladder, score: Score, colours: dict[int, str]) -> None:
    from matplotlib.colors import to_rgb

    if not len(score):
        return
    start, end = _in_bars(score, score.start), _in_bars(score, score.end)
    gap = 0.004 * axes.get_xlim()[1]  # so that repeated notes stay apart
    end = np.maximum(end - np.minimum(gap, 0.25 * (end - start)), start + gap / 2)
    kit = _on_drums(score)
    end = np.where(kit, start + max(_HIT_BARS, _HIT_SHARE * axes.get_xlim()[1]), end)
    middle, half = ladder.heights(score), np.where(kit, 0.42 * ladder.rung, 0.42)
    base = np.array([to_rgb(colours[i]) for i in score.track.tolist()])
    strength = (0.35 + 0.65 * np.minimum(score.velocity / 100, 1))[:, None]  # paler when soft
    faces: Any = base * strength + (1 - strength)
    _rectangles(axes, start, middle - half, end, middle + half, faces, zorder=3)


def _rectangles(
    axes: Axes, left: Any, low: Any, right: Any, high: Any, colours: Any, zorder: float
) -> None:
    """Rectangles as one artist, which is drawn far faster than one each."""
    from matplotlib.collections import PolyCollection

    sides = np.broadcast_arrays(left, low, left, high, right, high, right, low)
    corners = list(np.stack(sides, axis=-1).reshape(-1, 4, 2))
    axes.add_collection(
        PolyCollection(corners, facecolors=colours, linewidths=0, zorder=zorder), autolim=False
    )


def _caption(axes: Axes, score: Score, title: str) -> None:
    """The title at the left, tempo, meter and number of notes at the right."""
    tempos = [tempo.qpm for tempo in score.tempos if tempo.time <= score.total_seconds]
    slow, fast = min(tempos), max(tempos)
    tempo = f"{slow:.0f}" if round(slow) == round(fast) else f"{slow:.0f}–{fast:.0f}"
    notes = "1 note" if len(score) == 1 else f"{len(score)} notes"
    facts = f"♩ = {tempo}   {score.meter_at(0.0)}   {notes}"
    # A stated y spares matplotlib the search for one.
    axes.set_title(title, loc="left", fontsize=9.5, color=_INK, fontweight="bold", pad=4, y=1.0)
    axes.set_title(facts, loc="right", fontsize=8, color=_SOFT, pad=4, y=1.0)
