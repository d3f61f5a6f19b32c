from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.addresses import MAX_URL_LENGTH, check_url, is_loopback, is_public, may_connect

NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",  # a cloud's metadata
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.255",
    "168.63.129.16",  # a cloud's host agent
    "169.254.169.254",  # most clouds' metadata
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::808:808",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:30::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "2002:808:808::1",
    "2606:4700::5efe:a00:1",
    "2606:4700::200:5efe:7f00:1",
    "2620:4f:8000::1",
    "3ffe::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700::1111%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "126.255.255.255",
    "128.0.0.1",
    "168.63.129.15",
    "172.15.255.255",
    "172.32.0.1",
    "198.17.255.255",
    "198.20.0.1",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2a00:1450:4001::200e",
    "2c0f:fb50::1",
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_addresses_that_may_lead_inwards(address: str) -> None:
    assert not is_public(ip_address(address))
    assert not may_connect(ip_address(address), allow_loopback=False)


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_the_public_internet(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1"])
def test_loopback_is_allowed_on_request_only(address: str) -> None:
    assert is_loopback(ip_address(address))
    assert may_connect(ip_address(address), allow_loopback=True)


def test_allowing_loopback_allows_nothing_else() -> None:
    allowed = {address for address in NOT_PUBLIC if may_connect(ip_address(address), allow_loopback=True)}
    assert allowed == {"127.0.0.1", "127.255.255.255", "::1"}


@given(st.ip_addresses(v=4))
def test_nothing_that_python_calls_special_is_public(ip: IPv4Address) -> None:
    special = not ip.is_global or ip.is_multicast or ip.is_reserved or ip.is_unspecified
    assert not (special and is_public(ip))


@given(st.ip_addresses(v=6))
def test_nothing_that_python_calls_special_is_public_in_v6(ip: IPv6Address) -> None:
    embeds = ip.ipv4_mapped or ip.sixtofour or ip.teredo
    special = not ip.is_global or ip.is_multicast or ip.is_reserved or ip.is_site_local or embeds
    assert not (special and is_public(ip))


def reason(url: str, *, allow_http: bool = False, allow_loopback: bool = False) -> str | None:
    problem = check_url(url, allow_http=allow_http, allow_loopback=allow_loopback)
    return None if problem is None else problem.reason


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com",
        "https://hooks.example.com/",
        "https://HOOKS.Example.COM/Path?x=1&y=%20",
        "https://hooks.example.com:8443/in",
        "https://hooks.example.com:1/in",
        "https://hooks.example.com:65535/in",
        "https://ñandú.example.com/in",
        "https://xn--and-6ma2c.example.com/in",
        "https://1.2.3.4.example.com/",
        "https://127.0.0.1.example.com/",
        "https://8.8.8.8/in",
        "https://[2606:4700:4700::1111]/in",
        "https://[2606:4700:4700::1111]:8443/in",
        "https://[2606:4700::ABCD]/in",
        "https://123.example.com/@path",
        "HTTPS://hooks.example.com/",
    ],
)
def test_urls_that_may_be_registered(url: str) -> None:
    assert reason(url) is None


SPELLINGS = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0X7F.0.0.0x1",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.01",
    "0127.0.0.1",
    "127.0.0.1.",
    "127.0.0.0x",
    "0",
    "0.0.0.0",
    "8.8.8.010",
    "134744072",
    "08.8.8.8",
    "256.1.1.1",
    "1.2.3.4.5",
    "10.0.0.1",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[::FFFF:169.254.169.254]",
    "[64:ff9b::169.254.169.254]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[fe80::1%eth0]",
    "[2606:4700::1111%25eth0]",
    "[2606:4700:0:0::1111]",
    "[2606:4700:0000::1111]",
    "[2606:4700:4700::8.8.8.8]",
    "[8.8.8.8]",
    "[]",
    "１２７.0.0.1",
    "127。0。0。1",
    "8。8。8。8",
    "①②⑦.⓪.⓪.①",
    "%31%32%37.0.0.1",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "a.localhost",
    "localhost.localdomain",
    "ｌocalhost",
    "printer.local",
    "metadata.google.internal",
    "db.internal",
    "nas.lan",
    "router.home.arpa",
    "intranet",
    "postgres",
    "kubernetes.default.svc.cluster.local",
]


@pytest.mark.parametrize("allow_http", [False, True])
@pytest.mark.parametrize("host", SPELLINGS)
def test_hosts_that_may_lead_inwards(host: str, allow_http: bool) -> None:
    for url in (f"https://{host}/", f"https://{host}:443/in"):
        assert reason(url, allow_http=allow_http) in {
            "address_not_public",
            "address_not_canonical",
            "host_invalid",
            "malformed",
        }


