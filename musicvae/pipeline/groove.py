"""What a groove model does to a whole file: play its drums, or make drums of a rhythm."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from musicvae.notes.errors import Rejected
from musicvae.notes.score import Score, Track
from musicvae.pipeline.model import MusicVAE
from musicvae.representations.base import Example
from musicvae.representations.drums_choice import DrumChoice, choose_drums
from musicvae.representations.drums_hits import NINE_EXEMPLARS
from musicvae.representations.groove import Groove
from musicvae.representations.groove_lenient import LenientGroove
from musicvae.representations.groove_notes import (
    as_reader,
    find_places,
    played_as,
    played_instead,
    strokes_of,
)
from musicvae.representations.groove_tasks import OPEN_HI_HAT, Humanize, Tap


@dataclass(frozen=True, eq=False, kw_only=True)
class Performance:
    """A file as it was and as it is played now, and what was decided on the way.

    `before` and `after` are that of it which has changed: the rhythm or the drums alone.
    """

    source: Score
    result: Score
    before: Score
    after: Score
    windows: int
    remarks: tuple[str, ...]


def humanize(
    model: MusicVAE,
    source: object,
    *,
    reading: Groove | None = None,
    temperature: float = 0.0,
    seed: int | None = None,
) -> Performance:
    """Play the drums of a file as a drummer would.

    Every note stays, with its pitch and length: the model says how loud it is, how early or late.
    All else in the file stays as it is. `reading` says how the file is read where that is not as
    the model does. Raises `ValueError` for another kind of model, and what `Groove.encode` raises.
    """
    groove = as_reader(reading or model.representation, Humanize, model.name)
    score = groove.read(source)
    survey = groove.survey(score)
    examples = survey.examples or groove.encode(score)  # encode says why not
    strokes = _written(model, examples, temperature, seed)
    places = find_places(groove, score)
    result = played_as(score, places, strokes)
    return Performance(
        source=score,
        result=result,
        before=_only(score, places.rows),
        after=_only(result, places.rows),
        windows=len(examples),
        remarks=survey.remarks,
    )


def tap(
    model: MusicVAE,
    source: object,
    *,
    reading: Groove | None = None,
    temperature: float = 0.0,
    seed: int | None = None,
) -> Performance:
    """Make a full drum kit of a rhythm: of the drums of a file, or of all its notes if it has none.

    The loudest note of each sixteenth is a tap. The drums stand in place of the rhythm, and all
    else in the file stays as it is. Arguments and errors are those of `humanize`.
    """
    groove = as_reader(reading or model.representation, Tap, model.name)
    score = groove.read(source)
    choice = _rhythm(score, groove)
    tapped = _as_taps(score, choice)
    groove = replace(groove, extraction=LenientGroove())
    survey = groove.survey(tapped)
    examples = survey.examples or groove.encode(tapped)
    strokes = _written(model, examples, temperature, seed)
    places = find_places(groove, tapped)
    rows = np.flatnonzero(np.isin(score.track, choice.tracks))
    result = played_instead(score, replace(places, rows=rows), strokes)
    return Performance(
        source=score,
        result=result,
        before=_only(score, rows),
        after=_only(result, np.arange(len(score) - len(rows), len(result))),
        windows=len(examples),
        remarks=(choice.reason, *survey.remarks[1:]),
    )


def _only(score: Score, rows: np.ndarray) -> Score:
    """The notes at `rows`."""
    return replace(
        score,
        pitch=score.pitch[rows],
        velocity=score.velocity[rows],
        start=score.start[rows],
        end=score.end[rows],
        track=score.track[rows],
    )


def _written(
    model: MusicVAE, examples: tuple[Example, ...], temperature: float, seed: int | None
) -> np.ndarray:
    """What the model makes of windows, as strokes (W * T, 27)."""
    return strokes_of(model.decode_examples(model.encode_examples(examples), temperature, seed))


def _rhythm(score: Score, groove: Groove) -> DrumChoice:
    """The tracks that are the rhythm, and why."""
    assert isinstance(groove.extraction, LenientGroove)
    try:
        choice = choose_drums(score, groove.extraction.track)
    except Rejected as rejection:
        if rejection.reason != "no-drums":
            raise
        every = np.unique(score.track[score.velocity > 0]).tolist()
        return DrumChoice(
            tracks=tuple(every), reason="rhythm: the file has no drums: all its notes are the taps"
        )
    return replace(choice, reason=choice.reason.replace("drums:", "rhythm:", 1))


def _as_taps(score: Score, choice: DrumChoice) -> Score:
    """The notes of some tracks as strokes of one drum."""
    rows = np.flatnonzero(np.isin(score.track, choice.tracks) & (score.velocity > 0))
    return replace(
        score,
        pitch=np.full(len(rows), NINE_EXEMPLARS[OPEN_HI_HAT], dtype=np.uint8),
        velocity=score.velocity[rows],
        start=score.start[rows],
        end=score.end[rows],
        track=np.zeros(len(rows), dtype=np.int32),
        tracks=(Track(name="Rhythm", is_drum=True),),
    )
