"""What other devices in this network need to find the emulator: an address, and a code to scan."""

import io
import socket

# For documentation only (RFC 5737): nothing is ever sent there.
_ELSEWHERE = ("192.0.2.1", 9)


class NoLan(Exception):
    """Other devices cannot connect, or cannot be told how; the text says why and what to do."""


def lan_address() -> str:
    """Return the address that this machine has in its network.

    Raises:
        NoLan: it has none.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Of a datagram socket this sends nothing: the system only looks for a way.
            probe.connect(_ELSEWHERE)
        except OSError as error:
            raise NoLan(
                f"this machine is in no network ({error.strerror}); connect it to one, or name its "
                "address with --host"
            ) from error
        return str(probe.getsockname()[0])


def qr_code(text: str) -> str:
    """Return a QR code for a terminal with a dark or a light background.

    Raises:
        NoLan: the library is not installed.
    """
    try:
        import segno
    except ImportError as error:
        raise NoLan("--lan needs a library more: pip install 'poker-signal[lan]'") from error
    drawn = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(drawn, compact=True)
    return drawn.getvalue()
