from __future__ import annotations

import pytest

import devlake_core as dl
from devlake_hooks_company.gateway import Gateway


@pytest.fixture
def gateway(monkeypatch):
    monkeypatch.setenv("COMPANY_GATEWAY_KEY", "k3y-of-the-gateway")
    monkeypatch.setenv("COMPANY_GATEWAY_HOSTS", "git.example.org, .corp.example.org")
    return Gateway.from_environment()


@pytest.mark.parametrize(
    ("url", "signed"),
    [
        ("https://git.example.org/api", True),
        ("https://GIT.example.org:8443/api", True),
        ("https://wiki.corp.example.org/", True),
        ("https://corp.example.org/", False),
        ("https://evilcorp.example.org/", False),
        ("https://git.example.org.evil.net/", False),
        ("https://git.example.org@evil.net/", False),
        ("https://api.github.com/", False),
    ],
)
def test_the_key_travels_to_the_companys_hosts_alone(gateway, url, signed):
    request = dl.Request(url)
    gateway.sign(request)
    assert request.headers == ({"X-Gateway-Key": "k3y-of-the-gateway"} if signed else {})


def test_the_header_can_be_named(monkeypatch, gateway):
    monkeypatch.setenv("COMPANY_GATEWAY_HEADER", "Proxy-Key")
    request = dl.Request("https://git.example.org/")
    Gateway.from_environment().sign(request)
    assert list(request.headers) == ["Proxy-Key"]


def test_without_settings_nothing_is_added():
    request = dl.Request("https://git.example.org/")
    Gateway.from_environment().sign(request)
    assert request.headers == {}
