"""What does it bring to fold the bars of a hierarchical decoder into the batch?

    python benchmarks/fold_speed.py [--units 256] [--batch 4 8 16] [--rounds 5] [--name fold_speed]

`hierdec-mel_16bar` at reduced width (its full size has 176 M parameters): given the conductor's
embeddings its 16 bars are independent, so under teacher forcing ours runs one LSTM of 16 steps
over 16 times the batch. It is held against the same weights walking the bars one after another,
in two ways: with one fused `nn.LSTM` call a bar, and step by step with cells, as the reference's
decoder does. All three compute the same logits, which is checked. On a CPU folding pays as long as
a batch alone does not fill the matrix products, hence several batch sizes. A training step is
forward and backward; the decoder alone and the whole model (whose encoder is the same for all
three) are timed in turns, and medians reported.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from common import save_result
from torch import Tensor

from musicvae.config import override
from musicvae.losses import elbo, gaussian_kl
from musicvae.models.layout import Layout
from musicvae.models.vae import SequenceVAE
from musicvae.presets import preset

Decode = Callable[[Tensor, Tensor, Layout], Tensor]


def folded(model: SequenceVAE, z: Tensor, tokens: Tensor, layout: Layout) -> Tensor:
    return model.decoder(z, tokens, layout)


def bar_by_bar(model: SequenceVAE, z: Tensor, tokens: Tensor, layout: Layout) -> Tensor:
    """One fused call a bar, each from its own state."""
    (writer,) = model.decoder.writers
    bars, states = inputs_by_bar(model, z, tokens, layout)
    return torch.cat(
        [writer.head(writer.lstm(x, s)) for x, s in zip(bars, states, strict=True)], dim=1
    )


def step_by_step(model: SequenceVAE, z: Tensor, tokens: Tensor, layout: Layout) -> Tensor:
    """A cell for every step of every bar."""
    (writer,), logits = model.decoder.writers, []
    for x, state in zip(*inputs_by_bar(model, z, tokens, layout), strict=True):
        for step in x.unbind(1):
            h, state = writer.lstm.step(step, state)
            logits.append(writer.head(h))
    return torch.stack(logits, dim=1)


def inputs_by_bar(
    model: SequenceVAE, z: Tensor, tokens: Tensor, layout: Layout
) -> tuple[list[Tensor], list[Any]]:
    """What the decoder reads in each bar (B, L, V), and the state in which it starts there."""
    (writer,), S = model.decoder.writers, model.spec.segments
    seen, start = model.decoder.view(z)
    x = torch.cat([writer.tokens(*layout.previous(tokens)), seen], dim=-1)
    starts = [[(h[i::S], c[i::S]) for h, c in writer.initial(start)] for i in range(S)]
    return list(x.chunk(S, dim=1)), starts


def whole_step(model: SequenceVAE, decode: Decode, tokens: Tensor, layout: Layout) -> None:
    posterior = model.encoder(tokens, layout)
    logits = decode(posterior.sample(), tokens, layout)
    nll = model.decoder.nll(logits, tokens).sum(1)
    model.zero_grad()
    elbo(nll, gaussian_kl(posterior.mean, posterior.std), beta=0.2).loss.backward()


def decoder_step(model: SequenceVAE, decode: Decode, z: Tensor, tokens: Tensor, at: Layout) -> None:
    model.zero_grad()
    model.decoder.nll(decode(z, tokens, at), tokens).sum().backward()


def medians(steps: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Seconds of each, taking turns, after one of each to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for round_ in range(rounds + 1):
        for name, step in steps.items():
            began = time.perf_counter()
            step()
            if round_:
                seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}


def measure(units: int, batch: int, rounds: int) -> dict[str, Any]:
    reduced = preset("hierdec-mel_16bar")
    for path, width in {
        "z": units // 2,
        "encoder.units": [units] * 2,
        "decoder.units": [units] * 2,
        "decoder.conductor_units": [units] * 2,
    }.items():
        reduced = override(reduced, f"model.{path}", str(width))
    model = SequenceVAE(reduced.representation.spec, reduced.model)
    tokens = torch.randint(model.spec.outputs.size, (batch, model.spec.length))
    layout = model.layout(torch.full((batch, model.spec.segments), model.spec.segment_length))
    z = torch.randn(batch, reduced.model.z)
    ways = {f.__name__: partial(f, model) for f in (folded, bar_by_bar, step_by_step)}
    for decode in ways.values():
        torch.testing.assert_close(decode(z, tokens, layout), folded(model, z, tokens, layout))
    parameters = sum(p.numel() for p in model.parameters())
    result: dict[str, Any] = {"batch": batch, "parameters": parameters}
    for part, steps in {
        "decoder": {n: partial(decoder_step, model, d, z, tokens, layout) for n, d in ways.items()},
        "model": {n: partial(whole_step, model, d, tokens, layout) for n, d in ways.items()},
    }.items():
        seconds = medians(steps, rounds)
        result[part] = {f"{name}_seconds": round(s, 4) for name, s in seconds.items()} | {
            f"folded_against_{name}": round(s / seconds["folded"], 2)
            for name, s in seconds.items()
            if name != "folded"
        }
        print(part, result[part], flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, default=256)
    parser.add_argument("--batch", type=int, nargs="+", default=[4, 8, 16])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--name", default="fold_speed")
    asked = parser.parse_args()
    torch.manual_seed(0)
    batches = [measure(asked.units, batch, asked.rounds) for batch in asked.batch]
    against = "folded_against_step_by_step"
    save_result(
        asked.name,
        {
            "question": "`hierdec-mel_16bar`'s shape: bars folded into the batch, or walked",
            "answer": "; ".join(
                f"decoder {b['decoder'][against]} times, model {b['model'][against]} times as fast "
                f"at batch {b['batch']}"
                for b in batches
            )
            + f" ({asked.units} units)",
            "units": asked.units,
            "rounds": asked.rounds,
            "torch_threads": torch.get_num_threads(),
            "batches": batches,
        },
        packages=("torch", "numpy"),
    )


if __name__ == "__main__":
    main()
