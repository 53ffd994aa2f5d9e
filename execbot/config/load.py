"""`trading.yaml` and the environment become one validated `Settings` that knows its sources.

Order for each value: the schema's default, then the file, then the environment. The file is the
first that exists of `--config`, `EXECBOT_CONFIG`, `./trading.yaml` and
`$XDG_CONFIG_HOME/execbot/trading.yaml`; files are never merged. An environment variable that
would loosen a risk limit of the file (or its default) is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from execbot.config.environment import Environment, environment_of
from execbot.config.errors import ConfigError
from execbot.config.files import FILE_NAME, find_file
from execbot.config.limits import loosens
from execbot.config.parse import (
    BadValue,
    Leaf,
    Text,
    build,
    contradictions,
    leaves,
    line_of,
    read_value,
    suggestion,
)
from execbot.config.paths import cache_root
from execbot.config.schema import TradingSettings
from execbot.config.yaml_nodes import nodes_of
from execbot.model.numbers import maybe_decimal

TOP_KEY = "trading_execution"
FILE_BYTES_MAX = 1_000_000
PREFIX = "EXECBOT__"
NAMED_VARIABLES = {
    "TRADING_SYMBOLS": "symbols",
    "TRADE_RISK_PER_TRADE": "sizing.risk_per_trade_pct",
}
"""Variables that traders already use, and the key each one sets."""

RISK_FRACTION = "TRADE_RISK_PER_TRADE"
RISK_FRACTION_MAX = Decimal("0.2")
"""The variable is a fraction of equity (0.01 is 1 %). More than this is surely meant as percent."""

_SECRETS = ("api_key", "secret", "password", "token", "credential")


class Settings(Struct, frozen=True):
    """`sources` says for each dotted key where its value came from; `path` is the file read."""

    trading: TradingSettings = field(default_factory=TradingSettings)
    sources: dict[str, str] = field(default_factory=dict)
    path: Path | None = None


def load_settings(
    config_path: Path | str | None = None, env: Mapping[str, str] | None = None
) -> Settings:
    """Read the configuration. Raises ConfigError with every problem found, the first in front."""
    env = environment_of(env, config_path)
    known = {leaf.key: leaf for leaf in leaves()}
    values: dict[str, Any] = {}
    sources = dict.fromkeys(known, "default")
    problems: list[ConfigError] = []

    path = find_file(config_path, env)
    if path is not None:
        for key, value, line in _read_file(path, _cache(env), known, problems):
            values[key] = value
            sources[key] = f"{path}:{line}"
    for key, value, variable in _read_environment(env, known, problems):
        limit = values.get(key, known[key].default)
        if loosens(key, limit, value):
            problems.append(_loosening(key, limit, value, env.source(variable)))
            continue
        values[key] = value
        sources[key] = env.source(variable)
    _raise_if_any(problems)
    trading = build(values)
    _raise_if_any(list(contradictions(trading)))
    return Settings(trading, sources, path)


def _cache(env: Mapping[str, str]) -> Path | None:
    """Where parsed files are kept; nowhere for an environment that has no home."""
    home = env.get("XDG_CACHE_HOME") or env.get("HOME")
    return cache_root(env) if home and Path(home).parent.is_dir() else None


Found = Iterator[tuple[str, Any, Any]]
"""(dotted key, value, where it stood)."""


def _read_file(
    path: Path, cache: Path | None, known: dict[str, Leaf], problems: list[ConfigError]
) -> Found:
    root = nodes_of(_read_text(path), str(path), cache)
    if root is None or root.id != "mapping":
        raise ConfigError(
            f"{path} has no {TOP_KEY} section",
            kind="config.unreadable",
            hint=f"The file's top key is {TOP_KEY}.",
            next_step="See a complete one: execbot config init --print",
        )
    found_top = False
    for name_node, value_node in root.value:
        if name_node.value == TOP_KEY and not found_top:
            found_top = True
            if not _is_null(value_node):
                yield from _read_section(path, value_node, "", known, problems)
        else:
            problems.append(_unknown_key(path, name_node, "", [TOP_KEY], twice=found_top))
    if not found_top and not problems:
        problems.append(ConfigError(f"{path} has no {TOP_KEY} section", kind="config.unreadable"))


def _read_section(
    path: Path, node: Any, prefix: str, known: dict[str, Leaf], problems: list[ConfigError]
) -> Found:
    if node.id != "mapping":
        name = prefix.rstrip(".") or TOP_KEY
        problems.append(_at(path, node, f"{name} was a {node.id}, must be a section of keys"))
        return
    seen: set[str] = set()
    for name_node, value_node in node.value:
        key = f"{prefix}{name_node.value}"
        if key in seen:
            problems.append(_at(path, name_node, f"{key} was given twice"))
        elif key in known:
            try:
                yield key, read_value(known[key], value_node), line_of(value_node)
            except BadValue as bad:
                problems.append(
                    _at(
                        path,
                        bad.node,
                        f"{bad.key} {bad.complaint}",
                        hint=bad.hint,
                        kind=bad.kind,
                    )
                )
        elif any(other.startswith(f"{key}.") for other in known):
            if not _is_null(value_node):
                yield from _read_section(path, value_node, f"{key}.", known, problems)
        else:
            problems.append(_unknown_key(path, name_node, prefix, list(known)))
        seen.add(key)


def _read_environment(
    env: Environment, known: dict[str, Leaf], problems: list[ConfigError]
) -> Found:
    for variable in sorted(env):
        key = NAMED_VARIABLES.get(variable)
        if key is None and variable.startswith(PREFIX):
            key = variable.removeprefix(PREFIX).lower().replace("__", ".")
        if key is None or (variable in NAMED_VARIABLES and not env[variable].strip()):
            continue
        if key not in known:
            near = suggestion(key, list(known))
            variable_near = PREFIX + near.upper().replace(".", "__") if near else ""
            problems.append(
                ConfigError(
                    f"{variable} names no known key",
                    kind="config.unknown_key",
                    hint=f"Did you mean {variable_near}?" if near else "",
                    next_step="List all keys: execbot config show",
                )
            )
            continue
        try:
            value = _percent_of_fraction(env[variable]) if variable == RISK_FRACTION else None
            node = _environment_node(value or env[variable], variable)
            yield key, read_value(known[key], node), variable
        except BadValue as bad:
            problems.append(ConfigError(f"{variable}: {bad.key} {bad.complaint}", hint=bad.hint))


def _environment_node(value: str, variable: str) -> Any:
    """Plain text, or YAML's flow form for lists and mappings: `[{level: 1, size_pct: 50}]`."""
    if value.lstrip().startswith(("[", "{")):
        return nodes_of(value, variable, None)
    return Text(value)


