"""Training: one function of a preset, a dataset and a seed; safe to stop and to resume.

Everything random in a step follows from (seed, step), so a resumed run repeats the losses of one
that was never broken off. The state lies in the run's folder as safetensors.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from musicvae.checkpoint import Checkpoint, save
from musicvae.config import Preset, TrainingConfig
from musicvae.losses import NATS_PER_BIT, LossTerms, elbo
from musicvae.metrics import nats_to_bits
from musicvae.models.vae import Reconstruction, SequenceVAE
from musicvae.representations.base import Learned
from musicvae.training.dataset import Dataset
from musicvae.training.evaluate import evaluate
from musicvae.training.latents import fit_density
from musicvae.training.precision import autocast, best_dtype
from musicvae.training.remedies import Remedies, advice, frozen, information_of, lead
from musicvae.training.state import read_state, write_state

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
        preset = _fitted(preset, data)
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
        self.remedies = Remedies.at_first(preset.training)
        self.done = 0
        self._kl = 0.0  # nats, at the last validation
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
                beta = self.remedies.beta(self.preset.training, self.done)
                terms, accuracy = self.update()
                examples = (self.done - first) * self.preset.training.batch_size
                speed = examples / (time.perf_counter() - begin)
                progress = self._progress(terms, accuracy, beta, speed)
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
        self.model.train()
        if config.pretraining is not None and step == config.pretraining.updates:
            self._restart_decoder()
        if config.aggressive is not None and self.remedies.leading:
            self._stepping = True
            with frozen(self.model.decoder):
                lead(config.aggressive, self._update_encoder)
            with frozen(self.model.encoder):
                terms, accuracy = self._step(self._terms(self.seed, step))
        else:
            terms, accuracy = self._step(self._terms(self.seed, step))
        self.done += 1
        if config.rate is not None:
            self.remedies.keep_rate(config.rate, terms.kl.item())
        self._average(config.ema)
        self._stepping = False
        if config.aggressive is not None and self.remedies.leading:
            self._judge_lead(config.aggressive.measured)
        return terms, accuracy

    def _terms(self, seed: int, step: int) -> tuple[LossTerms, Reconstruction]:
        """The loss of the batch that follows from a seed and a step."""
        config = self.preset.training
        batch = self.data.batch(config.batch_size, seed, step, config.augment).to(self.device)
        generator = torch.Generator(self.device).manual_seed(_mix(seed, step))
        torch.manual_seed(_mix(seed, step, 1))  # what dropout draws from
        keep = None
        if config.token_dropout:
            chance = torch.rand(batch.tokens.shape[:2], generator=generator, device=self.device)
            keep = chance >= config.token_dropout
        with autocast(self.device, self.dtype):
            result = self.model(
                batch.tokens,
                batch.lengths,
                inputs=batch.inputs,
                controls=batch.controls,
                keep=keep,
                sampling=config.sampling.at(self.done),
                generator=generator,
            )
        terms = elbo(
            result.nll.sum(1),
            result.kl,
            beta=self.remedies.beta(config, self.done),
            free_bits=config.free_bits,
            on=config.free_bits_on,
        )
        return terms, result

    def _step(self, found: tuple[LossTerms, Reconstruction]) -> tuple[LossTerms, float]:
        """Move the weights that are not frozen against the gradient of a loss."""
        terms, result = found
        config = self.preset.training
        self.optimiser.zero_grad(set_to_none=True)
        terms.loss.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), config.clip_norm)
        if not math.isfinite(norm):
            raise ValueError(
                f"the loss is {terms.loss.item():.4g} and its gradient {norm:.4g} at step "
                f"{self.done}; lower the learning rate and go on from the last state in "
                f"{self.folder}"
            )
        for group in self.optimiser.param_groups:
            group["lr"] = config.learning_rate.at(self.done)
        self._stepping = True
        self.optimiser.step()
        return terms, float(result.correct[result.mask].float().mean())

    def _update_encoder(self, k: int) -> float:
        """Update the encoder alone on a batch of its own -> the loss of that in nats."""
        terms, _ = self._step(self._terms(_mix(self.seed, self.done, k), self.done))
        return terms.loss.item()

    def _judge_lead(self, measured: int) -> None:
        if self.done % measured == 0:
            seen = self.valid if self.valid is not None else self.data
            self.remedies.judge_lead(information_of(self.model, seen, self.seed))

    def _restart_decoder(self) -> None:
        """The decoder as another training would begin it; the encoder as it is."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_mix(self.seed, self.done))
            fresh = SequenceVAE(self.preset.representation.spec, self.preset.model)
        self.model.decoder.load_state_dict(fresh.decoder.state_dict())
        for parameter in self.model.decoder.parameters():
            self.optimiser.state.pop(parameter, None)
        self.average = {k: v.detach().clone() for k, v in self.model.state_dict().items()}

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
        said = {
            "step": str(self.done),
            "dtype": str(self.dtype),
            "remedies": json.dumps(self.remedies.to_json()),
        }
        parts = (self.preset, self.model, self.average, self.optimiser)
        write_state(self._state_path, *parts, said)
        save(self.checkpoint(), self.folder / "checkpoint")
        self._saved = self.done

    @property
    def _state_path(self) -> Path:
        return self.folder / "resume.safetensors"

    def _resume(self) -> torch.dtype | None:
        """Go on from the saved state -> the precision that the run was begun with."""
        parts = (self.preset, self.model, self.optimiser)
        self.average, said = read_state(self._state_path, *parts)
        self.done = int(said["step"])
        if "remedies" in said:  # a run that was begun before there were any had none
            self.remedies = Remedies(**json.loads(said["remedies"]))
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
        self._advise(figures, listener)

    def _advise(self, figures: dict[str, Any], listener: Listener) -> None:
        """Say in words when the run is collapsing, once it had time to do otherwise."""
        kl, before = figures["kl_bits"] * NATS_PER_BIT, self._kl
        self._kl = kl
        if self.done < 2 * self.save_every or not self.preset.model.z:
            return
        information = figures["mutual_information_nats"]
        ceiling = figures["mutual_information_ceiling_nats"]
        text = advice(self.preset.training, kl, before, information, ceiling)
        if text is not None:
            listener.warning(text)

    def _progress(self, terms: LossTerms, accuracy: float, beta: float, speed: float) -> Progress:
        config = self.preset.training
        return Progress(
            step=self.done,
            updates=config.updates,
            loss=terms.loss.item(),
            reconstruction=terms.reconstruction.item(),
            kl_bits=nats_to_bits(terms.kl.item()),
            accuracy=accuracy,
            beta=beta,
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


def _mix(*numbers: int) -> int:
    """One seed of 64 bits for several numbers; mixed, since on a CPU PyTorch heeds the lowest 32
    bits of a seed and no other."""
    digest = hashlib.blake2b(repr(numbers).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def _fitted(preset: Preset, data: Dataset) -> Preset:
    """The preset with what its representation learned from the data: its vocabulary, say.

    Raises `ValueError` where the data are of another kind.
    """
    want, have = preset.representation, data.representation
    learns = isinstance(want, Learned) and not want.is_fitted
    if learns and type(want) is type(have) and want.spec.length == have.spec.length:
        preset, want = replace(preset, representation=have), have
    if want.spec != have.spec:
        raise ValueError(
            f"the preset {preset.name} reads {want}, but the dataset holds {have}; prepare it "
            f"with: musicvae prepare --preset {preset.name}"
        )
    return preset
