"""The published wiring against an independent forward pass, and against the reference's numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from musicvae.interop.variables import from_ours, shapes, to_ours
from musicvae.models.inputs import TokenInput
from musicvae.models.vae import SequenceVAE
from musicvae.presets import PRESETS
from musicvae.representations.base import Space, Strokes
from musicvae.schedules import ExponentialDecay, ExponentialRise
from tests.models.oracle import RECORDINGS, Oracle, tokens_of
from tests.models.small import (
    KINDS,
    case,
    code,
    full,
    layout,
    logits,
    mixed,
    posterior,
    wired,
)
from tests.models.witness import Forward

PUBLISHED = tuple(name for name in KINDS if PRESETS[name].model.embedding is None)


def numbers(space: Space | None, tokens: Tensor | None, mask: Tensor) -> np.ndarray | None:
    """Tokens -> rows of numbers as the reference makes them, zero where there is no music."""
    if space is None:
        return None
    rows = TokenInput(space, None)(tokens, mask)
    return rows.double().numpy()


@pytest.mark.parametrize("lengths_of", [lambda m: full(m, 2), mixed], ids=["full", "mixed"])
@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_encoder_is_that_of_the_formulas(name: str, lengths_of) -> None:
    model, v = loaded(name)
    given = case(model, lengths_of(model))
    mask, spec = layout(model, given.lengths).mask, model.spec
    witness = Forward(v, spec, model.config).encode(
        numbers(spec.inputs, given.inputs, mask),
        given.lengths.numpy(),
        numbers(spec.controls, given.controls, mask),
    )
    with torch.no_grad():
        ours = posterior(model, given)
    np.testing.assert_allclose(ours.mean.numpy(), witness[0], atol=1e-5)
    np.testing.assert_allclose(ours.std.numpy(), witness[1], atol=1e-5)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_decoder_and_its_cost_are_those_of_the_formulas(name: str) -> None:
    """Of full segments, and with an end token of any: others the reference does not know."""
    model, v = loaded(name)
    spec = model.spec
    given = case(model, full(model, 2) if spec.end is None else mixed(model))
    z, mask = code(model, len(given)), layout(model, given.lengths).mask
    with torch.no_grad():
        ours = logits(model, z, given)
        cost = model.decoder.nll(ours, given.tokens)
    witness = Forward(v, spec, model.config)
    outputs = numbers(spec.outputs, given.tokens, mask)
    theirs = witness.logits(
        z.double().numpy(), outputs, numbers(spec.controls, given.controls, mask)
    )
    valid = mask.numpy()
    np.testing.assert_allclose(ours.numpy()[valid], theirs[valid], atol=5e-5)
    expected = witness.nll(theirs, outputs)[valid]
    np.testing.assert_allclose(cost.numpy()[valid], expected, atol=1e-3, rtol=1e-4)


def loaded(name: str) -> tuple[SequenceVAE, dict[str, np.ndarray]]:
    """A model with random variables of the reference, and these."""
    model, rng = wired(name), np.random.default_rng(1)
    v = {
        k: rng.normal(0, 0.4, shape).astype(np.float32)
        for k, shape in shapes(model.spec, model.config).items()
    }
    model.load_state_dict(to_ours(v, model.spec, model.config))
    return model, v


def compare(said: dict[str, float], key: str, ours: Tensor, theirs: Tensor, atol: float) -> None:
    said[key] = float((ours - theirs).abs().max())
    torch.testing.assert_close(ours, theirs, atol=atol, rtol=1e-5)


@pytest.mark.oracle
@pytest.mark.parametrize("name", RECORDINGS)
def test_the_reference_computes_the_same(name: str) -> None:
    oracle, worst = Oracle(name), dict[str, float]()
    with torch.no_grad():
        ours = posterior(oracle.model, oracle.case)
        z, logits, nll, kl, terms = oracle.terms(float(oracle.numbers["loss/beta"]))
    mask = layout(oracle.model, oracle.case.lengths).mask
    compare(worst, "mean", ours.mean, oracle.tensor("enc/mu"), 1e-4)
    compare(worst, "std", ours.std, oracle.tensor("enc/sigma"), 1e-4)
    compare(worst, "z", z, oracle.tensor("loss/z"), 1e-4)
    compare(worst, "logits", logits[mask], oracle.logits()[mask], 1e-4)
    compare(worst, "nll", nll, oracle.tensor("loss/r_loss"), 1e-3)  # of hundreds of nats
    compare(worst, "kl", kl.sum(1), oracle.tensor("loss/kl_div"), 1e-4)
    compare(worst, "loss", terms.loss, oracle.tensor("loss/loss"), 1e-3)
    print(name, worst)  # noqa: T201 - shown with -s


@pytest.mark.oracle
@pytest.mark.parametrize("name", RECORDINGS)
def test_our_witness_computes_what_the_reference_does(name: str) -> None:
    oracle = Oracle(name)
    model, given = oracle.model, oracle.case
    witness = Forward(oracle.variables, model.spec, model.config)
    controls = oracle.floats("in/control_sequence")
    inputs, outputs = oracle.floats("in/input_sequence"), oracle.floats("in/output_sequence")
    mean, std = witness.encode(inputs, given.lengths.numpy(), controls)
    np.testing.assert_allclose(mean, oracle.numbers["enc/mu"], atol=1e-5)
    np.testing.assert_allclose(std, oracle.numbers["enc/sigma"], atol=1e-5)
    logits = witness.logits(oracle.numbers["loss/z"].astype(np.float64), outputs, controls)
    mask = layout(model, given.lengths).mask.numpy()
    np.testing.assert_allclose(logits[mask], oracle.logits().numpy()[mask], atol=1e-4)
    cost = (witness.nll(logits, outputs) * mask).sum(1)
    np.testing.assert_allclose(cost, oracle.numbers["loss/r_loss"], rtol=1e-5)


@pytest.mark.oracle
@pytest.mark.parametrize("name", RECORDINGS)
def test_the_reference_decodes_the_same_greedily(name: str) -> None:
    """It writes on behind an end token, so ours does too for once; its controls are zeros in
    tracks that were empty, not the class of no chord."""
    oracle, worst = Oracle(name), dict[str, float]()
    model, z = oracle.model, oracle.tensor("dec/z")
    model.decoder.end = None
    lengths, controls = full(model, len(z)), None
    if model.decoder.controls is not None:
        told = oracle.tensor("dec/c_input").float()
        controls = tokens_of(model.spec.controls, told)[None].repeat_interleave(len(z), dim=0)
        model.decoder.controls.forward = lambda _: told.expand(len(z), -1, -1)
    tokens = model.decode(z, lengths, 0.0, controls=controls)
    theirs = tokens_of(model.spec.outputs, oracle.tensor("dec/samples"))
    compare(worst, "tokens", tokens, theirs, 1e-5 if tokens.is_floating_point() else 0)
    with torch.no_grad():
        ours = model.decoder(z, tokens, layout(model, lengths), None, controls)
    recorded = oracle.logits("dec/rnn_output/")  # of the first bars alone, where there are many
    compare(worst, "logits", ours[:, : recorded.shape[1]], recorded, 1e-4)
    print(name, worst)  # noqa: T201 - shown with -s


@pytest.mark.oracle
@pytest.mark.parametrize("name", RECORDINGS)
def test_the_reference_counts_the_same_steps_as_right(name: str) -> None:
    """Its accuracy of a hierarchical model is the mean over segments, and over their streams."""
    oracle = Oracle(name)
    said = {
        k: a for k, a in oracle.within("metric/").items() if k.endswith("accuracy") or "y/o" in k
    }
    said = {k: a for k, a in said.items() if "mean_per_class" not in k}
    model, given = oracle.model, oracle.case
    if isinstance(model.spec.outputs, Strokes):
        return  # of these only losses were recorded
    place = layout(model, given.lengths)
    with torch.no_grad():
        ours = logits(model, oracle.tensor("loss/z"), given)
    right = model.decoder.matches(model.decoder.draw(ours, 0.0), given.tokens)
    right = right & place.mask[..., None]
    streams = right.flatten(0, 1).sum(0) / place.mask.sum()
    bars = right.unflatten(1, (model.spec.segments, -1)).sum((0, 2, 3)) / (
        given.lengths.sum(0) * right.shape[-1]
    )
    flat = not oracle.within("metric/segment/")
    for key, theirs in said.items():
        match key.split("/"):
            case ["segment", number, *_]:
                mine = bars[int(number)]
            case [*_, output] if output.startswith("output_"):
                mine = streams[int(output.removeprefix("output_"))]
            case _:
                mine = streams.mean() if flat else bars.mean()
        assert float(mine) == pytest.approx(float(theirs), abs=1e-6), key


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["groovae_2bar_hits_control_tfds", "groovae_2bar_humanize"])
def test_the_reference_divides_the_cost_of_a_groove_in_the_same_way(name: str) -> None:
    """A part that is already right costs nothing: what is left is the cost of the others."""
    oracle = Oracle(name)
    model, given = oracle.model, oracle.case
    with torch.no_grad():
        ours = logits(model, oracle.tensor("loss/z"), given)
        guessed = model.decoder.draw(ours, 0.0).chunk(3, -1)
        true = given.tokens.chunk(3, -1)
        hits, with_velocities, everything = (
            float(model.decoder.nll(ours, torch.cat([*true[:n], *guessed[n:]], -1)).mean())
            for n in (1, 2, 3)
        )
    parts = {
        "hits": hits,
        "velocities": with_velocities - hits,
        "offsets": everything - with_velocities,
    }
    for key, value in parts.items():
        assert value == pytest.approx(float(oracle.numbers[f"metric/metrics/{key}_loss"]), rel=1e-4)


@pytest.mark.oracle
@pytest.mark.parametrize("name", RECORDINGS)
def test_the_reference_has_the_same_gradients(name: str) -> None:
    """Of every variable, under its own name. Of two biases that are added only one is looked at."""
    oracle = Oracle(name)
    terms = oracle.terms(float(oracle.numbers["loss/beta"]))[-1]
    terms.loss.backward()
    model = oracle.model
    gradients = {
        k: p if "bias_hh" in k else p.grad
        for k, p in model.named_parameters()
        if p.grad is not None
    }
    ours = from_ours(gradients, model.spec, model.config)
    theirs = oracle.within("grad/")
    assert ours.keys() == theirs.keys()
    norm = float(oracle.numbers["grad_global_norm"])
    assert sum(float((g**2).sum()) for g in ours.values()) ** 0.5 == pytest.approx(norm, rel=1e-4)
    worst = max(float(np.abs(ours[k] - theirs[k]).max()) / norm for k in theirs)
    print(name, {"of the norm": worst})  # noqa: T201 - shown with -s
    for key, gradient in theirs.items():
        np.testing.assert_allclose(ours[key], gradient, atol=1e-5 * norm, rtol=1e-3, err_msg=key)


@pytest.mark.oracle
@pytest.mark.parametrize("name", RECORDINGS)
def test_the_reference_anneals_beta_and_trains_the_same(name: str) -> None:
    """Five steps of its optimiser from step 1000: learning rate, norm of the gradient, loss.

    Its cells have one bias; the second one of PyTorch's is held fast here, since it would count
    the same gradient twice.
    """
    oracle = Oracle(name)
    for key, parameter in oracle.model.named_parameters():
        parameter.requires_grad_("bias_hh" not in key)
    beta = oracle.preset.training.beta
    assert isinstance(beta, ExponentialRise)
    for step in (0, 1, 1000, 200_000):  # in float32 there: 1 - 0.99999 keeps three digits
        weight, loss = oracle.numbers[f"loss_at_step/{step}"]
        assert beta.at(step) == pytest.approx(weight, rel=2e-3)
        with torch.no_grad():
            assert float(oracle.terms(beta.at(step))[-1].loss) == pytest.approx(loss, rel=1e-5)
    parameters = [p for p in oracle.model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, weight_decay=0.0)
    losses, norms, rates = [], [], []
    for step in range(1000, 1005):
        terms = oracle.terms(beta.at(step))[-1]
        optimiser.zero_grad()
        terms.loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(parameters, 1.0)))
        rates.append(ExponentialDecay().at(step))
        optimiser.param_groups[0]["lr"] = rates[-1]
        optimiser.step()
        losses.append(terms.loss.item())
    np.testing.assert_allclose(rates, oracle.numbers["train/lr"], rtol=1e-4)
    np.testing.assert_allclose(losses[0], oracle.numbers["train/loss"][0], rtol=1e-5)
    np.testing.assert_allclose(norms[0], oracle.numbers["train/global_norm"][0], rtol=1e-4)
    np.testing.assert_allclose(losses, oracle.numbers["train/loss"], rtol=2e-3)
    after = from_ours(oracle.model.state_dict(), oracle.model.spec, oracle.model.config)
    moved = {k: np.abs(after[k] - a) for k, a in oracle.within("train/var5/").items() if k in after}
    apart = max(float(np.median(a)) for a in moved.values())
    said = {
        "loss": float(np.abs(losses / oracle.numbers["train/loss"] - 1).max()),
        "norm": float(np.abs(norms / oracle.numbers["train/global_norm"] - 1).max()),
        "median of a variable": apart,
        "any weight": max(float(a.max()) for a in moved.values()),
    }
    print(name, said)  # noqa: T201 - shown with -s
    assert moved.keys() == after.keys()
    assert apart < 1e-4  # a tenth of one step; where a gradient is next to zero, chance decides
