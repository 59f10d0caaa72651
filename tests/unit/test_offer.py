"""What is offered: in words, as an option, as TOML, in the settings, the document and the text."""

from __future__ import annotations

import tomllib

import pytest
from builders import snapshot

from perftui.cli.text import report
from perftui.config import load
from perftui.model.document import document
from perftui.model.offer import Offer, OfferKind
from perftui.settings import Settings
from perftui.sources.assembly import with_offer
from perftui.tui.metrics_view import source_lines

PAGE = Offer(OfferKind.PAGE, "http://127.0.0.1:8000/metrics")
PACK = Offer(OfferKind.PACK, "python")


@pytest.mark.parametrize("offer", [PAGE, PACK], ids=lambda offer: offer.kind)
def test_what_keeps_it_is_what_takes_it(offer: Offer):
    """The lines for perftui.toml give the same settings as taking it."""
    assert load(tomllib.loads(offer.toml_lines()), {}, []) == with_offer(Settings(), offer)


def test_it_is_taken_beside_what_is_set():
    """Pages and packs of the settings stay."""
    settings = load({"scrape": [{"url": "http://a/"}], "prometheus": {"packs": ["http"]}}, {}, [])
    taken = with_offer(with_offer(settings, PAGE), PACK)
    assert [page.url for page in taken.scrape] == ["http://a/", PAGE.name]
    assert taken.prometheus.packs == ("http", "python")
    assert tomllib.loads(PACK.toml_lines(("http",))) == {
        "prometheus": {"packs": ["http", "python"]}
    }


def test_where_it_is_said():
    """Document and text list all of it with the option; the panel the first, with the key."""
    seen = snapshot(offers=(PAGE, PACK))
    assert document(seen)["offers"] == [
        {"kind": "page", "name": PAGE.name, "option": f"--scrape {PAGE.name}"},
        {"kind": "pack", "name": "python", "option": "--pack python"},
    ]
    printed = " ".join(report(seen).split())
    assert f"the metrics page {PAGE.name}: --scrape {PAGE.name}" in printed
    assert "the ready-made queries python: --pack python" in printed
    assert source_lines(seen) == [(f"y watches the metrics page {PAGE.name}, too (1 more)", False)]
    assert source_lines(snapshot()) == []
