"""`explain` says what was recorded, in order, and what it became."""

import json
import re
from html.parser import HTMLParser

import pytest
from inspected_models import settings_of, training_op

import graphopt as tf


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


# --- what was recorded -------------------------------------------------------------------------------------------------------


def test_the_stages_stand_in_order_with_their_settings():
    content = tf.explain(training_op()).to_dict()
    stages = [step["stage"] for step in content["pipeline"]]
    assert stages == ["update ops", "gradients", "multiply gradients", "clip by global norm", "update by AdamOptimizer", "global step"]
    settings = settings_of(content)
    assert settings["update ops"] == {"operations": ["AssignAdd"]}
    assert settings["clip by global norm"] == {"clip_norm": 3.0}
    assert settings["update by AdamOptimizer"]["beta1"] == 0.9
    assert content["built_at"].rpartition(":")[0].endswith("inspected_models.py")


def test_variables_slots_and_summaries_are_listed():
    content = tf.explain(training_op()).to_dict()
    found = {v["name"]: v for v in content["variables"]}
    assert found["table"]["gradient"] == "sparse rows"
    assert found["w"]["gradient"] == "dense"
    assert found["unused"]["gradient"] == "none"
    assert found["unused"]["why"] == f"the loss {content['loss']} does not depend on it"
    assert found["table"]["type"] == "f32[6,2]"
    assert found["table"]["bytes"] == 48
    assert found["table"]["slot_bytes"] == 96
    assert found["w"]["multiplier"] == 2.0
    assert "multiplier" not in found["table"]
    assert found["w"]["slots"] == {"m": "OptimizeLoss/w/Adam", "v": "OptimizeLoss/w/Adam_1"}
    assert 'get_variable("w"' in found["w"]["line"]
    assert content["optimizer_variables"] == ["OptimizeLoss/beta1_power", "OptimizeLoss/beta2_power"]
    measured = {s["tag"]: s["measured"] for s in content["summaries"]}
    assert measured["OptimizeLoss/gradients/w_0"] == "after clipping"
    assert "before clipping" in measured["OptimizeLoss/global_norm/gradient_norm"]


def test_decay_and_rate_multipliers_stand_with_their_variables():
    w, b = tf.get_variable("w", [2]), tf.get_variable("bias", [2])
    stages = tf.train.stages
    train_op = tf.train.training_op(
        tf.reduce_sum(w * b),
        learning_rate=0.1,
        optimizer="SGD",
        stages=[stages.decay_weights(0.01, exclude=[re.compile("bias")]), stages.multiply_learning_rates({"w": 0.5})],
    )
    found = {v["name"]: v for v in tf.explain(train_op).to_dict()["variables"]}
    assert (found["w"]["decay"], found["bias"]["decay"]) == (0.01, 0.0)
    assert found["w"]["rate_multiplier"] == 0.5
    assert "rate_multiplier" not in found["bias"]


def test_side_effects_random_operations_and_placeholders_are_listed():
    tf.set_random_seed(3)
    x = tf.placeholder(tf.float32, [None], name="x")
    rate = tf.placeholder_with_default(0.1, [], name="rate")
    tf.placeholder(tf.float32, name="not_needed")
    w = tf.get_variable("w", initializer=1.0)
    loss = tf.reduce_mean(tf.square(w * tf.nn.dropout(x, 0.5, seed=7)))
    loss = tf.Print(loss, [loss])
    tf.summary.scalar("mine", loss)
    content = tf.explain(tf.contrib.layers.optimize_loss(loss, None, rate, "SGD", gradient_noise_scale=0.1)).to_dict()
    assert [e["does"] for e in content["effects"]] == ["prints", "writes w"]
    assert [e["is_update"] for e in content["effects"]] == [False, True]
    seeds = {r["type"]: (r["graph_seed"], r["seed"], r["seeded_by"]) for r in content["random"]}
    assert seeds["RandomUniform"] == (3, 7, "given")
    assert seeds["TruncatedNormal"][2] == "the graph's seed and the operation's name"
    needed = {p["name"]: p["needed_by"] for p in content["placeholders"]}
    assert set(needed) == {"x", "rate"}
    assert {"the loss", "the training op", "the summary mine"} <= set(needed["x"])
    assert "the loss" not in needed["rate"]
    assert [p["has_default"] for p in content["placeholders"]] == [False, True]
    assert {s["tag"]: s["measured"] for s in content["summaries"]}["mine"] == "the loss, where it is computed"


