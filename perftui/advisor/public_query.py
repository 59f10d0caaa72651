"""PromQL as it may leave the host: its functions and metrics, and nothing that is in labels."""

from __future__ import annotations

import re

from perftui.advisor.redact import Pseudonyms

MOST = 200
"""Characters of one; a longer one is cut."""
_UNSAID = re.compile(r"""\#[^\n]*|"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?|`[^`]*`?""", re.DOTALL)
"""A comment, or a text, which may hold brackets of its own: these go before all else."""
_TOKEN = re.compile(
    # What is between braces is left out further below. Keywords are the same in capitals.
    r"""(?P<labels>\b(?i:by|without|on|ignoring|group_left|group_right)\b(?:\s*\([^()]*\)?)?)"""
    r"""|(?P<number>(?<![\w:])(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|(?:\d+(?:ms|[smhdwy]))+)(?![\w:.]))"""
    r"""|(?P<name>[A-Za-z_:][\w:]*)|(?P<sign>[-+*/%^()\[\]<>=!,@]|\s+)|(?P<rest>\$\w*|.)""",
    re.DOTALL,
)
_WORDS = frozenset(
    (
        *("sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "count_values"),
        *("bottomk", "topk", "quantile", "limitk", "limit_ratio"),
        *("and", "or", "unless", "offset", "bool", "inf", "nan", "start", "end"),
        *("abs", "absent", "absent_over_time", "ceil", "changes", "clamp", "clamp_max"),
        *("clamp_min", "delta", "deriv", "double_exponential_smoothing", "exp", "floor"),
        *("histogram_avg", "histogram_count", "histogram_fraction", "histogram_quantile"),
        *("histogram_sum", "holt_winters", "idelta", "increase", "irate", "label_join"),
        *("label_replace", "ln", "log10", "log2", "predict_linear", "rate", "resets", "round"),
        *("scalar", "sgn", "sort", "sort_desc", "sqrt", "time", "timestamp", "vector"),
        *("avg_over_time", "min_over_time", "max_over_time", "sum_over_time", "mad_over_time"),
        *("count_over_time", "quantile_over_time", "stddev_over_time", "stdvar_over_time"),
        *("last_over_time", "present_over_time"),
    )
)
"""What PromQL itself calls something: https://prometheus.io/docs/prometheus/latest/querying/"""


def public_query(query: str, names: Pseudonyms) -> str:
    """`query` without matchers, texts, label names and comments, and with its metrics as `names`
    tells them."""
    left: list[str] = []
    depth = 0
    for token in _TOKEN.finditer(_UNSAID.sub("", query)):
        text = token[0]
        if text in "{}":
            depth = max(0, depth + (1 if text == "{" else -1))
        elif depth or token["labels"] or token["rest"]:
            continue
        elif token["name"]:
            left.append(text if text.casefold() in _WORDS else names.metric(text))
        else:
            left.append(" " if text.isspace() else text)
    made = " ".join("".join(left).split())
    return made if len(made) <= MOST else f"{made[:MOST].rsplit(' ', 1)[0]}…"
