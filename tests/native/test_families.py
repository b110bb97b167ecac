"""Every lowering is found by its op, though its family is imported only when the op asks."""

from graphopt.backends.native.families import families_of, import_all, lowering_of
from graphopt.backends.native.lowering import LOWERINGS
from graphopt.ops.conv import conv2d_op
from graphopt.ops.decompositions import qr_op


def test_the_table_names_the_family_of_every_lowering() -> None:
    import_all()
    assert len(LOWERINGS) > 100
    strays = {op.name for op, lowering in LOWERINGS.items() if lowering.__module__.split(".")[3] not in families_of(op)}
    assert strays == set()


def test_an_op_finds_its_lowering() -> None:
    assert lowering_of(conv2d_op) is LOWERINGS[conv2d_op]
    assert lowering_of(qr_op) is None
