"""How much faster does `cat-mel_2bar_small` train here than in a plain PyTorch loop?

    python benchmarks/train_speed.py [--batch 256] [--rounds 5] [--name train_speed]

The plain loop is the same model as one writes it down in an afternoon: one-hot inputs, `nn.LSTM`
for the encoder, two `nn.LSTMCell`s stepped over 32 steps with scheduled sampling, Adam, float32.
Ours is `Trainer.update` as users run it, batches, augmentation and averaging of weights included,
in the precision that it chooses on this machine. Both do one step in turn, so that whatever else
the machine does burdens both; a round is one step of each, and medians are reported, for each of
three moments of the published schedule: its beginning, its middle, and its end.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from common import save_result
from torch import Tensor, nn

from musicvae.config import Preset, override
from musicvae.presets import preset
from musicvae.training.dataset import Dataset
from musicvae.training.trainer import Trainer

CLASSES, STEPS, Z, ENCODER, DECODER = 90, 32, 256, 512, 256
MOMENTS = (0, 6908, 50_000)  # updates: almost no, half, and all of the tokens are sampled


class Plain(nn.Module):
    """The published model, written straight from its description."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.LSTM(CLASSES, ENCODER, bidirectional=True, batch_first=True)
        self.mean, self.sigma = nn.Linear(2 * ENCODER, Z), nn.Linear(2 * ENCODER, Z)
        self.initial = nn.Linear(Z, 4 * DECODER)
        self.first = nn.LSTMCell(CLASSES + Z, DECODER)
        self.second = nn.LSTMCell(DECODER, DECODER)
        self.output = nn.Linear(DECODER, CLASSES)

    def forward(self, x: Tensor, probability: float) -> tuple[Tensor, Tensor, Tensor]:
        _, (h, _) = self.encoder(x)
        last = torch.cat([h[0], h[1]], dim=-1)
        mean, sigma = self.mean(last), F.softplus(self.sigma(last))
        z = mean + sigma * torch.randn_like(mean)
        c1, h1, c2, h2 = torch.tanh(self.initial(z)).split(DECODER, dim=-1)
        token, logits = torch.zeros_like(x[:, 0]), []
        for step in range(x.shape[1]):
            h1, c1 = self.first(torch.cat([token, z], dim=-1), (h1, c1))
            h2, c2 = self.second(h1, (h2, c2))
            logits.append(self.output(h2))
            drawn = torch.multinomial(logits[-1].detach().softmax(-1), 1)[:, 0]
            sampled = (torch.rand(len(x)) < probability)[:, None]
            token = torch.where(sampled, F.one_hot(drawn, CLASSES).float(), x[:, step])
        return torch.stack(logits, dim=1), mean, sigma


class PlainLoop:
    """Its training: cross entropy, KL, clipping, Adam."""

    def __init__(self, data: Dataset, batch: int) -> None:
        self.data, self.batch, self.model = data, batch, Plain()
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=1e-3)

    def update(self, probability: float, beta: float) -> None:
        rows = np.random.default_rng().integers(len(self.data), size=self.batch)
        tokens = torch.from_numpy(self.data.tokens[rows].astype(np.int64))
        logits, mean, sigma = self.model(F.one_hot(tokens, CLASSES).float(), probability)
        nll = F.cross_entropy(logits.transpose(1, 2), tokens, reduction="none").sum(1).mean()
        kl = (0.5 * (mean**2 + sigma**2 - 1) - sigma.log()).sum(1).mean()
        self.optimiser.zero_grad()
        (nll + beta * kl).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()


def melodies(trained: Preset, rows: int = 4096) -> Dataset:
    """Random tokens: what they are does not matter to the speed."""
    tokens = np.random.default_rng(0).integers(CLASSES, size=(rows, STEPS), dtype=np.uint8)
    return Dataset(
        representation=trained.representation,
        tokens=tokens,
        lengths=np.full((rows, 2), 16, dtype=np.uint8),
        rows=np.arange(rows),
    )


def measure(moment: int, batch: int, rounds: int) -> dict[str, Any]:
    trained = override(preset("cat-mel_2bar_small"), "training.batch_size", str(batch))
    data = melodies(trained)
    probability = trained.training.sampling.at(moment)
    plain = PlainLoop(data, batch)
    with tempfile.TemporaryDirectory() as folder:
        ours = Trainer(trained, data, folder)
        ours.done = moment
        seconds = alternate(
            lambda: plain.update(probability, trained.training.beta.at(moment)),
            lambda: ours.update() and None,
            rounds,
        )
    wall, cpu = ([statistics.median(s) for s in kind] for kind in seconds)
    result = {
        "update": moment,
        "sampled_tokens": round(probability, 4),
        "precision": str(ours.dtype).removeprefix("torch."),
        "plain_steps_per_second": round(1 / wall[0], 4),
        "our_steps_per_second": round(1 / wall[1], 4),
        "ratio": round(wall[0] / wall[1], 3),
        "ratio_of_cpu_seconds": round(cpu[0] / cpu[1], 3),
    }
    print(result, flush=True)
    return result


def alternate(
    plain: Callable[[], None], ours: Callable[[], None], rounds: int
) -> tuple[list[list[float]], list[list[float]]]:
    """Wall and CPU seconds of each, taking turns, after one step of each to warm up."""
    wall: list[list[float]] = [[], []]
    cpu: list[list[float]] = [[], []]
    for round_ in range(rounds + 1):
        for i, step in enumerate((plain, ours)):
            began, used = time.perf_counter(), time.process_time()
            step()
            if round_:
                wall[i].append(time.perf_counter() - began)
                cpu[i].append(time.process_time() - used)
    return wall, cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--name", default="train_speed")
    asked = parser.parse_args()
    torch.manual_seed(0)
    results = [measure(moment, asked.batch, asked.rounds) for moment in MOMENTS]
    save_result(
        asked.name,
        {
            "question": "training `cat-mel_2bar_small`: ours against a plain float32 loop",
            "answer": ", ".join(
                f"{r['ratio']} times as fast at update {r['update']}" for r in results
            ),
            "batch": asked.batch,
            "rounds": asked.rounds,
            "torch_threads": torch.get_num_threads(),
            "moments": results,
        },
        packages=("torch", "numpy"),
    )


if __name__ == "__main__":
    main()
