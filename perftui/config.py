"""Settings: flags over environment over ./perftui.toml over the user's file over defaults.

Every layer is a nested mapping with the names of the TOML file. They are put on top of each other,
and the result is validated once; an error names the layer that the wrong value came from.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from perftui.checked import Invalid, checked
from perftui.errors import UsageError
from perftui.model.text import without_password
from perftui.settings import LlmSettings, Settings

Layer = Mapping[str, Any]

MAX_FILE = 1_000_000
"""Bytes of a settings file at most."""
_SECRETS = frozenset({"token", "password", "headers"})
"""Keys of [prometheus] whose value no message may show."""
_SECRET_HEADER = re.compile(r"auth|cookie|token|secret|key|password", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """A layer of settings and the name by which errors call it. A project's may come with code that
    somebody else has written."""

    name: str
    values: Layer
    is_project: bool = False


def config_paths() -> tuple[Path, ...]:
    """The files that are read, the stronger one first."""
    paths = [Path("perftui.toml")]
    with suppress(RuntimeError):  # a user without a home
        # ~/.config on every platform: that is where people of terminal tools look, on macOS too.
        home = os.environ.get("XDG_CONFIG_HOME") or str(Path("~/.config").expanduser())
        paths.append(Path(home) / "perftui" / "config.toml")
        paths.append(Path(platformdirs.user_config_dir("perftui")) / "config.toml")
    return tuple(dict.fromkeys(paths))


def state_path() -> Path:
    """The directory of what is kept from run to run, like the log of forecasts. UsageError for a
    user without a home."""
    try:
        return platformdirs.user_state_path("perftui")
    except RuntimeError:
        raise UsageError(
            "This user has no home directory to keep forecasts in.", "Set XDG_STATE_HOME or HOME."
        ) from None


def read_file(path: Path) -> Source | None:
    """One TOML file; None if there is none. UsageError if it cannot be read."""
    name = f"./{path}" if not path.is_absolute() else str(path)
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"{name} is no file.", "Move it away.")
        with path.open("rb") as file:
            text = file.read(MAX_FILE + 1)
            mode = os.fstat(file.fileno()).st_mode
        if len(text) > MAX_FILE:
            raise UsageError(f"{name} is larger than {MAX_FILE} bytes.", "Is it the right file?")
        values = tomllib.loads(text.decode())
        if mode & 0o044 and (key := _secret_in(values)):
            # Refused, not warned of: on a screen full of other things nobody would read that.
            raise UsageError(
                f"{name} has prometheus.{key}, but other users may read it.",
                f"Run chmod 600 {path}.",
            )
        source = Source(name, values, is_project=not path.is_absolute())
        if source.is_project:
            _refuse_a_projects(source)
        return source
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(
            f"{name} cannot be read: {error.strerror}.", "Mend or remove it."
        ) from None
    except RecursionError:
        raise UsageError(f"{name} is nested too deeply.", "Mend that place.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{name} is not TOML: {error}.", "Mend that place.") from None


def _refuse_a_projects(source: Source) -> None:
    """UsageError if it sets what decides where one's key goes or what is spent with it."""
    llm = source.values.get("llm")
    for key, what, instead in (
        ("url", "say where your key goes", "Set it in your own settings, or by --llm-url."),
        ("prices", "say what your calls cost", "Set them in your own settings."),
    ):
        if isinstance(llm, Mapping) and key in llm:
            raise UsageError(
                f"{source.name} has llm.{key}, but a project's file may not {what}.", instead
            )


def _refuse_a_higher_cap(source: Source, below: Layer) -> None:
    """UsageError if the valid `source` would lift the monthly cap of the weaker layers."""
    cap = _llm(source.values).get("monthly_cap_usd", 0.0)
    own = _llm(below).get("monthly_cap_usd", LlmSettings().monthly_cap_usd)
    if not cap <= own:
        raise UsageError(
            f"{source.name} has llm.monthly_cap_usd of {cap:g}, but a project's file may only "
            f"lower yours, {own:g}.",
            "Set it in your own settings.",
        )


def _llm(values: Layer) -> Layer:
    llm: Layer = values.get("llm", {})
    return llm


