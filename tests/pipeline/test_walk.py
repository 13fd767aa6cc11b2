"""Ways between two sources: where they begin and end, how long they are, what moves on the way."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from musicvae.pipeline.model import MusicVAE
from musicvae.pipeline.walk import Route, between
from musicvae.pipeline.windows import Windows
from musicvae.representations.base import Origin
from tests.pipeline.pieces import equal, same, song, tune


@pytest.mark.parametrize("steps", [2, 3, 9])
def test_interpolation_leads_from_one_reconstruction_to_the_other(
    model: MusicVAE, steps: int
) -> None:
    a, b = tune(6), tune(4, low=50)
    found = model.interpolate(a, b, steps=steps, temperature=0)
    assert len(found) == steps
    assert same(found[0], model.reconstruct(a[:1]).result)
    assert same(found[-1], model.reconstruct(b[:1]).result)
    assert not same(found[0], found[-1])


def test_from_a_piece_to_itself_nothing_moves(model: MusicVAE) -> None:
    steps = model.interpolate(tune(2), tune(2), steps=4, temperature=0)
    assert all(same(steps[0], step) for step in steps)
    morph = model.morph(tune(10), tune(10), bars=10, temperature=0)
    assert same(morph, model.reconstruct(tune(10)).result)


def test_a_morph_begins_like_one_and_ends_like_the_other(model: MusicVAE) -> None:
    a, b = tune(6, qpm=60.0, program=3), tune(9, low=50, qpm=240.0, program=40)
    walk = model.walk(a, b, bars=12, temperature=0)
    last = Windows(b).window(7)
    assert same(walk.start, model.representation.decode(a[:1]))
    assert same(walk.end, model.representation.decode([last]))
    assert same(walk.steps[0], model.reconstruct(a[:1]).result)
    assert same(walk.steps[-1], model.reconstruct((last,)).result)
    assert same(walk.whole, model.morph(a, b, bars=12, temperature=0))


def test_alpha_and_tempo_go_one_way_and_the_program_changes_once(model: MusicVAE) -> None:
    a, b = tune(6, qpm=60.0, program=3), tune(10, low=50, qpm=240.0, program=40)
    walk = model.walk(a, b, bars=16, temperature=0)
    assert walk.alphas[0] == 0.0
    assert walk.alphas[-1] == 1.0
    assert list(walk.alphas) == sorted(walk.alphas)
    tempos = [t.qpm for t in walk.whole.tempos]
    assert (tempos[0], tempos[-1], len(tempos)) == (60.0, 240.0, 8)
    assert tempos == sorted(tempos)
    assert [s.tracks[0].program for s in walk.steps] == [3] * 4 + [40] * 4
    assert [t.program for t in walk.whole.tracks] == [3, 40]


@pytest.mark.parametrize("bars", [4, 5, 8, 13])
def test_a_morph_has_as_many_bars_as_asked(model: MusicVAE, bars: int) -> None:
    route = Route.in_bars(Windows(tune(6)), Windows(tune(10, low=50)), bars)
    codes = route.mix(model.encode_examples(route.starts), model.encode_examples(route.ends))
    made = codes.lengths > 0
    assert int(made.sum()) == bars
    assert bool(made[[0, -1]].all())  # both ends are whole windows
    music = model.walk(tune(6), tune(10, low=50), bars=bars, temperature=2.0, seed=1)
    assert (bars - 1) * 2.0 < music.whole.total_seconds <= bars * 2.0 + 1e-9  # at 120


@pytest.mark.parametrize(
    ("bars_a", "bars_b", "expected"),
    [(2, 2, 8), (20, 4, 20), (4, 12, 12), (21, 7, 21), (200, 2, 64)],
)
def test_by_default_a_morph_is_as_long_as_the_longer_one_within_reason(
    bars_a: int, bars_b: int, expected: int
) -> None:
    route = Route.in_bars(Windows(tune(bars_a)), Windows(tune(bars_b, low=50)), None)
    assert 2 * len(route.alphas) - route.surplus == expected


def test_a_morph_visits_the_whole_of_both() -> None:
    a, b = tune(8), tune(12, low=50)
    route = Route.in_bars(Windows(a), Windows(b), 24)
    assert {int(t) for e in route.starts for t in e.tokens[::16]} == set(range(30, 38))
    assert {int(t) for e in route.ends for t in e.tokens[::16]} == set(range(50, 62))
    for windows in (route.starts, route.ends):
        assert all(x.tokens[0] <= y.tokens[0] for x, y in pairwise(windows))
    assert equal(route.starts[0], a[0])
    assert equal(route.ends[-1], b[-1])


def test_music_in_three_stays_in_three(model: MusicVAE) -> None:
    a, b = tune(4, bar=12, numerator=3), tune(4, low=50, bar=12, numerator=3)
    whole = model.morph(a, b, bars=8, temperature=0)
    assert [(m.numerator, m.denominator) for m in whole.meters] == [(3, 4)]
    assert whole.end.max() <= 8 * 3 * 0.5 + 1e-9


def test_from_three_to_four_the_meter_changes_in_the_middle(model: MusicVAE) -> None:
    a, b = song(8, 3, meters=[(0, 3, 4)]), song(8)
    for x, y, meters in ((a, b, [(3, 4), (4, 4)]), (b, a, [(4, 4), (3, 4)])):
        whole = model.morph(x, y, bars=8, temperature=1.0, seed=1)
        assert [(m.numerator, m.denominator) for m in whole.meters] == meters
        beats = 4 * meters[0][0]
        assert whole.meters[1].time == pytest.approx(beats * 0.5)
        assert whole.total_seconds <= 4 * (3 + 4) * 0.5 + 1e-9


def test_codes_lie_on_the_arc_and_sound_like_the_nearer_one() -> None:
    a = Origin(qpm=60.0, velocity=40, program=1, numerator=3)
    b = Origin(qpm=240.0, velocity=100, program=2)
    assert between(a, b, 0.0) == a
    assert between(a, b, 1.0) == b
    middle = between(a, b, 0.5)
    assert (middle.qpm, middle.velocity) == (120.0, 70)
    assert (middle.program, middle.numerator) == (2, 4)
    assert between(a, b, 0.49).program == 1


def test_the_length_of_z_is_kept_between_codes_of_equal_length(model: MusicVAE) -> None:
    route = Route.in_steps(Windows(tune(2)), Windows(tune(2, low=50)), 7)
    first, second = (model.encode_examples(w) for w in (route.starts, route.ends))
    first, second = (
        c.replace(c.mean / c.mean.norm(dim=1, keepdim=True) * 4) for c in (first, second)
    )
    mixed = route.mix(first, second)
    assert torch.equal(mixed.mean[0], first.mean[0])
    assert torch.equal(mixed.mean[-1], second.mean[-1])
    np.testing.assert_allclose(mixed.mean.norm(dim=1), 4.0, rtol=1e-5)
    turned = (mixed.mean[1:] - mixed.mean[:-1]).norm(dim=1)
    np.testing.assert_allclose(turned, float(turned[0]), rtol=1e-4)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"steps": 1}, "steps counts both ends, so it is 2 or more, not 1"),
        ({"steps": -3}, "it is 2 or more, not -3"),
        ({"steps": 10**9}, "1,000,000,000 steps are too many: at most 10,000"),
        ({"bars": 3}, "a morph with this model takes at least 4 bars, not 3"),
        ({"bars": -8}, "at least 4 bars, not -8"),
        ({"bars": 10**9}, "a morph of 1,000,000,000 bars is too long: at most 10,000"),
        ({"steps": 3, "bars": 8}, "give steps or bars, not both"),
        ({"bars": 8, "temperature": -0.5}, r"temperature is 0 \(likeliest\) or above, not -0.5"),
    ],
)
def test_ways_that_are_none_are_refused(
    model: MusicVAE, asked: dict[str, float], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        model.walk(tune(4), tune(4, low=50), **asked)
