"""What every kind of model can do, on music that has a melody, a bass and drums; and on text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from musicvae.notes.score import Score, Track
from musicvae.pipeline.codes import Codes
from musicvae.pipeline.windows import Windows
from musicvae.representations.base import Example
from musicvae.representations.trio import Trio
from tests.notes.scores import score_of
from tests.pipeline.kinds import BAND, KINDS, MUSIC, OTHER, SENTENCES, sources, tiny
from tests.pipeline.pieces import equal, same, song, tune


@pytest.mark.parametrize("name", KINDS)
def test_any_kind_goes_to_latents_and_back(name: str, tmp_path: Path) -> None:
    model, (source, _) = tiny(name), sources(name)
    codes = model.encode(source)
    codes.save(tmp_path / "z.npz")
    made = model.decode(codes)
    assert len(made) > 0
    assert same(made, model.decode(Codes.load(tmp_path / "z.npz")))
    back = model.reconstruct(source)
    assert same(back.result, made)
    assert len(back.bars) == 16
    assert 0 <= back.share < 0.5  # it is not trained
    assert same(model.vary(source, amount=0)[0], made)
    assert all(len(piece) for piece in model.sample(2, seed=1))


@pytest.mark.parametrize("name", KINDS)
def test_any_kind_of_source_turns_into_another(name: str) -> None:
    model, (a, b) = tiny(name), sources(name)
    walk = model.walk(a, b, steps=3, temperature=0)
    assert (len(walk.steps), walk.alphas) == (3, (0.0, 0.5, 1.0))
    first = model.representation.encode(model.representation.read(a))[:1]
    alone = model.reconstruct(first).result
    if name in MUSIC:
        np.testing.assert_array_equal(walk.steps[0].pitch, alone.pitch)
        np.testing.assert_allclose(walk.steps[0].start, alone.start, atol=1e-4)
    else:
        assert walk.steps[0] == alone
    assert len(model.morph(b, a, temperature=0)) > 0


def test_what_has_no_bars_turns_into_another_in_steps() -> None:
    """As many as `interpolate` takes, from the first to the first; the likeliest words of each."""
    model, (a, b) = tiny("text-small"), sources("text-small")
    walk = model.walk(a, b)
    assert (walk.start, walk.end) == (SENTENCES[0], SENTENCES[-1])
    assert list(walk.steps) == model.interpolate(a, b) == model.interpolate(a, b, temperature=0)
    assert len(walk.steps) == 9
    assert walk.whole == model.morph(a, b) == "\n".join(walk.steps)
    with pytest.raises(ValueError, match="text-small knows no bars: give a number of steps"):
        model.walk(a, b, bars=4)


@pytest.mark.parametrize(("name", "expected"), [("melody-2bar", 0.5), ("text-small", 0.0)])
def test_between_pieces_of_music_more_is_left_to_chance_than_between_sentences(
    name: str, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, (a, b) = tiny(name), sources(name)
    real, temperatures = model.decode_examples, []

    def listen(codes: Codes, temperature: float, seed: int | None) -> list[Example]:
        temperatures.append(temperature)
        return real(codes, temperature, seed)

    monkeypatch.setattr(model, "decode_examples", listen)
    model.interpolate(a, b, 2)
    model.morph(a, b)
    model.walk(a, b, temperature=0.25)
    assert temperatures == [expected, expected, 0.25]


def test_what_comes_back_is_counted_over_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not over what was made of it, which may end before, or after."""
    model, sentence = tiny("text-small"), SENTENCES[0]
    (true,) = model.representation.encode(sentence)
    steps = int(true.lengths[0])
    for made in (1, steps - 2, steps, steps + 3):
        tokens = true.tokens.copy()
        tokens[made - 1] = 0
        tokens[steps - 1 : made - 1] = 5  # goes on where the end should be
        tokens[made:] = 0
        kept = made - 1 if made < steps else steps - (made > steps)
        back = Example(tokens=tokens, lengths=np.array([made], dtype=np.uint16))
        with monkeypatch.context() as patch:
            patch.setattr(model, "decode_examples", lambda *_, back=back: [back])
            found = model.reconstruct(sentence)
        assert found.bars.tolist() == [found.share] == [pytest.approx(kept / steps)]
        assert [e.tokens.tolist() for e in (*found.before, *found.after)] == [
            true.tokens.tolist(),
            tokens.tolist(),
        ]


