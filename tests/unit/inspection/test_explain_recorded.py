"""`explain` and the pictures say something of every training op that was recorded for the comparison with TensorFlow."""

import gzip
import importlib.util
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

import graphopt as tf
from graphopt.inspection import draw, to_networkx

FOLDER = Path(__file__).parents[2] / "peers" / "training_ops"


def _load_cases():
    spec = importlib.util.spec_from_file_location("recorded_training_op_cases", FOLDER / "cases.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CASES = _load_cases()


RECORDED = [r for r in json.loads(gzip.decompress((FOLDER / "optimize_loss.json.gz").read_bytes())) if "error" not in r["rec"]]


@pytest.mark.parametrize("seed", [r["cfg"]["seed"] for r in RECORDED])
def test_every_recorded_training_op_is_explained(seed):
    with tf.Graph().as_default():
        handles = CASES.build(tf, CASES.config(seed))
        before = tf.explain(handles["op"])
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            session.run(handles["op"], handles["feed"])
            after = tf.explain(handles["op"], session=session)
        content = after.to_dict()
        assert content["unknown"] == []
        assert [step["stage"] for step in content["pipeline"]] == [step["stage"] for step in before.to_dict()["pipeline"]]
        assert set() < {v["name"] for v in content["variables"]} <= {v.op.name for v in tf.trainable_variables()}
        assert all("why" in v for v in content["variables"] if v["gradient"] == "none")
        is_fed = any("the learning rate" in p["needed_by"] for p in content["placeholders"])
        assert all((schedule["now"] is None) == is_fed for schedule in content["schedules"])
        changed = {name for e in content["effects"] for name in e["does"].removeprefix("writes ").split(", ")}
        assert {v["name"] for v in content["variables"] if v["gradient"] != "none"} <= changed
        assert json.loads(after.to_json()) == content
        assert len(after.to_markdown()) > 500
        ElementTree.fromstring(draw(handles["op"]))
        assert to_networkx(handles["op"]).number_of_nodes() == content["cost"]["recorded_operations"]
