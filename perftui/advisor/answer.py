"""What a model may answer: the schema that is asked for, and the check of what comes back.

Servers that speak the same API may ignore the schema, and every model can err. So the shape is
checked here, over-long text is cut, and what does not fit is an AnswerError, never anything else.
"""

from __future__ import annotations

import json
import math
import re
from typing import Annotated, Any, NoReturn

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)

from perftui.advisor.claims import is_verified, listed_actions
from perftui.advisor.evidence_text import evidence
from perftui.advisor.redact import Pseudonyms
from perftui.advisor.rows import Facts
from perftui.advisor.standing import MOST_SHIFT
from perftui.errors import PerftuiError
from perftui.model.findings import Claim, Forecast, ForecastState, Mitigation, action_key
from perftui.model.question import Explanation
from perftui.model.text import plain

MAX_ANSWER = 100_000
"""Characters of an answer that are looked at; a longer one is refused."""
_MAX_STARTS = 50
"""Opening braces that are tried in an answer with text around its object."""

_LAST_WORD = re.compile(r"\w+\Z")
_FENCE = re.compile(r"```[A-Za-z]*\s*\n(.*?)```", re.DOTALL)
_NEXT = "The next call tries again; another model may fit better."


class AnswerError(PerftuiError):
    """The model's answer cannot be used; it was paid for all the same."""


def _text(limit: int) -> AfterValidator:
    return AfterValidator(lambda text: plain(text, limit))


def _few(limit: int) -> BeforeValidator:
    """None as an empty list, one thing as a list of one, a long list cut."""

    def few(value: object) -> object:
        if value is None:
            return []
        return value[:limit] if isinstance(value, list) else [value]

    return BeforeValidator(few)


def _number(value: object) -> object:
    # True is a number to pydantic, and so is "1".
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ValueError("is no number")
    return value


def _is_share(value: float | None) -> float | None:
    if value is not None and not 0 <= value <= 1:
        raise ValueError("is not between 0 and 1")
    return value


def _evidence_id(text: str) -> str:
    return plain(text, 20).strip("[]() ").upper()


def _filled(text: str) -> str:
    if not text:
        raise ValueError("is empty")
    return text


class _Part(BaseModel):
    # Unknown keys are ignored: a model that says more than it was asked has still answered.
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class ClaimAnswer(_Part):
    """A statement, and the ids of the evidence it rests on."""

    text: Annotated[str, _text(300), AfterValidator(_filled)]
    evidence: Annotated[
        list[Annotated[str, AfterValidator(_evidence_id)]],
        _few(8),
        Field(description="ids of the rows that show it, such as E1, P2, F1"),
    ] = []


class MitigationAnswer(_Part):
    """Something to try."""

    action: Annotated[str, _text(200), AfterValidator(_filled)]
    why: Annotated[str, _text(300)] = ""
    risk: Annotated[str, _text(200)] = ""


class Answer(_Part):
    """The whole answer. All text is on one line, and holds nothing that a terminal obeys."""

    summary: Annotated[
        str,
        _text(600),
        AfterValidator(_filled),
        Field(description="one or two sentences for an engineer in a hurry"),
    ]
    probability: Annotated[
        float | None,
        BeforeValidator(_number),
        AfterValidator(_is_share),
        WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "null"}]}),
        Field(description="0 to 1; null when the evidence is too weak to say"),
    ] = None
    claims: Annotated[list[ClaimAnswer], _few(8)] = []
    mitigations: Annotated[list[MitigationAnswer], _few(5)] = []
    disconfirming_check: Annotated[
        Annotated[str, _text(300)] | None,
        Field(description="what to look at that would prove this wrong"),
    ] = None


def schema() -> dict[str, Any]:
    """The JSON schema that is asked for: every key required and no other allowed."""
    strict = _strict(Answer.model_json_schema())
    assert isinstance(strict, dict)  # noqa: S101 - it was one
    return strict


def _strict(node: object) -> object:
    """Without titles and defaults, which cost tokens and which the API does not take."""
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept: dict[str, Any] = {
        key: {name: _strict(child) for name, child in value.items()}
        if key in ("properties", "$defs")
        else _strict(value)
        for key, value in node.items()
        if key not in ("title", "default") and not (key == "description" and "properties" in node)
    }
    if "properties" in kept:
        kept |= {"required": list(kept["properties"]), "additionalProperties": False}
    return kept


def parse(text: str) -> Answer:
    """The answer in `text`, bare, in a code fence or with text around it. AnswerError if none."""
    if len(text) > MAX_ANSWER:
        raise AnswerError("The answer is far too long.", _NEXT)
    if not text.strip():
        raise AnswerError("The answer is empty.", _NEXT)
    try:
        return Answer.model_validate(_object(text))
    except ValidationError as error:
        raise AnswerError(_explain(error), _NEXT) from None


def begun_summary(text: str) -> str:
    """The summary in an answer of which only the beginning has come, but for its last word, which
    may be half of one: fn_1 of fn_12. Empty where it has none."""
    from pydantic_core import from_json

    at = text.find("{")
    if at < 0 or len(text) > MAX_ANSWER:
        return ""
    try:
        begun = from_json(text[at:], allow_partial="trailing-strings")
    except ValueError:
        return ""
    summary = begun.get("summary") if isinstance(begun, dict) else None
    return plain(_LAST_WORD.sub("", summary), 600) if isinstance(summary, str) else ""


