"""What a pattern of trouble is: `[[pattern]]` tables, shipped and the user's own."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from perftui.checked import Table
from perftui.setting_values import Fitting

Text = Annotated[str, Meta(min_length=1, max_length=500)]


class NeedSettings(Table, frozen=True, kw_only=True):
    """One condition, on exactly one of three things.

    `metric` fits the whole name of a series with its labels, `name{label=value}`: its newest value
    is `above` or `below`, or it is `rising` or `falling`. `function` fits the whole name of a
    function, `file` and `under` are in its file's path and in that of one that called it: what they
    and all that they call take of one thread's time, in percent, is `above`, or it is `rising`.
    `figure` is one
    of the profile's or the process's own, `above` or `below`: percent, or for `age` seconds;
    `riser` is by how many points the function that rose most has risen.
    """

    metric: Fitting | None = None
    function: Fitting | None = None
    file: Fitting | None = None
    under: Fitting | None = None
    figure: Literal["gil", "active", "gc", "cpu_wait", "age", "riser"] | None = None
    above: float | None = None
    below: float | None = None
    rising: bool = False
    falling: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        subjects = (self.metric, self.figure, self.function or self.file or self.under)
        if sum(one is not None for one in subjects) != 1:
            raise ValueError("needs one of metric, figure, or function with file and under")
        wanted = (self.above is not None, self.below is not None, self.rising, self.falling)
        if not any(wanted):
            raise ValueError("needs above, below, rising or falling")
        if self.of_function and (self.below is not None or self.falling):
            raise ValueError("of a function above and rising can be asked")
        if self.figure and (self.rising or self.falling):
            raise ValueError("of a figure above and below can be asked")

    @property
    def of_function(self) -> bool:
        """Whether it is about functions of the profile."""
        return bool(self.function or self.file or self.under)


class TrySettings(Table, frozen=True, kw_only=True):
    """Something to try, why it helps, and what it can cost."""

    action: Text
    why: str = ""
    risk: str = ""


class PatternSettings(Table, frozen=True, kw_only=True):
    """A pattern: what it `says` when all of `needs`, one of `any` if there are some, and none of
    `unless` hold; what would disprove it (`check`), and what to try."""

    name: Annotated[str, Meta(min_length=1, max_length=60)]
    says: Text
    needs: tuple[NeedSettings, ...] = ()
    any_: tuple[NeedSettings, ...] = field(default=(), name="any")
    unless: tuple[NeedSettings, ...] = ()
    check: str = ""
    try_: tuple[TrySettings, ...] = field(default=(), name="try")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.needs or self.any_):
            raise ValueError("needs conditions: needs, or any")


class PatternFile(Table, frozen=True, kw_only=True):
    """A file of patterns."""

    pattern: tuple[PatternSettings, ...]
