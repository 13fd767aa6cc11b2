from __future__ import annotations

import sys
from pathlib import Path

import pytest

from musicvae.representations.melody import Melody
from musicvae.training.corpus import (
    is_held_back,
    list_corpus,
    pieces_of_corpus_file,
    split_tunes,
)
from musicvae.training.prepare import prepare
from musicvae.training.sources import Item


def test_tunes_are_counted_as_they_stand_in_the_file() -> None:
    assert split_tunes("% a book\nX:1\nT:a\nK:C\nC\n\nX: 7\nT:b\nK:C\nD X:\n") == [
        "X:1\nT:a\nK:C\nC\n\n",
        "X: 7\nT:b\nK:C\nD X:\n",
    ]


def test_some_tunes_are_held_back_and_most_are_not() -> None:
    held = [is_held_back("airdsAirs", f"airdsAirs/book1.abc#{k}") for k in range(200)]
    assert 0 < sum(held) < 40


def test_without_music21_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "music21", None)
    with pytest.raises(ValueError, match="pip install music21"):
        prepare(["music21"], tmp_path / "data", Melody())


def test_a_tune_book_gives_its_tunes_less_those_held_back(tmp_path: Path) -> None:
    pytest.importorskip("music21")
    path = tmp_path / "book1.abc"
    tune = "X:{k}\nM:3/4\nL:1/4\nK:G\nG3|ABc|\n\n"
    path.write_text("".join(tune.format(k=k + 1) for k in range(60)))
    item = Item(name="airdsAirs/book1.abc", path=str(path), collection="airdsAirs")
    pieces = list(pieces_of_corpus_file(item))
    assert [p.name for p in pieces][:2] == ["airdsAirs/book1.abc#0", "airdsAirs/book1.abc#1"]
    held = [k for k, p in enumerate(pieces) if p.read is None]
    assert held == [k for k in range(60) if is_held_back("airdsAirs", f"{item.name}#{k}")]
    read = next(p.read for p in pieces if p.read)
    assert read is not None
    score = read()
    assert score.pitch.tolist() == [67, 69, 71, 72]
    assert score.end.tolist() == [1.5, 2.0, 2.5, 3.0]
    assert [(m.numerator, m.denominator) for m in score.meters] == [(3, 4)]


@pytest.mark.slow
def test_the_corpus_has_tunes_and_chorales(tmp_path: Path) -> None:
    pytest.importorskip("music21")
    items = list_corpus()
    assert len(items) > 1400
    chorale = next(i for i in items if i.name == "bach/bwv10.7.mxl")
    pieces = list(pieces_of_corpus_file(chorale))
    assert len(pieces) == 4
    assert {p.work for p in pieces} == {"bach/bwv10.7.mxl"}
    assert all(p.read is not None and len(p.read()) > 20 for p in pieces)
