"""The walls of the house: lazy imports, docstrings, versions, clean answers to mistakes."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import musicvae
from musicvae.cli.app import COMMANDS, main

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "musicvae"
MODULES = sorted(PACKAGE.rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Libraries too slow, or too rarely used, to be loaded before anybody asked for them.
HEAVY = {"torch", "note_seq", "pretty_midi", "matplotlib", "symusic", "safetensors", "librosa"}
MADE = {"build", "demo", "dist", "runs", "shared", "__pycache__"}  # folders that git ignores


def run(code: str) -> str:
    """The output of `code` in a fresh interpreter."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout


def loaded_by(code: str) -> set[str]:
    return set(run(f"{code}\nimport sys\nprint(*(m for m in sys.modules if '.' not in m))").split())


def test_importing_the_package_loads_no_library() -> None:
    assert loaded_by("import musicvae").isdisjoint({*HEAVY, "numpy", "typer"})


def test_the_help_loads_no_library() -> None:
    code = "from musicvae.cli.app import main\ntry: main(['--help'])\nexcept SystemExit: pass"
    assert loaded_by(code).isdisjoint({*HEAVY, "numpy"})


def test_scores_load_no_torch() -> None:
    assert "torch" not in loaded_by("from musicvae import Score, read_midi, Melody, Rejected")


@pytest.mark.parametrize("name", musicvae.__all__)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(musicvae, name) is not None
    assert name in dir(musicvae)


def test_public_names_are_few_and_a_wrong_one_is_refused() -> None:
    assert len(musicvae.__all__) <= 25
    with pytest.raises(AttributeError, match="'musicvae' has no attribute 'Musicvae'"):
        _ = musicvae.Musicvae


def test_type_checkers_see_the_names_that_users_get() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {a.asname for node in block.body if isinstance(node, ast.ImportFrom) for a in node.names}
    assert seen == {*musicvae.__all__} - {"__version__"}


def test_one_version() -> None:
    assert musicvae.__version__ == PROJECT["version"]
    assert f"version: {musicvae.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## {musicvae.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_every_dependency_is_pinned_in_the_constraints() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in lines}
    extras = PROJECT["optional-dependencies"]
    wanted = [*PROJECT["dependencies"], *extras["dev"], *extras["train"]]
    names = {re.match(r"[\w-]+", line)[0].lower().replace("_", "-") for line in wanted}
    assert names - {"audioop-lts"} <= pinned  # audioop-lts: for Pythons newer than the pins


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_module_says_what_it_is(path: Path) -> None:
    source = path.read_text()
    assert ast.get_docstring(ast.parse(source)) or not source, f"{path} has no docstring"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_import_from_where_a_name_is_defined(path: Path) -> None:
    """`from musicvae import x` is for users; inside it would import upwards, unseen."""
    submodules = {p.stem for p in PACKAGE.iterdir()} | {"__version__"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "musicvae":
            assert {alias.name for alias in node.names} <= submodules


def test_no_file_mentions_the_machine_it_was_written_on() -> None:
    machine = re.compile(r"/(work|root|home|tmp|Users)/\w")
    folders = [p for p in ROOT.iterdir() if p.is_dir() and p.name not in MADE]
    kept = [p for p in folders if not p.name.startswith(".") or p.name == ".ci"]
    files = [p for p in ROOT.iterdir() if p.is_file()]
    for path in [*files, *(p for folder in kept for p in folder.rglob("*") if p.is_file())]:
        found = machine.search(path.read_bytes().decode("utf-8", errors="ignore"))
        assert found is None or path.suffix in {".pyc", ".safetensors"}, f"{path}: {found}"


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        ("ValueError('two\\nlines')", "musicvae: two lines\n"),
        ("FileNotFoundError(2, 'No such file or directory', 'a.mid')",
         "musicvae: a.mid: no such file or directory\n"),
        ("PermissionError(13, 'Permission denied', 'out')", "musicvae: out: permission denied\n"),
        ("Rejected('no-notes', 'a.mid has no notes')", "musicvae: a.mid has no notes\n"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_exit_code_2(
    raised: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from musicvae.cli import app as module
    from musicvae.notes.errors import Rejected

    def fail(**_: object) -> None:
        raise eval(raised, {"Rejected": Rejected})

    monkeypatch.setattr(module, "app", fail)
    monkeypatch.delenv("MUSICVAE_DEBUG", raising=False)
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2
    assert capsys.readouterr() == ("", said)
    monkeypatch.setenv("MUSICVAE_DEBUG", "1")
    with pytest.raises((ValueError, OSError)):
        main([])


def test_a_fault_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    from musicvae.cli import app as module

    def fail(**_: object) -> None:
        raise TypeError("ours")

    monkeypatch.setattr(module, "app", fail)
    with pytest.raises(TypeError, match="ours"):
        main([])


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), (["--version"], 0), (["x"], 2)])
def test_exit_codes(arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == code
    said = "".join(capsys.readouterr())
    if arguments == ["--version"]:
        assert said == f"musicvae {musicvae.__version__}\n"
    if arguments == ["--help"]:
        assert all(command in said for command in COMMANDS)
