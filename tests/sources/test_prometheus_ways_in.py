"""How the Prometheus source gets in: tokens, passwords, tenants, certificates; and what is kept."""

from __future__ import annotations

import base64
import datetime
import http.server
import logging
import re
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import asdict
from servers import Misbehaving, require
from servers import http as answer
from watched import LATE_S, Watch, answering, by_path, vector

from perftui.checked import checked
from perftui.model.snapshot import SourceState
from perftui.settings import PrometheusSettings

GOOD = vector(({}, "1"))
SECRET = "s3cr3t-t0ken"


def heads(server_answer: bytes = GOOD) -> tuple[Misbehaving, list[bytes]]:
    """A server, and the heads of the requests that it gets."""
    seen: list[bytes] = []

    def behave(connection, head: bytes) -> None:
        seen.append(head)
        connection.sendall(server_answer)

    return Misbehaving(behave), seen


def test_a_token_goes_with_every_request(watch: Watch):
    """A bearer token is sent with queries and with all that is asked beside them."""
    server, seen = heads()
    with server:
        watch(server.url, settings={"token": SECRET}, a="up").until(SourceState.OK)
    assert len(seen) > 1
    assert all(f"Authorization: Bearer {SECRET}\r\n".encode() in head for head in seen)


def test_a_tokens_file_is_read_anew(watch: Watch, tmp_path: Path):
    """A token that is replaced in its file is used from then on."""
    file = tmp_path / "token"
    file.write_text("first\n")
    server, seen = heads()
    with server:
        watched = watch(server.url, settings={"token_file": file}, a="up")
        watched.until(SourceState.OK)
        file.write_text("second\n")
        watched.source.try_query("up")
    assert b"Bearer first\r\n" in seen[0]
    assert any(b"Bearer second\r\n" in head for head in seen)


def test_a_tokens_file_that_is_not_there_is_a_sentence(watch: Watch, tmp_path: Path):
    """A file without a token names the file and the setting; nothing is sent."""
    server, seen = heads()
    with server:
        file = tmp_path / "token"
        watched = watch(server.url, settings={"token_file": file}, a="up")
        status = watched.until(SourceState.FAILED)
        assert status.message == (
            f"{file} cannot be read: No such file or directory. Mend [prometheus] token_file."
        )
        file.write_text(" \n")
        watched.until(SourceState.FAILED, f"{file} holds no token.")
    assert seen == []


def test_a_user_name_and_a_password_go_as_basic_auth(watch: Watch, tmp_path: Path):
    """Basic auth takes the password itself or from a file."""
    (tmp_path / "password").write_text("pä:ss\n")
    expected = base64.b64encode("me:pä:ss".encode())
    for way in ({"password": "pä:ss"}, {"password_file": tmp_path / "password"}):
        server, seen = heads()
        with server:
            watch(server.url, settings={"username": "me", **way}, a="up").until(SourceState.OK)
        assert b"Authorization: Basic " + expected + b"\r\n" in seen[0]


def test_extra_headers_go_with_every_request(watch: Watch):
    """A tenant's header is sent with every request."""
    server, seen = heads()
    with server:
        headers = {"X-Scope-OrgID": "team-a"}
        watch(server.url, settings={"headers": headers}, a="up").until(SourceState.OK)
    assert all(b"X-Scope-OrgID: team-a\r\n" in head for head in seen)


