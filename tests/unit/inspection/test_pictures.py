"""Pictures: no two boxes overlap, edges have ends and pass no box, XML is well formed, the page stands alone."""

import itertools
import json
import re
import shutil
import subprocess
from xml.etree import ElementTree

import networkx
import pytest
from inspected_models import deep_network, small_convnet, with_branches

import graphopt as tf
from graphopt.inspection import draw, to_dot, to_graph_def, to_model_explorer, to_networkx
from graphopt.inspection.pictures.arrange import Point, arrange, scopes_of
from graphopt.inspection.pictures.boxes import Box, Scope, drawing_of
from graphopt.inspection.pictures.page import page_data
from graphopt.inspection.pictures.place import ends_of, place
from graphopt.inspection.pictures.svg import MOST_BOXES, opened_scopes

MODELS = {
    "convnet": small_convnet,
    "branches": with_branches,
    "deep": lambda: deep_network(30),
    "flat": lambda: deep_network(60, scoped=False),
}


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def openings(root):
    """Return some sets of open scopes: none, some, all."""
    scopes = list(scopes_of(root))
    return [{root}, opened_scopes(root, 40), set(scopes[::2]) | {root}, set(scopes)]


# --- arrangement ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_no_two_things_of_a_scope_overlap_and_all_are_inside(model):
    drawing = drawing_of(MODELS[model]())
    arrangements = arrange(drawing)
    for opened in openings(drawing.root):
        for scope, own in place(drawing.root, arrangements, opened).items():
            boxes = [at for item, at in own.items.items() if not isinstance(item, Point)]
            assert len(boxes) == len(scope.children)
            for at in boxes:
                assert at.x >= 0
                assert at.y >= 20
                assert at.x + at.width <= own.width
                assert at.bottom <= own.height
            for a, b in itertools.combinations(boxes, 2):
                apart = a.x + a.width <= b.x or b.x + b.width <= a.x or a.bottom <= b.y or b.bottom <= a.y
                assert apart


@pytest.mark.parametrize("model", MODELS)
def test_links_run_down_from_row_to_row_and_pass_beside_boxes(model):
    drawing = drawing_of(MODELS[model]())
    arrangements = arrange(drawing)
    placed = place(drawing.root, arrangements, set(scopes_of(drawing.root)))
    for scope, arrangement in arrangements.items():
        row_of = {item: i for i, row in enumerate(arrangement.rows) for item in row}
        own = placed[scope]
        for link in arrangement.links:
            rows = [row_of[item] for item in link.chain]
            assert rows == list(range(rows[0], rows[0] + len(rows))), "a link has a place in every row that it passes"
            for point in link.via:
                for item in arrangement.rows[row_of[point]]:
                    at = own.items[item]
                    assert isinstance(item, Point) or not at.x < own.items[point].x < at.x + at.width
            assert len(ends_of(link, placed, own)) == 2


@pytest.mark.parametrize("model", MODELS)
def test_every_edge_between_boxes_is_a_way_of_links(model):
    drawing = drawing_of(MODELS[model]())
    arrangements = arrange(drawing)
    around = {child: scope for scope in scopes_of(drawing.root) for child in scope.children}
    ways = networkx.DiGraph()
    for arrangement in arrangements.values():
        for link in arrangement.links:
            ways.add_edge(link.a, link.b)
            if link.a in link.ends:
                ways.add_edge(link.ends[link.a], link.b)
            if link.b in link.ends:
                ways.add_edge(link.a, link.ends[link.b])
            if link.a in link.ends and link.b in link.ends:
                ways.add_edge(link.ends[link.a], link.ends[link.b])
    assert drawing.edges
    for edge in drawing.edges:
        assert edge.a in around
        assert edge.b in around
        assert networkx.has_path(ways, edge.a, edge.b)


def test_few_links_go_back():
    drawing = drawing_of(small_convnet())
    links = [link for arrangement in arrange(drawing).values() for link in arrangement.links]
    assert sum(link.goes_back for link in links) <= len(links) // 50


