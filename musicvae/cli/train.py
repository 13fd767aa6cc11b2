"""`musicvae train`: learn a model from a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from musicvae.cli.options import Device, Settings, with_settings

if TYPE_CHECKING:
    from musicvae.config import Preset
    from musicvae.training.dataset import Dataset
    from musicvae.training.trainer import Trainer


def train(
    preset: Annotated[str, typer.Option(metavar="NAME", help="The recipe: see below.")],
    data: Annotated[
        Path, typer.Option(metavar="FOLDER", help="A dataset that `musicvae prepare` made.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the run is kept.")
    ],
    settings: Settings = None,
    seed: Annotated[int, typer.Option(metavar="N", help="For all that is drawn.")] = 0,
    device: Device = "auto",
) -> None:
    """Train a model on a dataset.

    Stop it with Ctrl-C and give the same command again: it goes on where it was. FOLDER/checkpoint
    can be used with --model at any time. Figures go to FOLDER/log.jsonl, and to TensorBoard where
    it is installed.

    Our own recipes: melody-2bar, melody-16bar, melody-2bar-chords, melody-2bar-anymeter,
    drums-2bar, drums-4bar, trio-16bar, groove-2bar-humanize, groove-2bar-tap, groove-4bar,
    multitrack-1bar, text, text-small.

    As published: cat-mel_2bar_small, cat-mel_2bar_big, cat-mel_2bar_med_chords,
    cat-drums_2bar_small, cat-drums_2bar_big, nade-drums_2bar_reduced, nade-drums_2bar_full,
    flat-trio_16bar, hierdec-trio_16bar, hier-trio_16bar, flat-mel_16bar, hierdec-mel_16bar,
    hier-mel_16bar, hier-multiperf_vel_1bar_med, hier-multiperf_vel_1bar_big,
    hier-multiperf_vel_1bar_med_chords, hier-multiperf_vel_1bar_big_chords, groovae_4bar,
    groovae_2bar_humanize, groovae_2bar_tap_fixed_velocity,
    groovae_2bar_tap_fixed_velocity_note_dropout, groovae_2bar_add_closed_hh,
    groovae_2bar_hits_control_tfds.

    Examples:

      musicvae train --preset melody-2bar --data dataset/ -o run/
      musicvae train --preset melody-2bar --data dataset/ -o run/ --set model.z=64
        --set training.updates=5000
    """
    from musicvae.cli.outputs import check_writable

    chosen = with_settings(preset, settings or [])
    check_writable(output)
    trainer = _trainer(chosen, data, output, seed, device)
    _run(trainer, output, data)


def _trainer(preset: Preset, data: Path, output: Path, seed: int, device: str) -> Trainer:
    from musicvae.cli.talk import plural, say
    from musicvae.pipeline.device import choose_device
    from musicvae.training.dataset import load_dataset
    from musicvae.training.trainer import Trainer

    where = choose_device(device)
    dataset = load_dataset(data, "train")
    try:
        trainer = Trainer(preset, dataset, output, valid=_valid(data), device=where, seed=seed)
    except RuntimeError as error:  # torch, of sizes that give no network
        raise ValueError(f"no model can be built with these settings: {error}") from None
    weights = sum(p.numel() for p in trainer.model.parameters())
    say(
        f"{preset.name}: {weights / 1e6:.1f} million weights, {plural(len(dataset), 'window')} to "
        f"learn from, on {where.type} in {str(trainer.dtype).removeprefix('torch.')}."
    )
    if trainer.done:
        say(f"Going on after {trainer.done:,} of {preset.training.updates:,} updates.")
    return trainer


def _valid(data: Path) -> Dataset | None:
    """What is kept to check by on the way, if the dataset is large enough to have it."""
    from musicvae.cli.talk import say
    from musicvae.training.dataset import load_dataset

    try:
        return load_dataset(data, "valid")
    except ValueError:
        say("The dataset keeps nothing to check by: no figures on unseen music on the way.")
        return None


def _run(trainer: Trainer, output: Path, data: Path) -> None:
    from musicvae.cli.talk import say
    from musicvae.cli.training import Listeners

    try:
        with Listeners(output, trainer.done, trainer.preset.training.updates) as listeners:
            trainer.run(listeners)
    except KeyboardInterrupt:
        say(f"Stopped and saved after {trainer.done:,} updates; the same command goes on.")
        raise
    checkpoint: Any = output / "checkpoint"
    say(f"Done: {checkpoint}")
    say(f"  hear it     musicvae sample --model {checkpoint} -o out/")
    say(f"  measure it  musicvae evaluate --model {checkpoint} --data {data}")
