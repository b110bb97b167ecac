"""Kernels as they are for other machines, whose vectors this one has too."""

from dataclasses import dataclass, replace
from typing import Any

from graphopt.backends.native.host import Host, this_host


@dataclass(frozen=True)
class With:
    """A kernel written for another machine."""

    kernel: Any
    host: Host

    def emit(self, module, name):
        module.host = self.host
        self.kernel.emit(module, name)


def narrow(vector_bytes):
    """Return this machine with narrower vectors and half the registers."""
    return replace(this_host(), vector_bytes=vector_bytes, registers=16)


def calls_for(host, lowering, node):
    """Return the calls of a node on another machine, as this one can run them."""
    return [replace(call, kernel=With(call.kernel, host)) for call in lowering(node, host)]
