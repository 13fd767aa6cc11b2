"""Which checkpoints there are, where they lie and what they say of themselves; no weights.

A checkpoint is a folder with a `config.json`. Some come with the package, some lie on the disk,
others on the Hugging Face hub.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FORMAT = 3  # raised when a change makes older programs misread a newer folder
PACKAGED = Path(__file__).parent / "_checkpoints"
BESIDE = Path(__file__).parent.parent / "checkpoints"
FILES = ("config.json", "model.safetensors", "README.md")


def shipped() -> dict[str, Path]:
    """The checkpoints that come with the package, by name."""
    found: dict[str, Path] = {}
    for root in (BESIDE, PACKAGED):
        if root.is_dir():
            found |= {p.parent.name: p.parent for p in sorted(root.glob("*/config.json"))}
    return found


def find(name: str | Path) -> Path:
    """A shipped name, a local folder, or a hub id "owner/name" (downloaded once) -> a folder.

    Raises `ValueError` that lists what there is.
    """
    if str(name) in (known := shipped()):
        return known[str(name)]
    if (folder := Path(name)).is_dir():
        return folder
    if str(name).count("/") == 1 and not str(name).startswith((".", "/", "~")):
        return _download(str(name))
    names = ", ".join(known) or "none"
    raise ValueError(
        f"there is no checkpoint {str(name)!r}: it is neither a shipped one ({names}), nor a "
        "folder, nor a hub id such as owner/name"
    )


def read_config(folder: Path) -> dict[str, Any]:
    """The `config.json` of a checkpoint folder, checked for its version."""
    path = folder / "config.json"
    if not path.is_file():
        raise ValueError(f"{folder} is no checkpoint: it has no config.json")
    try:
        config = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not readable as JSON ({error})") from None
    if not isinstance(config, dict) or "format" not in config or "preset" not in config:
        raise ValueError(f"{path} is no musicvae configuration: it needs 'format' and 'preset'")
    if not isinstance(config["format"], int):
        raise ValueError(f"{path} has format {config['format']!r}, which is no version number")
    if config["format"] > FORMAT:
        raise ValueError(
            f"the checkpoint {folder} has format {config['format']}, and this version of musicvae "
            f"reads up to {FORMAT}; update with: pip install --upgrade musicvae"
        )
    return config


def _download(hub_id: str) -> Path:
    """A copy of a checkpoint on the hub. Raises `ValueError` in words of our own: the hub's
    library speaks of snapshots, revisions and sockets."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    try:
        return Path(snapshot_download(hub_id, allow_patterns=list(FILES)))
    except HFValidationError:
        why = "and no hub id can be written so"
    except RepositoryNotFoundError:
        why = "and the Hugging Face hub has no such model, or does not show it to everybody"
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else "no"
        why = f"and the Hugging Face hub does not give such a model out (HTTP status {status})"
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, ConnectionError):
        why = "and the Hugging Face hub, where it might be, cannot be reached: are you online?"
    except OSError as error:
        why = f"and its download from the Hugging Face hub failed: {error.strerror or error}"
    raise ValueError(f"there is no folder {hub_id!r}, {why}")
