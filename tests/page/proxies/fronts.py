"""nginx and Caddy as processes with TLS, and a visitor who comes to them from an address."""

from __future__ import annotations

import getpass
import http.client
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from page.proxies.recipes import changed, recipe
from page.signals.listening import Answer
from support.waiting import PATIENCE_SECONDS, eventually

KINDS = ("nginx", "Caddy")


@dataclass
class Front:
    """A proxy that answers as `name`."""

    name: str
    port: int
    authority: Path
    directory: Path

    @property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))

    def plain(self, source: str) -> socket.socket:
        """A connection from one of this machine's addresses."""
        return socket.create_connection(
            ("127.0.0.1", self.port), PATIENCE_SECONDS, source_address=(source, 0)
        )

    def line(self, source: str) -> ssl.SSLSocket:
        return self.trust.wrap_socket(self.plain(source), server_hostname=self.name)

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        source: str = "127.0.0.1",
    ) -> Answer:
        """One request, by the port that everybody uses: the Host has none in it."""
        connection = http.client.HTTPConnection(self.name)
        connection.sock = self.line(source)
        try:
            connection.request(method, path, body, {"Host": self.name, **(headers or {})})
            reply = connection.getresponse()
            try:
                text = reply.read().decode()
            except http.client.IncompleteRead as cut:  # of a body that is refused while it comes
                text = cut.partial.decode()
            return Answer(reply.status, {k.lower(): v for k, v in reply.getheaders()}, text)
        finally:
            connection.close()


@contextmanager
def front(
    kind: str, directory: Path, page: str, name: str, changes: dict[str, str]
) -> Iterator[Front]:
    """The recipe of a page, run; skips with a message where the proxy is not installed."""
    program = shutil.which(kind.lower(), path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip(f"needs {kind}: apt-get install nginx-light caddy")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    make = {"nginx": _nginx, "Caddy": _caddy}[kind]
    found, arguments = make(changed(recipe(page, kind), changes), name, port, directory)
    with (directory / "said").open("w") as said:
        running = subprocess.Popen(
            [program, *arguments], stdout=said, stderr=said, env=_environment(directory)
        )
    try:
        assert eventually(lambda: running.poll() is not None or _answers(found)), _said(directory)
        assert running.poll() is None, _said(directory)
        yield found
    finally:
        running.terminate()
        running.wait(PATIENCE_SECONDS)


def _environment(directory: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {**kept, "HOME": str(directory), "XDG_DATA_HOME": str(directory)}


def _said(directory: Path) -> str:
    return (directory / "said").read_text()


def _answers(found: Front) -> bool:
    try:
        found.line("127.0.0.1").close()
    except OSError:
        return False
    return True


Made = tuple[Front, list[str]]


def _nginx(site: str, name: str, port: int, directory: Path) -> Made:
    """The site with its port and its certificate, in what nginx wants around it."""
    authority = trustme.CA()
    own = authority.issue_cert(name)
    certificate, key, trusted = (directory / one for one in ("own.pem", "own.key", "ca.pem"))
    own.private_key_pem.write_to_path(str(key))
    for number, blob in enumerate(own.cert_chain_pems):
        blob.write_to_path(str(certificate), append=number > 0)
    authority.cert_pem.write_to_path(str(trusted))
    live = f"/etc/letsencrypt/live/{name}"
    site = changed(
        site,
        {
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            f"{live}/fullchain.pem": str(certificate),
            f"{live}/privkey.pem": str(key),
        },
    )
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{one}_temp_path {directory}/{one};\n" for one in kinds)
    user = f"user {getpass.getuser()};\n" if os.geteuid() == 0 else ""
    (directory / "nginx.conf").write_text(
        f"{user}daemon off;\npid {directory}/pid;\nerror_log {directory}/error.log info;\n"
        f"events {{}}\nhttp {{\naccess_log {directory}/access.log;\n{temporary}{site}}}\n"
    )
    arguments = ["-p", str(directory), "-e", f"{directory}/error.log"]
    return Front(name, port, trusted, directory), [*arguments, "-c", f"{directory}/nginx.conf"]


def _caddy(site: str, name: str, port: int, directory: Path) -> Made:
    """The site as it is, under options that give it a port and certificates of its own."""
    (directory / "Caddyfile").write_text(
        f"{{\n admin off\n https_port {port}\n auto_https disable_redirects\n"
        f" default_bind 127.0.0.1\n local_certs\n skip_install_trust\n"
        f" storage file_system {directory}/kept\n}}\n{site}"
    )
    authority = directory / "kept" / "pki" / "authorities" / "local" / "root.crt"
    arguments = ["run", "--adapter", "caddyfile", "--config", f"{directory}/Caddyfile"]
    return Front(name, port, authority, directory), arguments