def test_what_comes_back_whole_is_counted_as_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("trio-16bar", "groove-4bar", "multitrack-1bar", "drums-2bar"):
        model = tiny(name)
        true = list(model.representation.encode(model.representation.read(BAND)))
        if name == "groove-4bar":  # loudness does not count
            true_again = [Example(tokens=e.tokens * 0.9, lengths=e.lengths) for e in true]
            for e, original in zip(true_again, true, strict=True):
                e.tokens[:, :9] = original.tokens[:, :9]
        else:
            true_again = true
        with monkeypatch.context() as patch:
            patch.setattr(model, "decode_examples", lambda *_, back=true_again: back)
            found = model.reconstruct(BAND)
        assert found.share == 1.0, name
        assert found.bars.tolist() == [1.0] * 16
    assert set(tiny("trio-16bar").reconstruct(BAND).parts) == set(Trio.part_names)


def test_a_locked_part_plays_on_bar_after_bar() -> None:
    """Whatever the length: from the beginning, over and over, in A's tempo."""
    model = tiny("trio-16bar")
    trio = model.representation
    assert isinstance(trio, Trio)
    loop = trio.decode(trio.encode(trio.read(OTHER)))  # eight bars
    kit = next(i for i, t in enumerate(loop.tracks) if t.is_drum)
    hits = loop.track == kit
    length = 8 * 4 * 60 / 116
    for bars in (32, 37):
        whole = model.walk(OTHER, BAND, bars=bars, lock=["drums"], temperature=1.0, seed=1).whole
        assert [round(t.qpm) for t in whole.tempos] == [116]
        drums = np.array([t.is_drum for t in whole.tracks])[whole.track]
        start, pitch = whole.start[drums], whole.pitch[drums]
        times = np.concatenate([loop.start[hits] + k * length for k in range(5)])
        pitches = np.tile(loop.pitch[hits], 5)
        inside = times < bars * length / 8 - 1e-3
        order = np.lexsort((pitches[inside], times[inside].round(3)))
        found = np.lexsort((pitch, start.round(3)))
        np.testing.assert_allclose(start[found], times[inside][order], atol=1e-3)
        np.testing.assert_array_equal(pitch[found], pitches[inside][order])
    others = model.walk(OTHER, BAND, bars=32, temperature=1.0, seed=1).whole
    assert not same(whole, others)


def bass_rows(music: Score) -> list[tuple[int, float, float]]:
    """Pitch, start and end, in sixteenths at 120, of the notes of the bass."""
    bass = np.array([t.program == 33 and not t.is_drum for t in music.tracks])[music.track]
    columns = (music.pitch[bass], music.start[bass] * 8, music.end[bass] * 8)
    return [(p, round(s), round(e)) for p, s, e in zip(*(c.tolist() for c in columns), strict=True)]


def test_the_last_note_of_a_locked_line_does_not_ring_into_the_rest_before_the_first() -> None:
    """Five bars, of which the bass rests for a half of the first and plays to the very end."""
    rows = [(60 + q % 7, 80, q * 0.5, q * 0.5 + 0.5, 0) for q in range(20)]
    rows += [(36 + b, 80, b * 2.0 + (b == 0), b * 2.0 + 2, 1) for b in range(5)]
    rows += [(36, 80, q * 0.5, q * 0.5 + 0.1, 2) for q in range(20)]
    tracks = (Track(program=73), Track(program=33), Track(is_drum=True))
    music, model = score_of(rows, tracks), tiny("trio-16bar")
    once = [(36 + b, 16 * b + 8 * (b == 0), 16 * b + 16) for b in range(5)]
    for asked, bars in (({"bars": 39}, 39), ({"steps": 3}, 48)):
        walk = model.walk(music, BAND, lock=["bass"], temperature=0, **asked)
        again = [(p, s + 80 * k, e + 80 * k) for k in range(10) for p, s, e in once]
        if "steps" in asked:  # each window begins with the first bar
            window = [(p, s, min(e, 256)) for p, s, e in again if s < 256]
            again = [(p, s + 256 * k, e + 256 * k) for k in range(3) for p, s, e in window]
        expected = [(p, s, min(e, 16 * bars)) for p, s, e in again if s < 16 * bars]
        assert bass_rows(walk.whole) == expected