def test_roles_are_those_of_the_training_op():
    train_op = small_convnet()
    role = {box.name: box.role for box in drawing_of(train_op).root.boxes}
    assert role["conv0/Conv2D"] == "forward"
    assert role["images"] == "forward"
    assert role["conv0/w"] == "state"
    assert role["gradients/loss_grad/RealDiv"] == "backward"
    assert role["Momentum/update_conv0/w/ApplyMomentum"] == "update"
    assert role["Momentum/learning_rate"] == "state"


def test_a_variable_and_its_reads_are_one_box_and_constants_stand_in_theirs():
    w = tf.get_variable("w", initializer=1.0)
    loss = tf.multiply(w, 2.0, name="loss")
    boxes = {box.name: box for box in drawing_of(loss).root.boxes}
    assert set(boxes) == {"w", "loss"}
    assert boxes["w"].size == 2
    assert boxes["loss"].details == ["y = 2"]


def test_all_operations_but_constants_are_in_the_picture():
    train_op = with_branches()
    drawing = drawing_of(train_op)
    names = {op.name for box in drawing.root.boxes for op in box.operations}
    needed = set(to_networkx(train_op))
    constants = {name for name, data in to_networkx(train_op).nodes(data=True) if data["type"] == "Const"}
    assert names | constants == needed
    assert drawing.title.endswith(f": {len(needed)} operations")


def test_large_graphs_have_closed_scopes_and_groups():
    for scoped in (True, False):
        with tf.Graph().as_default():
            drawing = drawing_of(deep_network(120, scoped=scoped))
            assert len(drawing.root.boxes) > 2 * MOST_BOXES
            opened = opened_scopes(drawing.root, MOST_BOXES)
            seen = [child for scope in opened for child in scope.children if child not in opened]
            assert len(seen) <= MOST_BOXES
            assert max(len(scope.children) for scope in scopes_of(drawing.root)) <= 48
            assert any(scope.is_group for scope in scopes_of(drawing.root))


# --- SVG -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_the_svg_is_well_formed_and_says_what_it_shows(model):
    train_op = MODELS[model]()
    svg = ElementTree.fromstring(draw(train_op))
    space = "{http://www.w3.org/2000/svg}"
    assert svg.get("role") == "img"
    assert svg.find(f"{space}title").text.startswith(train_op.name)
    drawn = [g for g in svg.iter(f"{space}g") if g.get("class") in ("box", "closed")]
    drawing = drawing_of(train_op)
    opened = opened_scopes(drawing.root, MOST_BOXES)
    assert len(drawn) == sum(child not in opened for scope in opened for child in scope.children)
    assert all(g.find(f"{space}title").text for g in drawn)
    letters = {g.findall(f"{space}text")[0].text for g in drawn}
    assert {"S", "F", "B", "U"} <= letters, "not by colour alone"
    assert "backward: computes gradients" in [text.text for text in svg.iter(f"{space}text")]


def test_colours_differ_in_lightness():
    fills = re.findall(r'<rect x="[\d.]+" y="36"[^>]*fill="#(..)(..)(..)"', draw(small_convnet()))
    assert len(fills) == 5
    grey = sorted([0.299 * int(r, 16) + 0.587 * int(g, 16) + 0.114 * int(b, 16) for r, g, b in fills])
    assert min(b - a for a, b in itertools.pairwise(grey)) > 9


NASTY = "<&\"'>]]>\x00\x1b\ud800</title><script>alert(1)</script>"


def test_names_may_hold_anything(tmp_path):
    drawing_source = tf.square(tf.get_variable("w", initializer=1.0), name="loss")
    drawing_source.op.name = NASTY
    for suffix in ("svg", "html", "dot"):
        draw(drawing_source, tmp_path / f"graph.{suffix}")
    ElementTree.parse(tmp_path / "graph.svg")
    page = (tmp_path / "graph.html").read_text(encoding="utf-8")
    assert page.count("<script") == 2
    assert "alert(1)</script>" not in page
    json.loads(to_model_explorer(drawing_source))


# --- the page ----------------------------------------------------------------------------------------------------------------------------


def data_of(page):
    return json.loads(re.search(r'<script id="graph-data" type="application/json">(.*?)</script>', page, re.DOTALL)[1])


