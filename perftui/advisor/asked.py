"""The words of a person's question, as they may leave the host."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import PurePath
from typing import NamedTuple
from unicodedata import category, normalize

from perftui.advisor.redact import (
    HOST_FORM,
    USER_FORM,
    Pseudonyms,
    is_host_label,
    is_pseudonym,
    is_public,
    well_known,
)
from perftui.advisor.scrub import without_secrets
from perftui.model.question import MOST_TEXT
from perftui.model.snapshot import Snapshot
from perftui.model.stacks import Place
from perftui.model.target import Target
from perftui.model.text import plain
from perftui.settings import NUMBERS_ONLY

_LEAST = 3
"""A name of fewer letters is a word like any other."""
_WORDS = """
and any are but can did does for from get had has have how its not now off our out than that the
then this too was were what when where which who why will with you all new old one two delete head
options patch post put trace true false none null yes default auto info warn error debug api app
apps application bin cli client code common conf config core data dev doc docs etc example home
host http https index internal job jobs lib lib64 local localhost log logs main manage media mnt
model models module opt package packages plugin plugins proc prod production project release
releases root run scripts serve server service services share shared site site-packages
dist-packages src srv stage staging start static system task tasks temp template templates test
tests tmp tool tools user users usr util utils var venv version view views web work worker workers
workspace wsgi asgi admin nobody daemon www www-data com corp edu gov lan localdomain net org svc
cluster async sync thread threads gevent process port host address bind
"""
_USUAL = frozenset(_WORDS.split())
"""Words that paths, hosts, commands and labels share with everybody's sentences."""
_PIECE = re.compile(r"\w+(?:[.-]\w+)*")
_ADDRESS = re.compile(r"(?:\w+://)?(?:[^/@\s]*@)?(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(:\d+)?(?:/\S*)?")
_FILE = r"(?:py|pyx|pyi|so|toml|ya?ml|json|ini|cfg|conf|env|log|txt|csv|sql|sh|html)"
_FORMS = re.compile(
    r"(?P<url>\w+://[^\s\"'<>()]+)"
    rf"|(?P<user>{USER_FORM})"
    rf"|(?P<host>{HOST_FORM})"
    r"|(?P<path>(?<![\w/.~])(?:~|\.{1,2})?(?:/[\w.@+-]+){2,}/?"
    r"|(?<![\w/.~])(?:(?:~|\.{1,2})/|/(?=[A-Za-z_]))[\w.@+-]{3,}/?"
    r"|(?<!\w)[A-Za-z]:\\[^\s\"']+"
    rf"|(?<![\w/.-])(?:[\w.-]+/)*[\w-]+\.{_FILE}(?![\w(]|\.\w))"
)
"""What is a URL, a user, a host or a path by its form, whether it is known here or not."""
_SENTENCE = re.compile(r"(?:^|[.?!:]\s)\W*\Z")


class _Name(NamedTuple):
    """A name that may be in the text, and what makes what may be told of it. One that is `code`, a
    function or a class, may be a word of everybody's too."""

    real: str
    told: Callable[[], str]
    is_code: bool = False


def redacted(text: str, snapshot: Snapshot, names: Pseudonyms) -> str:
    """`text` without what looks like a secret, and with the names in `snapshot` as `names` tells
    them, in capitals or not; also what is a host, a user or a path by its form. Other words, and
    numbers, are the person's own, and go as they were typed; so does a plain word like run, which a
    function may be called by chance."""
    # As Python reads names; what nobody sees, and what would part one, is left out.
    read = "".join(c for c in normalize("NFKC", text) if category(c) != "Cf")
    typed = plain(without_secrets(read), MOST_TEXT)
    folded = _folded(typed)
    known: dict[str, list[_Name]] = {}
    for name in _known(snapshot, names):
        real = _folded(name.real)
        if len(real) >= _LEAST and real in folded and not _is_number(real):
            known.setdefault(real, []).append(name)
    put: dict[tuple[int, int], str] = {}
    for form in _FORMS.finditer(typed):
        same = known.get(folded[slice(*form.span())])
        put[form.span()] = (
            _told(same, typed, form.span()) if same else _of_form(form, names) or form[0]
        )
    if known:
        any_of = "|".join(re.escape(real) for real in sorted(known, key=len, reverse=True))
        for found in re.finditer(rf"(?<!\w)(?:{any_of})(?!\w)", folded):
            first, last = found.span()
            if not any(
                first < end and start < last and told != typed[start:end]
                for (start, end), told in put.items()
            ):
                put[found.span()] = _told(known[found[0]], typed, found.span())
    left, at = [], 0
    for (start, end), told in sorted(put.items()):
        if start >= at and told != typed[start:end]:
            left += [typed[at:start], told]
            at = end
    return "".join([*left, typed[at:]])


def _of_form(form: re.Match[str], names: Pseudonyms) -> str | None:
    """What may be told of something that is known by its form alone; None where that is all."""
    share, text = names.share, form[0]
    match form.lastgroup:
        case "url":
            is_open = share.paths and share.host
            return text if is_open else names.sharing(NUMBERS_ONLY).path(text)
        case "user":
            is_open = share.users and share.host
            return text if is_open else names.sharing(NUMBERS_ONLY).user(text)
        case "host":
            first, _, rest = text.partition(".")
            is_known = first in sys.stdlib_module_names or first in well_known()
            # threading.local is no host, redis.shop.local is one.
            return None if is_known and rest.isidentifier() else names.host(text)
    return names.path(text)


def _folded(text: str) -> str:
    """`text` with as many characters, for comparing without regard to capitals."""
    if text.isascii():
        return text.lower()
    return "".join(low if len(low := char.casefold()) == 1 else char for char in text)


