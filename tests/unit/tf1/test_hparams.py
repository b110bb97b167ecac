"""`tf.contrib.training.HParams`: types, texts, JSON, and what is refused."""

from typing import Any

import pytest

import graphopt as tf

HParams = tf.contrib.training.HParams


def hparams() -> Any:
    return HParams(rate=0.5, steps=3, name="net", decay=True, layers=[64, 32], rates=[0.1], names=["a", "b"], flags=[True, False])


def test_values_are_attributes() -> None:
    given = hparams()
    assert (given.rate, given.steps, given.name, given.decay, given.layers) == (0.5, 3, "net", True, [64, 32])
    given.rate = 0.25
    assert given.values()["rate"] == 0.25
    assert list(given.values()) == ["rate", "steps", "name", "decay", "layers", "rates", "names", "flags"]
    assert "rate" in given and "values" not in given
    assert given.get("steps") == 3
    assert given.get("missing", 7) == 7
    assert str(HParams(rate=0.5)) == "{'rate': 0.5}"
    assert repr(HParams(rate=0.5)) == "HParams({'rate': 0.5})"


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("rate=1e-3", "rate", 1e-3),
        ("rate=2", "rate", 2.0),
        ("steps = 10", "steps", 10),
        ("name=a b", "name", "a b"),
        ("name=", "name", ""),
        ("decay=false", "decay", False),
        ("decay=True", "decay", True),
        ("decay=0", "decay", False),
        ("layers=[1,2, 3]", "layers", [1, 2, 3]),
        ("layers[1]=5", "layers", [64, 5]),
        ("layers[0]=1,layers[1]=2", "layers", [1, 2]),
        ("names=[x,y]", "names", ["x", "y"]),
        ("flags=[false,1]", "flags", [False, True]),
        ("rates=[]", "rates", []),
    ],
)
def test_parse(text: str, name: str, value: Any) -> None:
    given = hparams()
    assert given.parse(text) is given
    assert given.get(name) == value
    assert type(given.get(name)) is type(value)


def test_parse_several() -> None:
    given = hparams().parse("rate=0.1,layers=[8,8],name=mine,steps=4")
    assert (given.rate, given.layers, given.name, given.steps) == (0.1, [8, 8], "mine", 4)
    assert hparams().parse("").values() == hparams().values()


def test_text_is_not_run() -> None:
    given = HParams(name="net", rate=0.5)
    assert given.parse("name=__import__('os').getcwd()").name == "__import__('os').getcwd()"
    with pytest.raises(ValueError, match=r"Could not parse hparam 'rate' of type 'float' with value '1\+1' in rate=1\+1"):
        given.parse("rate=1+1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps=1.5", r"Could not parse hparam 'steps' of type 'int' with value '1\.5' in steps=1\.5"),
        ("decay=maybe", "Could not parse hparam 'decay' of type 'bool' with value 'maybe'"),
        ("other=1", "Unknown hyperparameter type for other"),
        ("rate", "Malformed hyperparameter value: rate"),
        ("rate=1,,", "Malformed hyperparameter value: ,"),
        ("layers[0]=[1]", r"Malformed hyperparameter value: layers\[0\]=\[1\]"),
        ("rate=1,rate=2", "Multiple assignments to variable 'rate' in rate=1,rate=2"),
        ("layers=[1],layers[0]=2", "Multiple assignments to variable 'layers' in"),
        ("layers=3", r"Must pass a list for multi-valued parameter: layers\."),
        ("rate=[1,2]", "Must not pass a list for single-valued parameter: rate"),
        ("rate[0]=1", "Must not pass a list for single-valued parameter: rate"),
        ("layers[2]=1", r"layers\[2\] is not there: layers has 2 values"),
    ],
)
def test_what_parse_refuses(text: str, message: str) -> None:
    given = hparams()
    with pytest.raises(ValueError, match=message):
        given.parse(text)


def test_set_hparam_keeps_types() -> None:
    given = hparams()
    given.set_hparam("rate", 2)
    assert given.rate == 2.0 and isinstance(given.rate, float)
    given.set_hparam("layers", (1, 2))
    assert given.layers == [1, 2]
    given.override_from_dict({"name": "other", "decay": False})
    assert (given.name, given.decay) == ("other", False)
    given.set_hparam("name", None)
    assert given.name is None
    with pytest.raises(KeyError, match="missing"):
        given.set_hparam("missing", 1)


@pytest.mark.parametrize(("name", "value"), [("steps", 1.5), ("steps", "3"), ("name", 3), ("decay", 1), ("rate", True), ("layers", ["a"])])
def test_values_of_another_type_are_refused(name: str, value: Any) -> None:
    given = hparams()
    with pytest.raises(ValueError, match=f"Could not cast hparam '{name}' of type '.*' from value"):
        given.set_hparam(name, value)
    assert given.values() == hparams().values()


def test_names_and_lists() -> None:
    with pytest.raises(ValueError, match="Hyperparameter name is reserved: parse"):
        HParams(parse=1)
    with pytest.raises(ValueError, match="Hyperparameter name is reserved: rate"):
        hparams().add_hparam("rate", 1)
    with pytest.raises(ValueError, match="Multi-valued hyperparameters cannot be empty: layers"):
        HParams(layers=[])
    given = hparams()
    given.del_hparam("rate")
    given.del_hparam("never")
    assert "rate" not in given and not hasattr(given, "rate")
    given.add_hparam("rate", "text")
    assert given.rate == "text"


def test_json() -> None:
    given = HParams(b=1, a=[0.5], f=len)
    assert given.to_json(sort_keys=True, separators=(",", ":")) == '{"a":[0.5],"b":1}'
    assert given.parse_json('{"b": 7, "a": [1]}') is given
    assert (given.b, given.a) == (7, [1.0])
    with pytest.raises(ValueError, match="Expecting"):
        given.parse_json("{")
