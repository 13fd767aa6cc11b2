"""What the documents show is what the code does: worked bars, an example to copy, names, tests."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import numpy as np
import pytest

from musicvae.config import (
    Aggressive,
    FreeBits,
    NoEncoder,
    Pretraining,
    TargetRate,
    override,
)
from musicvae.notes.midi import read_midi
from musicvae.presets import preset
from musicvae.representations.base import Rejected
from musicvae.representations.registry import REPRESENTATIONS
from musicvae.schedules import Cyclical, LinearRamp, Sigmoid
from tests.representations.melodies import score

ROOT = Path(__file__).parent.parent
DOCS = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md", ROOT / "data/README.md"]
BARS = (ROOT / "docs" / "representations.md").read_text()
PYTHON = re.compile(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?", re.DOTALL)
EXAMPLE = PYTHON.search((ROOT / "CONTRIBUTING.md").read_text())
PROOF = re.compile(r"`tests/([\w/]+\.py)::(\w+)`")
MODULE = re.compile(r"`((?:musicvae|tests|benchmarks|data|docs|checkpoints)/[\w./-]*)`")


COLLAPSE = (ROOT / "docs" / "collapse.md").read_text()
REMEDIES = re.findall(r"```shell\n(musicvae train .*?)\n```", COLLAPSE)


@pytest.mark.parametrize("command", REMEDIES, ids=lambda c: c.split("--set ")[-1][:40])
def test_every_remedy_is_switched_on_as_shown(command: str) -> None:
    words = shlex.split(command)
    name = words[words.index("--preset") + 1]
    for i, word in enumerate(words):
        if word != "--set":
            continue
        path, _, value = words[i + 1].partition("=")
        changed = override(preset(name), path, value)
        assert changed != preset(name), f"{path} is that already"


def test_every_remedy_there_is_is_shown() -> None:
    choices = [LinearRamp, Sigmoid, Cyclical, TargetRate, Pretraining, Aggressive, NoEncoder]
    for choice in (*choices, *get_args(FreeBits)):
        assert choice.__name__ in COLLAPSE, choice
    for setting in ("token_dropout", "writer_dropout", "mean_gain", "to_output", "free_bits"):
        assert f"{setting}=" in " ".join(REMEDIES), setting


def test_every_worked_bar_gives_what_is_shown() -> None:
    names: dict[str, object] = {}
    for code, shown in PYTHON.findall(BARS):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "representations.md", "exec"), names)
        assert printed.getvalue() == shown, code


@pytest.mark.parametrize("kind", REPRESENTATIONS, ids=lambda kind: kind.__name__)
def test_every_representation_has_a_worked_bar(kind: type) -> None:
    shown = [code for code, printed in PYTHON.findall(BARS) if printed]
    assert any(f"{kind.__name__}(" in code and ".encode(" in code for code in shown)


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_files_that_are_named_are_there(path: Path) -> None:
    for name in MODULE.findall(path.read_text()):
        assert (ROOT / name).exists(), f"{path.name} names {name}"


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_tests_that_are_named_as_proofs_are_there(path: Path) -> None:
    proofs = PROOF.findall(path.read_text())
    for file, test in proofs:
        source = (ROOT / "tests" / file).read_text()
        assert f"\ndef {test}(" in source, f"{path.name} names {file}::{test}"
    assert proofs or path.name != "porting.md"


@pytest.fixture
def pulse(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The representation that CONTRIBUTING shows."""
    assert EXAMPLE is not None
    module = ModuleType("pulse")
    monkeypatch.setitem(sys.modules, "pulse", module)  # where dataclasses look their fields up
    exec(compile(EXAMPLE[1], "CONTRIBUTING.md", "exec"), module.__dict__)
    return module.Pulse()


def test_the_example_to_copy_reads_and_writes_music(pulse: Any) -> None:
    tune = score([(0, 1, 60), (1, 1.5, 62), (1.5, 4, 64)], [(0, 4, 40), (5, 6, 41)])
    (example,) = pulse.encode(tune)
    assert np.flatnonzero(example.tokens).tolist() == [0, 4, 6, 20]
    assert pulse.decode([example]).start.tolist() == [0.0, 0.5, 0.75, 2.5]
    with pytest.raises(Rejected, match="no notes"):
        pulse.encode(score([]))
    assert not pulse.blank().tokens.any()


@pytest.mark.parametrize("overlap", [False, True])
@pytest.mark.parametrize("file", ["ode_to_joy", "amazing_grace", "oh_susanna"])
def test_what_the_example_to_copy_writes_it_reads_again(
    pulse: Any, file: str, overlap: bool
) -> None:
    tune = read_midi(ROOT / "data" / "samples" / f"{file}.mid")
    examples = pulse.encode(tune)
    again = pulse.encode(pulse.decode(examples))
    for one, two in zip(examples, again, strict=True):
        assert one.tokens.shape == (pulse.spec.length,)
        assert one.tokens.dtype == pulse.spec.outputs.dtype
        np.testing.assert_array_equal(one.tokens, two.tokens)
        np.testing.assert_array_equal(one.lengths, two.lengths)
    assert len(pulse.encode(tune, overlap=overlap)) >= 4
