"""Checkpoints are found by name, by folder and on the hub; what is not found is said in words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

from musicvae import catalogue
from musicvae.catalogue import find, read_config, shipped

ROOT = Path(__file__).parent.parent


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    folder = tmp_path / "models" / "mine"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"format": 1, "preset": {}}')
    return folder


def test_shipped_names_and_folders_are_found(
    saved: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(catalogue, "BESIDE", saved.parent)
    monkeypatch.setattr(catalogue, "PACKAGED", tmp_path / "none")
    assert shipped() == {"mine": saved}
    assert find("mine") == find(saved) == find(str(saved)) == saved
    assert read_config(saved)["format"] == 1
    for wrong in ("mien", "./no/where", "a/b/c", "~/x"):
        with pytest.raises(ValueError, match=r"no checkpoint '.*': .*\(mine\), nor a folder"):
            find(wrong)


def test_what_is_on_the_hub_is_downloaded(monkeypatch: pytest.MonkeyPatch, saved: Path) -> None:
    asked: list[Any] = []

    def download(name: str, allow_patterns: list[str]) -> str:
        asked.append((name, allow_patterns))
        return str(saved)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert find("some/model") == saved
    assert asked == [("some/model", ["config.json", "model.safetensors", "README.md"])]


def answered(kind: type[HfHubHTTPError], status: int) -> HfHubHTTPError:
    """An answer of the hub, made without the library for the web, which is not always the same."""
    error = kind.__new__(kind, f"{status}\nRequest ID")
    error.response = SimpleNamespace(status_code=status)
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (LocalEntryNotFoundError("Got: ConnectError: [Errno -2]"), "cannot be reached: are you"),
        (OfflineModeIsEnabled("HF_HUB_OFFLINE=1"), "cannot be reached: are you online"),
        (ConnectionError(111, "refused"), "cannot be reached: are you online"),
        (answered(RepositoryNotFoundError, 404), "hub has no such model"),
        (answered(HfHubHTTPError, 503), r"give such a model out \(.* 503\)"),
        (HFValidationError("Repo id must use alphanumeric"), "no hub id can be written so"),
        (OSError(28, "No space left on device"), "download .* failed: No space left on device"),
    ],
)
def test_a_hub_that_does_not_help_is_one_sentence(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise error

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(ValueError, match=rf"^there is no folder 'some/model', and .*{said}") as e:
        find("some/model")
    assert "\n" not in str(e.value)
    assert "Errno" not in str(e.value)


def test_models_are_listed_without_torch() -> None:
    code = (
        "import sys; from musicvae.cli.app import main\n"
        "try: main(['models'])\nexcept SystemExit: pass\n"
        "assert not {'torch', 'safetensors'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True)
