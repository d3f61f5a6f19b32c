import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from app.domain.signing import SigningError, decode_secret, new_secret, sign, verify

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(bytes(range(32))).decode()
MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"
STAMP = 1614265330
BODY = b'{"test": 2432232314}'
PUBLISHED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def check(
    secret: str = SECRET,
    *,
    message_id: str = MESSAGE,
    timestamp: int = STAMP,
    body: bytes = BODY,
    signatures: str = PUBLISHED,
    now: int = STAMP,
) -> bool:
    return verify([secret], message_id, timestamp, body, signatures=signatures, now=now)


def test_the_published_vector() -> None:
    assert sign([SECRET], MESSAGE, STAMP, BODY) == PUBLISHED
    assert check()


def test_every_live_secret_signs_and_any_of_them_verifies() -> None:
    header = sign([OTHER, SECRET], MESSAGE, STAMP, BODY)
    assert header.split(" ")[1] == PUBLISHED
    assert header.count("v1,") == 2
    assert check(SECRET, signatures=header)
    assert check(OTHER, signatures=header)
    assert not check(OTHER, signatures=PUBLISHED)
    assert verify([OTHER, SECRET], MESSAGE, STAMP, BODY, signatures=PUBLISHED, now=STAMP)


def test_anything_changed_does_not_verify() -> None:
    assert not check(message_id="msg_other")
    assert not check(timestamp=STAMP + 1)
    assert not check(body=BODY + b" ")
    assert not check(message_id=f"{MESSAGE}.{STAMP}")
    assert not check(message_id="")


@pytest.mark.parametrize(
    "signatures",
    ["", " ", "v1,", "v1", PUBLISHED[3:], "v2" + PUBLISHED[2:], PUBLISHED[:-1], PUBLISHED + "x", "v1,ñ", "v1,\ud800"],
)
def test_malformed_signatures_do_not_verify(signatures: str) -> None:
    assert not check(signatures=signatures)


def test_other_versions_are_passed_over() -> None:
    assert check(signatures=f"v1a,abc v2,def {PUBLISHED}")


@pytest.mark.parametrize(
    ("now", "genuine"), [(STAMP - 301, False), (STAMP - 300, True), (STAMP + 300, True), (STAMP + 301, False)]
)
def test_the_tolerance_is_five_minutes_either_way(now: int, genuine: bool) -> None:
    assert check(now=now) is genuine


@settings(max_examples=60)
@given(st.binary(min_size=24, max_size=64), st.uuids(), st.integers(0, 4_000_000_000), st.text(max_size=200))
def test_the_reference_library_signs_the_same(key: bytes, message: object, timestamp: int, text: str) -> None:
    secret, body = new_secret(key), text.encode()
    theirs = Webhook(secret).sign(str(message), datetime.fromtimestamp(timestamp, UTC), text)
    assert sign([secret], str(message), timestamp, body) == theirs


def test_the_reference_library_verifies_what_is_signed() -> None:
    now = int(datetime.now(UTC).timestamp())
    headers = {
        "webhook-id": MESSAGE,
        "webhook-timestamp": str(now),
        "webhook-signature": sign([OTHER, SECRET], MESSAGE, now, BODY),
    }
    assert Webhook(SECRET).verify(BODY, headers) == {"test": 2432232314}


@pytest.mark.parametrize(("length", "accepted"), [(23, False), (24, True), (64, True), (65, False)])
def test_secrets_have_24_to_64_bytes(length: int, accepted: bool) -> None:
    key = bytes(length)
    text = "whsec_" + base64.b64encode(key).decode()
    if accepted:
        assert new_secret(key) == text
        assert decode_secret(text) == key
        return
    with pytest.raises(SigningError):
        new_secret(key)
    with pytest.raises(SigningError):
        decode_secret(text)


@pytest.mark.parametrize(
    "secret", [SECRET[6:], "WHSEC_" + SECRET[6:], SECRET + "!", SECRET + "\n", SECRET[:-1], "whsec_ñ", ""]
)
def test_malformed_secrets_are_refused_without_telling_them(secret: str) -> None:
    with pytest.raises(SigningError) as caught:
        decode_secret(secret)
    assert "MfKQ" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_nothing_is_signed_without_a_secret_or_an_id() -> None:
    with pytest.raises(SigningError):
        sign([], MESSAGE, STAMP, BODY)
    for message_id in ("", "a.b"):
        with pytest.raises(SigningError):
            sign([SECRET], message_id, STAMP, BODY)
