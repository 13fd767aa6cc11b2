"""Training: one function of a preset, a dataset and a seed; safe to stop and to resume.

Everything random in a step follows from (seed, step), so a resumed run repeats the losses of one
that was never broken off. The state lies in the run's folder as safetensors.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from musicvae.checkpoint import Checkpoint, save
from musicvae.config import Preset, TrainingConfig, to_json
from musicvae.losses import LossTerms, elbo
from musicvae.metrics import nats_to_bits
from musicvae.models.vae import SequenceVAE
from musicvae.notes.files import replacing
from musicvae.training.dataset import Dataset
from musicvae.training.evaluate import evaluate
from musicvae.training.latents import fit_density
from musicvae.training.precision import autocast, best_dtype

COLLAPSED_BITS = 1.0  # a posterior that carries less says nothing about its sequence
VALIDATION_EXAMPLES = 1024
DTYPES = {str(dtype): dtype for dtype in (torch.float32, torch.bfloat16)}


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What a step reports: nats and bits per example, accuracy over steps, examples a second."""

    step: int
    updates: int
    loss: float
    reconstruction: float
    kl_bits: float
    accuracy: float
    beta: float
    learning_rate: float
    examples_per_second: float


class Listener(Protocol):
    """Who is told how training goes."""

    def step(self, progress: Progress) -> None: ...
    def validation(self, step: int, figures: dict[str, Any]) -> None: ...
    def warning(self, text: str) -> None: ...


