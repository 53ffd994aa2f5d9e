"""A certificate authority for one run: made in a private folder, gone with it, installed nowhere.

Its certificate names every host of Alpaca's and this machine, and is good for a day.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from execbot.sim.run.names import DOMAIN, HOSTS

GOOD_FOR = timedelta(days=1)
OWN_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Authority:
    """`certificate`: the file that a client must trust. `context`: for the server's sockets."""

    certificate: Path
    context: ssl.SSLContext


def make_authority(folder: Path, extra_names: tuple[str, ...] = ()) -> Authority:
    """Makes an authority and the server's certificate. The authority's key stays in memory and is
    forgotten with the return, so it can sign nothing else.

    Raises `ModuleNotFoundError` without trustme, `OSError`.
    """
    import trustme

    until = datetime.now(UTC) + GOOD_FOR
    # EC keys: RSA ones take seconds on a small machine. Some clients want a name.
    authority = trustme.CA(
        organization_name="execbot",
        organization_unit_name="one run of the exchange",
        key_type=trustme.KeyType.ECDSA,
    )
    names = (*HOSTS, f"*.{DOMAIN}", *OWN_NAMES, *extra_names)
    own = authority.issue_cert(
        *names, common_name=HOSTS[0], not_after=until, key_type=trustme.KeyType.ECDSA
    )
    certificate = folder / "authority.pem"
    authority.cert_pem.write_to_path(certificate)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.configure_cert(context)
    context.set_alpn_protocols(["http/1.1"])
    return Authority(certificate, context)
