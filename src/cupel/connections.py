"""Connections of this process to web servers, direct or through the proxies that the environment names."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

__all__ = ["connections_to"]


def connections_to(url: str, kept: int = 16) -> Any:
    """The `urllib3` pool for an address; at most `kept` idle connections to each host stay open.

    Proxies are taken from `https_proxy`, `http_proxy`, `all_proxy` and `no_proxy`.
    """
    return _pool(_proxy_for(url), kept)


@cache
def _pool(proxy: str | None, kept: int) -> Any:
    import urllib3

    if proxy is None:
        return urllib3.PoolManager(num_pools=16, maxsize=kept)
    login = urlsplit(proxy)
    account = f"{unquote(login.username)}:{unquote(login.password or '')}" if login.username else None
    headers = urllib3.make_headers(proxy_basic_auth=account) if account else None
    return urllib3.ProxyManager(proxy, num_pools=16, maxsize=kept, proxy_headers=headers)


def _proxy_for(url: str) -> str | None:
    """The proxy that the environment names for an address, if any."""
    address = urlsplit(url)
    if proxy_bypass(address.hostname or ""):
        return None
    proxies = getproxies()
    proxy = proxies.get(address.scheme) or proxies.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy
