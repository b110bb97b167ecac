"""The plan: an order in which everything finds its operands, and places that never hold two living results."""

import numpy as np
import pytest

import graphopt as tf
from graphopt.backends.numpy_plan.steps import takes_place
from graphopt.compiler.passes.memory import make_plan
from graphopt.compiler.passes.views import base_of, is_fallible
from graphopt.ir.node import CONST, INPUT
from graphopt.ir.plan import Batch, Plan


def nodes_of(unit):
    return unit.result.nodes if isinstance(unit, Batch) else (unit,)


def check_order(plan: Plan) -> None:
    """Each unit stands after what it needs, and nothing that may fail stands after a write in place."""
    done = {node for node in plan.program.nodes() if node.op in (INPUT, CONST)}
    written = set(plan.in_place.values())
    has_written = False
    for unit in plan.units:
        for node in nodes_of(unit):
            assert all(source in done for source in node.inputs)
            assert not (has_written and is_fallible(node))
        done.update(nodes_of(unit))
        has_written = has_written or any(node in written for node in nodes_of(unit))


def check_old_values(plan: Plan) -> None:
    """No unit looks at a variable's old value after its memory was written."""
    names = {node: name for name, node in plan.in_place.items()}
    gone: set[str] = set()
    for unit in plan.units:
        for node in nodes_of(unit):
            for source in node.inputs:
                base = base_of(source)
                if base.op is INPUT and base.attributes["kind"] == "variable":
                    assert base.attributes["name"] not in gone
        gone.update(names[node] for node in nodes_of(unit) if node in names)


def check_places(plan: Plan) -> None:
    """Two results whose lives overlap do not share a byte, unless a step writes over its own operand."""
    last: dict = {}
    for position, unit in enumerate(plan.units):
        for node in nodes_of(unit):
            last[base_of(node)] = max(last.get(base_of(node), 0), position)
            for source in node.inputs:
                last[base_of(source)] = position
    for output in plan.program.outputs:
        if output.kind != "effect":
            last[base_of(output.node)] = len(plan.units)
    living: dict = {}
    for position, unit in enumerate(plan.units):
        made = [node for node in nodes_of(unit) if node in plan.places]
        for node in made:
            place = plan.places[node]
            assert place.offset % 64 == 0
            assert place.size >= (node.tensor_type.num_bytes or 0)
            assert place.offset + place.size <= plan.arena_bytes
            for other in living:
                overlaps = (
                    place.offset < plan.places[other].offset + plan.places[other].size
                    and plan.places[other].offset < place.offset + place.size
                )
                assert not overlaps or last[other] == position
            living[node] = place
        living = {node: place for node, place in living.items() if last[node] > position}


def record_lstm():
    x = tf.placeholder(tf.float32, [4, 5, 3])
    kernel, bias = tf.get_variable("kernel", [9, 24]), tf.get_variable("bias", [24])
    hidden = cell = tf.zeros([4, 6])
    for t in range(5):
        i, j, f, o = tf.split(tf.matmul(tf.concat([x[:, t, :], hidden], 1), kernel) + bias, 4, 1)
        cell = cell * tf.sigmoid(f + 1.0) + tf.sigmoid(i) * tf.tanh(j)
        hidden = tf.tanh(cell) * tf.sigmoid(o)
    return {x: np.ones((4, 5, 3), "f")}, tf.reduce_mean(tf.square(hidden))


def record_network():
    x, y = tf.placeholder(tf.float32, [8, 6]), tf.placeholder(tf.int32, [8])
    layer = tf.nn.relu(tf.layers.dense(x, 7))
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=tf.layers.dense(layer, 3)))
    return {x: np.ones((8, 6), "f"), y: np.zeros(8, np.int32)}, loss


def record_embedding():
    ids = tf.placeholder(tf.int32, [4, 2])
    rows = tf.nn.embedding_lookup(tf.get_variable("table", [10, 3]), ids)
    return {ids: np.ones((4, 2), np.int32)}, tf.reduce_sum(tf.square(tf.reduce_mean(rows, 1)))


@pytest.mark.parametrize("record", [record_lstm, record_network, record_embedding])
@pytest.mark.parametrize("optimizer", ["SGD", "Momentum", "Adam", "RMSProp", "Ftrl", "Adagrad"])
def test_plans_of_training_ops_are_sound(record, optimizer):
    with tf.Graph().as_default(), tf.Session() as session:
        feeds, loss = record()
        train_op = tf.contrib.layers.optimize_loss(loss, tf.train.get_or_create_global_step(), 0.1, optimizer, clip_gradients=1.0)
        session.run(tf.global_variables_initializer())
        program = session.compiled([train_op, loss, *tf.trainable_variables()], feeds).plan.program
    for batched in (True, False):
        plan = make_plan(program, takes_place, batched=batched)
        check_order(plan)
        check_old_values(plan)
        check_places(plan)
        assert plan.arena_bytes <= sum(place.size for place in plan.places.values())
        assert sorted(map(id, plan.order)) == sorted(id(n) for n in program.nodes() if n.op not in (INPUT, CONST))