def _told(known: Sequence[_Name], typed: str, span: tuple[int, int]) -> str:
    """What stands in place of the characters `span` of what was typed."""
    word, before, after = typed[slice(*span)], typed[: span[0]], typed[span[1] :]
    in_dots = before.endswith(".")
    is_word = word.isalpha() and not in_dots and not re.match(r"\.\w|\(", after)
    is_lower = word.islower() or (word[1:].islower() and _SENTENCE.search(before) is not None)
    for name in known:
        if name.is_code and is_word and is_lower and name.real.capitalize() == word.capitalize():
            continue
        told = name.told()
        # The name of a library's function says more with its module; others are told already.
        if is_pseudonym(told) or (name.is_code and not in_dots):
            return told
    return word


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _known(snapshot: Snapshot, names: Pseudonyms) -> Iterator[_Name]:
    """Names that may be in the text; of two that are alike, the one that tells more comes first."""
    target = snapshot.target
    frames = {frame for window in snapshot.windows for _, stack in window.stacks for frame in stack}
    places = {frame.place for frame in frames}
    own_files = sorted(file for file in {file for _, file in places} if not is_public(file))
    yield from _of_code(sorted(places), frozenset(own_files), names)
    for objective in snapshot.objectives:
        yield _Name(objective.metric, partial(names.metric, objective.metric))
    for series in snapshot.series:
        yield _Name(series.key.name, partial(names.metric, series.key.name))
        yield from _of_labels(series.key.labels, names)
    told_of = sorted({event.about for event in snapshot.events})
    yield from _unusual((one, partial(names.event, one)) for one in told_of)
    threads = {thread.name for window in snapshot.windows for thread, _ in window.stacks}
    yield from _unusual((one, partial(names.thread, one)) for one in sorted(threads))
    yield from _unusual(_of_host(target.host, partial(names.host, target.host), names))
    if target.user:
        yield from _unusual([(target.user, partial(names.user, target.user))])
    if not names.share.commands:
        yield from _parts([target.name, *_arguments(target)], names)
    # Parts of names last: the whole of one says more.
    yield from _of_modules([PurePath(file) for file in own_files], names)


def _of_code(
    places: Sequence[Place], own_files: frozenset[str], names: Pseudonyms
) -> Iterator[_Name]:
    """Functions, by their whole names or the last part of them, and classes. One's own come first,
    and a class of which one function is seen stands for that."""
    own = [place for place in places if place.file in own_files]
    others = [place for place in places if place.file not in own_files]
    for function, file in (*own, *others):
        told = partial(names.function, function, file)
        for part in dict.fromkeys((function, function.rpartition(".")[2])):
            yield _Name(part, told, is_code=True)
    if names.share.function_names:
        return
    outer = [(part, place) for place in own for part in place.function.split(".")[:-1]]
    count = Counter(part for part, _ in outer)
    for part, place in outer:
        if part.isidentifier():
            alone = count[part] == 1
            told = partial(names.function, *place) if alone else partial(names.part, part)
            yield _Name(part, told, is_code=True)


def _of_modules(files: Sequence[PurePath], names: Pseudonyms) -> Iterator[_Name]:
    """Files, modules and folders of one's own code."""
    for path in files:
        yield _Name(path.name, partial(names.path, str(path)))
        if not names.share.function_names:
            yield from _parts([path.stem], names)
        if not names.share.paths:
            yield from _parts([part for part in path.parts[:-1] if part != path.anchor], names)


def _of_labels(labels: Sequence[tuple[str, str]], names: Pseudonyms) -> Iterator[_Name]:
    """Values of labels; of an address also the host by itself."""
    for name, value in labels:
        told = partial(_value, names, name, value)
        yield from _unusual([(value, told)])
        address = _ADDRESS.fullmatch(value)
        if address and (is_host_label(name) or address[2]):
            yield from _unusual(_of_host(address[1], told, names))


def _value(names: Pseudonyms, name: str, value: str) -> str:
    return names.label(name, value)[1]


def _of_host(
    host: str, told: Callable[[], str], names: Pseudonyms
) -> Iterator[tuple[str, Callable[[], str]]]:
    """A host by its whole name and by the first labels of it, and the domains that it is in."""
    yield host, told
    labels = host.split(".")
    if ":" in host or all(label.isdigit() for label in labels):
        return
    yield from ((".".join(labels[:count]), told) for count in range(1, len(labels)))
    if not names.share.host:
        domains = [*(".".join(labels[at:]) for at in range(1, len(labels))), *labels[1:]]
        yield from ((one, partial(names.part, one)) for one in domains)


def _arguments(target: Target) -> Iterator[str]:
    """What a command line is made of, but the names of its options; and the names of the pod."""
    for argument in target.cmdline:
        is_option = argument.startswith("-")
        for whole in _PIECE.findall(argument.partition("=")[2] if is_option else argument):
            yield from (whole, *re.findall(r"\w+", whole))
    if target.inside is not None:
        inside = target.inside
        yield from filter(None, (inside.pod, inside.namespace, inside.node, inside.container))


def _parts(words: Sequence[str], names: Pseudonyms) -> Iterator[_Name]:
    return _unusual((word, partial(names.part, word)) for word in words)


def _unusual(found: Iterable[tuple[str, Callable[[], str]]]) -> Iterator[_Name]:
    """Without what is no name of one's own: words like api, Python's and the packages' names."""
    for real, told in found:
        low = real.casefold()
        is_public_word = low in _USUAL or low in sys.stdlib_module_names or low in well_known()
        if not is_public_word and not low.startswith(("python", "pypy")):
            yield _Name(real, told)
