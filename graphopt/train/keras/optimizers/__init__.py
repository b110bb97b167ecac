"""Keras's own optimizers, one class each."""

from graphopt.train.keras.optimizers.adafactor import Adafactor as Adafactor
from graphopt.train.keras.optimizers.adagrad import Adadelta as Adadelta
from graphopt.train.keras.optimizers.adagrad import Adagrad as Adagrad
from graphopt.train.keras.optimizers.adam import Adam as Adam
from graphopt.train.keras.optimizers.adam import Adamax as Adamax
from graphopt.train.keras.optimizers.adam import AdamW as AdamW
from graphopt.train.keras.optimizers.adam import Nadam as Nadam
from graphopt.train.keras.optimizers.ftrl import Ftrl as Ftrl
from graphopt.train.keras.optimizers.lion import Lamb as Lamb
from graphopt.train.keras.optimizers.lion import Lion as Lion
from graphopt.train.keras.optimizers.muon import Muon as Muon
from graphopt.train.keras.optimizers.rmsprop import RMSprop as RMSprop
from graphopt.train.keras.optimizers.sgd import SGD as SGD
