"""The table of the modules of TensorFlow 1 that scripts import, for `stand_in`: where graphopt has the names of each."""

from __future__ import annotations

import inspect
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

from graphopt.graph import nest, slots
from graphopt.graph.static_value import static_value
from graphopt.graph.variables import Variable
from graphopt.runtime.profile import Timeline
from graphopt.shapes import TensorShape
from graphopt.tf1 import array, control_flow, framework, gfile, graph_io, layers, linalg, math, mnist, summary

Namespace = ModuleType | SimpleNamespace

# The version that scripts see: the last of TensorFlow 1.
VERSION = "1.15.0"

_VERSIONS = SimpleNamespace(__version__=VERSION, VERSION=VERSION, GIT_VERSION=f"v{VERSION}", COMPILER_VERSION="", GRAPH_DEF_VERSION=134)

# Names from before TensorFlow 1.0, where the arguments are in the same order.
_OLD_NAMES = SimpleNamespace(
    all_variables=framework.all_variables,
    arg_max=math.argmax,
    arg_min=math.argmin,
    batch_matmul=linalg.matmul,
    histogram_summary=summary.histogram,
    merge_all_summaries=summary.merge_all,
    merge_summary=summary.merge,
    mul=math.multiply,
    neg=math.negative,
    pack=array.stack,
    scalar_summary=summary.scalar,
    select=math.where,
    sub=math.subtract,
    unpack=array.unstack,
)
_OLD_TRAIN = SimpleNamespace(SummaryWriter=summary.FileWriter)

_FILE_IO = SimpleNamespace(
    FileIO=gfile.GFile,
    copy=gfile.Copy,
    create_dir=gfile.MkDir,
    delete_file=gfile.Remove,
    delete_recursively=gfile.DeleteRecursively,
    file_exists=gfile.Exists,
    get_matching_files=gfile.Glob,
    is_directory=gfile.IsDirectory,
    list_directory=gfile.ListDirectory,
    read_file_to_string=gfile.read_file_to_string,
    recursive_create_dir=gfile.MakeDirs,
    rename=gfile.Rename,
    stat=gfile.Stat,
    walk=gfile.Walk,
    write_string_to_file=gfile.write_string_to_file,
)

_IO_GFILE = SimpleNamespace(
    copy=gfile.Copy,
    exists=gfile.Exists,
    glob=gfile.Glob,
    isdir=gfile.IsDirectory,
    listdir=gfile.ListDirectory,
    makedirs=gfile.MakeDirs,
    mkdir=gfile.MkDir,
    remove=gfile.Remove,
    rename=gfile.Rename,
    rmtree=gfile.DeleteRecursively,
    stat=gfile.Stat,
    walk=gfile.Walk,
    GFile=gfile.GFile,
)

_TENSOR_SHAPE = SimpleNamespace(
    as_shape=TensorShape,
    matrix=lambda rows, columns: TensorShape([rows, columns]),
    scalar=lambda: TensorShape([]),
    unknown_shape=lambda ndims=None: TensorShape(None if ndims is None else [None] * ndims),
    vector=lambda length: TensorShape([length]),
)


def _constant_value(tensor: Any, partial: bool = False) -> Any:
    return static_value(tensor)


def _list_local_devices(session_config: Any = None) -> list[SimpleNamespace]:
    return [SimpleNamespace(name="/device:CPU:0", device_type="CPU", memory_limit=0, physical_device_desc="")]


class _ArgSpec(NamedTuple):
    """What Python's own getargspec gave."""

    args: list[str]
    varargs: str | None
    keywords: str | None
    defaults: tuple[Any, ...] | None


def _getargspec(function: Any) -> _ArgSpec:
    return _ArgSpec(*inspect.getfullargspec(function)[:4])


# TensorFlow's inspect looks through its own decorators, of which graphopt has none.
_INSPECT = SimpleNamespace(
    **{name: getattr(inspect, name) for name in inspect.__all__ if callable(getattr(inspect, name))},
    ArgSpec=_ArgSpec,
    getargspec=_getargspec,
)

# Resources are TensorFlow's tables and iterators: graphopt has none.
_RESOURCES = SimpleNamespace(
    initialize_resources=lambda resource_list, name="init": control_flow.group(*resource_list, name=name),
    local_resources=lambda: [],
    shared_resources=lambda: [],
)

_MNIST_KERAS = SimpleNamespace(load_data=mnist.load_data)

