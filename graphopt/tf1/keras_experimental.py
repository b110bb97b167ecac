"""`tf.keras.optimizers.experimental`: the optimizers of `tf.keras.optimizers` under their former name."""

from graphopt.train.keras.optimizer import Optimizer as Optimizer
from graphopt.train.keras.optimizers import SGD as SGD
from graphopt.train.keras.optimizers import Adadelta as Adadelta
from graphopt.train.keras.optimizers import Adagrad as Adagrad
from graphopt.train.keras.optimizers import Adam as Adam
from graphopt.train.keras.optimizers import Adamax as Adamax
from graphopt.train.keras.optimizers import AdamW as AdamW
from graphopt.train.keras.optimizers import Ftrl as Ftrl
from graphopt.train.keras.optimizers import Nadam as Nadam
from graphopt.train.keras.optimizers import RMSprop as RMSprop
