"""The peers: what each is called, where it runs, what is installed for it, and which of its ways are tried. The one table of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from workloads import Workload

CHECKOUT = "{checkout}"  # stands for the path of this checkout in a requirement
CACHE = "{cache}"  # stands for the folder in which compiled code is kept, empty at a cold start


@dataclass(frozen=True)
class Peer:
    """One way to run a training op.

    Attributes:
      name: on the command line.
      title: in tables and pictures.
      environment: the folder of its virtual environment.
      module: the file that builds the training ops.
      requirements: what pip installs.
      variants: settings to try, of which the fastest counts; none where the peer can't run the workload.
      variables: environment variables of its process.
      keeps_code: whether it keeps compiled code on disk, so that a second process starts faster.
      is_graphopt: false for those that graphopt is compared with.
    """

    name: str
    title: str
    environment: str
    module: str
    requirements: tuple[str, ...]
    variants: Callable[[Workload], tuple[str, ...]]
    variables: Mapping[str, str] = field(default_factory=dict)
    keeps_code: bool = False
    is_graphopt: bool = False


def jax_variants(workload: Workload) -> tuple[str, ...]:
    """Return optax, and for the embedding, of which it has no sparse gradients, an update of the rows in use as well."""
    return ("rows", "optax") if workload.key == "embedding" else ("optax",)


def pytensor_variants(workload: Workload) -> tuple[str, ...]:
    """Return numba, but nothing for LeNet."""
    return () if workload.key == "lenet" else ("numba",)


def torch_variants(workload: Workload) -> tuple[str, ...]:
    """Return eager and compiled; a whole compiled step can't have sparse gradients."""
    return ("eager", "compiled loss") if workload.key == "embedding" else ("compiled step", "eager")


GRAPHOPT = ("-e", f"{CHECKOUT}[native]")

PEERS = (
    Peer(
        "native",
        "graphopt native",
        "dev",
        "peer_graphopt",
        GRAPHOPT,
        lambda _: ("native",),
        {"GRAPHOPT_BACKEND": "native", "GRAPHOPT_CACHE_DIR": CACHE},
        keeps_code=True,
        is_graphopt=True,
    ),
    Peer(
        "numpy",
        "graphopt numpy",
        "dev",
        "peer_graphopt",
        GRAPHOPT,
        lambda _: ("numpy",),
        {"GRAPHOPT_BACKEND": "numpy", "GRAPHOPT_CACHE_DIR": CACHE},
        is_graphopt=True,
    ),
    Peer(
        "tf",
        "TensorFlow session",
        "tf",
        "peer_tensorflow",
        ("tensorflow-cpu==2.21.*",),
        lambda _: ("single-threaded executor", "parallel executor", "XLA"),
        {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_XLA_FLAGS": "--tf_xla_cpu_global_jit"},
    ),
    Peer(
        "jax",
        "JAX + optax",
        "jax",
        "peer_jax",
        ("jax", "optax"),
        jax_variants,
        {
            "JAX_PLATFORMS": "cpu",
            "JAX_COMPILATION_CACHE_DIR": CACHE,
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        },
        keeps_code=True,
    ),
    Peer(
        "pytensor",
        "PyTensor",
        "pytensor",
        "peer_pytensor",
        ("pytensor", "numba"),
        pytensor_variants,
        {"PYTENSOR_FLAGS": f"base_compiledir={CACHE}", "NUMBA_CACHE_DIR": CACHE},
        keeps_code=True,
    ),
    Peer(
        "torch",
        "PyTorch",
        "torch",
        "peer_torch",
        ("torch==2.13.0", "numpy"),
        torch_variants,
        {"TORCHINDUCTOR_CACHE_DIR": CACHE},
        keeps_code=True,
    ),
)


def peer(name: str) -> Peer:
    """Return the peer of that name.

    Raises:
      ValueError: when there is none.
    """
    for candidate in PEERS:
        if candidate.name == name:
            return candidate
    raise ValueError(f"There is no peer {name!r}; there are {', '.join(p.name for p in PEERS)}.")
