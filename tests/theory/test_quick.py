"""The whole page can be made anew, and its tables from what was made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.theory.__main__ import main
from benchmarks.theory.tables import blocks

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_every_section_runs_on_what_is_shipped(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.theory", "--quick", "--runs", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    made = tmp_path / "theory-quick"
    assert len(blocks(made, lambda header, rows: str([*rows]))) == 9
    assert len([*made.glob("*.png")]) == 6


def test_it_says_what_data_it_wants(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks.theory"])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "give --data-melody and --data-text" in capsys.readouterr().err


def test_tables_of_the_page_have_a_cell_for_every_column() -> None:
    def table(header: list[str], rows: list[list[str]]) -> str:
        assert all(len(row) == len(header) for row in rows)
        return "\n".join(" | ".join(row) for row in rows)

    made = blocks(ROOT / "benchmarks" / "results", table)
    assert all(text and "nan" not in text for text in made.values())
