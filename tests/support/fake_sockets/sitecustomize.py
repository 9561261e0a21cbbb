"""Sockets of the fake internet. Python imports this module at its start if the directory is on PYTHONPATH.

The import changes nothing unless the environment variable FAKE_INTERNET describes the internet.
"""

import json
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

VARIABLE = "FAKE_INTERNET"

_getaddrinfo = socket.getaddrinfo
_connect = socket.socket.connect


class FakeSockets:
    """The network as a process sees it: some names, some addresses, and this machine.

    Args:
        names: the addresses of each name; no other name exists.
        ports: for each address, the port of this machine that stands for all its ports; no other address answers.

    Attributes:
        resolved: the names that were asked for, existing or not.
        dialled: the addresses that were connected to, with their ports, answering or not.
        timeouts: the seconds that each of these connections could take.
        silent: addresses that neither answer nor refuse.
        after_resolving: called when the resolver has its answer, before it returns the answer.
    """

    def __init__(self, names: Mapping[str, Sequence[str]], ports: Mapping[str, int]) -> None:
        self.names, self.ports = names, ports
        self.resolved: list[str] = []
        self.dialled: list[tuple[str, int]] = []
        self.timeouts: list[float] = []
        self.silent: set[str] = set()
        self.after_resolving: Callable[[], object] = lambda: None

    def getaddrinfo(self, host: Any, port: Any, *args: Any, **options: Any) -> list[Any]:
        """Stand in for `socket.getaddrinfo`."""
        name = host.decode("ascii") if isinstance(host, bytes) else host
        if name is None or name == "localhost" or _is_address(name):
            return _getaddrinfo(host, port, *args, **options)
        self.resolved.append(name)
        if name not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "this name is not in the fake internet")
        answers = [each for address in self.names[name] for each in _getaddrinfo(address, port, *args, **options)]
        self.after_resolving()
        return answers

    def connect(self, connection: Any, address: Any) -> None:
        """Stand in for `socket.socket.connect`."""
        if connection.family not in (socket.AF_INET, socket.AF_INET6):
            return _connect(connection, address)
        self.dialled.append((address[0], address[1]))
        self.timeouts.append(connection.gettimeout())
        if address[0] in self.silent:
            time.sleep(connection.gettimeout())
            raise TimeoutError
        if address[0] in self.ports:
            here = "127.0.0.1" if connection.family == socket.AF_INET else "::ffff:127.0.0.1"
            return _connect(connection, (here, self.ports[address[0]]))
        if address[0] == "localhost" or ip_address(address[0]).is_loopback:
            return _connect(connection, address)
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
    socket.socket.connect = lambda self, address: _sockets.connect(self, address)  # type: ignore[method-assign]