def test_a_netrc_does_not_take_the_tokens_place(
    watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """What a .netrc says about the host stays unused where the settings name a token."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login other password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for way in ({"token": SECRET}, {"headers": {"Authorization": f"Bearer {SECRET}"}}):
        server, seen = heads()
        with server:
            watch(server.url, settings=way, a="up").until(SourceState.OK)
        assert f"Bearer {SECRET}".encode() in seen[0]


def test_a_token_does_not_follow_a_redirect(watch: Watch):
    """A redirect to another host is not followed, so the token does not get there."""
    with answering(GOOD) as other:
        elsewhere = f"http://localhost:{other.port}/api/v1/query"
        with answering(answer(307, "", f"Location: {elsewhere}")) as server:
            watched = watch(server.url, settings={"token": SECRET}, a="up")
            watched.until(SourceState.FAILED, f"redirects to {elsewhere}, which is not followed.")
        assert other.requests == []


@pytest.mark.parametrize(
    ("status", "way", "fix"),
    [
        (401, {}, "Set token_file or username in [prometheus], or PROMETHEUS_TOKEN."),
        (401, {"token": SECRET}, "Mend the token or the password of [prometheus]."),
        (403, {"token": SECRET}, "Use an account that may ask, or set the tenant in"),
    ],
)
def test_who_is_refused_is_told_what_to_mend(
    watch: Watch, status: int, way: dict[str, str], fix: str
):
    """Being refused is one sentence and one fix."""
    with answering(answer(status, "no")) as server:
        said = watch(server.url, settings=way, a="up").until(SourceState.FAILED).message
    assert f"refuses access (HTTP {status}" in said
    assert fix in said


def test_a_secret_is_never_shown(watch: Watch, caplog: pytest.LogCaptureFixture):
    """Neither the settings, nor the state, nor a log shows a token, password or header."""
    caplog.set_level(logging.DEBUG)
    way = {"token": SECRET, "headers": {"X-Key": SECRET + "2"}}
    settings = checked(way, PrometheusSettings)
    assert SECRET not in f"{settings!r} {settings} {asdict(settings)}"
    with answering(answer(401, f"bad token {SECRET}")) as server:
        watched = watch(server.url, settings=way, a="up")
        message = watched.until(SourceState.FAILED).message
        result = watched.source.try_query("up")
    assert SECRET not in message + result.error + caplog.text


# --- TLS


class Certificates:
    """A CA of the test's own, and what it signs, made by the openssl program."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.openssl = require("openssl")
        self.ca, self.ca_key = directory / "ca.pem", directory / "ca.key"
        subject = ["-subj", "/CN=test CA", "-days", "2"]
        self._run("req", "-x509", *self._new_key(self.ca_key), "-out", self.ca, *subject)

    def _run(self, *arguments: str | Path) -> None:
        command = [self.openssl, *map(str, arguments)]
        run = subprocess.run(
            command, check=False, capture_output=True, text=True, cwd=self.directory
        )
        assert run.returncode == 0, run.stderr

    def _new_key(self, key: Path) -> list[str | Path]:
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        return [*curve, "-nodes", "-keyout", key]

    def sign(self, name: str, ip: str = "127.0.0.1", valid: tuple[int, int] = (-1, 2)) -> Path:
        """A file with a certificate and its key; `valid` is from when to when, in days from now."""
        request, key = self.directory / f"{name}.csr", self.directory / f"{name}.key"
        self._run("req", "-new", *self._new_key(key), "-out", request, "-subj", f"/CN={name}")
        extensions = self.directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName=IP:{ip}\n")
        (self.directory / "index").write_text("")
        (self.directory / "ca.cnf").write_text(
            "[ca]\ndefault_ca=x\n[x]\ndatabase=index\nnew_certs_dir=.\nserial=serial\n"
            "default_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n"
        )
        (self.directory / "serial").write_text("01\n")
        now = datetime.datetime.now(datetime.UTC)
        start, end = (
            (now + datetime.timedelta(days=days)).strftime("%Y%m%d%H%M%SZ") for days in valid
        )
        out = self.directory / f"{name}.pem"
        self._run(
            *("ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", self.ca),
            *("-keyfile", self.ca_key, "-in", request, "-out", out, "-extfile", extensions),
            *("-startdate", start, "-enddate", end),
        )
        out.write_text(out.read_text() + key.read_text())
        return out


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


@contextmanager
def tls_server(certificate: Path, client_ca: Path | None = None) -> Iterator[str]:
    """An HTTPS server that answers every query; gives its URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.wfile.write(GOOD)

        def log_message(self, *_: object) -> None: ...

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None: ...  # a handshake that fails is what is tested

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(LATE_S)


def test_a_ca_of_ones_own_is_trusted(watch: Watch, certificates: Certificates):
    """A certificate of a CA that the settings name is trusted; without, the fix names the key."""
    with tls_server(certificates.sign("server")) as url:
        watch(url, settings={"ca_file": certificates.ca}, a="up").until(SourceState.OK)
        status = watch(url, a="up").until(SourceState.FAILED)
    assert status.message == (
        f"{url} has a TLS certificate of a CA that is not known here."
        " Name that CA's file as ca_file in [prometheus]."
    )


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"valid": (-3, -1)}, "has a TLS certificate that has expired. Renew it on that server."),
        ({"valid": (1, 2)}, "has a TLS certificate that is not valid yet."),
        ({"ip": "127.0.0.9"}, "has a TLS certificate for another host name."),
    ],
)
def test_a_certificate_that_is_not_right_is_a_sentence(
    watch: Watch, certificates: Certificates, how: dict[str, object], said: str
):
    """Each way in which a certificate is wrong has its own words, and nothing is sent."""
    with tls_server(certificates.sign("server", **how)) as url:
        watched = watch(url, settings={"ca_file": certificates.ca, "token": SECRET}, a="up")
        assert said in watched.until(SourceState.FAILED).message


def test_a_client_certificate_lets_in(watch: Watch, certificates: Certificates):
    """A server that asks for a client's certificate gets it; without, the fix names the keys."""
    mine = certificates.sign("client")
    with tls_server(certificates.sign("server"), certificates.ca) as url:
        trust = {"ca_file": certificates.ca}
        both = {**trust, "cert_file": mine, "key_file": certificates.directory / "client.key"}
        watch(url, settings=both, a="up").until(SourceState.OK)
        watch(url, settings={**trust, "cert_file": mine}, a="up").until(SourceState.OK)
        without = watch(url, settings=trust, a="up")
        without.until(SourceState.FAILED, "Name one as cert_file and key_file in [prometheus].")


def test_a_file_that_is_no_certificate_is_a_sentence(watch: Watch, tmp_path: Path):
    """A file that TLS cannot use is named with its key before anything is asked."""
    junk = tmp_path / "junk.pem"
    junk.write_text("junk")
    with by_path(query=GOOD) as server:
        for key in ("ca_file", "cert_file"):
            status = watch(server.url, settings={key: junk}, a="up").until(SourceState.FAILED)
            assert re.fullmatch(
                rf"{junk}: no PEM .* Mend {key} in \[prometheus\]\.", status.message
            )
        missing = tmp_path / "none.pem"
        status = watch(server.url, settings={"ca_file": missing}, a="up").until(SourceState.FAILED)
        assert status.message.startswith(f"{missing} cannot be read: No such file")
        assert server.requests == []


def test_a_key_with_a_password_is_refused_and_never_asks(
    watch: Watch, certificates: Certificates, tmp_path: Path
):
    """An encrypted key is a sentence, not a question on the terminal."""
    mine, locked = certificates.sign("client"), tmp_path / "locked.key"
    certificates._run(
        *("pkcs8", "-topk8", "-in", tmp_path / "client.key", "-out", locked),
        *("-passout", "pass:x"),
    )
    way = {"cert_file": mine, "key_file": locked}
    status = watch("https://127.0.0.1:1", settings=way, a="up").until(SourceState.FAILED)
    assert "no PEM certificate with its key and without a password" in status.message