def test_an_operation_without_seeds_says_where_its_numbers_come_from():
    w = tf.get_variable("w", initializer=1.0)
    train_op = tf.train.GradientDescentOptimizer(0.1).minimize(w * tf.random_uniform([]))
    (row,) = tf.explain(train_op).to_dict()["random"]
    assert (row["graph_seed"], row["seed"]) == (None, None)
    assert row["seeded_by"].startswith("drawn anew by every session")


# --- ops of every maker --------------------------------------------------------------------------------------------------------------


def model():
    w, b = tf.get_variable("w", [3, 2]), tf.get_variable("b", [2])
    return tf.reduce_mean(tf.square(tf.matmul(tf.placeholder(tf.float32, [None, 3]), w) + b)), [w, b]


MAKERS = {
    "minimize": lambda loss, variables: tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss),
    "apply_gradients": lambda loss, variables: (adam := tf.train.AdamOptimizer(0.1)).apply_gradients(
        [(tf.clip_by_norm(gradient, 1.0), v) for gradient, v in adam.compute_gradients(loss)]
    ),
    "keras": lambda loss, variables: tf.keras.optimizers.Adam(0.1).minimize(loss, variables),
    "legacy keras": lambda loss, variables: tf.keras.optimizers.legacy.Adam(0.1).minimize(loss, variables),
    "create_train_op": lambda loss, variables: tf.contrib.training.create_train_op(loss, tf.train.RMSPropOptimizer(0.1)),
    "wrapped": lambda loss, variables: tf.contrib.opt.MovingAverageOptimizer(tf.train.AdamOptimizer(0.1)).minimize(loss),
    "optax's": lambda loss, variables: tf.optimizers.LAMB(0.1).minimize(loss),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_what_any_optimizer_gives_is_explained(maker):
    loss, variables = model()
    train_op = MAKERS[maker](loss, variables)
    content = tf.explain(train_op).to_dict()
    assert content["unknown"] == []
    assert content["loss"] is not None
    assert [(v["name"], v["gradient"]) for v in content["variables"]] == [("w", "dense"), ("b", "dense")]
    assert all(v["slots"] for v in content["variables"])
    assert content["schedules"][0]["now"] == pytest.approx(0.1)
    assert any(step["stage"].startswith("update by ") for step in content["pipeline"])
    assert sum(e["is_update"] for e in content["effects"]) >= 2


def test_two_updates_in_one_op_are_two_parts():
    loss, (w, b) = model()
    both = tf.group(
        tf.train.AdamOptimizer(0.1).minimize(loss, var_list=[w]), tf.train.GradientDescentOptimizer(0.2).minimize(-loss, var_list=[b])
    )
    content = tf.explain(both).to_dict()
    stages = [step["stage"] for step in content["pipeline"]]
    assert stages == ["gradients", "update by AdamOptimizer", "gradients", "update by GradientDescentOptimizer"]
    assert [v["name"] for v in content["variables"]] == ["w", "b"]
    assert [schedule["now"] for schedule in content["schedules"]] == pytest.approx([0.1, 0.2])


def test_an_update_written_by_hand_says_what_is_unknown():
    loss, (w, _) = model()
    step = w.assign_sub(0.1 * tf.gradients(loss, w)[0])
    content = tf.explain(step).to_dict()
    assert content["loss"] == loss.name
    assert [(v["name"], v["gradient"]) for v in content["variables"]] == [("w", "dense")]
    assert content["unknown"] == ["the optimizer: the variables are changed by operations that no optimizer of graphopt has recorded"]
    assert "unknown: the optimizer" in str(tf.explain(step))


def test_gradients_from_elsewhere_have_no_known_loss():
    w = tf.get_variable("w", [2])
    train_op = tf.train.GradientDescentOptimizer(0.1).apply_gradients([(tf.ones([2]), w)])
    content = tf.explain(train_op).to_dict()
    assert content["loss"] is None
    assert content["unknown"] == ["the loss: the gradients that were given come from no differentiation in this graph"]


def test_an_op_around_a_training_op_has_its_parts():
    train_op = training_op()
    content = tf.explain(tf.group(train_op)).to_dict()
    assert content["value"] == "nothing (None): it is an operation"
    assert [step["stage"] for step in content["pipeline"]] == [step["stage"] for step in tf.explain(train_op).to_dict()["pipeline"]]


