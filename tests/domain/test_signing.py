import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from app.domain.signing import SigningError, decode_secret, new_secret, sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(bytes(range(32))).decode()
MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"
STAMP = 1614265330
BODY = b'{"test": 2432232314}'
PUBLISHED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_published_vector() -> None:
    assert sign([SECRET], MESSAGE, STAMP, BODY) == PUBLISHED


def test_every_live_secret_signs() -> None:
    header = sign([OTHER, SECRET], MESSAGE, STAMP, BODY)
    assert header.split(" ")[1] == PUBLISHED
    assert header.count("v1,") == 2


@settings(max_examples=60)
@given(st.binary(min_size=24, max_size=64), st.uuids(), st.integers(0, 4_000_000_000), st.text(max_size=200))
def test_the_reference_library_signs_the_same(key: bytes, message: object, timestamp: int, text: str) -> None:
    secret, body = new_secret(key), text.encode()
    theirs = Webhook(secret).sign(str(message), datetime.fromtimestamp(timestamp, UTC), text)
    assert sign([secret], str(message), timestamp, body) == theirs


@pytest.mark.parametrize("secret", [SECRET, OTHER])
def test_the_reference_library_verifies_what_is_signed(secret: str) -> None:
    now = int(datetime.now(UTC).timestamp())
    headers = {
        "webhook-id": MESSAGE,
        "webhook-timestamp": str(now),
        "webhook-signature": sign([OTHER, SECRET], MESSAGE, now, BODY),
    }
    assert Webhook(secret).verify(BODY, headers) == {"test": 2432232314}


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
