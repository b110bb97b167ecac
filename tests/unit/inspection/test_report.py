"""The report page: what it shows, that it is whole in itself, and that everything is escaped."""

import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.cli import main
from graphopt.inspection import read_report_data, report, save_report_data
from graphopt.ops.summary_proto import HistogramProto

EVIL = '</script><img src=x onerror="boom()">&amp;'
VOID = {"meta", "link", "img", "input", "br", "wbr"}


class Page(HTMLParser):
    """A page taken apart: elements with attributes, text, and whether every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: dict[str, str] = {}
        self.feed(text)
        assert self.open == []
        self.data = json.loads(self.texts["data"])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        key = "data" if self.elements and self.elements[-1][1].get("id") == "data" and self.open[-1] == "script" else self.open[-1:]
        self.texts["data" if key == "data" else "all"] = self.texts.get("data" if key == "data" else "all", "") + data

    def having(self, attribute: str) -> list[dict[str, str | None]]:
        return [attributes for _, attributes in self.elements if attribute in attributes]


def scalar(tag: str, value: float) -> Any:
    return tf.Summary(value=[tf.Summary.Value(tag=tag, simple_value=value)])


def evaluated(*summaries: Any) -> list[Any]:
    with tf.Session() as session:
        return [session.run(summary) for summary in summaries]


def write(folder: Path, values: dict[str, list[float]], *others: Any, hparams: dict[str, Any] | None = None) -> None:
    with tf.summary.FileWriter(str(folder)) as writer:
        if hparams:
            writer.add_hparams(hparams)
        for tag, numbers in values.items():
            for step, value in enumerate(numbers):
                writer.add_summary(scalar(tag, value), step)
        for step, summary in enumerate(others):
            writer.add_summary(summary, step)


def page_of(folder: Path, **given: Any) -> Page:
    return Page(report(tf.summary.read(folder), **given))


@pytest.fixture(autouse=True)
def _new_graph() -> None:
    tf.reset_default_graph()


def test_curves_of_several_runs_share_a_chart(tmp_path: Path) -> None:
    write(tmp_path / "a", {"loss": [3.0, 2.0, 1.0], "rate": [0.5]})
    write(tmp_path / "b", {"loss": [5.0, 4.0]})
    page = page_of(tmp_path, title="both")
    loss, rate = page.data["charts"]
    assert [run["name"] for run in page.data["runs"]] == ["a", "b"]
    assert [(s["run"], s["step"], s["value"]) for s in loss["series"]] == [(0, [0, 1, 2], [3.0, 2.0, 1.0]), (1, [0, 1], [5.0, 4.0])]
    assert [s["run"] for s in rate["series"]] == [0]
    assert all(time >= 0 for s in loss["series"] for time in s["time"])
    assert [figure["data-tag"] for figure in page.having("data-chart")] == ["loss", "rate"]
    assert len(page.having("data-run")) == 2


def test_one_run_shows_its_last_loss(tmp_path: Path) -> None:
    write(tmp_path / "a", {"OptimizeLoss/loss": [3.0, 0.25], "OptimizeLoss/accuracy": [0.5], "scale/loss_scale": [8.0]})
    page = page_of(tmp_path / "a")
    assert re.search(r"<b>0.25</b>\s*<span>last loss</span>", report(tf.summary.read(tmp_path / "a")))
    assert [figure["data-tag"] for figure in page.having("data-chart")] == [
        "OptimizeLoss/loss",
        "OptimizeLoss/accuracy",
        "scale/loss_scale",
    ]
    write(tmp_path / "b", {"OptimizeLoss/loss": [3.0]})
    assert "last loss" not in page_of(tmp_path).texts["all"]


def test_each_chart_has_words_and_a_place_for_the_keyboard(tmp_path: Path) -> None:
    write(tmp_path, {"loss": [3.0, 0.25, 1.0]})
    page = page_of(tmp_path)
    words = "3 at step 0, 1 at step 2; least 0.25 at step 1, greatest 3 at step 0."
    assert words in page.texts["all"]
    assert page.data["charts"][0]["label"] == f"Curve of loss. {words}"
    (plot,) = [found for found in page.having("tabindex") if found.get("class") == "plot"]
    assert plot["tabindex"] == "0"
    assert "arrow keys" in str(plot["aria-label"])


def test_the_page_loads_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"loss": [1.0]})
    text = report(tf.summary.read(tmp_path))
    addresses = set(re.findall(r"https?://[^\s'\"]+", text))
    assert addresses == {"http://www.w3.org/2000/svg"}, "that one is a name"
    page = Page(text)
    assert not [name for name, found in page.elements if name in ("iframe", "object") or (name == "script" and "src" in found)]
    assert [found["href"] for name, found in page.elements if name == "link"] == ["data:,"]
    policy = next(found["content"] for found in page.having("http-equiv"))
    assert str(policy).startswith("default-src 'none';")
    assert "innerHTML" not in text


def test_values_that_are_not_finite_are_marked_and_warned_of(tmp_path: Path) -> None:
    write(tmp_path, {"loss": [1.0, math.nan, 2.0, math.inf, -math.inf], "lost": [math.nan]})
    page = page_of(tmp_path)
    loss, lost = (chart["series"][0] for chart in page.data["charts"])
    assert loss["value"] == [1.0, None, 2.0, None, None]
    assert [(step, what) for step, _, what in loss["bad"]] == [(1, "NaN"), (3, "infinity"), (4, "-infinity")]
    assert lost["value"] == [None]
    assert "loss: 3 of 5 values are not finite, the first at step 1 (NaN)." in page.texts["all"]
    assert "no finite value. 1 of 1 values are not finite." in page.texts["all"]


def test_everything_is_escaped(tmp_path: Path) -> None:
    text, picture = evaluated(tf.summary.text("text", tf.constant(EVIL)), tf.summary.image("picture", np.zeros([1, 2, 2, 1], np.float32)))
    histogram = tf.Summary(value=[tf.Summary.Value(tag=EVIL, histo=HistogramProto(min=0, max=1, num=1, bucket_limit=[1], bucket=[1]))])
    write(tmp_path / "a", {EVIL: [1.0]}, text, picture, histogram, hparams={EVIL: EVIL})
    write(tmp_path / "b", {EVIL: [1.0]})
    finding = {"name": EVIL, "severity": "error", "message": EVIL, "where": EVIL, "mend": EVIL}
    stage = {"stage": EVIL, "settings": {EVIL: [EVIL, {EVIL: 1.0}]}, "now": {EVIL: EVIL}}
    explanation = {"training_op": EVIL, "value": EVIL, "built_at": EVIL, "pipeline": [stage], "variables": [{"name": EVIL, "why": EVIL}]}
    training = {EVIL: {"explanation": explanation, "diagnosis": {"findings": [finding], "checked": []}}}
    page = page_of(tmp_path, title=EVIL, training=training, warnings=[EVIL])
    assert not [found for found in page.having("onerror")]
    assert [found["id"] for name, found in page.elements if name == "script" and "id" in found] == ["data"]
    assert len([name for name, _ in page.elements if name == "script"]) == 2
    assert len([name for name, _ in page.elements if name == "img"]) == 1
    assert page.texts["all"].count(EVIL) > 15


def test_histograms(tmp_path: Path) -> None:
    rng = np.random.RandomState(0)
    values = tf.placeholder(tf.float32, [None])
    summary = tf.summary.histogram("weights", values)
    with tf.Session() as session:
        made = [session.run(summary, {values: (rng.normal(size=1000) * (1 + i)).astype(np.float32)}) for i in range(3)]
    write(tmp_path, {}, *made)
    page = page_of(tmp_path)
    (histogram,) = page.data["histograms"]
    assert [row["step"] for row in histogram["rows"]] == [0, 1, 2]
    assert all(sum(row["counts"]) == pytest.approx(1000, rel=1e-2) for row in histogram["rows"])
    assert "1,000 values" in histogram["rows"][0]["text"]
    assert histogram["label"].startswith("Histograms of weights at 3 of 3 steps. First step 0: 1,000 values")
    assert len(page.having("data-ridges")) == 1


def test_pictures_texts_and_sounds(tmp_path: Path) -> None:
    noise = np.random.RandomState(0).uniform(size=[1, 8, 8, 3]).astype(np.float32)
    wave = np.sin(np.arange(800) / 5)[None, :, None].astype(np.float32)
    parts = evaluated(
        tf.summary.image("digit", noise, max_outputs=1),
        tf.summary.text("note", tf.constant("two words")),
        tf.summary.audio("tone", wave, 8000.0),
    )
    write(tmp_path, {}, *parts)
    page = page_of(tmp_path)
    sources = [str(found["src"]) for found in page.having("src")]
    assert [source.partition(",")[0] for source in sources] == ["data:image/png;base64", "data:audio/wav;base64"]
    assert [found["alt"] for found in page.having("alt")] == ["digit/image at step 0, 8×8 pixels"]
    assert "two words" in page.texts["all"]


def test_many_pictures_are_thinned_out_and_the_page_says_so(tmp_path: Path) -> None:
    (picture,) = evaluated(tf.summary.image("digit", np.zeros([1, 4, 4, 1], np.float32)))
    write(tmp_path, {}, *[picture] * 40)
    page = page_of(tmp_path)
    assert len(page.having("alt")) == 10
    assert [found["data-step"] for found in page.having("data-step")][-1] == "step 39"
    assert "30 pictures are not on this page, to keep it small." in page.texts["all"]


def test_a_long_text_is_cut_and_says_so(tmp_path: Path) -> None:
    (text,) = evaluated(tf.summary.text("note", tf.constant("x" * 30_000)))
    write(tmp_path, {}, text)
    assert "xxx\n... 10,000 letters more" in page_of(tmp_path).texts["all"]


def test_many_warnings_are_counted(tmp_path: Path) -> None:
    write(tmp_path, {f"loss{i}": [math.nan] for i in range(23)})
    assert "3 more curves have values that are not finite." in page_of(tmp_path).texts["all"]


def test_tensors_without_text_are_named(tmp_path: Path) -> None:
    (summary,) = evaluated(tf.summary.tensor_summary("numbers", tf.constant(np.zeros([2, 2], np.float32))))
    write(tmp_path, {}, summary)
    assert "The tensors of 'numbers' in run '.' are not shown." in page_of(tmp_path).texts["all"]


def test_hyper_parameters_stand_side_by_side(tmp_path: Path) -> None:
    write(tmp_path / "a", {"loss": [1.0]}, hparams={"rate": 0.1, "name": "Adam"})
    write(tmp_path / "b", {"loss": [1.0]}, hparams={"rate": 0.25})
    text = report(tf.summary.read(tmp_path))
    assert '<tr><th scope="row">rate</th><td>0.1</td><td>0.25</td></tr>' in text
    assert '<tr><th scope="row">name</th><td>Adam</td><td>-</td></tr>' in text


def training_op() -> Any:
    w = tf.get_variable("w", [2], initializer=tf.ones_initializer())
    return tf.contrib.layers.optimize_loss(tf.reduce_sum(w * w), tf.train.get_or_create_global_step(), 0.1, "Adam", clip_gradients=1.0)


def test_pipeline_and_findings_come_from_the_saved_report_data(tmp_path: Path) -> None:
    write(tmp_path / "run", {"loss": [1.0]})
    train_op = training_op()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(train_op)
        path = save_report_data(tmp_path / "run", train_op, session)
    assert path == tmp_path / "run" / "graphopt_report.json"
    found = read_report_data(tmp_path)
    assert list(found) == ["run"]
    assert [step["stage"] for step in found["run"]["explanation"]["pipeline"]][-1] == "global step"
    text = report(tf.summary.read(tmp_path), training=found)
    assert "<b>clip by global norm</b><dl><dt>clip_norm</dt><dd>1</dd></dl>" in text
    assert "<b>update by AdamOptimizer</b>" in text
    assert all(finding["name"] in text for finding in found["run"]["diagnosis"]["findings"])


def test_a_schedule_shows_its_formula(tmp_path: Path) -> None:
    write(tmp_path, {"loss": [1.0]})
    explanation = {"pipeline": [{"stage": "gradients"}], "schedules": [{"formula": "0.1 / step", "now": 0.0125}, {"formula": None}]}
    text = page_of(tmp_path, training={".": {"explanation": explanation}}).texts["all"]
    assert text.count("learning rate = ") == 1
    assert "learning rate = 0.1 / step; now 0.0125" in text


def test_the_page_says_when_the_doctor_found_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"loss": [1.0]})
    training = {".": {"diagnosis": {"findings": [], "checked": ["one", "two"]}}}
    assert "Nothing found; 2 rules looked." in page_of(tmp_path, training=training).texts["all"]
    assert "rules looked" not in page_of(tmp_path).texts["all"]


def test_report_data_with_feeds_and_the_rest_lets_every_rule_look(tmp_path: Path) -> None:
    x = tf.placeholder(tf.float32, [None, 2])
    w = tf.get_variable("w", initializer=np.ones((2, 3), np.float32))
    loss = tf.reduce_mean(tf.nn.relu(tf.matmul(x, w)))
    train_op = tf.contrib.layers.optimize_loss(loss, None, 0.1, "SGD", clip_gradients=1e-3)
    feeds, metadata = {x: np.ones((16, 2))}, tf.RunMetadata()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
        session.run(train_op, feeds, options=options, run_metadata=metadata)
        known = {"feeds": feeds, "checkpoint": {"OptimizeLoss/learning_rate": 0.1}, "cadence": 1000, "run_metadata": metadata}
        save_report_data(tmp_path, train_op, session, **known)
    found = read_report_data(tmp_path)["."]
    assert found["diagnosis"]["not_checked"] == {}
    assert {finding["name"] for finding in found["diagnosis"]["findings"]} == {"float64-fed", "clipped-every-step"}
    assert found["explanation"]["cost"]["measured"]


def test_the_page_says_which_rules_could_not_look(tmp_path: Path) -> None:
    write(tmp_path, {"loss": [1.0]})
    reasons = {"graph-grows": "no session was given", "float64-fed": "no <feeds> were given"}
    training: dict[str, Any] = {".": {"diagnosis": {"findings": [], "checked": ["one"], "not_checked": reasons}}}
    text = report(tf.summary.read(tmp_path), training=training)
    assert "Nothing found; 1 rules looked." in text
    assert "<summary>2 rules could not look</summary>" in text
    assert "<li><code>graph-grows</code><span>: no session was given</span></li>" in text
    assert "no &lt;feeds&gt; were given" in text
    training["."]["diagnosis"] = {"findings": [{"name": "fault", "severity": "error"}], "not_checked": {"graph-grows": "why"}}
    text = report(tf.summary.read(tmp_path), training=training)
    assert text.index("<code>fault</code>") < text.index("<summary>1 rule could not look</summary>")


def test_runs_with_the_same_findings_share_them_and_good_news_comes_late(tmp_path: Path) -> None:
    for run in "ab":
        write(tmp_path / run, {"loss": [1.0]})
    clean = {"diagnosis": {"findings": [], "checked": ["one"]}}
    text = report(tf.summary.read(tmp_path), training={"a": clean, "b": clean})
    assert text.count("rules looked") == 1
    assert "<h3>a, b</h3>" in text
    assert text.index('id="curves"') < text.index('id="findings"')
    fault = {"diagnosis": {"findings": [{"name": "fault", "severity": "error", "message": "wrong"}], "checked": ["one"]}}
    text = report(tf.summary.read(tmp_path), training={"a": clean, "b": fault})
    assert text.index('id="findings"') < text.index('id="curves"')


def test_a_finding_shows_its_line_and_its_mend(tmp_path: Path) -> None:
    x = tf.placeholder(tf.float32, [None, 2])
    w = tf.get_variable("w", [2, 3])
    loss = -tf.reduce_mean(tf.log(tf.nn.softmax(tf.matmul(x, w))))
    save_report_data(tmp_path, tf.contrib.layers.optimize_loss(loss, None, 0.1, "SGD"))
    write(tmp_path, {"loss": [1.0]})
    page = page_of(tmp_path, training=read_report_data(tmp_path))
    (finding,) = read_report_data(tmp_path)["."]["diagnosis"]["findings"]
    assert finding["name"] == "log-of-softmax"
    for part in ("name", "message", "where", "mend"):
        assert finding[part] in page.texts["all"]
    assert f"message {finding['severity']}" in [found["class"] for found in page.having("class")]


def test_broken_report_data_is_named(tmp_path: Path) -> None:
    path = tmp_path / "graphopt_report.json"
    path.write_text("{")
    with pytest.raises(ValueError, match="holds no report data: Expecting property name"):
        read_report_data(tmp_path)
    path.write_text("[]")
    with pytest.raises(ValueError, match="holds no report data: an object is needed, not list"):
        read_report_data(tmp_path)


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    train_op = training_op()
    with pytest.raises(tf.errors.FailedPreconditionError, match=r"The log directory '.*file/logs' can't be made: '.*' is not a directory"):
        save_report_data(tmp_path / "file" / "logs", train_op)
    (tmp_path / "taken" / "graphopt_report.json").mkdir(parents=True)
    with pytest.raises(tf.errors.FailedPreconditionError, match=r"'.*taken/graphopt_report.json' can't be written: is a directory"):
        save_report_data(tmp_path / "taken", train_op)
    with pytest.raises(tf.errors.FailedPreconditionError, match=r"The report data '.*graphopt_report.json' can't be read: is a directory"):
        read_report_data(tmp_path)


def test_no_log_directory(tmp_path: Path) -> None:
    with pytest.raises(tf.errors.NotFoundError, match=r"There is no log directory '.*nowhere'."):
        read_report_data(tmp_path / "nowhere")
    assert read_report_data(tmp_path) == {}
    with pytest.raises(TypeError, match="A log directory must be a path, got 3"):
        read_report_data(3)
    with pytest.raises(TypeError, match=r"report takes a log, as graphopt.summary.read\(logdir\) gives it, got 'logs' of"):
        report("logs")


def test_numbers_that_json_does_not_know_are_saved_as_text(tmp_path: Path) -> None:
    w = tf.get_variable("w", [], initializer=tf.ones_initializer())
    path = save_report_data(tmp_path, tf.contrib.layers.optimize_loss(w * w, None, 0.1, "SGD", clip_gradients=math.inf))
    json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_final_values(tmp_path: Path) -> None:
    write(tmp_path, {"loss": [3.0, 0.5, math.nan]})
    cells = ["NaN", "2", "0.5", "1", "3", "0", "3", "1"]
    row = "".join(f'<td class="number">{cell}</td>' for cell in cells)
    assert f'<tr><th scope="row">loss</th>{row}</tr>' in report(tf.summary.read(tmp_path))


def test_an_empty_run_says_so(tmp_path: Path) -> None:
    write(tmp_path, {})
    assert "There is nothing to show yet." in page_of(tmp_path).texts["all"]


def test_command_writes_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "logs", {"loss": [1.0, 0.5]})
    output = tmp_path / "page.html"
    assert main(["report", str(tmp_path / "logs"), "-o", str(output)]) == 0
    assert capsys.readouterr().out.strip() == str(output)
    assert Page(output.read_text(encoding="utf-8")).data["charts"][0]["series"][0]["value"] == [1.0, 0.5]


def test_command_shows_a_broken_file_up_to_the_break(tmp_path: Path) -> None:
    write(tmp_path / "logs", {"loss": [1.0, 0.5, 0.25]})
    (events,) = (tmp_path / "logs").iterdir()
    events.write_bytes(events.read_bytes()[:-10])
    output = tmp_path / "page.html"
    assert main(["report", str(tmp_path / "logs"), "-o", str(output)]) == 0
    page = Page(output.read_text(encoding="utf-8"))
    assert page.data["charts"][0]["series"][0]["value"] == [1.0, 0.5]
    assert "is read up to byte" in page.texts["all"]


def test_command_says_in_one_line_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path / "none")]) == 2
    assert main(["report", str(tmp_path)]) == 2
    (tmp_path / "graphopt_report.json").write_text("{")
    write(tmp_path, {"loss": [1.0]})
    assert main(["report", str(tmp_path), "-o", str(tmp_path / "page.html")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert "there is no folder" in lines[0]
    assert "There is no event file" in lines[1]
    assert "holds no report data" in lines[2]
