from __future__ import annotations

import gzip
import os
import ssl
import subprocess
import sys
import time
import zlib

import pytest
from requests.exceptions import RequestException

from devlake_core.api import API, Request, auth, deadline, transport
from devlake_core.errors import APIException, ConfigError, RequestError
from tests.api.conftest import Link
from tests.web import Answer, Dripping, Raw, serving


class Keyed(API):
    auth = auth.APIKey(header="PRIVATE-TOKEN", field="token")


def secrets(asked):
    values = " ".join([*asked.headers.values(), asked.target])
    return "CANARY" in values


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_another_host_gets_no_secret_of_ours(self, web, other, link, status):
        def login(asked):
            return Answer([], headers={"Set-Cookie": "sid=CANARY; Path=/"})

        web.on("/login", login)
        web.on("/x", Answer(b"", status, {"Location": f"{other.url}/y"}))
        other.on("/y", [1])
        api = Keyed(link)
        api.get("login")
        request = Request("x", {"q": "CANARY"}, {"X-Own": "CANARY", "Authorization": "CANARY"})
        request.headers["Accept"] = "application/json"
        assert api.send(request).json == [1]
        [asked] = other.asked
        assert not secrets(asked)
        assert asked.headers["Accept"] == "application/json"

    def test_the_same_host_gets_them_again(self, web, link):
        web.on("/x", Answer(b"", 302, {"Location": "y?a=1"}))
        web.on("/y", [1])
        response = Keyed(link).get("x")
        assert web.asked[1].headers["PRIVATE-TOKEN"] == "CANARY-t0ken"
        assert web.paths() == ["/x", "/y?a=1"]
        assert response.get_url_with_query_string() == f"{web.url}/x"

    def test_a_headers_set_on_the_session_does_not_travel_either(self, web, other, link):
        web.on("/x", Answer(b"", 302, {"Location": f"{other.url}/y"}))
        other.on("/y", [])
        api = API(link)
        api.session.headers["X-Api-Key"] = "CANARY"
        api.get("x")
        assert secrets(web.asked[0])
        assert not secrets(other.asked[0])

    @pytest.mark.parametrize(("status", "method"), [(302, "GET"), (303, "GET"), (307, "POST")])
    def test_a_post_is_repeated_as_its_status_says(self, web, link, status, method):
        web.on("/x", Answer(b"", status, {"Location": "/y"}))
        web.on("/y", [])
        API(link).post("x", json={"a": 1})
        assert web.asked[1].method == method
        assert web.asked[1].body == (b'{"a":1}' if method == "POST" else b"")

    def test_a_body_does_not_go_to_another_host(self, web, other, link):
        web.on("/x", Answer(b"", 307, {"Location": f"{other.url}/y"}))
        with pytest.raises(RequestError, match="refused a redirect of its body") as caught:
            API(link).post("x", json={"password": "CANARY"})
        assert (caught.value.exit_code, other.asked) == (1, [])

    def test_a_circle_ends(self, web, link):
        web.on("/x", Answer(b"", 302, {"Location": "/x"}))
        with pytest.raises(RequestError, match="more than 5 redirects"):
            API(link).get("x")
        assert len(web.asked) == 6

    @pytest.mark.parametrize(
        ("location", "why"),
        [
            ("file:///etc/passwd", "no URL of a tool"),
            ("ftp://127.0.0.1/", "no URL of a tool"),
            ("http://169.254.169.254/latest", "link-local"),
            ("http://[fe80::1]/", "link-local"),
            ("http://me:CANARY@127.0.0.1/", "credentials in the URL of 127.0.0.1"),
            ("http://[::1", "cannot be sent"),
        ],
    )
    def test_some_places_are_never_asked(self, web, link, location, why):
        web.on("/x", Answer(b"", 302, {"Location": location}))
        with pytest.raises((ConfigError, RequestError), match=why) as caught:
            API(link).get("x")
        assert "CANARY" not in str(caught.value)
        assert len(web.asked) == 1


