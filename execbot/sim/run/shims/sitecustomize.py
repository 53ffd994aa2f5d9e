# mypy: ignore-errors
"""Loaded by every Python that a run of `execbot sim run` starts, before the bot.

Some clients trust certifi's own file whatever the environment says; they are given the run's. With
a detour (an unsealed run) Alpaca's names lead to the exchange, for streams as well: websocket
clients know no proxy. Only the standard library is at hand here, of any version of Python 3.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys

_BUNDLE = os.environ.get("EXECBOT_RUN_BUNDLE")
_DETOUR = os.environ.get("EXECBOT_RUN_DETOUR")  # the port of the exchange, with TLS
_DOMAIN = "alpaca.markets"


def _trust(module):
    def contents():
        with open(_BUNDLE, encoding="ascii") as file:
            return file.read()

    module.where = lambda: _BUNDLE
    module.contents = contents


def _resolve_as_python_does(module):
    module.DefaultResolver = module.ThreadedResolver


def _refuse(module):
    raise ImportError(
        module.__name__ + " looks names up by itself and would go round the detour of this run"
    )


_AFTER = {}
if _BUNDLE:
    _AFTER["certifi.core"] = _trust
if _DETOUR:
    _AFTER["aiohttp.resolver"] = _resolve_as_python_does
    _AFTER["uvloop"] = _refuse


class _Changed(importlib.abc.Loader):
    """A module's own loader, and a change once it is loaded."""

    def __init__(self, loader, change):
        self._loader, self._change = loader, change

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        self._loader.exec_module(module)
        self._change(module)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        change = _AFTER.get(name)
        if change is None:
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = _Changed(spec.loader, change)
                return spec
        return None


def _is_alpaca(host):
    if isinstance(host, (bytes, bytearray)):
        host = bytes(host).decode("ascii", "replace")
    if not isinstance(host, str):
        return False
    name = host.lower().rstrip(".")
    return name == _DOMAIN or name.endswith("." + _DOMAIN)


def _lead_here(port):
    """Alpaca's names are this machine, and what goes to them goes to the exchange's port."""
    import socket

    look_up, by_name, by_name_ex = socket.getaddrinfo, socket.gethostbyname, socket.gethostbyname_ex

    def getaddrinfo(host, service, *args, **kwargs):
        if _is_alpaca(host):
            host = "127.0.0.1"
            family = args[0] if args else kwargs.get("family", 0)
            if family == socket.AF_INET6:
                raise socket.gaierror(socket.EAI_NONAME, "the exchange has no such address")
            service = port if service in (443, "443", "https", b"443", b"https") else service
        return look_up(host, service, *args, **kwargs)

    socket.getaddrinfo = getaddrinfo
    socket.gethostbyname = lambda name: "127.0.0.1" if _is_alpaca(name) else by_name(name)
    socket.gethostbyname_ex = lambda name: (
        (name, [], ["127.0.0.1"]) if _is_alpaca(name) else by_name_ex(name)
    )


def _load_the_next():
    """The `sitecustomize` that this one stands before."""
    here = os.path.dirname(os.path.abspath(__file__))
    rest = [place for place in sys.path if os.path.abspath(place or os.curdir) != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", rest)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if _AFTER:
    sys.meta_path.insert(0, _Finder())
if _DETOUR:
    _lead_here(int(_DETOUR))
_load_the_next()
