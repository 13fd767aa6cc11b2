"""Who listens to a training: a progress bar or lines of text, and TensorBoard."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from musicvae.training.trainer import Progress

LINE_EVERY = 100  # updates, where there is no terminal to draw a bar in
BOARD_EVERY = 10  # updates


class Listeners:
    """Shows how a training goes, on stderr, and writes it to TensorBoard where that is there."""

    def __init__(self, folder: Path, done: int, updates: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self.console = Console(stderr=True, markup=False, highlight=False)
        self.bar = Bar(
            BarColumn(bar_width=None),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f} {task.description}"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.task = self.bar.add_task("", total=updates, completed=done)
        self.board = _board(folder / "tensorboard", done)

    def __enter__(self) -> Listeners:
        self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.stop()
        if self.board is not None:
            self.board.close()

    def step(self, progress: Progress) -> None:
        """Called after each update."""
        text = (
            f"loss {progress.loss:.2f}  KL {progress.kl_bits:.1f} bits  "
            f"right {progress.accuracy:.1%}  {progress.examples_per_second:,.0f}/s"
        )
        self.bar.update(self.task, completed=progress.step, description=text)
        due = progress.step % LINE_EVERY == 0 or progress.step in (1, progress.updates)
        if self.bar.disable and due:
            self.console.print(f"{progress.step:,}/{progress.updates:,}  {text}")
        if self.board is not None and progress.step % BOARD_EVERY == 0:
            for name, value in vars(progress).items():
                if name not in ("step", "updates"):
                    self.board.add_scalar(f"train/{name}", value, progress.step)

    def validation(self, step: int, figures: dict[str, Any]) -> None:
        """Called with the figures on unseen music."""
        self.console.print(
            f"{step:,} updates, unseen music: {figures['teacher']:.2%} right step by step, "
            f"{figures['sampled']:.2%} by itself, KL {figures['kl_bits']:.1f} bits",
            soft_wrap=True,
        )
        if self.board is not None:
            for name, value in figures.items():
                self.board.add_scalar(f"valid/{name}", value, step)

    def warning(self, text: str) -> None:
        """Called when something has gone wrong that training can live with."""
        self.console.print(f"Warning: {text}", style="yellow")


def _board(folder: Path, done: int) -> Any:
    """A writer for TensorBoard, or None where it is not installed."""
    if find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=done)
