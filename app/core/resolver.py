"""Resolves the hosts of webhook endpoints and providers, and guards every connection made to them.

The guard sits in two places: the resolver drops what may not be called, and the factory of sockets looks once more at
the very address about to be connected to. The second look is what holds against IP literals, which skip the resolver,
and against any difference in how two parsers read a URL; as nothing resolves after it, a name cannot change its
address in between.
"""

import asyncio
import socket
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Final

from aiohttp import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult

from app.core.addresses import may_connect

_THREADS: Final = 16
_MAX_ADDRESSES: Final = 8

Lookup = Callable[[str], Iterable[str]]
"""Resolves a host name to IP addresses; may block."""


class BlockedAddressError(OSError):
    """Nothing may be sent to the addresses of a host."""


class GuardedResolver(AbstractResolver):
    """Resolves names in threads of its own and lets only permitted addresses through.

    The event loop's default threads are not used: a name whose servers never answer would keep them from other work.
    """

    def __init__(self, *, allow_loopback: bool, lookup: Lookup | None = None) -> None:
        self._allow_loopback = allow_loopback
        self._lookup = lookup or _system_lookup
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="webhook-dns")

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - the connector leaves out what it cannot use
    ) -> list[ResolveResult]:
        """Resolve a name to the addresses that may be connected to.

        Raises:
            BlockedAddressError: The name has addresses, and none of them is permitted.
            OSError: The name does not resolve.
        """
        loop = asyncio.get_running_loop()
        try:
            found = list(await loop.run_in_executor(self._threads, self._lookup, host))
        except UnicodeError as error:
            # What the socket module makes of labels that are empty or too long.
            raise OSError(None, "not a host name") from error
        if not found:
            raise OSError(None, "no addresses")
        permitted = [address for address in dict.fromkeys(found) if self._permits(address)]
        if not permitted:
            raise BlockedAddressError(None, "no permitted address")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in permitted[:_MAX_ADDRESSES]
        ]

    def open_socket(self, info: AddrInfoType) -> socket.socket:
        """Make the socket for a connection, if its address is permitted.

        Raises:
            BlockedAddressError: It is not.
        """
        family, kind, protocol, _, address = info
        if not self._permits(str(address[0])):
            raise BlockedAddressError(None, "address is not permitted")
        return socket.socket(family, kind, protocol)

    async def close(self) -> None:
        """Stop the threads without waiting for lookups under way."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _permits(self, address: str) -> bool:
        try:
            ip = ip_address(address)
        except ValueError:
            return False
        return may_connect(ip, allow_loopback=self._allow_loopback)


def _system_lookup(host: str) -> list[str]:
    return [str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