class TestWhatIsNotSent:
    @pytest.mark.parametrize(
        "url",
        ["file:///etc/passwd", "ftp://h/x", "http:///x", "http://169.254.169.254/", "http://h:x/"],
    )
    def test_urls_of_no_tool(self, url):
        with pytest.raises(ConfigError):
            API().get(url)

    def test_credentials_in_a_url(self):
        with pytest.raises(ConfigError, match="credentials in the URL of h ") as caught:
            API().get("http://me:CANARY@h/x")
        assert "CANARY" not in str(caught.value)

    @pytest.mark.parametrize(
        "headers",
        [
            {"X-A": "CANARY\r\nX-B: 1"},
            {"X-A": "CANARY\n"},
            {"X-A": " CANARY"},
            {"X-A": "CANARY€"},
            {"X A": "CANARY"},
            {"X-A\n": "CANARY"},
        ],
    )
    def test_headers_with_what_they_cannot_hold(self, web, link, headers):
        with pytest.raises(ConfigError) as caught:
            API(link).send(Request("x", headers=headers))
        assert "CANARY" not in f"{caught.value} {caught.value.__context__!r}"
        assert web.asked == []

    def test_a_latin_1_header_and_a_number_are_fine(self, web, link):
        web.on("/x", [])
        API(link).send(Request("x", headers={"X-A": "é", "X-B": 7}))
        assert web.asked[0].headers["X-B"] == "7"

    def test_credentials_of_a_netrc(self, web, link, monkeypatch, tmp_path):
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login me password CANARY\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        web.on("/x", [])
        API(link).get("x")
        assert "Authorization" not in web.asked[0].headers


