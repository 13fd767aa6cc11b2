from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from musicvae.notes.errors import InvalidMusic
from musicvae.notes.midi import read_midi
from musicvae.notes.pianoroll import draw_pianorolls, plot_pianorolls
from musicvae.notes.score import Meter, Track
from tests.notes.scores import A_TRIO, score_of

MIDI = Path(__file__).parent.parent / "golden" / "midi"
A_NOTE = score_of([(60, 80, 0.5, 1.0, 0)], meters=[Meter(0.0, 4, 4)])


@pytest.mark.parametrize(
    ("suffix", "begins"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")]
)
def test_each_kind_of_picture(tmp_path: Path, suffix: str, begins: bytes) -> None:
    path = tmp_path / f"rolls{suffix}"
    plot_pianorolls([A_TRIO, A_NOTE, score_of([])], ["a trio", "a note", "nothing"], path)
    assert path.read_bytes().startswith(begins)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_every_note_is_drawn_where_it_sounds() -> None:
    score = read_midi(MIDI / "m21_bach_bwv226.2.mid")
    figure = draw_pianorolls([A_NOTE, score], ["a", "b"])
    one, many = (
        next(c for c in reversed(axes.collections) if isinstance(c, PolyCollection))
        for axes in figure.axes
    )
    corners = one.get_paths()[0].vertices
    assert corners[:, 0].min() == 0.25  # of a bar
    assert 0.4 < corners[:, 0].max() <= 0.5
    assert corners[:, 1].mean() == pytest.approx(60, abs=0.2)
    assert len(many.get_paths()) == len(score)
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()


def test_the_captions_tell_tempo_and_meter() -> None:
    figure = draw_pianorolls([A_TRIO], ["My trio"])
    assert figure.axes[0].get_title(loc="left") == "My trio"
    assert figure.axes[0].get_title(loc="right") == "♩ = 90–120   4/4   4 notes"
    alone = draw_pianorolls([A_NOTE], ["My note"])
    assert alone.axes[0].get_title(loc="right").endswith("1 note")


def test_a_morph_changes_its_colour_from_row_to_row() -> None:
    figure = draw_pianorolls([A_NOTE] * 4, ["1", "2", "3", "4"])
    colours = {tuple(axes.collections[-1].get_facecolor()[0]) for axes in figure.axes}
    assert len(colours) == 4


def test_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    with pytest.raises(InvalidMusic, match="at least one score"):
        plot_pianorolls([], [], path)
    with pytest.raises(ValueError, match="1 titles for 2 scores"):
        plot_pianorolls([A_NOTE, A_NOTE], ["one"], path)
    with pytest.raises(ValueError, match=r"\.png, \.svg or \.pdf"):
        plot_pianorolls([A_NOTE], ["one"], tmp_path / "x.bmp")
    with pytest.raises(ValueError, match="too many"):
        plot_pianorolls([A_NOTE] * 65, [""] * 65, path)
    with pytest.raises(ValueError, match="there is no folder"):
        plot_pianorolls([A_NOTE], ["one"], tmp_path / "nowhere" / "x.png")
    assert list(tmp_path.iterdir()) == []


def test_extreme_pitches_stay_inside() -> None:
    ends = replace(A_TRIO, pitch=np.array([0, 127, 0, 127], dtype=np.uint8))
    low, high = draw_pianorolls([ends], ["x"]).axes[0].get_ylim()
    assert low <= -0.5
    assert high >= 127.5


def test_drums_stand_below_the_notes_in_rows_with_names() -> None:
    kit = (Track(name="Tune"), Track(name="Kit", is_drum=True))
    rows = [(60, 80, 0.0, 1.0, 0), *((p, 80, 0.5, 0.6, 1) for p in (36, 38, 42, 87))]
    both = draw_pianorolls([score_of(rows, kit)], ["x"]).axes[0]
    names = [label.get_text() for label in both.get_yticklabels()]
    assert names == ["C4", "kick", "snare", "closed hat", "drum 87"]
    at = dict(zip(names, both.get_yticks(), strict=True))
    assert at["kick"] < at["snare"] < at["closed hat"] < at["drum 87"] < at["C4"]
    notes = [c for c in both.collections if isinstance(c, PolyCollection)][-1].get_paths()
    middles = sorted(float(n.vertices[:, 1].min() + n.vertices[:, 1].max()) / 2 for n in notes)
    assert middles == pytest.approx(sorted([*list(at.values())[1:], 60]), abs=1e-6)
    alone = draw_pianorolls([score_of(rows[1:], kit)], ["x"]).axes[0]
    assert [label.get_text() for label in alone.get_yticklabels()] == names[1:]
