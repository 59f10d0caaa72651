"""What looks like a secret, taken out of a text that is about to leave the host.

A list of its own: detect-secrets, which is made for files of code, takes 0.1 s and two more
libraries to import, looks for random words between quotation marks alone, and where it is given one
line takes each word for one. This one knows forms and randomness, not meaning: a short password by
itself is a word like any other, and stays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

REMOVED = "[removed]"
"""What stands in place of a secret."""
MOST = 5_000
"""Characters that are looked at; of a longer text nothing is left."""

_NAME = (
    r"(?:pass(?:word|wd|phrase|code)|secret|token|credential|api[\s_.-]?key"
    r"|(?:access|auth|private|secret|signing|account|shared|encryption|master)[\s_.-]?key"
    r"|authorization"
    r"|(?:(?<![a-z])|admin|db|ftp|ldap|login|mail|my|mysql|pg|redis|require|root|smtp|sql|user)"
    r"pass(?![a-z])"
    r"|(?<![a-z])(?:o?auth|cookie|pwd|pw|session[_.-]?id|signature|sig)s?(?![a-z]))"
)
"""What the name of a secret holds: DB_PASSWORD, x-api-key, tokenValue, oauth."""
_SECRET_NAME = re.compile(rf"(?i){_NAME}")
_TEXT = (
    r"(?:[a-z]{0,2}(?:\"{3}(?s:.*?)(?:\"{3}|\Z)|'{3}(?s:.*?)(?:'{3}|\Z)"
    r"|\"(?:[^\"\\]|\\(?s:.)|\\\Z)*\"?|'(?:[^'\\]|\\(?s:.)|\\\Z)*'?)"
    r"|\\+\"[^\"\\]*(?:\\+\")?)"
)
"""A text between quotation marks as Python, JSON and shells write it, or the beginning of one; also
within another text: \\"a\\"."""
_TEXTS = rf"{_TEXT}(?:\s*(?:[+,]|\bor\b)?\s*{_TEXT})*"
_CALL = r"\((?:[^()\n]|\([^()\n]*\))*\)?"
_TYPE = r"[\w.]+(?:\[[^=\n]{0,80}\])?"
_VALUE = (
    rf"(?:{re.escape(REMOVED)}|{_TYPE}(?:\s*\|\s*{_TYPE}){{0,4}}(?=\s*=[^=])"
    rf"|[(\[]\s*{_TEXTS}"
    rf"|{_TEXT}(?:\s*(?:\+\s*)?{_TEXT})*"
    rf"|(?:(?:basic|bearer|digest|token)\s+)?[^\s\"',;&(){{}}<>]+(?:{_CALL})?)"
    rf"(?:\s*(?:\+|\bor\b)\s*{_TEXT})*"
)
"""A value, after a colon also the type of one; texts one after the other, a call, and what stands
for it by `or`, are one."""

_FORMS = (
    # A PEM block, also one that is cut or whose lines were joined.
    (r"(?s)-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)", REMOVED),
    # What stands before the host of a URL, / and @ in it too; then that without a scheme.
    (r"(?<=://)[^\s\"'<>]*@", f"{REMOVED}@"),
    (r"(?<![\w.+-])[\w.+-]+:[^\s:@/\"'<>]+@(?=[\w\[])", f"{REMOVED}@"),
    # name=value, name: value, name: type = value, names["name"] == "value"; then "name", "value";
    # then --name value.
    (
        rf"(?i)((?:{_NAME}[\w.-]{{0,60}}|(?<=[?&])(?:key|code))"
        rf"[\\\"'\]]{{0,4}}\s*(?::=|=>|[!=]?=+|:)\s*){_VALUE}(?:\s*=\s*{_VALUE})*",
        rf"\1{REMOVED}",
    ),
    (rf"(?i)({_NAME}[\w.-]{{0,60}}[\"']\s*,\s*){_TEXT}", rf"\1{REMOVED}"),
    (
        rf"(?i)((?<!\S)-{{1,2}}[\w-]{{0,60}}{_NAME}[\w-]{{0,60}}\s+)(?!-){_VALUE}",
        rf"\1{REMOVED}",
    ),
    (r"(?i)(\bbearer\s+)[\w.~+/=-]{6,}", rf"\1{REMOVED}"),
    # JWT, with its signature or without.
    (r"eyJ[\w-]{8,}(?:\.[\w-]*){0,2}", REMOVED),
    # What services give out, by the signs that they put in front: AWS; OpenAI, Anthropic,
    # Stripe; GitHub, GitLab; Slack; Google; Vault, SendGrid; npm, PyPI, Hugging Face; others.
    (r"(?:A3T[A-Z0-9]|AKIA|ASIA|A[GI]PA|AIDA|AROA|AN[PV]A|ABIA|ACCA)[A-Z0-9]{16}", REMOVED),
    (r"(?<![A-Za-z0-9])sk-(?=[\w-]*\d)[\w-]{12,}", REMOVED),
    (r"(?<![A-Za-z0-9])[prs]k[_-](?:live|test|prod|ant|proj|or|admin)[_-][\w-]{8,}", REMOVED),
    (r"gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{20,}|gl(?:pat|dt|rt|ptt)-[\w-]{16,}", REMOVED),
    (r"xox[a-z](?:\.xox[a-z])?[-_][\w-]{8,}|xapp-\d[\w-]{8,}|hooks\.slack\.com/\S+", REMOVED),
    (r"AIza[\w-]{30,}|ya29\.[\w.-]{10,}|GOCSPX-[\w-]{16,}", REMOVED),
    (r"hv[sbr]\.[\w-]{16,}|SG\.[\w-]{16,}\.[\w-]{16,}|AGE-SECRET-KEY-1\w+", REMOVED),
    (r"npm_[A-Za-z0-9]{30,}|pypi-A[\w-]{30,}|(?:hf|gsk)_[A-Za-z0-9]{20,}", REMOVED),
    (r"(?:whsec|glsa|shp(?:at|ca|pa|ss)|dop_v1|dckr_pat|lin_api)_[A-Za-z0-9+/]{16,}", REMOVED),
    (r"(?:xai-|dapi)[A-Za-z0-9]{20,}|(?<!\d)\d{8,10}:[\w-]{30,}", REMOVED),
)  # fmt: skip
_OPTION_NAME = re.compile(r"-{0,2}[\w.-]+")
_OPTION = re.compile(r"--[a-z][\w-]*(?:=.*)?|-[A-Za-z]", re.DOTALL)
"""One that stands where a value could: a token may begin with a dash."""
_WORD = re.compile(r"[\w+/=.~-]{16,}")
_RUN = re.compile(r"[A-Za-z0-9]+")
_HEX = re.compile(r"(?i)(?<![0-9a-z])(?=(?:[a-f]*\d){3})[0-9a-f]{16,}(?![0-9a-z])")
_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}")
_AFTER = {
    # What follows each letter in names: the 300 most usual pairs in those of the standard library,
    # 97 % of all pairs there; of two random letters 44 % are among them.
    "a": "abcdfgiklmnprstuvwxy", "b": "aceijlorsuy", "c": "acehiklmorstuv", "d": "abcdefiloprstu",
    "e": "abcdefgilmnopqrstuvwxy", "f": "adefilorstu", "g": "aehilnrstu", "h": "aeiortu",
    "i": "abcdefglmnoprstvxz", "j": "eu", "k": "eilsw", "l": "abdeilopstuy", "m": "abdeilmopstuy",
    "n": "acdefgiklnopstuv", "o": "abcdfgiklmnoprstuvwx", "p": "acdeiloprstuy", "q": "u",
    "r": "acdefgiklmnoprstuvy", "s": "aceghiklmnopstuy", "t": "abcdefhilmnoprstuwy",
    "u": "abcefgilmnprst", "v": "aei", "w": "aehinors", "x": "ceipt", "y": "mnpst", "z": "ei",
}  # fmt: skip
_LONG_RUN, _USUAL_IN_LONG = 16, 0.75
"""Of 1,000 names as long, without a separator, one has fewer usual pairs; of random letters and
digits nearly all have."""
_RUN_IN_WORD, _USUAL_IN_RUN = 10, 0.5
"""The same of a part of a long word."""
_PAIRS_IN_WORD, _USUAL_IN_WORD = 10, 0.6
"""The same of all its parts together, where those are short: Base64 has separators of its own."""


def without_secrets(text: str) -> str:
    """`text` with `REMOVED` in place of what looks like a secret."""
    if len(text) > MOST:
        return REMOVED
    for form, put in _forms():
        text = form.sub(put, text)
    return _WORD.sub(lambda word: REMOVED if _is_random(word[0]) else word[0], text)


@cache
def _forms() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Compiled where they are needed: the start of a watch would take longer by 5 ms."""
    return tuple((re.compile(form), put) for form, put in _FORMS)


