"""Earlier forecasts and what came of them, as lines of text. No widgets."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from perftui.model.objective import format_duration
from perftui.model.past import BAR_CELLS, PastForecasts, bar_of
from perftui.model.present import format_about, format_age, format_clock
from perftui.model.text import plain

MOST_WARNINGS = 20
NOTHING = """\
No forecast of this process has an outcome yet: that of the first is known once its horizon has \
passed. What is said and what comes is kept for 30 days, also from run to run.\
"""


def past_lines(past: Sequence[PastForecasts], now: float) -> list[str]:
    """All objectives, one below the other; `now` in Unix seconds."""
    if not past:
        return [NOTHING]
    return [line for one in past for line in (*_lines(one, now), "")][:-1]


def _lines(past: PastForecasts, now: float) -> Iterator[str]:
    labels = ",".join(f"{plain(name)}={plain(value)}" for name, value in past.labels)
    where = f" {{{labels}}}" if labels else ""
    ahead = format_duration(past.objective.horizon_s)
    yield f"{plain(str(past.objective))}{where} within {ahead}"
    true = sum(warning.onset is not None for warning in past.warnings)
    breaches = len(past.missed) + len({w.onset for w in past.warnings if w.onset is not None})
    yield f"{past.count:,} forecasts in {format_age(now - past.since)}, {_breaches(breaches)}"
    yield (
        f"{true} of {len(past.warnings)} warnings (80 % or more) came true,"
        f" {_breaches(len(past.missed))} came without one"
    )
    if past.base_brier > 0 and not math.isnan(past.brier):
        skill = 1 - past.brier / past.base_brier
        better = "better" if skill > 0 else "no better"
        yield (
            f"Brier score {past.brier:.4f}, base rate's {past.base_brier:.4f}:"
            f" {better} than what is usual (skill {skill:+.2f})"
        )
    yield ""
    yield f"{'said':>12}  {'came true':>9}  {'':{BAR_CELLS}}  forecasts"
    for one in past.bins:
        span = f"{100 * one.low:.0f} to {100 * one.high:.0f} %"
        yield f"{span:>12}  {100 * one.came:>7.1f} %  {bar_of(one.said, one.came)}  {one.count:>9,}"
    yield f"{'':>12}  {'':>9}  █ came true, │ was said on average"
    if past.warnings:
        yield ""
        yield "the last warnings, newest first"
    for warning in sorted(past.warnings, key=lambda w: -w.at)[:MOST_WARNINGS]:
        came = "no breach came"
        if warning.onset is not None:
            early = warning.onset - warning.at
            came = f"breach {format_about(early)} later" if early > 0 else "breach had begun"
        yield f"  {_when(warning.at, now)}  {100 * warning.chance:>3.0f} %  {came}"


def _breaches(count: int) -> str:
    return f"{count} breach{'' if count == 1 else 'es'}"


def _when(at: float, now: float) -> str:
    return f"{format_clock(at)}, {format_age(now - at)} ago"