def _percent_of_fraction(value: str) -> str:
    fraction = maybe_decimal(value)
    if fraction is None or fraction <= RISK_FRACTION_MAX:
        return value if fraction is None else str(fraction * 100)
    raise ConfigError(
        f"{RISK_FRACTION} was {value}, must be at most {RISK_FRACTION_MAX}",
        hint="It is a fraction of equity: 0.01 risks one percent a trade.",
        next_step="Set a smaller fraction, or sizing.risk_per_trade_pct in trading.yaml.",
    )


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise ConfigError(f"{path} is larger than {FILE_BYTES_MAX} bytes")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(
            f"{path} could not be read: {reason}", kind="config.unreadable"
        ) from error


def _is_null(node: Any) -> bool:
    return bool(node.id == "scalar" and node.value.strip().lower() in ("", "null", "~"))


def _at(path: Path, node: Any, message: str, **extra: Any) -> ConfigError:
    line = line_of(node)
    return ConfigError(
        f"{path} line {line}: {message}",
        line=line,
        next_step=f"Fix {path}, then: execbot config check",
        **extra,
    )


def _unknown_key(
    path: Path, node: Any, prefix: str, known: list[str], *, twice: bool = False
) -> ConfigError:
    word = f"{prefix}{node.value}"
    if twice and word == TOP_KEY:
        return _at(path, node, f"{word} was given twice")
    if any(secret in str(node.value).lower() for secret in _SECRETS):
        hint = "Keys never stand in this file: use the environment or the credentials file."
    else:
        near = suggestion(word, known)
        hint = f"Did you mean {near}?" if near else "execbot config show lists every key."
    return _at(path, node, f"{word} is not a known key", kind="config.unknown_key", hint=hint)


def _loosening(key: str, limit: Any, wanted: Any, variable: str) -> ConfigError:
    return ConfigError(
        f"{variable} would loosen {key} from {show_value(limit)} to {show_value(wanted)}",
        kind="config.loosens_limit",
        hint="The environment may only tighten a risk limit.",
        next_step=f"Change {key} in {FILE_NAME} if that is what you want.",
    )


def _raise_if_any(problems: list[ConfigError]) -> None:
    if not problems:
        return
    first = problems[0]
    more = len(problems) - 1
    raise ConfigError(
        first.message + (f" (and {more} more)" if more else ""),
        hint=first.hint,
        next_step=first.next_step or "See all problems: execbot config check",
        kind=first.kind,
        line=first.line,
        problems=tuple(problems),
    )


def show_value(value: Any) -> str:
    """A value as it could stand in the file."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(show_value(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {show_value(v)}" for k, v in value.items()) + "}"
    names = getattr(value, "__struct_fields__", None)
    if names is not None:
        inside = ", ".join(f"{name}: {show_value(getattr(value, name))}" for name in names)
        return "{" + inside + "}"
    return str(value)
