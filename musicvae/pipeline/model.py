"""`MusicVAE`: the one glue of representation and model.

    model = MusicVAE.from_pretrained("melody-2bar")
    morph = model.morph("a.mid", "b.mid", bars=16)
    model.representation.write(morph, "morph.mid")

Sources are whatever the representation reads (a path, bytes, a `Score`, a library's object) or the
examples that were read from one. All randomness follows from `seed`; without one it is fresh at
every call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from musicvae.latent.interpolate import slerp
from musicvae.pipeline.coder import Coder, as_tensor, fresh_seed, next_seed
from musicvae.pipeline.progression import progression_for, tell, through
from musicvae.pipeline.reconstructed import Reconstructed
from musicvae.pipeline.walk import STEPS, Route, Walk, streams_of
from musicvae.pipeline.windows import Windows
from musicvae.representations.abilities import bars_of, temperature_between


class MusicVAE(Coder):
    """A trained model that reads and writes music (or whatever its representation does).

    `encode` and `decode` are `Coder`'s, and so is `density`, which new codes are drawn from.
    """

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
        generator = torch.Generator().manual_seed(fresh_seed(seed))
        z = self.density.sample(n, generator)
        if chords is None:
            examples = self.decode_examples(z, temperature, next_seed(generator))
            return [self.representation.decode([example]) for example in examples]
        progression = progression_for(self.representation, chords, self.name)
        codes, windows = through(progression, z, self.representation, self.name)
        examples = self.decode_examples(codes, temperature, next_seed(generator))
        starts = range(0, len(examples), windows)
        return [self.representation.decode(examples[i : i + windows]) for i in starts]

    def reconstruct(
        self, source: object, *, temperature: float = 0.0, seed: int | None = None
    ) -> Reconstructed:
        """A source through the latent space and back, with the accuracy of every segment."""
        examples = self._examples(source)
        back = self.decode_examples(self.encode_examples(examples), temperature, seed)
        tokens = (as_tensor(np.stack([e.tokens for e in x])) for x in (back, examples))
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
        generator = torch.Generator().manual_seed(fresh_seed(seed))
        results = []
        for _ in range(n):
            away = self.density.sample(len(codes), generator)
            turned = codes.replace(slerp(codes.mean, away, torch.tensor(amount)))
            drawn = self.decode(turned, temperature=temperature, seed=next_seed(generator))
            results.append(drawn)
        return results

    def interpolate(
        self,
        a: object,
        b: object,
        steps: int = STEPS,
        *,
        lock: Sequence[str] = (),
        chords: str | None = None,
        temperature: float | None = None,
        seed: int | None = None,
    ) -> list[Any]:
        """`steps` sources from the first window of `a` to that of `b` along the great circle
        between their means, at the temperature that suits the representation.
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
        temperature: float | None = None,
        seed: int | None = None,
    ) -> Any:
        """The whole of `a` turning into the whole of `b` over `bars` bars, as one source.

        While alpha goes from 0 to 1, slowly at both ends, a window slides over both from the
        beginning to the end. By default it is as long as the longer of the two, within reason.
        Where a representation has no bars it is all steps of `interpolate` as one.
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
        temperature: float | None = None,
        seed: int | None = None,
    ) -> Walk:
        """The way of `interpolate` where `steps` are given, else that of `morph`, with its stages.

        A representation without bars has no morph: the way is then one of `STEPS` steps.

        The parts `lock` of a model of several ("drums") play on as in `a`, over and over, at its
        tempo and in its meter, while the others move. `chords` are told to a model that knows
        chords in place of those of both sources; see `sample`. Raises `ValueError` for parts or
        chords that there are not, and if steps and bars are given.
        """
        if steps is not None and bars is not None:
            raise ValueError("give steps or bars, not both: steps lead from one window to another")
        representation = self.representation
        if bars_of(representation) is None:
            steps = _require_steps(steps, bars, self.name)
        if temperature is None:
            temperature = temperature_between(representation)
        streams, told = streams_of(representation, lock, self.name), None
        if chords is not None:
            told = progression_for(representation, chords, self.name)
        linked = representation.spec.end is None
        anew = getattr(representation, "anew", None)
        ends = Windows(self._examples(a), linked, anew), Windows(self._examples(b), linked)
        if steps is None:
            route = Route.in_bars(*ends, bars, streams)
        else:
            route = Route.in_steps(*ends, steps, streams)
        codes = route.mix(self.encode_examples(route.starts), self.encode_examples(route.ends))
        if told is not None:
            codes = tell(codes, told, representation, route.surplus)
        examples = route.locked(self.decode_examples(codes, temperature, seed))
        decode = representation.decode
        return Walk(
            start=decode(route.starts[:1]),
            steps=tuple(decode([e]) for e in examples),
            end=decode(route.ends[-1:]),
            whole=decode(examples),
            alphas=tuple(route.alphas.tolist()),
        )


def _require_steps(steps: int | None, bars: int | None, name: str) -> int:
    if bars is not None:
        raise ValueError(f"{name} knows no bars: give a number of steps instead")
    return STEPS if steps is None else steps


def _require_count(n: int) -> None:
    if n < 1:
        raise ValueError(f"n is how many to make, 1 or more, not {n}")
