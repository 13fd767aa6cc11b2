"""What a figure was measured on: hardware, versions, threads, commit."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

CHECKOUT = Path(__file__).parent.parent.parent


def describe(device: torch.device) -> dict[str, Any]:
    """Hardware, versions, threads and commit, as they go into a result file."""
    import numpy as np
    import torch

    from musicvae import __version__

    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {
        "hardware": {"device": device.type, "gpu": gpu, "cpu": _cpu(), "cpus": os.cpu_count()},
        "versions": {
            "musicvae": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "system": platform.platform(),
        "threads": torch.get_num_threads(),
        "commit": _commit(),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _commit() -> str | None:
    """The commit of the checkout, with a "+" if it has changes; None outside of one."""
    if not (CHECKOUT / ".git").exists():
        return None
    try:
        commit = _git("rev-parse", "HEAD")
        return commit + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(CHECKOUT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()
