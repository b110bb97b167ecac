"""Records the trajectories of torch's optimizers; graphopt is not imported.

python -m pip install numpy torch==2.13.0
cd tests/peers && python -m trajectories.record_torch
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from trajectories.case import Case, Rows, data_of
from trajectories.store import by_variable, record_peer


def gradient(value: Any) -> torch.Tensor:
    if isinstance(value, Rows):
        shape = (value.rows, *value.values.shape[1:])
        return torch.sparse_coo_tensor(torch.tensor(value.indices[None].astype(np.int64)), torch.tensor(value.values), shape)
    return torch.tensor(value)


def record(case: Case) -> dict[str, Any]:
    start, gradients = data_of(case)
    variables = {name: torch.nn.Parameter(torch.tensor(value)) for name, value in start.items()}
    optimizer = getattr(torch.optim, case.cls)(list(variables.values()), **case.kwargs)
    steps = []
    for given in gradients:
        for name, value in given.items():
            variables[name].grad = gradient(value)
        optimizer.step()
        steps.append({name: v.detach().numpy().copy() for name, v in variables.items()})
    slots = {name: {k: np.asarray(x) for k, x in optimizer.state[v].items() if x is not None} for name, v in variables.items()}
    return {"weights": by_variable(steps), "slots": slots}


if __name__ == "__main__":
    record_peer("torch", f"torch {torch.__version__}", record)
