"""The tenant's accounts at providers: their addresses checked, their secrets encrypted."""

from collections.abc import Mapping
from typing import Any, Final

from app.core.addresses import check_url
from app.core.errors import invalid
from app.core.secrets import encrypt
from app.core.settings import Settings
from app.domain.errors import Code

_SAME: Final = ("base_url", "account_id")


def put_accounts(settings: Settings, kept: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The stored accounts after a change; those that are not named stay.

    Args:
        settings: which addresses may be called, and the key to encrypt with.
        kept: the stored accounts by channel.
        given: the named ones, None for one that is taken away.

    Raises:
        ProblemError: 422 for an address that may not be called, or a secret that is missing.
    """
    accounts = dict(kept)
    for channel, account in given.items():
        if account is None:
            accounts.pop(channel, None)
        else:
            accounts[channel] = _stored(settings, f"/channels/{channel}", account, accounts.get(channel))
    return accounts


def _stored(
    settings: Settings, pointer: str, account: Mapping[str, Any], before: Mapping[str, Any] | None
) -> dict[str, Any]:
    url = account["base_url"]
    problem = check_url(url, allow_http=settings.webhook_allow_http, allow_loopback=settings.webhook_allow_loopback)
    if problem is not None:
        raise invalid(f"{pointer}/base_url", Code.url_not_allowed, problem.message)
    if "?" in url:
        raise invalid(f"{pointer}/base_url", Code.url_not_allowed, "Send the address without a query.")
    if account["token"] is not None:
        token = encrypt(settings, account["token"])
    elif before is not None and all(before[name] == account[name] for name in _SAME):
        token = before["token"]
    else:
        # The secret of one account must not go to whoever answers at another address.
        raise invalid(f"{pointer}/token", Code.missing, "Send the token of this account.")
    return {"base_url": url, "account_id": account["account_id"], "token": token, "from": account["from"]}