class TestProxies:
    def test_the_connections_proxy_is_used(self, web, other):
        other.on("/x", [1])
        # A proxy is asked for the whole URL.
        link = Link("http://tool.invalid", proxy=other.url)
        other.answer = lambda asked: other.asked.append(asked) or Answer([1])
        assert API(link).get("x").json == [1]
        assert other.asked[0].target == "http://tool.invalid/x"

    def test_the_environments_proxy_is_used_else(self, other, monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", other.url)
        other.answer = lambda asked: other.asked.append(asked) or Answer([1])
        assert API(Link("http://tool.invalid")).get("x").json == [1]

    def test_no_proxy_is_heeded(self, web, link, other, monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", other.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        web.on("/x", [1])
        assert API(link).get("x").json == [1]
        assert other.asked == []

    def test_one_that_is_down_is_a_matter_of_configuration(self, web, runtime):
        link = Link(web.url, proxy="http://me:CANARY@127.0.0.1:9")
        with pytest.raises(RequestError, match=r"ProxyError|refused") as caught:
            API(link).get("x")
        assert (caught.value.exit_code, runtime.pauses) == (78, [])
        assert "CANARY" not in str(caught.value)


class TestNoAnswer:
    def test_a_refused_connection_is_tried_again(self, runtime):
        with pytest.raises(RequestError, match=r"refused.* \(tried 4 times\)") as caught:
            API(Link("http://127.0.0.1:9")).get("x")
        error = caught.value
        assert not isinstance(error, APIException)
        assert (error.exit_code, len(runtime.pauses), error.request.url) == (
            *(75, 3),
            "http://127.0.0.1:9/x",
        )
        assert error.__cause__ is None
        assert not isinstance(error.__context__, RequestException)

    def test_an_unknown_host_is_a_matter_of_configuration(self, runtime):
        with pytest.raises(RequestError) as caught:
            API(Link("http://tool.invalid")).get("x")
        assert (caught.value.exit_code, len(runtime.pauses)) == (78, 3)

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n[1",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[1",
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nno gzip",
            b"nonsense\r\n\r\n",
        ],
        ids=["closed", "length", "chunks", "encoding", "no HTTP"],
    )
    def test_a_response_that_breaks_off_is_asked_for_again(self, web, link, runtime, raw):
        web.on("/x", Raw(raw), [1])
        assert API(link).get("x").json == [1]
        assert runtime.counts == {"requests": 2, "retries": 1}

    @pytest.mark.parametrize(
        "head",
        [b"HTTP/1.1 200 OK\r\nX-A: ", b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"],
        ids=["head", "body"],
    )
    def test_a_server_that_drips_meets_the_deadline(self, web, link, runtime, monkeypatch, head):
        monkeypatch.setattr(transport, "TOTAL_SECONDS", 1)
        runtime.pause = lambda *_: monkeypatch.setattr(transport, "TOTAL_SECONDS", 300)
        web.on("/x", Dripping(head), [1])
        began = time.monotonic()
        assert API(link).get("x").json == [1]
        assert 0.9 < time.monotonic() - began < 50  # a silent server's limit is not what ended it
        assert runtime.counts["retries"] == 1

    def test_a_silent_server_is_left(self, web, link, runtime, monkeypatch):
        monkeypatch.setattr(deadline, "SILENCE_SECONDS", 1)
        runtime.pause = lambda *_: monkeypatch.setattr(deadline, "SILENCE_SECONDS", 60)
        web.on("/x", lambda asked: web.ended.wait() and [], [1])
        began = time.monotonic()
        assert API(link).get("x").json == [1]
        assert time.monotonic() - began < 50  # that of the whole response is longer


class TestSize:
    def test_a_bomb_is_refused_by_its_ratio(self, web, link):
        squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
        bomb = b"".join(squeeze.compress(b" " * 2**20) for _ in range(50)) + squeeze.flush()
        web.on("/x", Answer(bomb, headers={"Content-Encoding": "gzip"}))
        with pytest.raises(RequestError, match="unpacks to more than 200 times") as caught:
            API(link).get("x")
        assert (caught.value.exit_code, len(web.asked)) == (1, 1)

    def test_a_body_above_the_cap_is_refused(self, web, link, monkeypatch):
        monkeypatch.setattr(transport, "LARGEST_BODY", 2**20)
        web.on("/x", Answer(b" " * (2**20 + 1)))
        with pytest.raises(RequestError, match="more than 1 MiB"):
            API(link).get("x")
        web.on("/x", Answer(b" " * 2**20))
        assert len(API(link).get("x").body) == 2**20

    def test_an_ordinary_packed_page_is_read(self, web, link):
        page = b"[" + b",".join([b'{"id": 1, "title": "the same"}'] * 50_000) + b"]"
        packed = gzip.compress(page)
        assert len(page) > 50 * len(packed)
        web.on("/x", Answer(packed, headers={"Content-Encoding": "gzip"}))
        assert len(API(link).get("x").body) == len(page)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for `localhost`, signed by nobody."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "all.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.fixture
def tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(lambda sock: context.wrap_socket(sock, server_side=True)) as found:
        found.on("/x", [1])
        yield found


class TestTLS:
    def test_an_unknown_certificate_is_refused_at_once(self, tls, runtime, monkeypatch):
        monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
        with pytest.raises(RequestError, match="certificate") as caught:
            API(Link(tls.url.replace("127.0.0.1", "localhost"))).get("x")
        assert (caught.value.exit_code, runtime.pauses, tls.asked) == (78, [], [])
        assert "REQUESTS_CA_BUNDLE" in caught.value.hint

    def test_a_bundle_makes_it_known_for_its_host_alone(self, tls, certificate, monkeypatch):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        assert API(Link(tls.url.replace("127.0.0.1", "localhost"))).get("x").json == [1]
        with pytest.raises(RequestError, match=r"not valid for|mismatch|match"):
            API(Link(tls.url)).get("x")

    def test_checking_cannot_be_switched_off(self, tls, monkeypatch):
        monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
        api = API(Link(tls.url))
        api.session.verify = False
        with pytest.raises(RequestError, match="certificate"):
            api.get("x")

    def test_a_bundle_that_is_not_there_is_named(self, tls, monkeypatch):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
        with pytest.raises(RequestError, match=r"nowhere\.pem") as caught:
            API(Link(tls.url)).get("x")
        assert caught.value.exit_code == 78

    def test_a_port_that_speaks_no_tls_is_a_matter_of_configuration(self, web, runtime):
        with pytest.raises(RequestError) as caught:
            API(Link(web.url.replace("http:", "https:"))).get("x")
        assert (caught.value.exit_code, runtime.pauses) == (78, [])

    def test_a_redirect_to_plain_http_is_refused(self, tls, web, certificate, monkeypatch):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        tls.on("/x", Answer(b"", 302, {"Location": f"{web.url}/x"}))
        with pytest.raises(RequestError, match="not encrypted"):
            API(Link(tls.url.replace("127.0.0.1", "localhost"))).get("x")
        assert web.asked == []


def test_a_forked_child_does_not_talk_on_its_parents_connection(web, link):
    web.on("/x", [])
    api = API(link)
    api.get("x")
    session, (reader, writer) = api.session, os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"same" if api.session is session else b"new!")
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        assert pipe.read() == b"new!"


def test_old_transports_are_let_go():
    links = [Link() for _ in range(transport.MOST_TRANSPORTS + 1)]
    first = transport.transport_for(links[0], None)
    for link in links:
        transport.transport_for(link, None)
    assert transport.transport_for(links[-1], None) is transport.transport_for(links[-1], None)
    assert transport.transport_for(links[0], None) is not first


def test_the_room_is_imported_without_requests():
    code = "import sys, devlake_core.api; print('requests' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
