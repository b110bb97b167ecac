"""`tf.keras.optimizers`: Keras's optimizers and their schedules, in graph mode."""

from types import SimpleNamespace

from graphopt.tf1 import keras_legacy, keras_schedules
from graphopt.train.keras.identify import deserialize as deserialize
from graphopt.train.keras.identify import get as get
from graphopt.train.keras.identify import serialize as serialize
from graphopt.train.keras.legacy import convert_to_legacy_optimizer as convert_to_legacy_optimizer
from graphopt.train.keras.optimizer import Optimizer as Optimizer
from graphopt.train.keras.optimizers import SGD as SGD
from graphopt.train.keras.optimizers import Adadelta as Adadelta
from graphopt.train.keras.optimizers import Adafactor as Adafactor
from graphopt.train.keras.optimizers import Adagrad as Adagrad
from graphopt.train.keras.optimizers import Adam as Adam
from graphopt.train.keras.optimizers import Adamax as Adamax
from graphopt.train.keras.optimizers import AdamW as AdamW
from graphopt.train.keras.optimizers import Ftrl as Ftrl
from graphopt.train.keras.optimizers import Lamb as Lamb
from graphopt.train.keras.optimizers import Lion as Lion
from graphopt.train.keras.optimizers import Muon as Muon
from graphopt.train.keras.optimizers import Nadam as Nadam
from graphopt.train.keras.optimizers import RMSprop as RMSprop

# The namespace in which Keras 2.9 to 2.15 first had these classes.
experimental = SimpleNamespace(
    Adadelta=Adadelta,
    Adafactor=Adafactor,
    Adagrad=Adagrad,
    Adam=Adam,
    AdamW=AdamW,
    Adamax=Adamax,
    Ftrl=Ftrl,
    Nadam=Nadam,
    Optimizer=Optimizer,
    RMSprop=RMSprop,
    SGD=SGD,
)
legacy = keras_legacy
schedules = keras_schedules
