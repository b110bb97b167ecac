"""Keras's older optimizers (OptimizerV2), which ``tf.keras.optimizers.legacy`` has."""

from graphopt.train.keras.legacy.adam import Adam as Adam
from graphopt.train.keras.legacy.adam import Adamax as Adamax
from graphopt.train.keras.legacy.adam import Nadam as Nadam
from graphopt.train.keras.legacy.adaptive import Adadelta as Adadelta
from graphopt.train.keras.legacy.adaptive import Adagrad as Adagrad
from graphopt.train.keras.legacy.adaptive import RMSprop as RMSprop
from graphopt.train.keras.legacy.convert import convert_to_legacy_optimizer as convert_to_legacy_optimizer
from graphopt.train.keras.legacy.ftrl import Ftrl as Ftrl
from graphopt.train.keras.legacy.optimizer import Optimizer as Optimizer
from graphopt.train.keras.legacy.sgd import SGD as SGD
