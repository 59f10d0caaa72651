"""One question to a model, over all turns: it may look closer before it answers."""

from __future__ import annotations

import threading
from collections.abc import Callable

from perftui.advisor.client import Heard
from perftui.advisor.prompt import Looks, Request
from perftui.advisor.redact import Pseudonyms
from perftui.advisor.reply import Reply
from perftui.advisor.tools import Toolbox

Call = Callable[[Request, Heard], Reply]


def converse(
    call: Call,
    request: Request,
    tools: Toolbox,
    names: Pseudonyms,
    naming: threading.Lock,
    say: Callable[[str], None],
) -> Reply:
    """Call until the model has looked at what it wants to, as far as it may; its last reply.

    `say` gets, with real names, what it looks at and what has come of its answer. `naming` is held
    while `names` are used. Raises what `call` raises.
    """
    from perftui.advisor.answer import begun_summary  # pydantic: 4 MB, for who asks an LLM

    def heard(text: str) -> None:
        summary = begun_summary(text)
        if summary:
            with naming:
                shown = names.restore(summary)
            say(shown)

    while True:
        reply = call(request, heard)
        if not reply.calls or reply.is_cut or request.looks is not Looks.OFFERED:
            return reply
        with naming:
            results = list(tools.answers(reply.calls))
        say("; ".join(f"looks at {one.text}" for one in tools.looks))
        request = request.after(reply, results, is_spent=tools.is_spent)