@pytest.mark.parametrize("model", MODELS)
def test_the_folding_data_of_the_page_are_whole(model):
    drawing = drawing_of(MODELS[model]())
    data = page_data(drawing, arrange(drawing))
    items = data["items"]
    kinds = [item["t"] for item in items]
    assert kinds.count("b") == len(drawing.root.boxes)
    assert kinds.count("s") == len(list(scopes_of(drawing.root)))
    assert data["root"] in data["opened"]
    for index, item in enumerate(items):
        if item["t"] == "s":
            children = [child for row in item["rows"] for child in row if items[child]["t"] != "p"]
            assert all(items[child]["around"] == index for child in children)
            known = {child for row in item["rows"] for child in row}
            for link in item["links"]:
                assert {link["a"], link["b"], *link["via"]} <= known
                for scope, port in link["ends"].items():
                    assert port in [child for row in items[int(scope)]["rows"] for child in row]
    reached = {child for item in items if item["t"] == "s" for row in item["rows"] for child in row}
    assert reached | {data["root"]} == set(range(len(items)))


def test_the_page_refers_to_nothing_outside(tmp_path):
    page = draw(small_convnet(), tmp_path / "graph.html")
    assert not re.search(r"""(?:src|href)\s*=|@import|url\((?!#)|fetch\(|XMLHttpRequest|import\(""", page)
    assert set(re.findall(r"https?://[^\"'\s<]+", page)) == {"http://www.w3.org/2000/svg"}
    assert data_of(page)["opened"]
    assert "<noscript><svg" in page
    assert 'lang="en"' in page


# What the page has to do, done in a browser: everything opened and closed, an operation found, one chosen.
PROBE = """
<script>
const report = [];
try {
  const click = id => document.getElementById(id).click();
  report.push('first ' + document.body.dataset.drawn);
  click('close'); report.push('closed ' + document.body.dataset.drawn);
  click('open'); report.push('opened ' + document.body.dataset.drawn);
  const boxes = [...document.querySelectorAll('#canvas .box')].map(g => g.getBoundingClientRect());
  let overlaps = 0;
  boxes.forEach((a, i) => boxes.slice(i + 1).forEach(b => {
    if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom) overlaps++;
  }));
  report.push('overlaps ' + overlaps);
  const right = element => element.getBBox().x + element.getBBox().width;
  const wide = [...document.querySelectorAll('#canvas .box')].filter(g =>
    [...g.querySelectorAll('text')].some(text => right(text) > right(g.querySelector('rect'))));
  report.push('wide ' + wide.length);
  document.querySelector('#canvas .head').dispatchEvent(new MouseEvent('click', {bubbles: true}));
  report.push('one closed ' + (Number(document.body.dataset.drawn) < boxes.length));
  const find = document.getElementById('find');
  click('close'); find.value = 'conv0/Conv2D'; find.dispatchEvent(new Event('change'));
  report.push('about ' + document.getElementById('about').textContent.split('\\n')[0]);
  report.push('chosen ' + document.querySelectorAll('#canvas .box.chosen').length);
} catch (error) { report.push('error ' + error); }
const p = document.createElement('pre'); p.id = 'report'; p.textContent = report.join('\\n'); document.body.appendChild(p);
</script>
"""


def browser(page, profile):
    """Return the page's elements after its scripts have run, and what the browser wrote to its console."""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    flags += ["--disable-component-update", "--disable-sync", "--enable-logging=stderr", "--v=0", f"--user-data-dir={profile}"]
    command = [shutil.which("chromium"), *flags, "--window-size=1400,1000", "--virtual-time-budget=4000", "--dump-dom", page.as_uri()]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return result.stdout, [line for line in result.stderr.splitlines() if "CONSOLE" in line]


