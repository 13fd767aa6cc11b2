from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicvae.notes.score import Meter
from musicvae.representations.meters import (
    KNOWN,
    Meters,
    Native,
    Regrouped,
    bar_steps,
    meter_to_force,
    parse_meter,
    regrouping,
    tell,
)

choices = pytest.mark.parametrize("meters", [Native(), Regrouped()], ids=str)


def meter(text: str) -> Meter:
    numerator, denominator = text.split("/")
    return Meter(0.0, int(numerator), int(denominator))


@pytest.mark.parametrize(
    ("known", "read"),
    [
        ("2/4", ["2/4", "4/8", "1/2", "8/16", "1/4", "2/8", "4/16", "3/2", "6/2"]),
        ("3/4", ["3/4", "6/4", "9/4", "12/4"]),
        ("4/4", ["4/4", "2/2", "8/8", "1/1", "4/2", "8/4", "2/1", "3/1"]),
        ("6/8", ["6/8", "3/8", "3/16", "6/16", "12/16"]),
        ("9/8", ["9/8", "18/8"]),
        ("12/8", ["12/8", "24/8", "24/16"]),
        ("None", ["5/4", "7/4", "5/8", "7/8", "10/8", "11/8", "15/8", "9/16", "18/16", "5/2"]),
        ("None", ["0/4", "4/0", "1/64", "3/64", "7/64"]),
    ],
)
def test_a_meter_is_read_by_its_beats(known: str, read: list[str]) -> None:
    assert {text: str(Native().read_as(meter(text))) for text in read} == dict.fromkeys(read, known)


def test_each_known_meter_is_read_as_itself_and_has_its_steps() -> None:
    assert [k.steps for k in KNOWN] == [8, 12, 16, 12, 18, 24]
    assert [Native().read_as(meter(str(k))) for k in KNOWN] == list(KNOWN)
    assert [str(Regrouped().read_as(meter(str(k)))) for k in KNOWN] == [
        "4/4", "3/4", "4/4", "3/4", "None", "3/4",
    ]  # fmt: skip


@choices
@given(numerator=st.integers(0, 64), denominator=st.sampled_from([0, 1, 2, 3, 4, 6, 8, 16, 32]))
def test_bars_are_joined_or_divided_whole(meters: Meters, numerator: int, denominator: int) -> None:
    asked = Meter(0.0, numerator, denominator)
    known, steps = meters.read_as(asked), bar_steps(asked)
    if known is None:
        assert regrouping(asked, meters) is None
        return
    assert steps
    assert known.steps % steps == 0 or steps % known.steps == 0
    assert known in meters.known
    assert known.steps <= meters.stride


@pytest.mark.parametrize(
    ("text", "meters", "said"),
    [
        ("3/8", Native(), "bars in 3/8 are read two at a time, as 6/8"),
        ("1/8", Native(), "bars in 1/8 are read four at a time, as 2/4"),
        ("3/2", Native(), "each bar in 3/2 is read as three of 2/4"),
        ("2/2", Native(), "bars in 2/2 are read as 4/4"),
        ("9/8", Native(), None),
        ("5/4", Native(), None),
        ("2/4", Regrouped(), "bars in 2/4 are read two at a time, as 16 sixteenths"),
        ("12/8", Regrouped(), "each bar in 12/8 is read as two of 12 sixteenths"),
        ("2/2", Regrouped(), None),
        ("6/8", Regrouped(), None),
    ],
)
def test_what_becomes_of_bars_is_said(text: str, meters: Meters, said: str | None) -> None:
    assert regrouping(meter(text), meters) == said


@choices
@pytest.mark.parametrize(
    ("text", "forced"), [("5/4", "4/4"), ("7/8", "4/4"), ("15/8", "6/8"), ("9/16", "6/8")]
)
def test_every_model_knows_the_meter_that_is_forced(meters: Meters, text: str, forced: str) -> None:
    assert str(meter_to_force(meter(text))) == forced
    assert meters.read_as(meter(forced)) is not None


def test_a_meter_is_parsed_or_refused_in_words() -> None:
    assert parse_meter(" 12/8 ") == Meter(0.0, 12, 8)
    for wrong in ("4", "waltz", "0/4", "4/0", "-3/4", "3/4/5", ""):
        with pytest.raises(ValueError, match="written like 4/4 or 6/8"):
            parse_meter(wrong)


def test_the_class_is_told_where_there_is_music() -> None:
    lengths = np.array([[8, 8], [18, 0]])
    told = tell(Native(), np.array([0, 4]), lengths)
    assert told is not None
    assert told.dtype == np.uint8
    assert told[0].tolist() == [0] * 48
    assert told[1].tolist() == [4] * 18 + [0] * 30
    assert tell(Regrouped(), np.array([0, 4]), lengths) is None