def looks_secret(text: str) -> bool:
    """Whether something in it looks like a secret."""
    return without_secrets(text) != text


def is_secret_name(name: str) -> bool:
    """Whether what goes by this name is a secret: password, API_TOKEN, x-api-key."""
    return _SECRET_NAME.search(name) is not None


def command_line(arguments: Sequence[str]) -> str:
    """A command line as one text without what looks like a secret. What follows an option of such
    a name, or its equals sign, is one as a whole, spaces in it too."""
    shown: list[str] = []
    follows = False
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        is_secret = _OPTION_NAME.fullmatch(name) is not None and is_secret_name(name)
        if follows and not _OPTION.fullmatch(argument):
            shown.append(REMOVED)
        elif is_secret and equals:
            shown.append(f"{name}={REMOVED}")
        else:
            shown.append(without_secrets(argument))
        follows = is_secret and not equals and argument.startswith("-")
    return without_secrets(" ".join(shown))


def _is_random(word: str) -> bool:
    """Whether a long word is none that a person would give, as far as its characters tell."""
    if _UUID.search(word) or _HEX.search(word):
        return True
    runs = _RUN.findall(word)
    for run in runs:
        least = _USUAL_IN_LONG if len(run) >= _LONG_RUN else _USUAL_IN_RUN
        if len(run) >= _RUN_IN_WORD and _usual(_pairs(run)) < least:
            return True
    # Between letter and digit there is nothing usual: p99, 5m, s3.
    pairs = [pair for run in runs for pair in _pairs(run) if pair.isalpha() or pair.isdigit()]
    return len(pairs) >= _PAIRS_IN_WORD and _usual(pairs) < _USUAL_IN_WORD


def _pairs(run: str) -> list[str]:
    return [a + b for a, b in pairwise(run.lower())]


def _usual(pairs: Sequence[str]) -> float:
    """The share of pairs that names have: two digits, or letters that often follow each other."""
    return sum(p.isdigit() or p[1] in _AFTER.get(p[0], "") for p in pairs) / len(pairs)
