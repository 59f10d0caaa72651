"""What could be watched, too, if the user wants it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from perftui.model.toml import quoted


class OfferKind(StrEnum):
    """What kind of thing it is."""

    PAGE = "page"
    PACK = "pack"


@dataclass(frozen=True)
class Offer:
    """A page of metrics that the target serves, by its URL, or a ready-made pack of queries whose
    metrics Prometheus has, by its name; nothing of it is read before the user takes it."""

    kind: OfferKind
    name: str

    @property
    def words(self) -> str:
        """What it is."""
        if self.kind is OfferKind.PAGE:
            return f"the metrics page {self.name}"
        return f"the ready-made queries {self.name}"

    @property
    def option(self) -> str:
        """The option that takes it from the start."""
        return f"--scrape {self.name}" if self.kind is OfferKind.PAGE else f"--pack {self.name}"

    def toml_lines(self, packs: Sequence[str] = ()) -> str:
        """The lines for perftui.toml that take it, beside the `packs` that are taken already;
        with a line break at the end."""
        if self.kind is OfferKind.PAGE:
            return f"[[scrape]]\nurl = {quoted(self.name)}\n"
        names = dict.fromkeys((*packs, self.name))
        return f"[prometheus]\npacks = [{', '.join(map(quoted, names))}]\n"
