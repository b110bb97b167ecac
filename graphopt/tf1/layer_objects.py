"""The layers of `tf.layers` as objects: one makes its variables at its first call, and uses them again at the next ones."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.variable_scope import VariableScope, variable_scope
from graphopt.tf1 import layers, layers_more
from graphopt.tf1.layer_parts import OwnScope

# Arguments of the functions that belong to a call and not to a layer.
_OF_CALLS = ("inputs", "training", "reuse")


class Layer:
    """A layer with variables of its own.

    Args:
      args, kwargs: those of the function of `tf.layers` that does the same, without `inputs`, `training` and `reuse`.
      name: of the scope; by default one that is not taken yet, named after the layer.
      dtype: the element type of what is given as numbers or arrays.

    Attributes:
      built: whether it has been called.

    Example:
      >>> layer = tf.layers.Dense(4, activation=tf.nn.relu)
      >>> first, second = layer(tf.zeros([2, 3])), layer(tf.ones([5, 3]))
      >>> first.name, second.name, [v.name for v in layer.variables]
      ('dense/Relu:0', 'dense/Relu_1:0', ['dense/kernel:0', 'dense/bias:0'])
    """

    _function: ClassVar[Callable[..., Any]]
    _word: ClassVar[str]

    def __init_subclass__(cls) -> None:
        own = inspect.signature(cls._function)
        kept = [parameter for parameter in own.parameters.values() if parameter.name not in _OF_CALLS]
        dtype = inspect.Parameter("dtype", inspect.Parameter.KEYWORD_ONLY, default=None)
        cls.__signature__ = inspect.Signature([*kept, dtype])  # type: ignore[attr-defined]
        cls._word = cls._function.__name__

    def __init__(self, *args: Any, _reuse: Any = None, _scope: Any = None, **kwargs: Any) -> None:
        try:
            bound = inspect.signature(type(self)).bind(*args, **kwargs)
        except TypeError as error:
            raise ArgumentTypeError(f"{type(self).__name__}: {error}") from None  # message from: Python's own text for arguments
        bound.apply_defaults()
        self._arguments = bound.arguments
        self._dtype = self._arguments.pop("dtype")
        self._given_name = self._arguments.pop("name")
        self._reuse = _reuse
        self._scope: VariableScope | None = None
        self._updates: list[Any] = []
        self.built = False
        if _scope is not None:
            with variable_scope(_scope) as self._scope:
                pass

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Return what the layer makes of the inputs.

        Args:
          inputs: as the function of `tf.layers` takes them. args, kwargs: `training`, where the layer has it.
        """
        x = convert_to_tensor(inputs, self._dtype, name="inputs")
        own = OwnScope(self._scope_now(), True if self.built else self._reuse)
        more = self._of_call(*args, **kwargs)
        before = len(get_default_graph().root.get_collection(GraphKeys.UPDATE_OPS))
        outputs = type(self)._function(x, **self._arguments, **more, name=own)
        self._updates += get_default_graph().root.get_collection(GraphKeys.UPDATE_OPS)[before:]
        self.built = True
        return outputs

    apply = __call__

    def _of_call(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the arguments of a call besides the inputs."""
        names = [name for name in inspect.signature(type(self)._function).parameters if name == "training"]
        given = dict(zip(names, args, strict=False)) | kwargs
        unknown = sorted(set(kwargs) - set(names))
        if unknown or len(args) > len(names):
            found = unknown[0] if unknown else args[len(names)]
            raise ArgumentTypeError(f"A call of {type(self).__name__} takes the inputs{' and training' if names else ''}, not {found!r}")
        return given

    def _scope_now(self) -> VariableScope:
        if self._scope is None:
            word = self._given_name or self._word
            with variable_scope(word) if self._reuse else variable_scope(None, default_name=word) as self._scope:
                pass
        return self._scope

    # --- what a layer tells of itself ----------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name that was given, else that of the scope, which the first call decides."""
        last = "" if self._scope is None else self._scope.name.rpartition("/")[2]
        return self._given_name or last or self._word

    @property
    def scope_name(self) -> str:
        """The name of the layer's variable scope; ValueError before the first call."""
        if self._scope is None:
            raise ArgumentError(f'No name available for layer scope because the layer "{self.name}" has not been used yet.')
        return self._scope.name

    @property
    def variables(self) -> list[Any]:
        """The variables, those that optimizers change first."""
        return [*self.trainable_variables, *self.non_trainable_variables]

    weights = variables

    @property
    def trainable_variables(self) -> list[Any]:
        """The variables that optimizers change."""
        return [v for v in self._all() if v in self._collection(GraphKeys.TRAINABLE_VARIABLES)]

    trainable_weights = trainable_variables

    @property
    def non_trainable_variables(self) -> list[Any]:
        """The variables that optimizers leave alone."""
        return [v for v in self._all() if v not in self._collection(GraphKeys.TRAINABLE_VARIABLES)]

    non_trainable_weights = non_trainable_variables

    @property
    def updates(self) -> list[Any]:
        """The operations that belong to the training step, such as moving averages."""
        return list(self._updates)

    @property
    def losses(self) -> list[Any]:
        """The regularization losses of the layer."""
        return self._collection(GraphKeys.REGULARIZATION_LOSSES)

    def count_params(self) -> int:
        """Return how many numbers the variables hold.

        >>> layer = tf.layers.Dense(4)
        >>> y = layer(tf.zeros([2, 3]))
        >>> layer.count_params()
        16
        """
        return sum(variable.shape.num_elements() for variable in self._all())

    def _all(self) -> list[Any]:
        # What stands deeper belongs to others: an optimizer's slots, for example.
        return [v for v in self._collection(GraphKeys.GLOBAL_VARIABLES) if v.op.name.rpartition("/")[0] == self.scope_name]

    def _collection(self, key: str) -> list[Any]:
        if self._scope is None:
            return []
        scope = f"{self._scope.name}/"
        return [item for item in get_default_graph().root.get_collection(key) if item.name.startswith(scope)]

    def __getattr__(self, name: str) -> Any:
        """Return an argument that the layer was given, or a variable of it: `kernel`, `bias`, `gamma`..."""
        arguments = self.__dict__.get("_arguments", {})
        if name in arguments:
            return arguments[name]
        for variable in self._all() if arguments and not name.startswith("_") else ():
            if variable.op.name == f"{self.scope_name}/{name}":
                return variable
        if name == "bias" and not arguments.get("use_bias", True):
            return None
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")


class Dense(Layer):
    """activation(inputs @ kernel + bias): `tf.layers.dense` as an object.

    >>> layer = tf.layers.Dense(2, name="fc")
    >>> layer(tf.zeros([1, 3])).shape.as_list(), layer.kernel.name, layer.units
    ([1, 2], 'fc/kernel:0', 2)
    """

    _function = staticmethod(layers.dense)


class Conv1D(Layer):
    """A convolution of sequences: `tf.layers.conv1d` as an object.

    >>> tf.layers.Conv1D(4, 3)(tf.zeros([2, 8, 3])).name
    'conv1d/BiasAdd:0'
    """

    _function = staticmethod(layers.conv1d)


class Conv2D(Layer):
    """A convolution of images: `tf.layers.conv2d` as an object.

    >>> layer = tf.layers.Conv2D(filters=4, kernel_size=3, padding="same")
    >>> layer(tf.zeros([2, 8, 8, 3])).shape.as_list(), layer.kernel.shape.as_list()
    ([2, 8, 8, 4], [3, 3, 3, 4])
    """

    _function = staticmethod(layers.conv2d)


class Conv2DTranspose(Layer):
    """A transposed convolution of images: `tf.layers.conv2d_transpose` as an object.

    >>> tf.layers.Conv2DTranspose(1, 3, strides=2, padding="same")(tf.zeros([2, 4, 4, 3])).shape.as_list()
    [2, 8, 8, 1]
    """

    _function = staticmethod(layers.conv2d_transpose)


class SeparableConv2D(Layer):
    """A convolution by channels, then across them: `tf.layers.separable_conv2d` as an object.

    >>> tf.layers.SeparableConv2D(4, 3)(tf.zeros([2, 8, 8, 3])).shape.as_list()
    [2, 6, 6, 4]
    """

    _function = staticmethod(layers_more.separable_conv2d)


class MaxPooling1D(Layer):
    """The largest element of each window of sequences: `tf.layers.max_pooling1d` as an object.

    >>> tf.layers.MaxPooling1D(2, 2)(tf.zeros([2, 8, 3])).shape.as_list()
    [2, 4, 3]
    """

    _function = staticmethod(layers_more.max_pooling1d)


class MaxPooling2D(Layer):
    """The largest element of each window of images: `tf.layers.max_pooling2d` as an object.

    >>> tf.layers.MaxPooling2D(pool_size=2, strides=2)(tf.zeros([2, 8, 8, 3])).name
    'max_pooling2d/MaxPool:0'
    """

    _function = staticmethod(layers.max_pooling2d)


class AveragePooling1D(Layer):
    """The mean of each window of sequences: `tf.layers.average_pooling1d` as an object.

    >>> tf.layers.AveragePooling1D(2, 2)(tf.zeros([2, 8, 3])).shape.as_list()
    [2, 4, 3]
    """

    _function = staticmethod(layers_more.average_pooling1d)


class AveragePooling2D(Layer):
    """The mean of each window of images: `tf.layers.average_pooling2d` as an object.

    >>> tf.layers.AveragePooling2D(2, 2)(tf.zeros([2, 8, 8, 3])).shape.as_list()
    [2, 4, 4, 3]
    """

    _function = staticmethod(layers.average_pooling2d)


class Flatten(Layer):
    """The inputs as a matrix: `tf.layers.flatten` as an object.

    >>> tf.layers.Flatten()(tf.zeros([2, 3, 4])).shape.as_list()
    [2, 12]
    """

    _function = staticmethod(layers.flatten)


class Dropout(Layer):
    """Elements set to 0 at random in training: `tf.layers.dropout` as an object, called with `training`.

    >>> tf.Session().run(tf.layers.Dropout(rate=0.5)([1.0, 2.0], training=False)).tolist()
    [1.0, 2.0]
    """

    _function = staticmethod(layers.dropout)


class BatchNormalization(Layer):
    """Channels normalised by moments: `tf.layers.batch_normalization` as an object, called with `training`.

    >>> layer = tf.layers.BatchNormalization()
    >>> y = layer(tf.zeros([8, 3]), training=True)
    >>> layer.moving_mean.name, len(layer.updates), len(layer.trainable_variables)
    ('batch_normalization/moving_mean:0', 2, 2)
    """

    _function = staticmethod(layers.batch_normalization)


# TensorFlow's other names of them.
AvgPool2D = AveragePooling2D
MaxPool2D = MaxPooling2D