class Trainer:
    """Trains a preset on a dataset in a run folder, going on where the folder left off."""

    def __init__(
        self,
        preset: Preset,
        data: Dataset,
        folder: str | Path,
        *,
        valid: Dataset | None = None,
        device: torch.device | None = None,
        seed: int = 0,
        save_every: int = 500,
        dtype: torch.dtype | None = None,
    ) -> None:
        """`dtype` None: what is fastest here, or what the run was begun with."""
        _check_fit(preset, data)
        self.preset, self.folder = preset, Path(folder)
        self.data = data.read_by(preset.representation)
        self.valid = None
        if valid is not None:
            chosen = valid.sample(VALIDATION_EXAMPLES, seed)
            self.valid = chosen.read_by(preset.representation)
        self.device = device or torch.device("cpu")
        self.seed, self.save_every = seed, save_every
        torch.manual_seed(seed)
        self.model = SequenceVAE(preset.representation.spec, preset.model).to(self.device)
        self.average = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.optimiser = _optimiser(self.model, preset.training)
        self.done = 0
        self._saved = -1  # the step of the last save
        self._stepping = False  # while weights, count and average do not belong together
        self.folder.mkdir(parents=True, exist_ok=True)
        before = self._resume() if self._state_path.is_file() else None
        self.dtype = dtype or before or best_dtype(self.device)

    def run(self, listener: Listener, until: int | None = None) -> None:
        """Train to step `until`, or to the end of the preset's updates.

        The state is saved on the way out as well, whatever the reason, unless an interruption
        fell into the very moment of an update; the last save then counts.
        """
        updates = self.preset.training.updates
        end = updates if until is None else min(until, updates)
        begin, first = time.perf_counter(), self.done
        try:
            while self.done < end:
                terms, accuracy = self.update()
                speed = (self.done - first) * self.preset.training.batch_size
                progress = self._progress(terms, accuracy, speed / (time.perf_counter() - begin))
                self._log(progress.__dict__)
                listener.step(progress)
                if self.done % self.save_every == 0 or self.done == end:
                    self.save()
                    self._validate(listener)
        finally:
            if not self._stepping and self._saved != self.done:
                self.save()

    def update(self) -> tuple[LossTerms, float]:
        """One optimiser step -> its loss terms and teacher-forced accuracy.

        Raises `ValueError`, before any weight has changed, where the gradient is not finite.
        """
        config, step = self.preset.training, self.done
        batch = self.data.batch(config.batch_size, self.seed, step, config.augment).to(self.device)
        generator = torch.Generator(self.device).manual_seed(_mix(self.seed, step))
        keep = None
        if config.token_dropout:
            chance = torch.rand(batch.tokens.shape[:2], generator=generator, device=self.device)
            keep = chance >= config.token_dropout
        self.model.train()
        with autocast(self.device, self.dtype):
            result = self.model(
                batch.tokens,
                batch.lengths,
                inputs=batch.inputs,
                controls=batch.controls,
                keep=keep,
                sampling=config.sampling.at(step),
                generator=generator,
            )
        terms = elbo(
            result.nll.sum(1),
            result.kl,
            beta=config.beta.at(step),
            free_bits=config.free_bits,
            per_dimension=config.free_bits_per_dimension,
        )
        self.optimiser.zero_grad(set_to_none=True)
        terms.loss.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), config.clip_norm)
        if not math.isfinite(norm):
            raise ValueError(
                f"the loss is {terms.loss.item():.4g} and its gradient {norm:.4g} at step {step}; "
                f"lower the learning rate and go on from the last state in {self.folder}"
            )
        for group in self.optimiser.param_groups:
            group["lr"] = config.learning_rate.at(step)
        self._stepping = True
        self.optimiser.step()
        self.done += 1
        self._average(config.ema)
        self._stepping = False
        return terms, float(result.correct[result.mask].float().mean())

    def averaged(self) -> SequenceVAE:
        """A copy of the model with the averaged weights, ready to use."""
        model = SequenceVAE(self.preset.representation.spec, self.preset.model).to(self.device)
        model.load_state_dict(self.average)
        return model.eval()

    def checkpoint(self) -> Checkpoint:
        """The averaged weights as a checkpoint, without figures.

        At the end of training it also says where the codes of the training data lie.
        """
        latents: dict[str, Tensor] = {}
        if self.done >= self.preset.training.updates:
            density = fit_density(self.averaged(), self.data, self.seed)
            latents = {"mean": density.mean, "covariance": density.covariance}
        return Checkpoint(preset=self.preset, weights=self.average, latents=latents)

    def save(self) -> None:
        """Write the state to resume from, and the checkpoint as it stands."""
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.items()}
        for name, parameter in self.model.named_parameters():
            state = self.optimiser.state.get(parameter, {})
            tensors |= {f"optimiser.{name}.{k}": v for k, v in state.items()}
        tensors = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
        said = {"step": str(self.done), "preset": self._preset_json(), "dtype": str(self.dtype)}
        with replacing(self._state_path) as temporary:
            save_file(tensors, temporary, said)
        save(self.checkpoint(), self.folder / "checkpoint")
        self._saved = self.done

    @property
    def _state_path(self) -> Path:
        return self.folder / "resume.safetensors"

    def _preset_json(self) -> str:
        return json.dumps(to_json(self.preset), sort_keys=True)

    def _resume(self) -> torch.dtype | None:
        """Go on from the saved state -> the precision that the run was begun with."""
        with safe_open(self._state_path, "pt", device=str(self.device)) as file:
            said = file.metadata() or {}
            _check_same_model(json.loads(said["preset"]), json.loads(self._preset_json()))
            tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
        self.done = int(said["step"])
        self.model.load_state_dict(_under("model.", tensors))
        self.average = _under("average.", tensors)
        state = _under("optimiser.", tensors)
        for name, parameter in self.model.named_parameters():
            entry = _under(f"{name}.", state)
            if entry:
                self.optimiser.state[parameter] = entry | {"step": entry["step"].cpu()}
        return DTYPES.get(said.get("dtype", ""))

    def _average(self, decay: float) -> None:
        now = min(decay, self.done / (self.done + 20))  # early weights are soon forgotten
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                self.average[name].lerp_(value, 1 - now)

    def _validate(self, listener: Listener) -> None:
        if self.valid is None:
            return
        figures = evaluate(self.averaged(), self.valid, seed=self.seed)
        self._log({"step": self.done, "valid": figures})
        listener.validation(self.done, figures)
        if figures["kl_bits"] < COLLAPSED_BITS and self.done >= 2 * self.save_every:
            listener.warning(
                f"the posterior has collapsed: z carries {figures['kl_bits']:.2f} bits, so the "
                "decoder writes without it. Lower training.beta, raise training.free_bits, or hide "
                "more tokens from the decoder (--set training.token_dropout=0.3)."
            )

    def _progress(self, terms: LossTerms, accuracy: float, speed: float) -> Progress:
        config = self.preset.training
        return Progress(
            step=self.done,
            updates=config.updates,
            loss=terms.loss.item(),
            reconstruction=terms.reconstruction.item(),
            kl_bits=nats_to_bits(terms.kl.item()),
            accuracy=accuracy,
            beta=config.beta.at(self.done - 1),
            learning_rate=config.learning_rate.at(self.done - 1),
            examples_per_second=speed,
        )

    def _log(self, entry: dict[str, Any]) -> None:
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(entry) + "\n")


def _optimiser(model: SequenceVAE, config: TrainingConfig) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        model.parameters(),
        lr=config.learning_rate.at(0),
        betas=config.adam_betas,
        weight_decay=config.weight_decay,
    )


def _mix(seed: int, step: int) -> int:
    """One seed for a step, unlike that of any other step or seed in use; 64 bits at most."""
    return ((seed << 32) + step) % 2**64


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _check_fit(preset: Preset, data: Dataset) -> None:
    want, have = preset.representation.spec, data.representation.spec
    if want != have:
        raise ValueError(
            f"the preset {preset.name} reads {preset.representation}, but the dataset holds "
            f"{data.representation}; prepare it with: musicvae prepare --preset {preset.name}"
        )


def _check_same_model(then: dict[str, Any], now: dict[str, Any]) -> None:
    for part in ("representation", "model"):
        if then[part] != now[part]:
            raise ValueError(
                f"this run was begun with another {part} than it is now given; choose another "
                "folder for the new run, or leave its settings as they were"
            )
