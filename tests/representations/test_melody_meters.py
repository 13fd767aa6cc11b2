"""Melodies in meters other than 4/4, as they are written and regrouped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicvae.notes.errors import Rejected
from musicvae.notes.score import Score
from musicvae.representations.base import Categorical, Example, Origin
from musicvae.representations.melody import Melody, Strict
from musicvae.representations.meters import KNOWN, Native, Regrouped
from tests.representations.melodies import Note, notes_of, score
from tests.representations.test_melody import tunes

SIZES = {"2/4": 8, "3/4": 12, "4/4": 16, "6/8": 12, "9/8": 18, "12/8": 24}
RELATIVES = {"2/2": "4/4", "4/2": "4/4", "4/8": "2/4", "3/8": "6/8", "6/4": "3/4", "3/2": "2/4"}


def native(bars: int = 2, force: str | None = None) -> Melody:
    return Melody(bars=bars, meters=Native(force=force))


def split(meter: str) -> tuple[int, int]:
    numerator, denominator = meter.split("/")
    return int(numerator), int(denominator)


def beats(*meters: tuple[float, str], quarters: int = 36) -> Score:
    """A scale in quarter notes."""
    notes = [(k, k + 1, 48 + k) for k in range(quarters)]
    return score(notes, meters=[(at, *split(m)) for at, m in meters])


def meters_of(music: Score) -> list[str]:
    return [str(m) for m in music.meters]


def classes(example: Example) -> list[str]:
    """The meters that an example is told, in order; checks that nothing is told behind bars."""
    assert example.controls is not None
    valid = np.arange(24) < example.lengths[:, None]
    told = example.controls.reshape(valid.shape)
    assert not told[~valid].any()
    return [str(KNOWN[k]) for k in np.unique(told[valid])]


def test_the_spec_has_room_for_the_longest_bar_and_tells_the_meter() -> None:
    spec = native(bars=2).spec
    assert (spec.length, spec.segments, spec.controls) == (48, 2, Categorical(6))


@given(
    tunes(),
    st.sampled_from([1, 2, 16]),
    st.sampled_from([*SIZES, *RELATIVES]),
    st.floats(30, 240),
)
def test_a_tune_comes_back_in_its_own_bars(
    notes: list[Note], bars: int, meter: str, qpm: float
) -> None:
    music = score([*notes], qpm=qpm, meters=[(0, *split(meter))])
    melody = native(bars=bars)
    examples = melody.encode(music)
    known = RELATIVES.get(meter, meter)
    assert {tuple(e.lengths) for e in examples} == {(SIZES[known],) * bars}
    assert all(classes(e) == [known] for e in examples)
    back = melody.decode(examples)
    assert notes_of(back) == notes_of(music)
    assert meters_of(back) == [meter]


@pytest.mark.parametrize("meter", SIZES)
def test_a_file_keeps_its_meter(meter: str, tmp_path: Path) -> None:
    melody = native(bars=2)
    before, after = tmp_path / "before.mid", tmp_path / "after.mid"
    melody.write(beats((0, meter)), before)
    melody.write(melody.decode(melody.encode(melody.read(before))), after)
    again = melody.read(after)
    assert meters_of(again) == [meter]
    assert notes_of(again) == notes_of(beats((0, meter)))


def test_a_window_is_of_one_meter_even_where_bars_are_equally_long() -> None:
    music = beats((0, "3/4"), (9, "6/8"), (15, "9/8"), (19.5, "2/4"), quarters=20)
    examples = native(bars=2).encode(music)
    assert [classes(e) for e in examples] == [["3/4"], ["3/4"], ["6/8"], ["9/8"], ["2/4"]]
    assert [e.lengths[0] for e in examples] == [12, 12, 12, 18, 8]
    assert [e.filler for e in examples] == [0, 1, 0, 1, 1]
    assert [e.origin.start_step for e in examples] == [0, 24, 36, 60, 78]
    overlapping = native(bars=2).survey(music, overlap=True).examples
    assert [classes(e) for e in overlapping] == [["3/4"], ["3/4"], ["6/8"]]


def test_windows_in_any_meter_make_one_batch() -> None:
    examples = [native().encode(beats((0, meter)))[0] for meter in SIZES]
    tokens, lengths = (
        np.stack([e.tokens for e in examples]),
        np.stack([e.lengths for e in examples]),
    )
    assert tokens.shape == (6, 48)
    assert lengths.tolist() == [[size] * 2 for size in SIZES.values()]
    back = native().decode(examples)
    assert meters_of(back) == list(SIZES)
    at = [float(back.quarters_at(m.time)) for m in back.meters]
    assert at == [0, 4, 10, 18, 24, 33]


def test_equal_notes_in_two_meters_of_one_length_are_two_windows() -> None:
    bar = [(0, 1, 60), (1, 2, 62), (2, 3, 64)]
    notes = [(a + 3 * k, b + 3 * k, p) for k in range(4) for a, b, p in bar]
    music = score(notes, meters=[(0, 3, 4), (6, 6, 8)])
    kept = native(bars=2).survey(music, overlap=True)
    assert [classes(e) for e in kept.examples] == [["3/4"], ["6/8"]]
    assert len(Melody(bars=2).survey(music, overlap=True).examples) == 1


def test_a_note_is_held_over_the_seam_of_windows() -> None:
    music = score([(0, 7, 60), (7, 9, 62)], meters=[(0, 9, 8)])
    melody = native(bars=1)
    first, second = melody.encode(music)
    assert first.tokens[:18].tolist() == [41] + [0] * 17
    assert second.tokens[:18].tolist() == [0] * 10 + [43] + [0] * 7
    assert notes_of(melody.decode([first, second])) == notes_of(music)


def test_an_upbeat_stands_at_the_end_of_a_native_bar() -> None:
    music = score([(0, 0.5, 60), (0.5, 5, 62)], meters=[(0, 1, 8), (0.5, 9, 8)])
    first, second = native(bars=1).encode(music)
    assert first.tokens.nonzero()[0].tolist() == [16]
    assert second.tokens.nonzero()[0].tolist() == [0]
    assert classes(first) == classes(second) == ["9/8"]


@pytest.mark.parametrize("melody", [native(), Melody()], ids=["native", "regrouped"])
@pytest.mark.parametrize("meter", ["5/4", "7/8", "11/8"])
def test_what_cannot_be_read_says_what_can_and_how_to_force_it(melody: Melody, meter: str) -> None:
    with pytest.raises(Rejected) as rejection:
        melody.encode(beats((0, meter)))
    assert rejection.value.reason == "unsupported-meter"
    assert f"bars in {meter} left out" in rejection.value.detail
    known = "2/4, 3/4, 4/4, 6/8, 9/8 or 12/8" if melody == native() else "3/4 or 4/4"
    assert f"cannot be read as {known}" in rejection.value.detail
    assert "--force reads all bars in 4/4" in rejection.value.detail


@pytest.mark.parametrize(("force", "size"), [("4/4", 16), ("9/8", 18), ("2/2", 16), ("3/8", 12)])
def test_all_bars_are_forced_into_one_meter(force: str, size: int) -> None:
    music = beats((0, "5/4"), (10, "3/4"), (13, "7/8"))
    melody = native(bars=1, force=force)
    survey = melody.survey(music)
    assert {int(e.lengths[0]) for e in survey.examples} == {size}
    assert not survey.dropped
    assert f"read in {force}, as asked for; the file says 5/4, 3/4, 7/8" in survey.remarks[-1]
    back = melody.decode(survey.examples)
    assert notes_of(back) == notes_of(music)
    assert meters_of(back) == [force]


def test_forcing_what_is_there_anyway_is_not_worth_a_remark() -> None:
    music = beats((0, "3/4"))
    assert native(force="3/4").survey(music).remarks == native().survey(music).remarks
    plain = Melody(meters=Regrouped(force="6/8"))
    assert {int(e.lengths[0]) for e in plain.encode(beats((0, "9/8")))} == {12}


@pytest.mark.parametrize("meters", [Native(), Regrouped(force="4/4")], ids=str)
def test_the_reference_takes_no_other_meters(meters: Native | Regrouped) -> None:
    with pytest.raises(ValueError, match=r"4/4 alone: Strict takes no other meters"):
        Melody(extraction=Strict(), meters=meters)


@pytest.mark.parametrize("force", ["5/4", "waltz", "4"])
def test_a_meter_that_cannot_be_forced_is_refused(force: str) -> None:
    with pytest.raises(ValueError, match=r"known are 2/4, 3/4|written like 4/4 or 6/8"):
        Native(force=force)


def test_regrouping_is_said_once() -> None:
    music = beats((0, "2/4"), (8, "3/8"), (11, "2/4"), (19, "4/4"))
    assert [r for r in Melody().survey(music).remarks if "read" in r] == [
        "bars in 2/4 are read two at a time, as 16 sixteenths",
        "bars in 3/8 are read two at a time, as 12 sixteenths",
    ]
    assert [r for r in native().survey(music).remarks if "read" in r] == [
        "bars in 3/8 are read two at a time, as 6/8"
    ]


@pytest.mark.parametrize("meter", [*SIZES, "2/2", "3/8"])
def test_silence_in_a_meter_to_begin_with(meter: str) -> None:
    melody = native(bars=3)
    assert melody.blank().lengths.tolist() == [16, 16, 16]
    blank = melody.blank(meter)
    known = RELATIVES.get(meter, meter)
    assert blank.lengths.tolist() == [SIZES[known]] * 3
    assert classes(blank) == [known]
    tokens = blank.tokens.copy()
    tokens[0] = 41
    assert meters_of(melody.decode([replace(blank, tokens=tokens)])) == [meter]


def test_silence_in_a_meter_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no bars of 9/8; known are 3/4 or 4/4"):
        Melody().blank("9/8")


@pytest.mark.parametrize(
    ("size", "told", "stated", "meter"),
    [
        (12, 3, (4, 4), "6/8"),
        (12, None, (4, 4), "3/4"),
        (12, None, (6, 8), "6/8"),
        (12, 1, (6, 8), "3/4"),
        (18, 4, (5, 4), "9/8"),
        (8, 0, (3, 2), "3/2"),
        (0, None, (7, 8), "7/8"),
    ],
)
def test_the_bars_decide_where_they_and_the_stated_meter_differ(
    size: int, told: int | None, stated: tuple[int, int], meter: str
) -> None:
    example = Example(
        tokens=np.zeros(24, dtype=np.uint8),
        lengths=np.array([size], dtype=np.uint16),
        controls=None if told is None else np.full(24, told, dtype=np.uint8),
        origin=Origin(numerator=stated[0], denominator=stated[1]),
    )
    assert meters_of(native(bars=1).decode([example])) == [meter]


def test_a_dataset_gets_the_controls_too() -> None:
    music = beats((0, "9/8"), (9, "3/4"))
    tokens, lengths, controls, _ = native().tokenize(music)
    examples = native().survey(music, overlap=True).examples
    np.testing.assert_array_equal(tokens, [e.tokens for e in examples])
    np.testing.assert_array_equal(lengths, [e.lengths for e in examples])
    np.testing.assert_array_equal(controls, [e.controls for e in examples])
    none = native().tokenize(score([]))
    assert none[2] is not None
    assert none[2].shape == (0, 48)
    assert Melody().tokenize(music)[2] is None
