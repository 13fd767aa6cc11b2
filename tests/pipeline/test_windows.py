"""A window may begin at any bar, and what only fills the last one up is no part of the music."""

from __future__ import annotations

import numpy as np
import pytest

from musicvae.pipeline.windows import Windows
from musicvae.representations.melody import Melody
from tests.pipeline.pieces import equal, song, tune


def test_any_bar_may_be_the_first_of_a_window() -> None:
    windows = Windows(tune(5))
    assert (windows.size, windows.count) == (2, 5)
    for start in range(4):
        bars = windows.window(start).tokens.reshape(2, 16)[:, 0].tolist()
        assert bars == [30 + start, 31 + start]
    ends = [e.tokens[0] for e in windows.at(np.array([0.0, 0.5, 1.0]))]
    assert ends == [30, 32, 33]


@pytest.mark.parametrize("bars", [2, 16])
@pytest.mark.parametrize(("quarters", "meters"), [(4, ()), (3, [(0, 3, 4)])])
def test_windows_at_any_bar_are_those_of_the_survey(
    bars: int, quarters: int, meters: list[tuple[float, int, int]]
) -> None:
    melody = Melody(bars=bars)
    music = song(37, quarters, meters=meters)
    windows = Windows(melody.encode(music))
    every = melody.survey(music, overlap=True).examples
    assert windows.count == 37
    assert len(every) == 37 - bars + 1
    assert all(equal(windows.window(i), e) for i, e in enumerate(every))


@pytest.mark.parametrize(("bars", "count"), [(1, 2), (2, 2), (3, 3), (21, 21), (22, 22)])
def test_bars_that_fill_the_last_window_up_do_not_count(bars: int, count: int) -> None:
    examples = Melody(bars=2).encode(song(bars))
    assert [e.filler for e in examples] == [0] * (bars // 2) + [1] * (bars % 2)
    assert Windows(examples).count == count


def test_no_window_reaches_over_a_change_of_meter() -> None:
    changing = Windows((*tune(2), *tune(2, bar=12)))
    assert equal(changing.window(1), changing.window(0))
