"""How long does it take to import the largest published 2-bar melody model, and in what memory?

    python benchmarks/import_speed.py [--preset cat-mel_2bar_big]

A tar with the layout of the published one and random weights is written, imported in a process of
its own as `musicvae import` does it, checksums and the written checkpoint included, and deleted.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tarfile
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from common import ROOT, save_result


def write(preset: str, path: Path) -> int:
    """A tar with random weights; how many bytes the variables have."""
    import numpy as np

    from musicvae.interop.variables import shapes
    from musicvae.presets import PRESETS

    sys.path.append(str(ROOT))
    from tests.interop.bundles import write_bundle

    chosen = PRESETS[preset]
    rng = np.random.default_rng(0)
    wanted = shapes(chosen.representation.spec, chosen.model)
    variables = {k: 0.1 * rng.standard_normal(n, np.float32) for k, n in wanted.items()}
    size = sum(a.nbytes for a in variables.values())
    index = write_bundle(path.parent / "model.ckpt", variables | {"global_step": np.array(50_000)})
    with tarfile.open(path, "w") as tar:
        for file in sorted(index.parent.glob("model.ckpt.*")):
            tar.add(file, f"{preset}/{file.name}")
            file.unlink()
    return size


def take(path: Path, output: Path) -> dict[str, float]:
    """Import it; what that took, of a process that did nothing else."""
    began, worked = time.perf_counter(), time.process_time()
    from musicvae.checkpoint import save
    from musicvae.interop.magenta_tf import import_tensorflow

    checkpoint = import_tensorflow(path)
    read = time.perf_counter()
    save(checkpoint, output)
    return {
        "seconds": round(time.perf_counter() - began, 2),
        "seconds_until_read": round(read - began, 2),
        "cpu_seconds": round(time.process_time() - worked, 2),
        "peak_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6),
    }


def alone(function: Any, *arguments: Any) -> Any:
    """A call in a fresh process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="cat-mel_2bar_big")
    preset = parser.parse_args().preset
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{preset}.tar"
        size = alone(write, preset, path)
        load = os.getloadavg()[0]
        took = alone(take, path, Path(folder) / "imported")
    print(took)
    result = {
        "question": f"importing a `{preset}.tar` of {size / 1e6:.0f} MB, from command to folder",
        "answer": f"{took['seconds']} s ({took['cpu_seconds']} s of one core's time; other work "
        f"put a load of {load:.1f} on the machine), at most {took['peak_megabytes']} MB of memory",
        "niceness": os.nice(0),
        "preset": preset,
        "variables_bytes": size,
        **took,
    }
    save_result("import_speed", result, ("numpy", "torch", "safetensors"))


if __name__ == "__main__":
    main()
