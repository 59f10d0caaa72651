"""A line to type in, in which what is typed ahead over a slow connection comes in its order."""

from __future__ import annotations

from textual import events
from textual.binding import BindingsMap
from textual.widgets import Input

_EDITS = BindingsMap(Input.BINDINGS).key_to_bindings


class LineInput(Input):
    """An input whose editing keys take effect in their turn.

    Textual inserts a letter as it comes, but runs a binding only when its key has bubbled up to
    the app: a Backspace or Ctrl+U would come after letters that were typed behind it.
    """

    async def on_key(self, event: events.Key) -> None:
        """Run an editing key at once."""
        edits = [edit for edit in _EDITS.get(event.key, ()) if not edit.priority]
        if edits and not event.is_printable:
            event.stop()
            event.prevent_default()
            await self.run_action(edits[0].action)
