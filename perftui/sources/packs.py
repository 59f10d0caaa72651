"""Ready-made packs of queries, and which of them fit the metrics that exist."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable
from importlib import resources

from perftui.model.query import NamedQuery, Pack

DEFAULT_WHERE = '{instance="$instance"}'


def all_packs() -> tuple[Pack, ...]:
    """The packs of packs.toml, in its order."""
    text = (resources.files("perftui.sources") / "packs.toml").read_text(encoding="utf-8")
    return tuple(
        Pack(
            name=entry["name"],
            about=entry["about"],
            where=entry.get("where", DEFAULT_WHERE),
            needs=tuple(entry["needs"]),
            queries=tuple(NamedQuery(**query) for query in entry["query"]),
        )
        for entry in tomllib.loads(text)["pack"]
    )


def fitting(packs: Iterable[Pack], names: Collection[str]) -> tuple[Pack, ...]:
    """The packs all of whose needed metrics are among `names`."""
    return tuple(pack for pack in packs if all(need in names for need in pack.needs))