def test_the_page_opens_and_folds_in_a_browser(tmp_path):
    page = draw(small_convnet(), tmp_path / "graph.html")
    boxes = sum(item["t"] == "b" for item in data_of(page)["items"])
    assert page.endswith("</script></body></html>\n")
    if shutil.which("chromium") is None:
        return
    (tmp_path / "graph.html").write_text(page.replace("</body>", f"{PROBE}</body>"), encoding="utf-8")
    elements, console = browser(tmp_path / "graph.html", tmp_path / "profile")
    assert console == []
    report = re.search(r'<pre id="report">(.*?)</pre>', elements, re.DOTALL)[1].splitlines()
    assert report[1:] == [
        report[1],
        f"opened {boxes}",
        "overlaps 0",
        "wide 0",
        "one closed true",
        "about conv0/Conv2D (Conv2D)",
        "chosen 1",
    ]
    assert 0 < int(report[1].split()[1]) < int(report[0].split()[1]) <= 40


# --- forms for other tools ----------------------------------------------------------------------------------------------------------------


def test_networkx_has_all_operations_with_attributes():
    train_op = with_branches()
    found = to_networkx(train_op)
    assert networkx.is_directed_acyclic_graph(found)
    assert found.nodes["w"]["type"] == "VariableV2"
    assert found.nodes["w"]["operation"].name == "w"
    assert {"state", "forward", "backward", "update"} <= {data["role"] for _, data in found.nodes(data=True)}
    kinds = {data["kind"] for _, _, data in found.edges(data=True)}
    assert kinds == {"data", "control", "guard"}
    assert found.number_of_nodes() == tf.explain(train_op).to_dict()["cost"]["recorded_operations"]
    sizes = [data["bytes"] for _, _, data in found.edges(data=True) if data.get("tensor") == "w:0"]
    assert sizes
    assert set(sizes) == {4}


def test_dot_has_clusters_and_balanced_braces():
    text = to_dot(small_convnet())
    assert text.startswith('digraph "Momentum: ')
    assert text.count("{") == text.count("}")
    assert "subgraph cluster_" in text
    drawing = drawing_of(tf.get_default_graph().get_operation_by_name("Momentum"))
    assert text.count(" -> ") == len(drawing.edges)
    assert text.count("fillcolor=") == len(drawing.root.boxes)


def test_model_explorer_has_every_operation_and_edge():
    train_op = small_convnet()
    (shown,) = json.loads(to_model_explorer(train_op))["graphs"]
    whole = to_networkx(train_op)
    known = {node["id"] for node in shown["nodes"]}
    assert len(known) == whole.number_of_nodes()
    edges = [edge for node in shown["nodes"] for edge in node["incomingEdges"]]
    assert len(edges) == whole.number_of_edges()
    assert all(edge["sourceNodeId"] in known for edge in edges)
    namespaces = {node["namespace"] for node in shown["nodes"]}
    assert {"conv0", "Momentum/update_conv0/w"} <= namespaces


def test_the_graph_def_has_the_whole_graph():
    train_op = small_convnet()
    for given in (train_op, train_op.graph, [train_op]):
        assert [node.name for node in to_graph_def(given).node] == [op.name for op in train_op.graph.get_operations()]


def test_a_whole_graph_a_list_and_a_variable_can_be_drawn():
    train_op = small_convnet()
    w = tf.global_variables()[0]
    whole = drawing_of(train_op.graph)
    assert len(whole.root.boxes) > len(drawing_of(train_op).root.boxes)
    assert [box.name for box in drawing_of(w).root.boxes] == [w.op.name]
    assert isinstance(drawing_of([train_op, w]).root, Scope)
    assert all(isinstance(box, Box) for box in whole.root.boxes)


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"A picture is written to a file that ends in \.html, .*, got 'graph\.png'"):
        draw(small_convnet(), "graph.png")
    with pytest.raises(tf.errors.NotFoundError, match="there is no folder"):
        draw(tf.constant(1.0), tmp_path / "missing" / "graph.svg")


@pytest.mark.parametrize("wrong", [None, 3, [], ["w"], "w"])
def test_what_is_no_graph_is_refused(wrong):
    for make in (draw, to_dot, to_networkx, to_graph_def, to_model_explorer):
        with pytest.raises(TypeError, match="A picture is made of a training op, a tensor, an operation, a list of these, or a graph"):
            make(wrong)
