"""Sockets that live in another internet; Python runs this at its start where the directory is on PYTHONPATH.

It does nothing unless the environment variable FAKE_INTERNET says what that internet is.
"""

import json
import os
import socket
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any

VARIABLE = "FAKE_INTERNET"

_getaddrinfo = socket.getaddrinfo
_connect = socket.socket.connect


class FakeSockets:
    """What a process sees of the network: some names, some addresses, and what is on this machine.

    Args:
        names: the addresses of each; another name does not exist.
        ports: the port of this machine that stands for all ports of an address; another address does not answer.

    Attributes:
        resolved: the names that were asked for, known or not.
        dialled: the addresses, with their ports, that were connected to, known or not.
    """

    def __init__(self, names: Mapping[str, Sequence[str]], ports: Mapping[str, int]) -> None:
        self.names, self.ports = names, ports
        self.resolved: list[str] = []
        self.dialled: list[tuple[str, int]] = []

    def getaddrinfo(self, host: Any, port: Any, *args: Any, **options: Any) -> list[Any]:
        """Stand in for `socket.getaddrinfo`."""
        name = host.decode("ascii") if isinstance(host, bytes) else host
        if name is None or name == "localhost" or _is_address(name):
            return _getaddrinfo(host, port, *args, **options)
        self.resolved.append(name)
        if name not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "this name is not in the fake internet")
        return [found for address in self.names[name] for found in _getaddrinfo(address, port, *args, **options)]

    def connect(self, connecting: Any, place: Any) -> None:
        """Stand in for `socket.socket.connect`."""
        if connecting.family not in (socket.AF_INET, socket.AF_INET6):
            return _connect(connecting, place)
        self.dialled.append((place[0], place[1]))
        if place[0] in self.ports:
            here = "127.0.0.1" if connecting.family == socket.AF_INET else "::ffff:127.0.0.1"
            return _connect(connecting, (here, self.ports[place[0]]))
        if place[0] == "localhost" or ip_address(place[0]).is_loopback:
            return _connect(connecting, place)
        raise ConnectionRefusedError("this address is not in the fake internet")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


if VARIABLE in os.environ:
    _sockets = FakeSockets(**json.loads(os.environ[VARIABLE]))
    socket.getaddrinfo = _sockets.getaddrinfo
    socket.socket.connect = lambda self, place: _sockets.connect(self, place)  # type: ignore[method-assign]
