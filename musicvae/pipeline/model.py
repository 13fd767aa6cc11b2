"""`MusicVAE`: the one glue of representation and model.

    model = MusicVAE.from_pretrained("melody-2bar")
    morph = model.morph("a.mid", "b.mid", bars=16)
    model.representation.write(morph, "morph.mid")

Sources are whatever the representation reads (a path, bytes, a `Score`, a library's object) or the
examples that were read from one. All randomness follows from `seed`; without one it is fresh at
every call.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from musicvae.catalogue import find
from musicvae.checkpoint import Checkpoint, load, save
from musicvae.latent.density import NormalDensity
from musicvae.latent.interpolate import slerp
from musicvae.models.encoders import Posterior
from musicvae.pipeline.codes import Codes, stack_controls
from musicvae.pipeline.device import choose_device
from musicvae.pipeline.progression import Progression
from musicvae.pipeline.reconstructed import Reconstructed
from musicvae.pipeline.walk import Route, Walk, first_segments
from musicvae.pipeline.windows import Windows
from musicvae.representations.base import Example, TokenSpec

BATCH = 256  # windows at a time: bounds the memory of a song of any length


class MusicVAE:
    """A trained model that reads and writes music (or whatever its representation does).

    `density` is where new codes are drawn from: the normal that fits the codes of the training data
    where the checkpoint has it, else the prior N(0, 1). Set it to draw from another.
    """

    def __init__(self, checkpoint: Checkpoint, device: str | torch.device = "auto") -> None:
        self.checkpoint = checkpoint
        self.representation = checkpoint.preset.representation
        self.device = choose_device(device)
        self.model = checkpoint.build().to(self.device)
        self.density = NormalDensity.standard(self.z_size)
        if checkpoint.latents:
            self.density = NormalDensity(**checkpoint.latents)

    @classmethod
    def from_pretrained(
        cls, name: str | Path = "melody-2bar", device: str | torch.device = "auto"
    ) -> MusicVAE:
        """A shipped checkpoint by name, a folder, or a hub id. Raises `ValueError`."""
        return cls(load(find(name)), device)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the checkpoint folder that `from_pretrained` reads."""
        save(self.checkpoint, folder)

    @property
    def name(self) -> str:
        return self.checkpoint.preset.name

    @property
    def z_size(self) -> int:
        """Dimensions of z."""
        return self.checkpoint.preset.model.z

    def encode(self, source: object) -> Codes:
        """The posterior of every window of a source; raises `Rejected` where there is none."""
        return self.encode_examples(self._examples(source))

    @torch.no_grad()
    def encode_examples(self, examples: Sequence[Example]) -> Codes:
        """The posterior of each example."""
        if not examples:
            raise ValueError("there are no examples to encode: give one or more")
        parts = [
            self._posterior(examples[start : start + BATCH])
            for start in range(0, len(examples), BATCH)
        ]
        posterior = Posterior(torch.cat([p.mean for p in parts]), torch.cat([p.std for p in parts]))
        return Codes.of(posterior, examples, self.representation.spec, self.name)

    def decode(
        self, codes: Codes | Tensor, *, temperature: float = 0.0, seed: int | None = None
    ) -> Any:
        """Codes -> one source in which their windows follow one another.

        A bare tensor (N, Z) becomes music in full bars at the default tempo.
        """
        return self.representation.decode(self.decode_examples(codes, temperature, seed))

    def decode_examples(
        self, codes: Codes | Tensor, temperature: float = 0.0, seed: int | None = None
    ) -> list[Example]:
        """Codes -> an example for each, decoded at their means."""
        spec = self.representation.spec
        if isinstance(codes, Tensor):
            codes = Codes.plain(codes, self.representation.blank(), spec, self.name)
        if not (math.isfinite(temperature) and temperature >= 0):
            raise ValueError(f"temperature is 0 (likeliest) or above, not {temperature}")
        codes.require(spec, self.z_size, self.name)
        generator = torch.Generator(self.device).manual_seed(_fresh(seed))
        parts = [
            self.model.decode(
                codes.mean[start : start + BATCH].to(self.device),
                codes.lengths[start : start + BATCH].to(self.device),
                temperature,
                generator,
                None
                if codes.controls is None
                else codes.controls[start : start + BATCH].to(self.device),
            ).cpu()
            for start in range(0, len(codes), BATCH)
        ]
        written = self.model.written(torch.cat(parts), codes.lengths)
        tokens = torch.cat(parts).numpy().astype(spec.outputs.dtype)
        told = [None] * len(codes) if codes.controls is None else _stored(codes.controls, spec)
        return [
            Example(tokens=t, lengths=n, controls=c, origin=o)
            for t, n, c, o in zip(
                tokens, written.numpy().astype(np.uint16), told, codes.origins, strict=True
            )
        ]

    def sample(
        self,
        n: int = 1,
        *,
        chords: str | None = None,
        temperature: float = 0.5,
        seed: int | None = None,
    ) -> list[Any]:
        """`n` new sources, each from a z drawn from `density`.

        `chords`, such as "C G Am F" (a bar each) or "C | G Am | F", are told to a model that knows
        chords; each source then has as many windows as they need, all from its one z, so that an
        idea goes through the chords. Fewer bars of them than a window has are played again.
        """
        _require_count(n)
        generator = torch.Generator().manual_seed(_fresh(seed))
        z = self.density.sample(n, generator)
        if chords is None:
            examples = self.decode_examples(z, temperature, _next_seed(generator))
            return [self.representation.decode([example]) for example in examples]
        codes, windows = self._through(self._progression(chords), z)
        examples = self.decode_examples(codes, temperature, _next_seed(generator))
        starts = range(0, len(examples), windows)
        return [self.representation.decode(examples[i : i + windows]) for i in starts]

    def reconstruct(
        self, source: object, *, temperature: float = 0.0, seed: int | None = None
    ) -> Reconstructed:
        """A source through the latent space and back, with the accuracy of every segment."""
        examples = self._examples(source)
        back = self.decode_examples(self.encode_examples(examples), temperature, seed)
        tokens = (_tensor(np.stack([e.tokens for e in x])) for x in (back, examples))
        right = self.model.decoder.matches(*tokens).numpy()
        return Reconstructed.of(self.representation, examples, back, right)

    def vary(
        self,
        source: object,
        *,
        amount: float = 0.3,
        n: int = 1,
        temperature: float = 0.0,
        seed: int | None = None,
    ) -> list[Any]:
        """`n` neighbours of a source: each window's z turned by `amount` towards a random one.

        0 is the reconstruction, 1 a fresh sample.
        """
        if not 0 <= amount <= 1:
            raise ValueError(f"amount goes from 0 (unchanged) to 1 (all new), not {amount}")
        _require_count(n)
        codes = self.encode(source)
        generator = torch.Generator().manual_seed(_fresh(seed))
        results = []
        for _ in range(n):
            away = self.density.sample(len(codes), generator)
            turned = codes.replace(slerp(codes.mean, away, torch.tensor(amount)))
            drawn = self.decode(turned, temperature=temperature, seed=_next_seed(generator))
            results.append(drawn)
        return results

    def interpolate(
        self,
        a: object,
        b: object,
        steps: int = 9,
        *,
        lock: Sequence[str] = (),
        chords: str | None = None,
        temperature: float = 0.5,
        seed: int | None = None,
    ) -> list[Any]:
        """`steps` sources from the first window of `a` to that of `b` along the great circle
        between their means, at the temperature of the paper (Roberts et al. 2018, figure 3).

        At temperature 0 the steps in the middle, of which the decoder is least certain, lose notes.
        """
        walk = self.walk(
            a, b, steps=steps, lock=lock, chords=chords, temperature=temperature, seed=seed
        )
        return list(walk.steps)

    def morph(
        self,
        a: object,
        b: object,
        *,
        bars: int | None = None,
        lock: Sequence[str] = (),
        chords: str | None = None,
        temperature: float = 0.5,
        seed: int | None = None,
    ) -> Any:
        """The whole of `a` turning into the whole of `b` over `bars` bars, as one source.

        While alpha goes from 0 to 1, slowly at both ends, a window slides over both from the
        beginning to the end. By default it is as long as the longer of the two, within reason.
        """
        walk = self.walk(
            a, b, bars=bars, lock=lock, chords=chords, temperature=temperature, seed=seed
        )
        return walk.whole

    def walk(
        self,
        a: object,
        b: object,
        *,
        steps: int | None = None,
        bars: int | None = None,
        lock: Sequence[str] = (),
        chords: str | None = None,
        temperature: float = 0.5,
        seed: int | None = None,
    ) -> Walk:
        """The way of `interpolate` where `steps` are given, else that of `morph`, with its stages.

        The parts `lock` of a model of several ("drums") play on as in `a`, over and over, at its
        tempo and in its meter, while the others move. `chords` are told to a model that knows
        chords in place of those of both sources; see `sample`. Raises `ValueError` for parts or
        chords that there are not, and if steps and bars are given.
        """
        if steps is not None and bars is not None:
            raise ValueError("give steps or bars, not both: steps lead from one window to another")
        streams, told = self._streams(lock), None if chords is None else self._progression(chords)
        linked = self.representation.spec.end is None
        ends = Windows(self._examples(a), linked), Windows(self._examples(b), linked)
        if steps is None:
            route = Route.in_bars(*ends, bars, streams)
        else:
            route = Route.in_steps(*ends, steps, streams)
        codes = route.mix(self.encode_examples(route.starts), self.encode_examples(route.ends))
        if told is not None:
            codes = self._told(codes, told, route.surplus)
        examples = route.locked(self.decode_examples(codes, temperature, seed))
        decode = self.representation.decode
        return Walk(
            start=decode(route.starts[:1]),
            steps=tuple(decode([e]) for e in examples),
            end=decode(route.ends[-1:]),
            whole=decode(examples),
            alphas=tuple(route.alphas.tolist()),
        )

    def _streams(self, parts: Sequence[str]) -> tuple[int, ...]:
        """The streams of tokens that `parts` are."""
        names: tuple[str, ...] = getattr(self.representation, "part_names", ())
        if parts and not names:
            raise ValueError(
                f"{self.name} has no parts of which one could be locked: a model of several has, "
                "such as trio-16bar"
            )
        for part in parts:
            if part not in names:
                raise ValueError(f"{self.name} has no part {part!r}: it has {', '.join(names)}")
        if parts and set(parts) == set(names):
            raise ValueError("all parts are locked: nothing is left to move")
        return tuple(k for k, name in enumerate(names) if name in parts)

    def _progression(self, chords: str) -> Progression:
        if getattr(self.representation, "chords", None) is None:
            raise ValueError(
                f"{self.name} knows no chords: a model that was told them in training does, such "
                "as melody-2bar-chords"
            )
        return Progression.parse(chords)

    def _through(self, progression: Progression, z: Tensor) -> tuple[Codes, int]:
        """Codes that go through a progression from each z (N, Z), and how many windows of each."""
        size = progression.window_bars(self.representation)
        windows = math.ceil(len(progression) / size)
        codes = Codes.plain(
            z.repeat_interleave(windows, 0),
            self.representation.blank(),
            self.representation.spec,
            self.name,
        )
        surplus = windows * size - max(len(progression), size)
        if surplus:
            codes.lengths[windows - 1 :: windows, -surplus:] = 0
        return self._told(codes, progression, windows=windows), windows

    def _told(
        self, codes: Codes, progression: Progression, surplus: int = 0, windows: int = 0
    ) -> Codes:
        """Codes whose windows are told the chords of a progression, from the beginning again
        after each number of `windows`; the one in the middle lacks `surplus` bars."""
        size = progression.window_bars(self.representation)
        firsts = first_segments(windows or len(codes), size, surplus)
        told = [
            progression.tell(
                self.representation, firsts[i % len(firsts)], f"{o.numerator}/{o.denominator}"
            )
            for i, o in enumerate(codes.origins)
        ]
        controls = torch.from_numpy(np.stack(told).astype(np.int64))
        return dataclasses.replace(codes, controls=controls)

    def _examples(self, source: object) -> tuple[Example, ...]:
        if isinstance(source, tuple | list) and source and isinstance(source[0], Example):
            return tuple(source)
        return self.representation.encode(self.representation.read(source))

    def _posterior(self, examples: Sequence[Example]) -> Posterior:
        read = self.representation.inputs(np.stack([e.tokens for e in examples]))
        inputs = _tensor(read)
        lengths = torch.from_numpy(np.stack([e.lengths for e in examples]).astype(np.int64))
        controls = stack_controls(examples)
        return self.model.posterior(
            inputs.to(self.device),
            lengths.to(self.device),
            None if controls is None else controls.to(self.device),
        )


def _tensor(tokens: np.ndarray) -> Tensor:
    """Stored tokens as a model takes them: float32 or int64."""
    return torch.from_numpy(tokens.astype(np.float32 if tokens.dtype.kind == "f" else np.int64))


def _require_count(n: int) -> None:
    if n < 1:
        raise ValueError(f"n is how many to make, 1 or more, not {n}")


def _stored(controls: Tensor, spec: TokenSpec) -> np.ndarray:
    """Controls as examples hold them."""
    assert spec.controls is not None
    stored: np.ndarray = controls.numpy().astype(spec.controls.dtype)
    return stored


def _fresh(seed: int | None) -> int:
    return torch.seed() % 2**63 if seed is None else seed


def _next_seed(generator: torch.Generator) -> int:
    """A seed for decoding, so that its draws have nothing to do with those of z."""
    return int(torch.randint(2**62, (), generator=generator))
