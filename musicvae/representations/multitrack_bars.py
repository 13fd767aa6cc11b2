"""Bars of several tracks side by side: which tracks there are, in which order, and their tokens.

Letters: B bars, G tracks of single bars, S = 8 tracks at most, L = 64 tokens of a track.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from musicvae.notes.score import Track
from musicvae.representations.base import Part
from musicvae.representations.performance_events import (
    DRUMS,
    END,
    MOST_TOKENS,
    PROGRAM,
)

MOST_TRACKS = 8  # S


@dataclass(frozen=True, eq=False, kw_only=True)
class Grid:
    """The tracks that sound in each bar, bar by bar: pitched ones by program, then the drums.

    `of_note` tells for each note which one it is of.
    """

    bar: np.ndarray  # (G,) int64
    track: np.ndarray  # (G,) int64, index into the tracks of the score
    place: np.ndarray  # (G,) int64, from 0 in each bar
    of_note: np.ndarray  # (N,) int64


def lay_tracks(
    bar: np.ndarray, track: np.ndarray, tracks: tuple[Track, ...], turn: np.ndarray | None = None
) -> Grid:
    """The grid of notes in `bar` (N,) of `track` (N,); tracks of one program go by their index.

    With `turn`, numbers for (bar, track) pairs in ascending order, they go by that instead.
    """
    pairs, of_note = np.unique(bar * len(tracks) + track, return_inverse=True)
    bars, which = np.divmod(pairs, len(tracks))
    order = np.lexsort((which if turn is None else turn, program_tokens(tracks)[which], bars))
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    bars, which = bars[order], which[order]
    place = np.arange(len(bars)) - np.searchsorted(bars, bars)
    return Grid(bar=bars, track=which, place=place, of_note=back[of_note])


def program_tokens(tracks: tuple[Track, ...]) -> np.ndarray:
    """The token that tells the program of each track, int64; ascending by program, drums last."""
    return np.array([DRUMS if t.is_drum else PROGRAM + t.program for t in tracks], dtype=np.int64)


def stack_tracks(
    tokens: np.ndarray, lengths: np.ndarray, bar: np.ndarray, place: np.ndarray, bars: int
) -> tuple[np.ndarray, np.ndarray]:
    """Tokens (G, L) and lengths (G,) of tracks in bars -> (B, S * L) uint16 and (B, S) uint16.

    Tracks that a bar does not have are a single end token.
    """
    stacked = np.zeros((bars, MOST_TRACKS, MOST_TOKENS), dtype=np.uint16)
    stacked[:, :, 0] = END
    stacked[bar, place] = tokens
    counted = np.ones((bars, MOST_TRACKS), dtype=np.uint16)
    counted[bar, place] = lengths
    return stacked.reshape(bars, MOST_TRACKS * MOST_TOKENS), counted


def stack_controls(told: np.ndarray, bar: np.ndarray, place: np.ndarray, bars: int) -> np.ndarray:
    """Classes (G, L) that tracks in bars are told -> (B, S * L) uint8, 0 for no track."""
    stacked = np.zeros((bars, MOST_TRACKS, MOST_TOKENS), dtype=np.uint8)
    stacked[bar, place] = told
    return stacked.reshape(bars, MOST_TRACKS * MOST_TOKENS)


def parts_of(grid: Grid, tracks: tuple[Track, ...], bars: int) -> list[tuple[Part, ...]]:
    """For each bar the name and program of its tracks."""
    known = [Part(program=0 if t.is_drum else t.program, name=t.name) for t in tracks]
    bounds = np.searchsorted(grid.bar, np.arange(bars + 1)).tolist()
    which = grid.track.tolist()
    return [tuple(known[t] for t in which[bounds[b] : bounds[b + 1]]) for b in range(bars)]
