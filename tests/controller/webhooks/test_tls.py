"""What goes out over TLS: only to who can show that it is the service."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from control.controller.webhooks import call
from control.controller.webhooks.webhooks import Answer, HookKind
from tests.controller.webhooks.asking import ABOUT, hooks
from tests.controller.webhooks.services import status


def own_certificate(directory: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that nobody but itself has signed, and a server's use of it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file, both = directory / "certificate.pem", directory / "both.pem"
    encoding = serialization.Encoding.PEM
    file.write_bytes(certificate.public_bytes(encoding))
    form, secrecy = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    both.write_bytes(key.private_bytes(encoding, form, secrecy) + file.read_bytes())
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(both)
    return file, tls


async def test_a_server_without_tls_is_not_spoken_to_without(service, pauses):
    """What should go out over TLS never goes out in the clear."""
    asked = await service(status(200))
    url = asked.url.replace("http://", "https://")
    settings = {"pre_rollout": [url], "num_retries": 0, "timeout_s": 2.0}
    answer = await hooks(pauses, **settings).ask(HookKind.PRE_ROLLOUT, ABOUT)
    assert not answer.ok
    assert asked.asked == []


async def test_certificates_are_checked(service, pauses, tmp_path, monkeypatch):
    """Nobody else can answer for a service; whom the system trusts, or SSL_CERT_FILE, may."""
    certificate, tls = own_certificate(tmp_path)
    asked = await service(status(200), tls=tls)
    url = asked.url.replace("http://", "https://")
    webhooks = hooks(pauses, pre_rollout=[url], num_retries=0)
    answer = await webhooks.ask(HookKind.PRE_ROLLOUT, ABOUT)
    assert "has a certificate that is not accepted: self-signed certificate" in answer.reason
    assert (answer.ok, asked.asked) == (False, [])
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    call._tls.cache_clear()
    try:
        assert await webhooks.ask(HookKind.PRE_ROLLOUT, ABOUT) == Answer(ok=True)
    finally:
        call._tls.cache_clear()
