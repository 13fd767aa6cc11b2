"""Where a run reads and writes, and how its pictures look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import save_result

BLUE, ORANGE, TEAL, PURPLE, GREY = "#2f6db0", "#d9772b", "#2a9d8f", "#8450a0", "#777777"
PACKAGES = ("torch", "numpy", "matplotlib", "scikit-learn")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """`quick` runs are short and on what the repository ships: their numbers mean nothing.

    Trained models are kept in `models`, so that a second run has only to measure.
    """

    quick: bool
    results: Path
    figures: Path
    models: Path
    melodies: Path | None = None
    texts: Path | None = None

    def save(self, name: str, result: Mapping[str, Any]) -> None:
        """Write a result file."""
        save_result(name, _rounded(result), PACKAGES, self.results)

    def axes(self, rows: int, columns: int, width: float, height: float, **more: Any) -> Any:
        """A figure in inches and its axes."""
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt

        plt.rcParams.update({
            "font.size": 9, "axes.titlesize": 10, "axes.spines.top": False,
            "axes.spines.right": False, "legend.frameon": False, "legend.fontsize": 8,
            "lines.linewidth": 1.5,
        })  # fmt: skip
        return plt.subplots(rows, columns, figsize=(width, height), layout="constrained", **more)

    def save_figure(self, figure: Any, name: str) -> None:
        """Write a picture as PNG."""
        import matplotlib.pyplot as plt

        self.figures.mkdir(parents=True, exist_ok=True)
        path = self.figures / f"{name}.png"
        figure.savefig(path, dpi=150)
        plt.close(figure)
        print(f"wrote {path}")


def _rounded(value: Any) -> Any:
    """Numbers to six significant digits: more would be noise in a file that is compared by eye."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {key: _rounded(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(v) for v in value]
    return value
