"""The decoder of a model as three ONNX graphs: where it starts, one step, the choice of a token.

All that goes from step to step is one array `state` (B, N): of every writer and of every layer the
cell and the hidden state, side by side. The choice is a function of numbers that the caller draws
evenly between 0 and 1, so that the graphs hold no chance of their own.

Letters: B batch, S segments, L slots a segment, T = S * L, R starts (S, or 1 for a flat decoder),
G groups, V features of a view, E numbers of a control, K logits, M chances, N numbers of a state.
"""

from __future__ import annotations

from typing import assert_never

import numpy as np

from musicvae.interop.onnx_encoder import number_type
from musicvae.interop.onnx_graph import Graph
from musicvae.interop.onnx_layers import bidirectional, read_tokens, stack, step
from musicvae.models.decoders import Decoder
from musicvae.models.heads import CategoricalHead, Head, NadeHead, SeveralHead, StrokesHead
from musicvae.models.inputs import ControlInput
from musicvae.models.vae import SequenceVAE
from musicvae.models.views import Conducted, ConductedShares, Shares, View, Whole
from musicvae.models.writer import Writer

_EDGE = 1e-7  # chances stay this far from 0 and 1, where their logarithms end


def start_graph(model: SequenceVAE) -> Graph:
    """`z` (B, Z), `controls` (B, T, ...) where the model is told any -> `views` (B, T, V + E), what
    each step sees of both, and `starts` (B, R, N), the state in which each stretch begins."""
    decoder, spec, g = model.decoder, model.spec, Graph("decoder_start")
    z = g.input("z", np.float32, model.config.z)
    views, start = _view(g, decoder.view, z, spec.length)
    if spec.controls is not None:
        assert decoder.controls is not None
        controls = g.input("controls", np.int64, spec.length, *spec.controls.shape)
        views = g.concat(views, _told(g, decoder.controls, controls, spec.length))
    first = [g.op("Tanh", g.linear(start, w.initial.project)) for w in writers(decoder)]
    g.output("views", views, np.float32, spec.length, view_size(decoder))
    g.output("starts", g.concat(*first), np.float32, starts(decoder), sum(state_sizes(decoder)))
    return g


def step_graph(model: SequenceVAE) -> Graph:
    """`before` (B, ...), the token before; `there` (B,), is there one; `view` (B, V + E), what the
    step sees beside it; `state` (B, N) -> `logits` (B, K) and `after` (B, N), the next state."""
    decoder, spec, g = model.decoder, model.spec, Graph("decoder_step")
    before = g.input("before", number_type(spec.outputs), *spec.outputs.shape)
    there = g.cast(g.op("Unsqueeze", g.input("there", np.bool_), g.shapes(1)), np.float32)
    there = g.op("Mul", there, g.constant(decoder.view.feedback))
    beside = g.input("view", np.float32, view_size(decoder))
    view = g.split(beside, [decoder.view.width, view_size(decoder) - decoder.view.width])[0]
    sizes = state_sizes(decoder)
    states = g.split(g.input("state", np.float32, sum(sizes)), sizes)
    logits, after = [], []
    for writer, own, state in zip(
        writers(decoder), _streams(g, decoder, before), states, strict=True
    ):
        token = g.op("Mul", read_tokens(g, own, writer.tokens, 1), there)
        h, new = step(g, g.concat(token, beside), writer.lstm, state)
        seen = g.concat(h, view) if writer.to_output else h
        logits.append(g.linear(seen, writer.head.project))
        after.append(new)
    g.output("logits", g.concat(*logits), np.float32, sum(decoder.widths))
    g.output("after", g.concat(*after), np.float32, sum(sizes))
    return g


def draw_graph(model: SequenceVAE) -> Graph:
    """`logits` (B, K), `chance` (B, M), each number drawn evenly between 0 and 1, `temperature`, a
    single number -> `token` (B, ...). Temperature 0 takes the likeliest, whatever the chance."""
    decoder, space, g = model.decoder, model.spec.outputs, Graph("decoder_draw")
    heads = [w.head for w in writers(decoder)]
    sizes = [_chances(head) for head in heads]
    logits = g.split(g.input("logits", np.float32, sum(decoder.widths)), decoder.widths)
    even = g.op(
        "Clip",
        g.input("chance", np.float32, sum(sizes)),
        g.constant(_EDGE),
        g.constant(1 - _EDGE),
    )
    heat = g.scalar("temperature", np.float32)
    drawn = [
        _drawn(g, head, own, chance, heat)
        for head, own, chance in zip(heads, logits, g.split(even, sizes), strict=True)
    ]
    if decoder.separate:
        drawn = [g.concat(*(g.op("Unsqueeze", d, g.shapes(-1)) for d in drawn))]
    g.output("token", drawn[0], number_type(space), *space.shape)
    return g


def chances(decoder: Decoder) -> int:
    """M: how many numbers the choice of one token takes."""
    return sum(_chances(writer.head) for writer in writers(decoder))


def starts(decoder: Decoder) -> int:
    """R: in how many stretches the decoder writes, each from a state of its own."""
    return decoder.segments if decoder.view.per_segment else 1


def view_size(decoder: Decoder) -> int:
    """V + E: what a step sees beside the token before it."""
    return decoder.view.width + (0 if decoder.controls is None else decoder.controls.width)


def state_sizes(decoder: Decoder) -> list[int]:
    """The numbers of each writer's state; their sum is N."""
    return [2 * sum(writer.lstm.units) for writer in writers(decoder)]


def writers(decoder: Decoder) -> list[Writer]:
    """One for a whole token, or one for each of its streams."""
    return list(decoder.writers)  # type: ignore[arg-type]


