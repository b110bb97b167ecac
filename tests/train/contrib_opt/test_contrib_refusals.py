"""What the optimizers of ``tf.contrib.opt`` refuse, and with which words."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.ops.elementwise import add
from graphopt.ops.update_rule import define_rule
from graphopt.tf1.contrib_opt import estimator, opt
from graphopt.train.optimizers.contrib import SyncReplicasOptimizer


def sgd() -> Any:
    return tf.train.GradientDescentOptimizer(0.1)


def averaged() -> Any:
    made = opt.MovingAverageOptimizer(sgd())
    made.apply_gradients([(tf.constant(1.0), tf.Variable(1.0))])
    return made


def enter(manager: Any) -> None:
    with manager:
        pass


REFUSED: dict[str, tuple[type[Exception], str, Callable[[], Any]]] = {
    "rate": (ValueError, "learning_rate must be 0 or more, got -0.1", lambda: opt.LazyAdamOptimizer(-0.1)),
    "nan": (ValueError, "learning_rate must be 0 or more, got nan", lambda: opt.NadamOptimizer(float("nan"))),
    "string": (TypeError, "learning_rate must be a number, a scalar tensor", lambda: opt.AdaMaxOptimizer("0.1")),
    "beta1": (ValueError, "beta1 must be at least 0 and less than 1, got 1.0", lambda: opt.LazyAdamOptimizer(beta1=1.0)),
    "beta2": (ValueError, "beta2 must be at least 0 and less than 1, got -1", lambda: opt.AdamGSOptimizer(beta2=-1)),
    "epsilon": (ValueError, "epsilon must be 0 or more, got -1", lambda: opt.LazyAdamGSOptimizer(epsilon=-1)),
    "vector": (ValueError, "beta1 is not a scalar", lambda: opt.LazyAdamOptimizer(beta1=tf.constant([0.5]))),
    "step": (
        TypeError,
        "global_step of AdamGSOptimizer must be a variable, a tensor or an integer, got 0.5",
        lambda: opt.AdamGSOptimizer(0.5),
    ),
    "sign rate": (ValueError, "learning_rate must be 0 or more, got -1", lambda: opt.AddSignOptimizer(-1)),
    "sign beta": (ValueError, "beta must be at least 0 and less than 1, got 2", lambda: opt.AddSignOptimizer(beta=2)),
    "base": (ValueError, "base must be more than 0, got 0.0", lambda: opt.PowerSignOptimizer(base=0.0)),
    "sign decay": (TypeError, "sign_decay must be a number, a scalar tensor", lambda: opt.PowerSignOptimizer(sign_decay_fn="linear")),
    "adagrad": (ValueError, "learning_rate must be 0 or more, got -1", lambda: opt.RegAdagradOptimizer(-1)),
    "accumulator": (ValueError, "initial_accumulator_value must be positive: 0.0", lambda: opt.RegAdagradOptimizer(0.1, 0.0)),
    "lars momentum": (ValueError, "momentum should be positive: -0.5", lambda: opt.LARSOptimizer(0.1, momentum=-0.5)),
    "lars decay": (ValueError, "weight_decay should be positive: -0.5", lambda: opt.LARSOptimizer(0.1, weight_decay=-0.5)),
    "lars eeta": (ValueError, "eeta must be 0 or more, got -0.5", lambda: opt.LARSOptimizer(0.1, eeta=-0.5)),
    "skip list": (
        TypeError,
        "skip_list must be a list of parts of variables' names, got 'bias'",
        lambda: opt.LARSOptimizer(0.1, skip_list="bias"),
    ),
    "skip numbers": (
        TypeError,
        "skip_list must be a list of parts of variables' names, got \\[1\\]",
        lambda: opt.LARSOptimizer(0.1, skip_list=[1]),
    ),
    "shampoo step": (
        TypeError,
        "global_step of ShampooOptimizer must be a variable, a tensor or an integer, got 0.5",
        lambda: opt.ShampooOptimizer(0.5),
    ),
    "shampoo epsilon": (ValueError, "epsilon must be more than 0, got 0", lambda: opt.ShampooOptimizer(epsilon=0)),
    "svd interval": (ValueError, "svd_interval must be an integer from 1 on, got 0", lambda: opt.ShampooOptimizer(svd_interval=0)),
    "update interval": (
        ValueError,
        "precond_update_interval must be an integer from 1 on, got 1.5",
        lambda: opt.ShampooOptimizer(precond_update_interval=1.5),
    ),
    "shampoo shape": (
        ValueError,
        "Shampoo needs to know the shape of unknown:0",
        lambda: opt.ShampooOptimizer().apply_gradients(
            [(tf.constant([1.0]), tf.Variable(tf.placeholder(tf.float32), name="unknown", validate_shape=False))]
        ),
    ),
    "weight decay": (ValueError, "weight_decay must be 0 or more, got -1", lambda: opt.AdamWOptimizer(-1)),
    "extended": (
        TypeError,
        "base_optimizer must be a subclass of tf.train.Optimizer that updates variables itself, got <class 'int'>",
        lambda: opt.extend_with_decoupled_weight_decay(int),
    ),
    "extended instance": (
        TypeError,
        "Extend the class of an optimizer before it is wrapped",
        lambda: opt.extend_with_decoupled_weight_decay(sgd()),
    ),
    "extended wrapper": (
        TypeError,
        "Extend the class of an optimizer before it is wrapped",
        lambda: opt.extend_with_decoupled_weight_decay(opt.MovingAverageOptimizer),
    ),
    "wrapped": (
        TypeError,
        "Supplied optimizer must be an instance of tf.train.Optimizer, got 'Adam'",
        lambda: opt.MultitaskOptimizerWrapper("Adam"),
    ),
    "wrapped class": (
        TypeError,
        "Supplied optimizer must be an instance of tf.train.Optimizer",
        lambda: opt.MovingAverageOptimizer(tf.train.AdamOptimizer),
    ),
    "average decay": (ValueError, "average_decay must be between 0 and 1, got 1.5", lambda: opt.MovingAverageOptimizer(sgd(), 1.5)),
    "max norm": (ValueError, "max_norm must be more than 0, got 0", lambda: opt.VariableClippingOptimizer(sgd(), {}, 0)),
    "clip norm": (ValueError, "clip_norm must be more than 0, got -1.0", lambda: estimator.clip_gradients_by_norm(sgd(), -1.0)),
    "clipped": (
        ValueError,
        "Given optimizer is not an instance of tf.train.Optimizer. Given: SGD",
        lambda: estimator.clip_gradients_by_norm("SGD", 1.0),
    ),
    "swap before": (
        RuntimeError,
        "Must call apply_gradients or minimize before swap_in: there are no averages yet",
        lambda: opt.MovingAverageOptimizer(sgd()).swap_in(),
    ),
    "saver before": (
        RuntimeError,
        "Must call apply_gradients or minimize before creating the swapping_saver",
        lambda: opt.MovingAverageOptimizer(sgd()).swapping_saver(),
    ),
    "saver": (NotImplementedError, "swapping_saver needs tf.train.Saver. Evaluate inside", lambda: averaged().swapping_saver()),
    "swapped": (RuntimeError, "swapped needs a session: pass one, or enter", lambda: enter(averaged().swapped())),
    "replicas": (
        NotImplementedError,
        "SyncReplicasOptimizer works with one replica, got replicas_to_aggregate=2, total_num_replicas=2",
        lambda: SyncReplicasOptimizer(sgd(), 2),
    ),
    "total": (
        NotImplementedError,
        "got replicas_to_aggregate=1, total_num_replicas=3. graphopt trains in one process: compute the gradients of a larger batch",
        lambda: SyncReplicasOptimizer(sgd(), 1, 3),
    ),
    "hook": (
        NotImplementedError,
        "One replica needs no session run hook of SyncReplicasOptimizer: run the training op",
        lambda: SyncReplicasOptimizer(sgd(), 1).make_session_run_hook(True),
    ),
    "queues": (
        NotImplementedError,
        "One replica needs no chief queue runner",
        lambda: SyncReplicasOptimizer(sgd(), 1).get_chief_queue_runner(),
    ),
    "tokens": (NotImplementedError, "One replica needs no init tokens", lambda: SyncReplicasOptimizer(sgd(), 1).get_init_tokens_op()),
    "no pairs": (ValueError, "Must supply at least one variable", lambda: SyncReplicasOptimizer(sgd(), 1).apply_gradients([])),
    "no step": (
        ValueError,
        "Global step is required to check staleness",
        lambda: SyncReplicasOptimizer(sgd(), 1).apply_gradients([(tf.constant(1.0), tf.Variable(1.0))]),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    error, message, act = REFUSED[case]
    with pytest.raises(error, match=message.replace("(", "\\(")):
        act()


def test_a_rule_whose_slots_have_shapes_of_their_own_takes_no_rows() -> None:
    rule = define_rule(
        "free_slot_example",
        "FreeSlotExample",
        "grad",
        lambda var, count, grad: (var - grad, add(count, 1)),
        slots="count",
        free="count",
        doc="w -= g, counting.",
    )
    w, count = tf.Variable([1.0, 2.0]), tf.Variable(np.zeros([]), dtype=tf.int64)
    step = rule.dense(w, count, tf.constant([1.0, 1.0]))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        np.testing.assert_array_equal(session.run(step), [0, 1])
        assert session.run(count) == 1
    with pytest.raises(NotImplementedError, match="FreeSlotExample takes no sparse rows: it keeps count for the whole variable"):
        rule.sparse(w, count, tf.constant([1.0]), tf.constant([0]))
