"""The certificate of --tls."""

import datetime
import ssl
import stat
import sys
from pathlib import Path

import pytest
import trustme
from websockets.asyncio.client import connect

from poker_signal.emulator.protocols.tls import Certificate, NoTls, certificate_for
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.support.client import settle


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate in a folder of its own."""
    return certificate_for("127.0.0.1", tmp_path_factory.mktemp("tls"))


async def test_who_trusts_the_authority_connects(certificate: Certificate) -> None:
    """The URLs are wss and https, and a client that does not trust the authority cannot connect."""
    trusting = ssl.create_default_context(cafile=certificate.authority)
    async with Emulator(Settings(port=0), certificate=certificate) as emulator:
        assert emulator.url.startswith("wss://127.0.0.1:")
        assert emulator.management_url.startswith("https://127.0.0.1:")
        query = "?playerId=Alice&gameId=GAME01"
        async with connect(emulator.url + query, ssl=trusting) as client:
            await settle(client)
        localhost = emulator.url.replace("127.0.0.1", "localhost")
        async with connect(localhost + query, ssl=trusting, host="127.0.0.1") as client:
            await settle(client)
        with pytest.raises(ssl.SSLCertVerificationError):
            await connect(emulator.url + query, ssl=ssl.create_default_context())


def test_a_certificate_is_made_once(certificate: Certificate, tmp_path: Path) -> None:
    """Users trust it only once; each host has its own, and only the owner can read the key."""
    assert stat.S_IMODE(certificate.chain.stat().st_mode) == 0o600
    assert b"PRIVATE KEY" not in certificate.authority.read_bytes()
    assert certificate_for("192.0.2.7", tmp_path).chain.name == "192_0_2_7.pem"
    before = certificate.chain.read_bytes()
    assert certificate_for("localhost", certificate.chain.parent) == certificate
    assert certificate.chain.read_bytes() == before


@pytest.mark.parametrize("broken", ["missing", "garbage", "old"])
def test_a_certificate_that_is_no_good_is_made_anew(tmp_path: Path, broken: str) -> None:
    """A missing, damaged or soon expiring certificate is replaced."""
    kept = certificate_for("127.0.0.1", tmp_path)
    if broken == "missing":
        kept.authority.unlink()
    elif broken == "garbage":
        kept.chain.write_bytes(b"-----BEGIN CERTIFICATE-----\n")
    else:
        soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=2)
        leaf = trustme.CA().issue_cert("127.0.0.1", not_after=soon)
        kept.chain.write_bytes(leaf.private_key_and_cert_chain_pem.bytes())
    before = kept.chain.read_bytes()
    renewed = certificate_for("127.0.0.1", tmp_path)
    assert renewed.chain.read_bytes() != before
    assert renewed.context().cert_store_stats() is not None


def test_a_folder_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    """The error says that --tls keeps its certificate there."""
    (tmp_path / "file").touch()
    with pytest.raises(NoTls, match="--tls keeps its certificate there"):
        certificate_for("127.0.0.1", tmp_path / "file" / "tls")


def test_without_its_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is one line, not a traceback."""
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(NoTls, match=r"--tls needs more packages: .* -m pip install .*trustme"):
        certificate_for("127.0.0.1")
