"""TLS certificate for ``--tls``, made on first use and kept in the user's cache folder."""

import asyncio
import contextlib
import datetime
import os
import re
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from poker_signal.core.base_error import PokerSignalError
from poker_signal.emulator import extras

if TYPE_CHECKING:
    import trustme

NAMES = ("localhost", "127.0.0.1", "::1")

SILENT_S = 1
"""Seconds after which a client that has the certificate and is silent is taken for gone."""

UNTRUSTED = "the client does not trust the certificate: the banner names the one to trust"

_AUTHORITY = "authority.pem"

_RENEW_BEFORE = datetime.timedelta(days=30)


class NoTls(PokerSignalError):
    """No certificate can be made; the message says what to do."""


class Certificate(NamedTuple):
    """The files of a certificate and of the authority that signed it."""

    authority: Path
    """The certificate that clients must trust, PEM."""
    chain: Path
    """Certificate and private key, PEM; readable by the user only."""

    def bundle(self, trusted: str | None) -> Path:
        """Write a CA bundle for boto3, PEM; return its path.

        It holds the authority and ``trusted``, the user's own bundle; None: OpenSSL's default.
        """
        trusted = trusted or ssl.get_default_verify_paths().cafile
        others = Path(trusted).read_bytes() if trusted and Path(trusted).is_file() else b""
        path = self.authority.with_name("bundle.pem")
        _write(path, others + b"\n" + self.authority.read_bytes())
        return path

    def context(self, tell: Callable[[str], None] = lambda words: None) -> ssl.SSLContext:
        """Return the TLS context for a server; ``tell`` is told why a handshake fails."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain)

        class WatchedTls(ssl.SSLObject):
            """A TLS connection that tells its developer of the usual mistakes."""

            waits = 0
            """Reads of the handshake; after the second, the client has the certificate."""

            def do_handshake(self) -> None:
                try:
                    with _telling(tell):
                        super().do_handshake()
                except ssl.SSLWantReadError:
                    self.waits += 1
                    if self.waits == 2:
                        loop = asyncio.get_running_loop()
                        loop.call_later(SILENT_S, self.tell_if_silent)
                    raise
                except ssl.SSLError:
                    self.waits = 0
                    raise
                self.waits = 0

            def read(self, *args: Any) -> Any:
                # With TLS 1.3, the client judges the certificate after the server's handshake.
                with _telling(tell):
                    return super().read(*args)

            def tell_if_silent(self) -> None:
                """Tell of a client that has hung up without an alert."""
                if self.waits > 1:
                    tell(UNTRUSTED)

        context.sslobject_class = WatchedTls
        return context


@contextlib.contextmanager
def _telling(tell: Callable[[str], None]) -> Iterator[None]:
    try:
        yield
    except ssl.SSLError as error:
        reason = error.reason or ""
        if reason == "HTTP_REQUEST":
            tell("ws:// or http:// on a port with TLS: use wss://")
        elif re.search("UNKNOWN_CA|CERTIFICATE", reason):
            tell(UNTRUSTED)
        raise


def kept_authority() -> Path | None:
    """Return the certificate that clients of ``--tls`` must trust; None: none has been made."""
    try:
        folder = _own_folder()
    except ImportError:
        return None
    path = folder / _AUTHORITY
    return path if path.is_file() else None


def _own_folder() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("poker-signal") / "tls"


def certificate_for(host: str, folder: Path | None = None) -> Certificate:
    """Return a certificate for this machine's loopback names and ``host``.

    Raises:
        NoTls: trustme is not installed, or the folder cannot be written.
    """
    try:
        import trustme

        folder = folder or _own_folder()
    except ImportError as error:
        raise NoTls(extras.missing("--tls", "tls")) from error
    names = NAMES if host in NAMES else (*NAMES, host)
    file = "loopback" if host in NAMES else re.sub(r"\W", "_", host)
    kept = Certificate(
        authority=folder / _AUTHORITY,
        chain=folder / f"{file}.pem",
    )
    try:
        if not _is_good(kept):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _make(kept, names, trustme.CA(organization_name="poker-signal emulator"))
    except OSError as error:
        raise NoTls(f"{folder}: {error.strerror}; --tls keeps its certificate there") from error
    return kept


def _make(kept: Certificate, names: tuple[str, ...], authority: "trustme.CA") -> None:
    leaf = authority.issue_cert(
        *names, not_after=datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=397)
    )
    for other in kept.chain.parent.glob("*.pem"):
        # Signed by the old authority, which this one replaces.
        other.unlink()
    # The authority's private key is never written, so it can sign nothing else.
    _write(kept.authority, authority.cert_pem.bytes())
    chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
    _write(kept.chain, leaf.private_key_pem.bytes() + chain)


def _write(path: Path, data: bytes) -> None:
    """Write a file atomically, readable by the user only."""
    draft = path.with_suffix(".draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    draft.replace(path)


def _is_good(kept: Certificate) -> bool:
    """Tell whether a certificate is complete and does not expire soon."""
    from cryptography import x509

    if not all(path.is_file() for path in kept):
        return False
    try:
        pem = kept.chain.read_bytes()
        certificate = x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERT") :])
    except ValueError:
        return False
    now = datetime.datetime.now(datetime.UTC)
    return certificate.not_valid_after_utc - now > _RENEW_BEFORE