# Modules whose names are all those of one place of graphopt ("" for graphopt itself).
_WHOLE = {
    "": """
        compat.v1 core.framework.graph_pb2 core.protobuf.config_pb2 python.client.session python.eager.backprop python.eager.context
        python.framework.constant_op python.framework.dtypes python.framework.function python.framework.indexed_slices
        python.framework.ops python.framework.random_seed python.framework.sparse_tensor
        python.ops.array_ops python.ops.check_ops python.ops.clip_ops python.ops.confusion_matrix python.ops.control_flow_ops
        python.ops.custom_gradient
        python.ops.data_flow_ops python.ops.functional_ops python.ops.gradients python.ops.gradients_impl python.ops.init_ops
        python.ops.logging_ops python.ops.map_fn python.ops.math_ops python.ops.random_ops python.ops.script_ops
        python.ops.sparse_ops python.ops.special_math_ops python.ops.standard_ops python.ops.state_ops python.ops.template
        python.ops.variable_scope python.ops.variables""",
    "app": "python.platform.app",
    "compat": "python.util.compat",
    "contrib.framework": """
        contrib.framework.python.framework contrib.framework.python.ops contrib.framework.python.ops.arg_scope
        contrib.framework.python.ops.variables""",
    "contrib.layers": """
        contrib.layers.python.layers.embedding_ops contrib.layers.python.layers.initializers contrib.layers.python.layers.layers
        contrib.layers.python.layers.regularizers contrib.layers.python.layers.summaries contrib.layers.python.layers.utils""",
    "contrib.metrics": "contrib.metrics.python.ops.metric_ops",
    "contrib.opt": """
        contrib.opt.python.training.adamax contrib.opt.python.training.addsign contrib.opt.python.training.external_optimizer
        contrib.opt.python.training.ggt contrib.opt.python.training.lars_optimizer contrib.opt.python.training.lazy_adam_optimizer
        contrib.opt.python.training.moving_average_optimizer contrib.opt.python.training.multitask_optimizer_wrapper
        contrib.opt.python.training.nadam_optimizer contrib.opt.python.training.powersign contrib.opt.python.training.shampoo
        contrib.opt.python.training.sign_decay contrib.opt.python.training.variable_clipping_optimizer
        contrib.opt.python.training.weight_decay_optimizers""",
    "contrib.rnn": "contrib.rnn.python.ops.core_rnn_cell contrib.rnn.python.ops.rnn contrib.rnn.python.ops.rnn_cell",
    "contrib.slim.learning": "contrib.slim.python.slim.learning",
    "contrib.training": "contrib.training.python.training.hparam contrib.training.python.training.training",
    "errors": "python.framework.errors python.framework.errors_impl",
    "flags": "python.platform.flags",
    "keras": "python.keras",
    "keras.optimizers": "python.keras.optimizers python.keras.optimizer_v2",
    "layers": "python.layers.layers python.layers.core python.layers.convolutional python.layers.normalization python.layers.pooling",
    "losses": "python.ops.losses.losses python.ops.losses.losses_impl python.ops.losses.util",
    "logging": "python.platform.tf_logging",
    "metrics": "python.ops.metrics python.ops.metrics_impl",
    "nn": "python.ops.candidate_sampling_ops python.ops.embedding_ops python.ops.nn python.ops.nn_impl python.ops.nn_ops",
    "summary": "core.framework.summary_pb2 python.summary.summary",
    "test": "python.framework.test_util python.platform.googletest python.platform.test",
    "train": """
        python.training.adadelta python.training.adagrad python.training.adagrad_da python.training.adam
        python.training.basic_session_run_hooks python.training.checkpoint_management python.training.checkpoint_utils
        python.training.coordinator python.training.ftrl python.training.gradient_descent python.training.learning_rate_decay
        python.training.momentum python.training.monitored_session python.training.optimizer python.training.proximal_adagrad
        python.training.proximal_gradient_descent python.training.queue_runner python.training.queue_runner_impl
        python.training.rmsprop python.training.saver python.training.session_manager python.training.session_run_hook
        python.training.sync_replicas_optimizer python.training.training python.training.training_util""",
}

# Modules that have names from several places, or that graphopt's own lack. A module whose path graphopt has need not stand here.
MODULES: dict[str, tuple[str | Namespace, ...]] = {
    **{module: (place,) for place, modules in _WHOLE.items() for module in modules.split()},
    "": (_VERSIONS, "", _OLD_NAMES),
    "contrib.keras.datasets.mnist": (_MNIST_KERAS,),
    "contrib.learn.datasets.mnist": (mnist,),
    "contrib.learn.python.learn.datasets.mnist": (mnist,),
    "examples.tutorials.mnist.input_data": (mnist,),
    "io.gfile": (_IO_GFILE,),
    "keras.datasets.mnist": (_MNIST_KERAS,),
    "nest": (nest,),
    "python.client.device_lib": (SimpleNamespace(list_local_devices=_list_local_devices),),
    "python.client.timeline": (SimpleNamespace(Timeline=Timeline),),
    "python.framework.graph_io": (graph_io,),
    "python.framework.tensor_shape": (_TENSOR_SHAPE, ""),
    "python.framework.tensor_util": (SimpleNamespace(constant_value=_constant_value), ""),
    "python.layers.utils": (SimpleNamespace(smart_cond=layers.choose),),
    "python.lib.io.file_io": (_FILE_IO,),
    "python.ops.linalg_ops": ("linalg", ""),
    "python.ops.resource_variable_ops": (SimpleNamespace(ResourceVariable=Variable), ""),
    "python.ops.resources": (_RESOURCES,),
    "python.ops.rnn": ("nn", "contrib.rnn"),
    "python.ops.rnn_cell": ("nn.rnn_cell", "contrib.rnn"),
    "python.ops.rnn_cell_impl": ("nn.rnn_cell", "contrib.rnn"),
    "python.ops.string_ops": ("strings", ""),
    "python.platform.gfile": (gfile,),
    "python.summary.summary_iterator": ("train",),
    "python.training.slot_creator": (slots,),
    "python.training.summary_io": (_OLD_TRAIN, "summary"),
    "python.util.nest": (nest,),
    "python.util.tf_inspect": (_INSPECT,),
    "train": ("train", _OLD_TRAIN),
    "version": (_VERSIONS,),
}
