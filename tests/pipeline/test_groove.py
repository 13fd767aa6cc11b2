"""Whole files with their drums played, or made of a rhythm, and the rest as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from musicvae.notes.midi import read_midi
from musicvae.notes.score import Meter, Score, Tempo, Track
from musicvae.pipeline.groove import Performance, humanize, tap
from musicvae.pipeline.model import MusicVAE
from musicvae.representations.groove import Groove
from musicvae.representations.groove_notes import find_places, played_as, strokes_of
from musicvae.representations.meters import Regrouped
from tests.notes.scores import score_of
from tests.pipeline.kinds import tiny

SAMPLES = Path(__file__).parent.parent.parent / "data" / "samples"
BAND, SOLO = SAMPLES / "yankee_doodle_band.mid", SAMPLES / "auld_lang_syne.mid"


@pytest.fixture(scope="module")
def player() -> MusicVAE:
    return tiny("groove-2bar-humanize")


@pytest.fixture(scope="module")
def tapper() -> MusicVAE:
    return tiny("groove-2bar-tap")


def on_drums(score: Score) -> np.ndarray:
    return np.array([t.is_drum for t in score.tracks])[score.track]


def kit(rows: list[tuple[int, int, float]], **options: object) -> Score:
    """Drums (pitch, velocity, quarter) at 120."""
    notes = [(p, v, q / 2, q / 2 + 0.1, 0) for p, v, q in rows]
    return score_of(notes, (Track(name="Kit", is_drum=True),), **options)


def others(done: Performance) -> tuple[Score, Score]:
    """What is not the drums, before and after."""
    pair = []
    for score in (done.source, done.result):
        rows = ~on_drums(score)
        pair.append(
            replace(score, **{c: getattr(score, c)[rows] for c in
                              ("pitch", "velocity", "start", "end", "track")})
        )  # fmt: skip
    return pair[0], pair[1]


def test_every_note_stays_and_none_of_another_track_changes(player: MusicVAE) -> None:
    done = humanize(player, BAND)
    np.testing.assert_array_equal(done.result.pitch, done.source.pitch)
    np.testing.assert_array_equal(done.result.track, done.source.track)
    length = done.source.end - done.source.start
    np.testing.assert_allclose(done.result.end - done.result.start, length)
    before, after = others(done)
    np.testing.assert_array_equal(before.start, after.start)
    np.testing.assert_array_equal(before.velocity, after.velocity)
    moved = (done.result.start - done.source.start)[on_drums(done.source)]
    sixteenth = 60 / 138 / 4
    assert 0 < np.abs(moved).max() <= sixteenth / 2 + 1e-6
    assert len(set(done.result.velocity[on_drums(done.result)].tolist())) > 2
    assert done.result.tempos == done.source.tempos
    assert len(done.before) == len(done.after) == int(on_drums(done.source).sum())


def test_a_groove_played_as_itself_is_itself() -> None:
    """Through every change of tempo, a pick-up, flams, and drums of one class."""
    rng = np.random.default_rng(3)
    rows = [
        (int(rng.choice([36, 38, 42, 44, 46, 51])), int(rng.integers(1, 128)),
         k / 4 + float(rng.uniform(-0.12, 0.12)) * (k > 0))
        for k in range(64)
    ]  # fmt: skip
    rows += [(38, 20, 4.95), (38, 110, 5.0), (44, 90, 7.02), (42, 60, 7.0)]
    tempos = (Tempo(0.0, 120.0), Tempo(3.0, 90.0), Tempo(5.0, 160.0))
    for meters in ((), (Meter(0.0, 1, 4), Meter(0.5, 4, 4))):
        score = kit(rows, tempos=tempos, meters=meters)
        groove = Groove(bars=2)
        places = find_places(groove, score)
        strokes = strokes_of(groove.encode(score))
        again = played_as(score, places, strokes)
        np.testing.assert_allclose(again.start, score.start, atol=1e-6)
        np.testing.assert_array_equal(again.velocity, score.velocity)
        there = strokes[places.place, places.drum]
        assert (there == 1).all()


def test_a_hit_that_the_model_leaves_out_stays_and_is_heard(
    player: MusicVAE, monkeypatch: pytest.MonkeyPatch
) -> None:
    score = kit([(36, 90, q) for q in range(8)])
    examples = player.representation.encode(score)
    written = [replace(e, tokens=e.tokens.copy()) for e in examples]
    written[0].tokens[8:, 0] = 0  # no kick from the third beat on
    written[0].tokens[8:, 9] = 0.02
    written[0].tokens[:8, 9] = 0.6
    monkeypatch.setattr(player, "decode_examples", lambda *_: written)
    done = humanize(player, score)
    assert done.result.velocity.tolist() == [76] * 8


def test_bars_that_no_groove_is_read_from_stay_as_they_are(player: MusicVAE) -> None:
    meters = (Meter(0.0, 4, 4), Meter(2.0, 5, 4))
    score = kit([(36, 90, q) for q in range(14)], meters=meters)
    done = humanize(player, score)
    assert any("5/4" in remark for remark in done.remarks)
    np.testing.assert_array_equal(done.result.start[4:], score.start[4:])
    np.testing.assert_array_equal(done.result.velocity[4:], score.velocity[4:])
    assert (done.result.velocity[:4] != 90).any()
    forced = humanize(player, score, reading=Groove(
        bars=2, tasks=player.representation.tasks, meters=Regrouped(force="4/4")))  # fmt: skip
    assert (forced.result.velocity[4:] != 90).any()


def test_a_rhythm_becomes_a_kit(tapper: MusicVAE) -> None:
    done = tap(tapper, BAND)
    before, after = others(done)
    np.testing.assert_array_equal(before.pitch, after.pitch)
    np.testing.assert_array_equal(before.start, after.start)
    assert len(set(done.after.pitch.tolist())) > 3
    assert done.result.total_seconds < 16 * 4 * 60 / 138 + 0.3
    assert len(done.after) == int(on_drums(done.result).sum())


def test_the_notes_of_a_file_without_drums_are_taps(tapper: MusicVAE) -> None:
    done = tap(tapper, SOLO)
    assert on_drums(done.result).all()
    assert "all its notes are the taps" in done.remarks[0]
    assert done.result.tempos == read_midi(SOLO).tempos


def test_only_when_the_taps_are_told_apart_by_rhythm(tapper: MusicVAE) -> None:
    """Which drum was tapped does not matter, where it was does."""
    rows = [(36, 90, q / 2) for q in range(16)]
    other = [(38 + q % 3, v, at) for q, (_, v, at) in enumerate(rows)]
    late = [(p, v, at + 0.1) for p, v, at in rows]
    one, same, moved = (tap(tapper, kit(r)).result for r in (rows, other, late))
    np.testing.assert_array_equal(one.pitch, same.pitch)
    np.testing.assert_array_equal(one.start, same.start)
    assert len(one) != len(moved) or (one.start != moved.start).any()


@pytest.mark.parametrize(
    ("name", "play", "said"),
    [
        ("groove-2bar-tap", humanize, "not learned to play a drum score.* groove-2bar-humanize"),
        ("drums-2bar", humanize, "drums-2bar has not learned"),
        ("groove-4bar", tap, "not learned to make drums of a rhythm.* groove-2bar-tap"),
    ],
)
def test_other_models_are_refused(name: str, play: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        play(tiny(name), BAND)  # type: ignore[operator]