def test_branches_loops_and_accumulation_are_explained():
    x = tf.placeholder(tf.float32, [], name="x")
    w = tf.get_variable("w", initializer=1.0)
    counter = tf.get_variable("counter", initializer=0.0, trainable=False)
    chosen = tf.cond(x > 0, lambda: w * tf.random_uniform([]) + tf.assign_add(counter, 1.0), lambda: -w)
    looped = tf.while_loop(lambda i, v: i < 3, lambda i, v: (i + 1, v * w), [0, 1.0])[1]
    train_op = tf.contrib.layers.optimize_loss(
        chosen + looped, tf.train.get_or_create_global_step(), 0.1, "Adam", accumulate_steps=2, non_finite="skip", loss_scale="dynamic"
    )
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(train_op, {x: 1.0})
        explanation = tf.explain(train_op, session=session)
    content = explanation.to_dict()
    assert "writes counter" in [e["does"] for e in content["effects"]]
    assert [r["type"] for r in content["random"]] == ["RandomUniform"]
    assert any(e["guarded_by"] for e in content["effects"])
    assert "accumulate" in str(explanation)


def test_a_step_that_is_counted_in_a_branch_is_counted():
    step = tf.train.get_or_create_global_step()
    w = tf.get_variable("w", initializer=1.0)
    update = tf.train.GradientDescentOptimizer(tf.train.exponential_decay(0.1, step, 10, 0.5)).minimize(w * w)
    with tf.control_dependencies([update]):
        train_op = tf.cond(w > 0, lambda: tf.assign_add(step, 1), lambda: tf.identity(step))
    (schedule,) = tf.explain(train_op).to_dict()["schedules"]
    assert [(row["operation"], row["runs_with_the_op"]) for row in schedule["increments"]] == [("cond/AssignAdd", True)]


def test_ops_of_several_graphs_are_kept_apart():
    explanations = []
    optimizer = tf.train.AdamOptimizer(0.1)
    for size in (2, 3):
        with tf.Graph().as_default():
            w = tf.get_variable("w", [size])
            explanations.append((size, tf.explain(optimizer.minimize(tf.reduce_sum(w)))))
    for size, explanation in explanations:
        (row,) = explanation.to_dict()["variables"]
        assert row["type"] == f"f32[{size}]"
        assert row["slots"]["m"] == "w/Adam"


def test_anything_else_is_refused():
    loss = tf.constant(1.0)
    for wrong in (loss, loss.op, None, "OptimizeLoss"):
        with pytest.raises(ValueError, match="is not a training op: pass what optimize_loss returned"):
            tf.explain(wrong)


# --- forms ---------------------------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Checks that elements are closed in order, and keeps attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag, attrs):
        self.attributes += attrs
        if tag not in ("meta", "br", "link", "img", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_json_holds_the_same_as_the_dict():
    explanation = tf.explain(training_op())
    assert json.loads(explanation.to_json()) == explanation.to_dict()


def test_all_forms_have_all_sections(tmp_path):
    explanation = tf.explain(training_op(gradient_noise_scale=0.1))
    text, markdown = str(explanation), explanation.to_markdown()
    page = explanation.to_html(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page
    for title in ("pipeline, in order", "variables", "side effects, in order", "random operations", "summaries"):
        assert title in text
        assert f"## {title}" in markdown
        assert f"<h2>{title}</h2>" in page
    assert "<svg" in page
    assert explanation._repr_html_().startswith("<style>")
    for form in (page, explanation._repr_html_()):
        parser = Page()
        parser.feed(form)
        assert parser.open == []
        assert not [value for name, value in parser.attributes if name in ("src", "href")]


def test_names_with_any_characters_are_escaped():
    w = tf.get_variable("w", initializer=1.0)
    explanation = tf.explain(tf.train.GradientDescentOptimizer(0.1).minimize(w))
    explanation.content["variables"][0]["name"] = "<script>alert('|`*_')</script>"
    explanation.content["variables"][0]["why"] = "<b>"
    assert "<script>" not in explanation.to_html()
    assert "&lt;script&gt;" in explanation.to_html()
    assert "\\|\\`\\*\\_" in explanation.to_markdown()