def _secret_in(values: Layer) -> str:
    """The first key of [prometheus] that holds a secret itself, empty if none does."""
    server = values.get("prometheus")
    if not isinstance(server, Mapping):
        return ""
    headers = server.get("headers")
    if isinstance(headers, Mapping) and any(_SECRET_HEADER.search(name) for name in headers):
        return "headers"
    url = server.get("url")
    if isinstance(url, str) and url != without_password(url):
        return "url with a password"
    return next((key for key in ("token", "password") if key in server), "")


_VARIABLES = {
    f"PROMETHEUS_{key.upper()}": key
    for key in (
        *("url", "token", "token_file", "username", "password", "password_file"),
        *("ca_file", "cert_file", "key_file", "headers"),
    )
}


def environment(env: Mapping[str, str]) -> Source:
    """What the environment sets; PROMETHEUS_HEADERS is like `X-Scope-OrgID=a,X-Other=b`."""
    found = {name: env[name] for name in _VARIABLES if env.get(name)}
    values: dict[str, Any] = {_VARIABLES[name]: text for name, text in found.items()}
    if "headers" in values:
        pairs = [pair.partition("=") for pair in values["headers"].split(",")]
        values["headers"] = {name.strip(): value.strip() for name, _, value in pairs}
    return Source(
        f"the environment's {', '.join(found) or 'variables'}",
        {"prometheus": values} if values else {},
    )


def load(
    flags: Layer,
    env: Mapping[str, str],
    files: Iterable[Path] | None = None,
    below: Layer | None = None,
) -> Settings:
    """The valid settings of all layers; `below` is weaker than every file.

    UsageError names file, key and what is allowed.
    """
    found = [read_file(path) for path in (config_paths() if files is None else files)]
    weakest_first = [source for source in reversed(found) if source is not None]
    own = Source("this command", below or {})
    layers = [own, *weakest_first, environment(env), Source("the command line", flags)]
    # Each layer is checked by itself first, so that an error can name the one it comes from.
    for layer in layers:
        _validate(layer.values, layer.name)
    merged: dict[str, Any] = {}
    for layer in layers:
        if layer.is_project:
            _refuse_a_higher_cap(layer, merged)
        merged = _on_top(merged, layer.values)
    return _validate(merged, " and ".join(layer.name for layer in layers if layer.values))


_IDENTITY = {
    "metric": "name",
    "objective": "metric",
    "scrape": "url",
    "log": "file",
    "pattern": "name",
}
"""What tells the entries of a list apart: a stronger layer replaces those that it has too."""


def _on_top(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` over `below`: tables key by key; an array of tables by what its entries name."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            gone = _replaced_ways_in(value) if key == "prometheus" else frozenset()
            merged[key] = _on_top({k: v for k, v in old.items() if k not in gone}, value)
        elif key in _IDENTITY and old:
            name = _IDENTITY[key]
            replaced = {entry.get(name) for entry in value}
            merged[key] = [e for e in old if e.get(name) not in replaced] + list(value)
        else:
            merged[key] = value
    return merged


def _replaced_ways_in(above: Layer) -> frozenset[str]:
    """Keys of a weaker [prometheus] that go: one way in takes the place of another."""
    tokens, passwords = ("token", "token_file"), ("password", "password_file")
    if any(key in above for key in tokens):
        return frozenset({*tokens, "username", *passwords})
    if any(key in above for key in passwords):
        return frozenset({*tokens, *passwords})
    return frozenset(tokens) if "username" in above else frozenset()


def _validate(values: Layer, origin: str) -> Settings:
    try:
        return checked(values, Settings)
    except Invalid as error:
        raise _explain(error, origin) from None


def _explain(error: Invalid, origin: str) -> UsageError:
    key = "".join(
        f".{part}" if isinstance(part, str) else f"[{part + 1}]" for part in error.location
    ).removeprefix(".")
    if error.allowed:
        close = difflib.get_close_matches(str(error.location[-1]), error.allowed, n=1)
        hint = f"Did you mean {close[0]}?" if close else ""
        return UsageError(
            f"{origin}: {key} is not a setting.",
            f"{hint} Allowed here: {', '.join(error.allowed)}.".strip(),
        )
    given = error.given
    if isinstance(given, str):
        given = without_password(given)
    is_shown = isinstance(given, str | int | float | bool) and _SECRETS.isdisjoint(error.location)
    if "url" in error.location and "@" in str(given):
        is_shown = False  # whatever is wrong with it, a password may be in it
    shown = f" (it is {given!r})" if is_shown else ""
    return UsageError(f"{origin}: {key or 'settings'}{shown}: {error.reason}.", "Mend that value.")
