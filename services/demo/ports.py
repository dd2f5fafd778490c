"""Loopback ports for the demo's servers."""

import errno
import socket


class PortTaken(Exception):
    """Another program listens on the port that was asked for; names the port and what to do."""


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def require_free(port: int, what: str) -> None:
    """Raise PortTaken when `port` (1-65535) of the loopback interface cannot be listened on by `what`."""
    with socket.socket() as probe:
        # As the servers do: a connection in TIME_WAIT is no reason to refuse.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            reason = {
                errno.EADDRINUSE: "another program uses it",
                errno.EACCES: "ports below 1024 are reserved for root",
            }.get(error.errno or 0, str(error))
            raise PortTaken(
                f"{what} cannot listen on port {port} of 127.0.0.1: {reason}. "
                f"Stop that program (see: ss -ltnp 'sport = :{port}') or choose another port"
            ) from error