def _object(text: str) -> dict[str, Any]:
    """The one JSON object in `text`."""
    fences = _FENCE.findall(text)
    for candidate in (text, *(fences if len(fences) == 1 else ())):
        found = _load(candidate)
        if isinstance(found, dict):
            return found
    return _embedded(text)


def _load(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _embedded(text: str) -> dict[str, Any]:
    decoder = json.JSONDecoder(parse_constant=_refuse)
    objects: list[dict[str, Any]] = []
    at = text.find("{")
    for _ in range(_MAX_STARTS):
        if at < 0:
            break
        try:
            found, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            objects.append(found)
        at = text.find("{", end)
    if len(objects) != 1:
        what = "several JSON objects" if objects else "no JSON object"
        raise AnswerError(f"The answer holds {what}.", _NEXT)
    return objects[0]


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(f"{part}" for part in first["loc"])
    reason = first["msg"].removeprefix("Value error, ")
    reason = reason[:1].lower() + reason[1:]
    return plain(f"The answer does not fit: {place}: {reason}.", 200)


def as_forecast(
    answer: Answer,
    table: Facts,
    names: Pseudonyms,
    *,
    by: str,
    made_at: float,
    most_shift: float = MOST_SHIFT,
    earlier: str | None = None,
) -> Forecast | None:
    """The answer as a forecast of the objective in question, with real names in its text.

    None where `table` asks about no objective. The chance may be `most_shift` away from the local
    one in log-odds; what the model said beyond that, or with no local chance, is in `record`, with
    how `earlier` ones turned out.
    """
    objective = table.question
    if objective is None:
        return None
    local = table.local
    chance, held = _held(answer.probability, local, most_shift)
    return Forecast(
        id=f"{by}-{made_at:.3f}",
        objective=objective,
        state=ForecastState.OK,
        by=by,
        made_at=made_at,
        expires_at=made_at + objective.horizon_s,
        probability=chance,
        said=answer.probability,
        base_rate=local.base_rate if local else None,
        summary=names.restore(answer.summary),
        series_unit=local.series_unit if local else table.question_unit,
        labels=local.labels if local else (),
        record="; ".join(words for words in (held, earlier) if words) or None,
        evidence=evidence(table),
        claims=_claims(answer, table, names),
        mitigations=_mitigations(answer, names),
        disconfirming_check=_check(answer, names),
    )


def as_explanation(
    answer: Answer, table: Facts, names: Pseudonyms, *, by: str, made_at: float
) -> Explanation:
    """The answer to what a person asked, with real names in its text. `table` was asked for it."""
    assert table.asked is not None  # noqa: S101 - so it was
    return Explanation(
        question=table.asked,
        by=by,
        made_at=made_at,
        summary=names.restore(answer.summary),
        evidence=evidence(table),
        claims=_claims(answer, table, names),
        mitigations=_mitigations(answer, names),
        disconfirming_check=_check(answer, names),
    )


def _claims(answer: Answer, table: Facts, names: Pseudonyms) -> tuple[Claim, ...]:
    return tuple(
        Claim(
            names.restore(claim.text),
            tuple(claim.evidence),
            verified=is_verified(claim.text, claim.evidence, table, names),
        )
        for claim in answer.claims
    )


def _mitigations(answer: Answer, names: Pseudonyms) -> tuple[Mitigation, ...]:
    known = listed_actions()
    return tuple(
        Mitigation(
            names.restore(one.action),
            names.restore(one.why),
            # That of a listed one is known here, whatever a model makes of it.
            known.get(action_key(one.action)) or names.restore(one.risk),
            listed=action_key(one.action) in known,
        )
        for one in answer.mitigations
    )


def _check(answer: Answer, names: Pseudonyms) -> str | None:
    check = answer.disconfirming_check
    return names.restore(check) if check else None


def _held(
    said: float | None, forecast: Forecast | None, most_shift: float
) -> tuple[float | None, str | None]:
    """The model's chance within `most_shift` of that of the local forecast, and a word if it was
    beyond that; none where there is no local one to hold it to."""
    if said is None:
        return None, None
    local = forecast.probability if forecast is not None else None
    if local is None:
        is_broken = forecast is not None and forecast.state is ForecastState.IN_BREACH
        why = "it is in breach already" if is_broken else "no local chance yet that holds it"
        return None, f"it said {said:.0%}, which does not count: {why}"
    if not most_shift:
        why = f"its record is worse than the local one: {local:.0%} stays"
        return local, f"it said {said:.0%}; {why}"
    odds = math.log(local / (1 - local)) if 0 < local < 1 else math.copysign(math.inf, local - 0.5)
    low, high = (0.5 * (1 + math.tanh((odds + s) / 2)) for s in (-most_shift, most_shift))
    held = min(max(said, low), high)
    if held == said:
        return said, None
    return held, f"it said {said:.0%}; it may move the local {local:.0%} to {held:.0%} at most"
