"""The training ops in PyTorch: eager with fused optimizers, or with `torch.compile`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from measure import Training
from torch import Tensor
from workloads import (
    ADAGRAD_START,
    ADAM_BETA1,
    ADAM_BETA2,
    ADAM_EPSILON,
    CLIP_NORM,
    DECAY_RATE,
    DECAY_STEPS,
    LSTM_HIDDEN,
    MOMENTUM,
    TARGET_VALUE,
    Arrays,
    Workload,
    decayed_rate,
)

COMPILED_STEP = "compiled step"  # loss, gradients, clipping and update in one compiled function; it can't have sparse gradients
COMPILED_LOSS = "compiled loss"  # loss and gradients compiled, clipping and the optimizer eager

Params = dict[str, Tensor]


def versions() -> str:
    """Return what ran."""
    return f"PyTorch {torch.__version__}"


def regression(v: Params, x: Tensor, y: Tensor) -> Tensor:
    """Return the mean squared error of a linear function."""
    return F.mse_loss(torch.addmm(v["b1"], x, v["W1"]), y)


def dense(v: Params, x: Tensor, y: Tensor) -> Tensor:
    """Return the softmax cross entropy of dense layers with relu between them."""
    count = sum(name.startswith("W") for name in v)
    for number in range(1, count):
        x = torch.relu(torch.addmm(v[f"b{number}"], x, v[f"W{number}"]))
    return F.cross_entropy(torch.addmm(v[f"b{count}"], x, v[f"W{count}"]), y)


def lenet(v: Params, x: Tensor, y: Tensor) -> Tensor:
    """Return the loss of two convolutions with pooling and two dense layers; channels come last in memory, as in the data."""
    x = x.permute(0, 3, 1, 2)
    for number in (1, 2):
        x = F.max_pool2d(torch.relu(F.conv2d(x, v[f"F{number}"], v[f"c{number}"], padding=2)), 2)
    return dense(v, x.permute(0, 2, 3, 1).reshape(x.shape[0], -1), y)


def embedding(v: Params, ids: Tensor, y: Tensor) -> Tensor:
    """Return the loss of a dense layer on the mean of looked-up rows; the gradient of the table is sparse."""
    return dense(v, F.embedding_bag(ids, v["table"], mode="mean", sparse=True), y)


def native_lstm(v: Params, x: Tensor, y: Tensor) -> Tensor:
    """Return the loss of a dense layer on the last state of PyTorch's own LSTM, whose gates are i, f, j, o."""
    start = x.new_zeros(1, x.shape[0], LSTM_HIDDEN)
    weights = [v["input_kernel"], v["state_kernel"], v["bias"], torch.zeros_like(v["bias"])]
    _, h, _ = torch.lstm(x, (start, start), weights, True, 1, 0.0, True, False, True)
    return dense(v, h[0], y)


def unrolled_lstm(v: Params, x: Tensor, y: Tensor) -> Tensor:
    """Return the loss of a dense layer on the last state of an unrolled LSTM."""
    c = h = x.new_zeros(x.shape[0], LSTM_HIDDEN)
    for now in range(x.shape[1]):
        gates = torch.addmm(v["bias"], torch.cat([x[:, now], h], 1), v["kernel"])
        i, j, f, o = gates.chunk(4, 1)
        c = c * torch.sigmoid(f + 1.0) + torch.sigmoid(i) * torch.tanh(j)
        h = torch.tanh(c) * torch.sigmoid(o)
    return dense(v, h, y)


def large(v: Params) -> Tensor:
    """Return half the squared distance of all parameters from the target value."""
    return 0.5 * torch.sum(torch.square(v["w"] - TARGET_VALUE))


LOSSES: dict[str, Callable[..., Tensor]] = {
    "regression": regression,
    "dense": dense,
    "lenet": lenet,
    "embedding": embedding,
    "lstm": unrolled_lstm,
    "large": large,
}


def build(workload: Workload, initial: Arrays, batch: Arrays, variant: str) -> Training:
    """Make the state and the step; `torch.compile` compiles at the first call."""
    torch.set_num_threads(os.cpu_count() or 1)
    params = {name: parameter(value) for name, value in initial.items()}
    loss_of = LOSSES[workload.key]
    if workload.key == "lstm" and variant != COMPILED_STEP:
        params, loss_of = native_lstm_params(params), native_lstm
    values = tuple(batch.values())
    make_step = compiled_step if variant == COMPILED_STEP else eager_step
    run = make_step(workload, params, torch.compile(loss_of) if variant == COMPILED_LOSS else loss_of)
    settings = f"{variant}, {optimizer_settings(workload, variant)}, {torch.get_num_threads()} threads"
    return Training(lambda: run(*(torch.from_numpy(value) for value in values)), settings)


def optimizer_settings(workload: Workload, variant: str) -> str:
    """Return in words what makes the update quick."""
    if variant == COMPILED_STEP:
        return "update compiled too, C++ wrapper"
    return "sparse gradients" if workload.key == "embedding" else "fused optimizer"


