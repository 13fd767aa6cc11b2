"""`inspect`: what is said of a file, in words and as JSON, without torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from musicvae.notes.midi import write_midi
from musicvae.notes.score import Key, Meter, Tempo, Track
from tests.cli.conftest import Run
from tests.notes.scores import score_of

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def varied(tmp_path: Path) -> Path:
    """Two bars of 4/4 at 120, then two of 5/4 at 60, with chords and drums."""
    rows = [(60 + i, 90, i * 0.5, i * 0.5 + 0.5, 0) for i in range(8)]
    rows += [(64, 90, 4.0, 14.0, 0), (67, 90, 4.0, 14.0, 0), (36, 90, 0.0, 0.1, 1)]
    write_midi(
        score_of(
            rows,
            (Track(name="Lead", program=40), Track(name="[red]Kit", is_drum=True)),
            tempos=(Tempo(0.0, 120.0), Tempo(4.0, 60.0)),
            meters=(Meter(0.0, 4, 4), Meter(4.0, 5, 4)),
            keys=(Key(0.0, 9, minor=True),),
        ),
        tmp_path / "varied.mid",
    )
    return tmp_path / "varied.mid"


def test_everything_is_in_the_json(run: Run, varied: Path) -> None:
    said = json.loads(run("inspect", varied, "--json").out)
    assert said["seconds"] == pytest.approx(14)
    assert said["bars"] == 4
    assert [t["quarters_per_minute"] for t in said["tempos"]] == [120, 60]
    assert [m["meter"] for m in said["meters"]] == ["4/4", "5/4"]
    assert said["keys"] == [{"seconds": 0.0, "key": "A minor"}]
    lead, kit = sorted(said["tracks"], key=lambda t: t["sound"] == "drums")
    assert (lead["name"], lead["sound"], lead["notes"], lead["at_once"]) == (
        "Lead",
        "violin",
        10,
        2,
    )
    assert (lead["lowest"], lead["highest"]) == (60, 67)
    assert kit["sound"] == "drums"
    melody = said["kinds"]["melody"]
    assert melody["windows"] == {"kept": 1, "dropped": {"unsupported-meter": 1}}
    assert '"Lead"' in melody["remarks"][0]
    assert said["parts"]["drums"]["tracks"] == [kit["index"]]
    assert said["parts"]["bass"]["tracks"] == []


def test_everything_is_in_the_text(run: Run, varied: Path) -> None:
    said = run("inspect", varied).out
    for words in ("120, 60 from 0:04", "4/4, 5/4 from 0:04", "A minor", "violin", "C4 to G4",
                  "[red]Kit", "1 in a meter that cannot be read"):  # fmt: skip
        assert words in said


def test_a_key_that_is_not_stated_is_guessed(run: Run, a: Path) -> None:
    assert "none stated; the notes suggest" in run("inspect", a).out


def test_music_that_no_model_reads_is_shown_all_the_same(run: Run, tmp_path: Path) -> None:
    write_midi(score_of([(36, 90, 0.0, 1.0, 0)], (Track(is_drum=True),)), tmp_path / "d.mid")
    done = run("inspect", tmp_path / "d.mid")
    assert done.code == 0
    assert "only drums" in done.out


def test_it_works_without_torch(a: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from musicvae.cli.app import main\n"
        f"main(['inspect', {str(a)!r}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "melody: track 1" in done.stdout
