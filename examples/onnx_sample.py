"""A melody from a folder of `export melody-2bar --to onnx`: onnx_sample.py FOLDER OUT.MID [SEED]"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime


class Decoder:
    """An exported decoder of any kind, for one sequence at a time."""

    def __init__(self, folder):
        self.meta = json.loads(Path(folder, "meta.json").read_text())
        for part in ("start", "step", "draw"):
            run = onnxruntime.InferenceSession(Path(folder, f"decoder_{part}.onnx")).run
            setattr(self, part, lambda run=run, **inputs: run(None, inputs))

    def decode(self, z, rng, temperature=1.0, **given):
        """z (Z,), lengths (S,) and controls (T, ...) if not blank -> tokens (T, ...)."""
        meta, end, given = self.meta, self.meta["end"], {**self.meta["blank"], **given}
        told = {"controls": np.int64(given["controls"])[None]} if meta["controls"] else {}
        views, starts = self.start(z=np.float32(z)[None], **told)
        tokens = np.zeros((meta["length"], *meta["outputs"]["shape"]), meta["outputs"]["dtype"])
        before, there, heat = tokens[:1], np.array([False]), np.array(temperature, np.float32)
        for t in range(meta["length"]):
            segment, slot = divmod(t, meta["length"] // meta["segments"])
            if slot == 0:
                state, over = (starts[:, segment] if segment < meta["starts"] else state), False
            if over or slot >= given["lengths"][segment]:
                there = there & (end is None)
                continue
            logits, state = self.step(before=before, there=there, view=views[:, t], state=state)
            chance = rng.random((1, meta["chances"]), np.float32)
            (before,) = self.draw(logits=logits, chance=chance, temperature=heat)
            tokens[t], there = before[0], np.array([True])
            over = end is not None and before[0] == end
        return tokens


def midi(melody):
    """A melody (0 goes on, 1 ends a note, 2 to 89 are A0 to C8), a sixteenth a token -> a file."""
    track, last, ends = b"", 0, []
    for t, token in enumerate([*melody, 1]):
        if token:
            keys = [token + 19] if token > 1 else []
            for event in [*ends, *((0x90, key) for key in keys)]:
                wait, last = t - last, t
                track += bytes([wait >> 7 | 128, wait & 127, *event, 80])
            ends = [(0x80, key) for key in keys]
    head = b"MThd\0\0\0\6\0\0\0\1\0\4MTrk" + (len(track) + 4).to_bytes(4)
    return head + track + b"\0\xff\x2f\0"


if __name__ == "__main__":
    folder, out, *seed = sys.argv[1:]
    rng = np.random.default_rng(int(seed[0]) if seed else None)
    z = rng.multivariate_normal(*np.load(Path(folder, "latents.npz")).values())  # mean, covariance
    Path(out).write_bytes(midi(Decoder(folder).decode(z, rng)))