def _streams(g: Graph, decoder: Decoder, tokens: str) -> list[str]:
    """Tokens (B, ...) -> what each writer reads of them."""
    if not decoder.separate:
        return [tokens]
    parts = g.split(tokens, [1] * len(decoder.writers))
    return [g.op("Squeeze", part, g.shapes(1)) for part in parts]


def _told(g: Graph, module: ControlInput, controls: str, length: int) -> str:
    """Controls (B, T, ...) as the decoder is told of them (B, T, E)."""
    x = read_tokens(g, controls, module.plain, 2)
    if module.lstm is None:
        return x
    rows = g.reshape(x, -1, length // module.segments, module.plain.width)
    return g.reshape(bidirectional(g, rows, module.lstm)[0], -1, length, module.width)


def _view(g: Graph, view: View, z: str, length: int) -> tuple[str, str]:
    """z -> the views of all steps (B, T, V), and what starting states are made of (B, R, .)."""
    match view:
        case Whole():
            once = g.op("Unsqueeze", z, g.shapes(1))
            return g.op("Expand", once, g.shapes(1, length, 1)), once
        case Shares():
            mixed = g.sequential(z, view.mixer)
            own = g.reshape(g.linear(g.reshape(z, 0, view.groups, -1), view.share), 0, -1)
            views = g.reshape(g.op("Add", own, g.linear(mixed, view.mixed)), 0, length, -1)
            return views, g.op("Unsqueeze", mixed, g.shapes(1))
        case Conducted():
            batch = g.op("Shape", z, start=0, end=1)
            size = g.op("Concat", g.shapes(view.segments), batch, g.shapes(1), axis=0)
            x = g.op("Expand", g.constant(0.0), size)  # (S, B, 1)
            embeddings = _conducted(g, view, x, z)
            alike = g.op("Expand", g.op("Unsqueeze", embeddings, g.shapes(2)), _steps(g, view))
            return g.reshape(alike, 0, length, -1), embeddings
        case ConductedShares():
            shares = g.reshape(z, 0, view.segments, -1)
            embeddings = _conducted(g, view, g.op("Transpose", shares, perm=[1, 0, 2]), z)
            parts = g.reshape(shares, 0, view.segments, view.groups, -1)
            own = g.reshape(g.linear(parts, view.share), 0, view.segments, -1)
            views = g.op("Add", own, g.linear(embeddings, view.embedded))
            return g.reshape(views, 0, length, -1), embeddings
        case _:
            assert_never(view)


def _conducted(g: Graph, view: Conducted | ConductedShares, x: str, z: str) -> str:
    """What the conductor reads (S, B, .), and z -> its embeddings (B, S, .)."""
    start = g.op("Tanh", g.linear(z, view.start.project))
    return g.op("Transpose", stack(g, x, view.conductor, start), perm=[1, 0, 2])


def _steps(g: Graph, view: Conducted) -> str:
    return g.shapes(1, 1, view.steps, 1)


def _chances(head: Head) -> int:
    """A class takes a number for each class, labels and hits take one each."""
    match head:
        case NadeHead():
            return head.labels
        case StrokesHead():
            return head.drums
        case _:
            return head.width


def _drawn(g: Graph, head: Head, logits: str, chance: str, heat: str) -> str:
    """Logits and chances -> a token. To take the largest of logits + temperature * Gumbel noise is
    to draw from softmax(logits / temperature); likewise of a logit with logistic noise."""
    match head:
        case CategoricalHead():
            return _drawn_class(g, logits, chance, heat)
        case SeveralHead():
            parts = zip(g.split(logits, head.sizes), g.split(chance, head.sizes), strict=True)
            drawn = [_drawn_class(g, own, lot, heat) for own, lot in parts]
            return g.concat(*(g.op("Unsqueeze", d, g.shapes(-1)) for d in drawn))
        case StrokesHead():
            hit, velocity, offset = g.split(logits, [head.drums] * 3)
            hits = _drawn_bits(g, hit, chance, heat)
            return g.concat(hits, g.op("Sigmoid", velocity), g.op("Tanh", offset))
        case NadeHead():
            return _drawn_labels(g, head, logits, chance, heat)
        case _:
            raise TypeError(f"{type(head).__name__} has no ONNX form")


def _drawn_class(g: Graph, logits: str, chance: str, heat: str) -> str:
    waited = g.op("Neg", g.op("Log", chance))
    gumbel = g.op("Neg", g.op("Log", waited))
    noisy = g.op("Add", logits, g.op("Mul", heat, gumbel))
    return g.op("ArgMax", noisy, axis=-1, keepdims=0)


def _drawn_bits(g: Graph, logits: str, chance: str, heat: str) -> str:
    """1.0 with probability sigmoid(logits / temperature), else 0.0."""
    other = g.op("Sub", g.constant(1.0), chance)
    logistic = g.op("Log", g.op("Div", chance, other))
    return g.cast(g.op("Greater", logits, g.op("Mul", heat, logistic)), np.float32)


def _drawn_labels(g: Graph, head: NadeHead, logits: str, chance: str, heat: str) -> str:
    """Label after label, each told those before it."""
    hidden, ground = g.split(logits, [head.hidden, head.labels])
    ones = [1] * head.labels
    labels = []
    for own, lot, encode, decode in zip(
        g.split(ground, ones), g.split(chance, ones), head.encode, head.decode, strict=True
    ):
        said = g.op("MatMul", g.op("Sigmoid", hidden), g.constant(decode[:, None]))
        labels.append(_drawn_bits(g, g.op("Add", own, said), lot, heat))  # (B, 1)
        hidden = g.op("Add", hidden, g.op("Mul", labels[-1], g.constant(encode)))
    return g.cast(g.concat(*labels), np.int64)
