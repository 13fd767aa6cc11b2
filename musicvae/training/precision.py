"""Whether bfloat16 pays on this machine, found out by trying.

On CPUs with bfloat16 instructions an LSTM trains 1.1 to 1.7 times faster under autocast; on
others the same call raises or is many times slower. So: try once, at the model's own size.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import torch
from torch import nn

WORTH_IT = 1.05  # below this speed-up, float32's accuracy is the better choice


def autocast(device: torch.device, dtype: torch.dtype) -> contextlib.AbstractContextManager[object]:
    """Autocast to `dtype`, or nothing at all for float32."""
    if dtype == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype)


def best_dtype(device: torch.device, batch: int = 64, units: int = 256) -> torch.dtype:
    """float32, or bfloat16 where it works and is faster for an LSTM and a linear layer."""
    lstm = nn.LSTM(units, units, batch_first=True).to(device)
    linear = nn.Linear(units, units).to(device)
    x = torch.randn(batch, 16, units, device=device)

    def work() -> None:
        linear(lstm(x)[0]).float().sum().backward()

    plain = _seconds(work, device)
    try:
        with torch.autocast(device.type, torch.bfloat16):
            faster = plain / _seconds(work, device)
    except RuntimeError:  # "could not create a primitive descriptor": no bfloat16 kernel here
        return torch.float32
    return torch.bfloat16 if faster > WORTH_IT else torch.float32


def _seconds(work: Callable[[], None], device: torch.device, repeats: int = 3) -> float:
    """The fastest of a few runs, after one to warm up."""
    times = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - begin)
    return min(times[1:])
