"""What do weights of 16 and of 8 bits change of what is decoded?

    PYTHONPATH=. python benchmarks/quantized.py MODEL DATASET

The codes of the test split of a dataset are decoded greedily, with the weights as they are and with
each tensor stored as whole numbers, as `musicvae export --to magenta-js --quantize` stores them.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from common import save_result
from torch import Tensor

from musicvae.catalogue import find
from musicvae.checkpoint import Checkpoint, load
from musicvae.interop.js_weights import read_weights, write_weights
from musicvae.training.dataset import load_dataset

MOST = 2048  # examples
BATCH = 256


def quantized(checkpoint: Checkpoint, bits: int) -> Checkpoint:
    """The same with every tensor written and read again."""
    with TemporaryDirectory() as folder:
        plain = {name: w.float().numpy() for name, w in checkpoint.weights.items()}
        write_weights(plain, Path(folder), bits)
        again = read_weights(folder)
    return replace(checkpoint, weights={k: torch.from_numpy(w) for k, w in again.items()})


@torch.no_grad()
def decoded(checkpoint: Checkpoint, tokens: Tensor, lengths: Tensor) -> Tensor:
    """Tokens (N, T) -> the likeliest ones from the means of their codes."""
    model = checkpoint.build()
    parts = []
    for own, sizes in zip(tokens.split(BATCH), lengths.split(BATCH), strict=True):
        mean = model.posterior(own, sizes).mean
        parts.append(model.decode(mean, sizes, 0.0))
    return torch.cat(parts)


def main() -> None:
    name, dataset = sys.argv[1:3]
    checkpoint = load(find(name))
    test = load_dataset(dataset, "test")
    chosen = torch.linspace(0, len(test) - 1, min(MOST, len(test))).long()
    tokens = torch.from_numpy(test.tokens[chosen.numpy()].astype("int64"))
    lengths = torch.from_numpy(test.lengths[chosen.numpy()].astype("int64"))
    before = decoded(checkpoint, tokens, lengths)
    slots = torch.arange(tokens.shape[1] // lengths.shape[1])
    valid = (slots < lengths[..., None]).flatten(1)
    changed = {}
    for bits in (16, 8):
        differs = decoded(quantized(checkpoint, bits), tokens, lengths) != before
        changed[f"bits_{bits}"] = int(differs[valid].sum())
    result = {
        "question": "greedy decodings of the test split with weights of 16 and of 8 bits",
        "answer": f"{changed['bits_16']:,} and {changed['bits_8']:,} of {int(valid.sum()):,} steps "
        f"change (`{Path(name).name}`)",
        "model": Path(name).name,
        "steps": int(valid.sum()),
        "changed": changed,
    }
    print(result["answer"])
    save_result("quantized", result, ("numpy", "torch"))


if __name__ == "__main__":
    main()