def test_allowing_loopback_allows_its_plain_spellings_only() -> None:
    allowed = [host for host in SPELLINGS if reason(f"http://{host}/", allow_loopback=True) is None]
    assert allowed == ["127.0.0.1", "[::1]", "localhost", "LOCALHOST", "a.localhost"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://hooks.example.com/", "scheme_not_allowed"),
        ("ftp://hooks.example.com/", "scheme_not_allowed"),
        ("file:///etc/passwd", "scheme_not_allowed"),
        ("gopher://127.0.0.1:6379/_FLUSHALL", "scheme_not_allowed"),
        ("javascript:alert(1)", "scheme_not_allowed"),
        ("hooks.example.com/in", "scheme_not_allowed"),
        ("//hooks.example.com/in", "scheme_not_allowed"),
        ("", "scheme_not_allowed"),
        ("https://user:pass@hooks.example.com/", "credentials_not_allowed"),
        ("https://user@hooks.example.com/", "credentials_not_allowed"),
        ("https://@hooks.example.com/", "credentials_not_allowed"),
        ("https://hooks.example.com#@127.0.0.1/", "fragment_not_allowed"),
        ("https://hooks.example.com/#", "fragment_not_allowed"),
        ("https://hooks.example.com:0/", "port_invalid"),
        ("https://hooks.example.com:65536/", "port_invalid"),
        ("https://hooks.example.com:/", "port_invalid"),
        ("https://hooks.example.com:-1/", "port_invalid"),
        ("https://hooks.example.com:4_4/", "port_invalid"),
        ("https://hooks.example.com:４４３/", "port_invalid"),
        ("https://hooks.example.com:443:443/", "malformed"),
        ("https://", "host_invalid"),
        ("https:///in", "host_invalid"),
        ("https://:443/", "host_invalid"),
        ("https://./", "host_invalid"),
        ("https://hooks..example.com/", "host_invalid"),
        ("https://hooks.example.com./", "host_invalid"),
        ("https://-hooks.example.com/", "host_invalid"),
        ("https://hooks_.example.com/", "host_invalid"),
        (f"https://{'a' * 64}.example.com/", "host_invalid"),
        (f"https://{'a.' * 130}example.com/", "host_invalid"),
        (f"https://{'ñ' * 64}.example.com/", "host_invalid"),
        ("https://a*b.example.com/", "host_invalid"),
        ("https://hooks.example.0a/", "address_not_canonical"),
        ("https://[::1/", "malformed"),
        ("https://::1/", "malformed"),
        ("https://[::1]x/", "malformed"),
        ("https://hooks.example.com\\@127.0.0.1/", "malformed"),
        ("https://hooks.example.com/a b", "malformed"),
        ("https://hooks.exam\tple.com/", "malformed"),
        ("https://hooks.example.com/\r\nHost: x", "malformed"),
        (" https://hooks.example.com/", "malformed"),
        ("https://hooks.example.com/\x00", "malformed"),
        ("https://hooks.example.com/" + "a" * MAX_URL_LENGTH, "too_long"),
    ],
)
def test_urls_that_are_refused(url: str, expected: str) -> None:
    assert reason(url) == expected


def test_http_needs_permission_or_loopback() -> None:
    assert reason("http://hooks.example.com/", allow_http=True) is None
    assert reason("http://hooks.example.com/", allow_loopback=True) == "scheme_not_allowed"
    assert reason("http://127.0.0.1:8000/", allow_http=True) == "address_not_public"
    assert reason("http://127.0.0.1:8000/", allow_loopback=True) is None
    assert reason("https://localhost:8000/", allow_loopback=True) is None


def test_messages_tell_the_remedy_and_not_the_url() -> None:
    for host in SPELLINGS:
        problem = check_url(f"https://{host}/secret", allow_http=False, allow_loopback=False)
        assert problem is not None
        assert problem.message.startswith("Use ")
        assert "secret" not in problem.message


@given(st.text(max_size=60), st.booleans())
def test_any_text_gets_an_answer(text: str, allow_loopback: bool) -> None:
    for url in (text, f"https://{text}", f"https://{text}.example.com/"):
        check_url(url, allow_http=True, allow_loopback=allow_loopback)


@given(st.text("0123456789.xXaf:[]%", min_size=1, max_size=30))
def test_no_number_passes_unless_it_is_a_public_address(host: str) -> None:
    if reason(f"https://{host}/") is None and host.rpartition(".")[2][:1].isdigit():
        assert is_public(IPv4Address(host.partition(":")[0]))