def test_steps_keep_the_locked_part_of_the_first_window() -> None:
    model = tiny("trio-16bar")
    walk = model.walk(BAND, OTHER, steps=4, lock=["bass", "drums"], temperature=0)
    for step in walk.steps:
        for kind in (33, 32):
            if kind in [t.program for t in step.tracks]:
                assert kind == 32  # the bass of the first
        drums = np.array([t.is_drum for t in step.tracks])[step.track]
        start = np.array([t.is_drum for t in walk.start.tracks])[walk.start.track]
        np.testing.assert_allclose(np.sort(step.start[drums]), np.sort(walk.start.start[start]))


@pytest.mark.parametrize(
    ("name", "parts", "said"),
    [
        ("melody-2bar", ["drums"], "melody-2bar has no parts .* such as trio-16bar"),
        ("trio-16bar", ["snare"], "no part 'snare': it has melody, bass, drums"),
        ("trio-16bar", ["melody", "bass", "drums"], "nothing is left to move"),
    ],
)
def test_parts_that_cannot_be_locked(name: str, parts: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        tiny(name).walk(BAND, OTHER, lock=parts)


def test_windows_go_on_from_the_beginning() -> None:
    windows = Windows(tune(5))
    for start in range(12):
        bars = windows.onward(start).tokens.reshape(2, 16)[:, 0].tolist()
        assert bars == [30 + start % 5, 30 + (start + 1) % 5]
    assert all(equal(windows.onward(s), windows.window(s)) for s in range(4))


def told_chords(music: object) -> list[tuple[float, str]]:
    return [(round(c.time / 2.0, 3), c.symbol) for c in music.chords]  # in bars at 120


@pytest.mark.parametrize(
    ("chords", "expected", "bars"),
    [
        ("C G Am F", [(0, "C"), (1, "G"), (2, "Am"), (3, "F")], 4),
        ("C G Am", [(0, "C"), (1, "G"), (2, "Am")], 3),
        ("C | G Am | % ", [(0, "C"), (1, "G"), (1.5, "Am")], 3),
        ("Dm", [(0, "Dm")], 2),
        ("N.C. C7 F#m7b5/E", [(0, "N.C."), (1, "C"), (2, "F#dim")], 3),
    ],
)
def test_samples_go_through_the_chords(
    chords: str, expected: list[tuple[float, str]], bars: int
) -> None:
    model = tiny("melody-2bar-chords")
    pieces = model.sample(2, chords=chords, temperature=2.0, seed=1)
    assert len(pieces) == 2
    for piece in pieces:
        assert told_chords(piece) == expected
        assert (bars - 1) * 2 < piece.total_seconds <= bars * 2 + 1e-9
    assert not same(*pieces)


def test_a_way_goes_through_the_chords() -> None:
    model = tiny("melody-2bar-chords")
    walk = model.walk(song(6), song(6), bars=7, chords="C G Am", temperature=0.0)
    expected = [(k, ("C", "G", "Am")[k % 3]) for k in range(7)]
    assert told_chords(walk.whole) == expected


def test_the_chords_are_heard() -> None:
    model = tiny("melody-2bar-chords")
    one, other = (model.sample(50, chords=c, temperature=0, seed=1) for c in ("C C", "F#m F#m"))
    assert not all(map(same, one, other))


@pytest.mark.parametrize(
    ("name", "chords", "said"),
    [
        (
            "melody-2bar",
            "C G",
            "melody-2bar knows no chords.* such as one of the preset melody-2bar-chords",
        ),
        ("melody-2bar-chords", "C G H7", "chord 3 of 'C G H7': 'H7' is no chord symbol .*A to G"),
        ("melody-2bar-chords", "  ", "no chord is given"),
    ],
)
def test_chords_that_cannot_be_told(name: str, chords: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        tiny(name).sample(1, chords=chords)