def parameter(value: np.ndarray) -> Tensor:
    """Return a copy that is trained; filters become out, in, height, width, with channels last in memory."""
    tensor = torch.tensor(value)
    if tensor.ndim == 4:
        tensor = tensor.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
    return tensor.requires_grad_()


def native_lstm_params(params: Params) -> Params:
    """Return the parameters in the form of PyTorch's LSTM: two matrices, transposed, gates i, f, j, o, the forget bias added once."""
    i, j, f, o = params["kernel"].detach().T.chunk(4)
    kernel = torch.cat([i, f, j, o])
    inputs = kernel.shape[1] - LSTM_HIDDEN
    bias = torch.zeros(4 * LSTM_HIDDEN)
    bias[LSTM_HIDDEN : 2 * LSTM_HIDDEN] = 1.0
    lstm = {"input_kernel": kernel[:, :inputs], "state_kernel": kernel[:, inputs:], "bias": bias}
    rest = {name: value for name, value in params.items() if name not in ("kernel", "bias")}
    return {name: value.contiguous().requires_grad_() for name, value in lstm.items()} | rest


def eager_step(workload: Workload, params: Params, loss_of: Callable[..., Tensor]) -> Callable[..., float]:
    """Return a step with autograd's tape and an optimizer of `torch.optim`, fused where it can be."""
    trained = list(params.values())
    optimizer = make_optimizer(workload, trained)
    clip = clip_with_sparse if workload.key == "embedding" else clip_dense
    group, count = optimizer.param_groups[0], 0

    def step(*batch: Tensor) -> float:
        nonlocal count
        group["lr"] = decayed_rate(workload.learning_rate, count)
        count += 1
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(params, *batch)
        loss.backward()
        clip(trained)
        optimizer.step()
        return loss.item()

    return step


def clip_dense(trained: list[Tensor]) -> None:
    """Scale the gradients down where their global norm is over the limit."""
    torch.nn.utils.clip_grad_norm_(trained, CLIP_NORM, foreach=True)


def clip_with_sparse(trained: list[Tensor]) -> None:
    """Scale gradients down, some of them sparse, where their global norm is over the limit."""
    for tensor in trained:
        if tensor.grad is not None and tensor.grad.is_sparse:
            tensor.grad = tensor.grad.coalesce()
    values = [tensor.grad.values() if tensor.grad.is_sparse else tensor.grad for tensor in trained if tensor.grad is not None]
    norm = torch.nn.utils.get_total_norm(values)
    torch._foreach_mul_(values, torch.clamp(CLIP_NORM / norm, max=1.0))


def make_optimizer(workload: Workload, trained: list[Tensor]) -> Any:
    """Return the optimizer, fused unless gradients are sparse: Adagrad's fused form has no sparse gradients."""
    rate = workload.learning_rate
    if workload.optimizer == "SGD":
        return torch.optim.SGD(trained, rate, fused=True)
    if workload.optimizer == "Momentum":
        return torch.optim.SGD(trained, rate, momentum=MOMENTUM, fused=True)
    if workload.optimizer == "Adagrad":
        return torch.optim.Adagrad(trained, rate, initial_accumulator_value=ADAGRAD_START)
    return torch.optim.Adam(trained, rate, (ADAM_BETA1, ADAM_BETA2), ADAM_EPSILON, fused=True)


def compiled_step(workload: Workload, params: Params, loss_of: Callable[..., Tensor]) -> Callable[..., float]:
    """Return a step that is one compiled function which changes its state in place."""
    state = {name: value.detach() for name, value in params.items()}
    first, second = ({name: torch.zeros_like(value) for name, value in state.items()} for _ in range(2))
    count = torch.zeros(())
    gradients_of = torch.func.grad_and_value(loss_of)

    def step(*batch: Tensor) -> Tensor:
        gradients, loss = gradients_of(state, *batch)
        norm = torch.sqrt(sum(torch.sum(torch.square(gradient)) for gradient in gradients.values()))
        factor = torch.clamp(CLIP_NORM / norm, max=1.0)
        rate = workload.learning_rate * DECAY_RATE ** (count / DECAY_STEPS)
        count.add_(1)
        for name, gradient in gradients.items():
            update(workload.optimizer, state[name], gradient * factor, (first[name], second[name]), rate, count)
        return loss

    compiled = torch.compile(step, fullgraph=True, options={"cpp_wrapper": True})
    return lambda *batch: compiled(*batch).item()


def update(optimizer: str, value: Tensor, gradient: Tensor, slots: tuple[Tensor, Tensor], rate: Tensor, count: Tensor) -> None:
    """Change a parameter and its slots."""
    first, second = slots
    if optimizer == "SGD":
        value.sub_(rate * gradient)
    elif optimizer == "Momentum":
        first.mul_(MOMENTUM).add_(gradient)
        value.sub_(rate * first)
    else:
        first.mul_(ADAM_BETA1).add_(gradient * (1 - ADAM_BETA1))
        second.mul_(ADAM_BETA2).add_(torch.square(gradient) * (1 - ADAM_BETA2))
        corrected = rate * torch.sqrt(1 - ADAM_BETA2**count) / (1 - ADAM_BETA1**count)
        value.sub_(corrected * first / (torch.sqrt(second) + ADAM_EPSILON))
