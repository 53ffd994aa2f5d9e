"""Configuration, mode and keys, the state directory, and the way out to the broker."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from execbot.broker.proxy import ProxyUnusable, proxy_for
from execbot.config.load import load_settings
from execbot.config.paths import DIRECTORY_MODE, FILE_MODE, private_directory
from execbot.desk.checks.finding import Examination, Finding, Status
from execbot.desk.opening.setup import build_client, clock_of, read_setup

DISK_FREE_MIN_BYTES = 50 * 1024 * 1024


def configuration(examined: Examination) -> Iterator[Finding]:
    settings = load_settings(examined.config_path)
    changed = sum(source != "default" for source in settings.sources.values())
    where = str(settings.path) if settings.path else "no trading.yaml: the defaults"
    yield Finding("configuration", Status.OK, f"{where} ({changed} values set)")


def mode_and_keys(examined: Examination) -> Iterator[Finding]:
    examined.setup = setup = read_setup(examined.mode_flag, examined.config_path)
    yield Finding("mode", Status.OK, f"{setup.mode.value}, by {setup.choice.source}")
    for notice in setup.choice.notices:
        yield Finding(
            "mode", Status.WARN if setup.choice.source != "default" else Status.OK, notice
        )
    path = setup.env.path
    if (
        path is not None
        and path.stat().st_mode & 0o077
        and any("SECRET" in n for n in setup.env.filed)
    ):
        words = f"{path} holds a secret, and others may read it"
        yield Finding("credentials", Status.WARN, words, f"chmod 600 {path}")
    keys = "none needed" if setup.is_in_process else setup.credentials.source
    yield Finding("credentials", Status.OK, keys)


def is_open_to_others(path: Path) -> bool:
    """A running `watch` replaces files: one that is gone by now is open to nobody."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return False
    return bool(mode & 0o777 & ~(DIRECTORY_MODE if path.is_dir() else FILE_MODE))


def state_directory(examined: Examination) -> Iterator[Finding]:
    root = private_directory(examined.needed_setup().root)
    if not os.access(root, os.W_OK):
        yield Finding(
            "state directory",
            Status.FAIL,
            f"{root} is not writable",
            "Set EXECBOT_STATE_DIR elsewhere.",
        )
        return
    open_to_others = [path for path in [root, *root.rglob("*")] if is_open_to_others(path)]
    if open_to_others:
        shown = ", ".join(str(path) for path in open_to_others[:3])
        yield Finding(
            "state directory", Status.WARN, f"others may read {shown}", f"chmod -R go= {root}"
        )
    else:
        yield Finding("state directory", Status.OK, str(root))
    space = os.statvfs(root)
    free = space.f_bavail * space.f_frsize
    enough = free >= DISK_FREE_MIN_BYTES
    yield Finding(
        "disk space",
        Status.OK if enough else Status.FAIL,
        f"{free // 1_000_000} MB free",
        "" if enough else "Free some space: without it no intent can be recorded.",
    )


def way_out(examined: Examination) -> Iterator[Finding]:
    """By which way each host is reached, and which certificates are trusted there."""
    setup = examined.needed_setup()
    if setup.is_in_process or setup.endpoints.is_loopback:
        return
    client = build_client(setup, clock_of(setup))
    urls = {"trading": client.trading_url, "data": client.data_url}
    client.close()
    try:
        ways = {name: proxy_for(url) for name, url in urls.items()}
    except ProxyUnusable as exc:
        yield Finding("way out", Status.FAIL, str(exc), "Set or unset the variable.")
        return
    words = ", ".join(
        f"{name} directly" if proxy is None else f"{name} by {proxy.shown} (from {proxy.variable})"
        for name, proxy in ways.items()
    )
    yield Finding("way out", Status.OK, f"{words}; trusted certificates: {_trusted()}")


def _trusted() -> str:
    import ssl

    paths = ssl.get_default_verify_paths()
    named = [name for name in (paths.openssl_cafile_env, paths.openssl_capath_env)
             if os.environ.get(name)]  # fmt: skip
    if named:
        return ", ".join(f"{os.environ[name]} ({name})" for name in named)
    return str(paths.cafile or paths.capath or "none found on this machine")
