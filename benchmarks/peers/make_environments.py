"""Makes a virtual environment for each peer in DIR, and installs it there.

    python make_environments.py DIR [--peers native,tf,jax,pytensor,torch] [--torch-index URL]

PyTorch's package for Linux brings everything for GPUs, some gigabytes of it. `--torch-index` names an index that has it for CPUs alone.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import venv
from pathlib import Path

from peers import CHECKOUT, PEERS, Peer
from processes import CHECKOUT_ROOT


def main() -> None:
    """Make what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument("--peers", default=",".join(peer.name for peer in PEERS), help="names with commas (all)")
    parser.add_argument("--torch-index", default="", metavar="URL", help="where pip finds PyTorch")
    arguments = parser.parse_args()
    names = arguments.peers.split(",")
    unknown = set(names) - {peer.name for peer in PEERS}
    if unknown:
        parser.error(f"there is no peer {', '.join(sorted(unknown))}; there are {', '.join(peer.name for peer in PEERS)}")
    by_environment = {peer.environment: peer for peer in PEERS if peer.name in names}
    for peer in by_environment.values():
        make(arguments.directory / peer.environment, peer, arguments.torch_index if peer.name == "torch" else "")


def make(folder: Path, peer: Peer, index: str) -> None:
    """Make one environment; one that exists is brought up to date."""
    print(f"{folder}: {' '.join(peer.requirements)}", file=sys.stderr, flush=True)
    venv.EnvBuilder(with_pip=True).create(folder)
    requirements = [requirement.replace(CHECKOUT, str(CHECKOUT_ROOT)) for requirement in peer.requirements]
    options = ["--index-url", index] if index else []
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--upgrade", *options, *requirements]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
