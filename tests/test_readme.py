"""Every command and every line of Python that the README shows, run as it stands."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from musicvae.catalogue import shipped
from musicvae.cli.app import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SHELL = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with the sample tunes where the README has them."""
    shutil.copytree(ROOT / "data" / "samples", tmp_path / "data" / "samples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_there_are_ten_things_to_do() -> None:
    assert len(SHELL) >= 10
    assert {"melody-2bar", "melody-16bar"} <= shipped().keys()


@pytest.mark.parametrize("block", SHELL, ids=lambda b: " ".join(b.split()[1:2]))
def test_commands_work_as_shown(block: str, checkout: Path) -> None:
    for line in block.strip().splitlines():
        words = shlex.split(line)
        assert words[0] == "musicvae"
        with pytest.raises(SystemExit) as stop:
            main(words[1:])
        assert stop.value.code == 0, line
        if "-o" in words:
            made = checkout / words[words.index("-o") + 1]
            assert made.is_dir() or made.stat().st_size > 0, line


@pytest.mark.parametrize("block", PYTHON)
def test_python_works_as_shown(block: str, checkout: Path) -> None:
    names: dict[str, object] = {}
    exec(compile(block, "README.md", "exec"), names)
    assert (checkout / "morph.mid").stat().st_size > 0
    assert len(names["melody"]) > 0  # type: ignore[arg-type]
