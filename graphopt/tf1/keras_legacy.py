"""`tf.keras.optimizers.legacy`: Keras's older optimizers."""

from graphopt.train.keras.legacy import SGD as SGD
from graphopt.train.keras.legacy import Adadelta as Adadelta
from graphopt.train.keras.legacy import Adagrad as Adagrad
from graphopt.train.keras.legacy import Adam as Adam
from graphopt.train.keras.legacy import Adamax as Adamax
from graphopt.train.keras.legacy import Ftrl as Ftrl
from graphopt.train.keras.legacy import Nadam as Nadam
from graphopt.train.keras.legacy import Optimizer as Optimizer
from graphopt.train.keras.legacy import RMSprop as RMSprop
