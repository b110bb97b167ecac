"""`tf.optimizers`: optimizers of the time after TensorFlow 1, with optax's arguments, and parameter groups."""

from graphopt.train.optimizers.groups import Groups as Groups
from graphopt.train.optimizers.modern import ADOPT as ADOPT
from graphopt.train.optimizers.modern import LAMB as LAMB
from graphopt.train.optimizers.modern import LARS as LARS
from graphopt.train.optimizers.modern import SAM as SAM
from graphopt.train.optimizers.modern import SM3 as SM3
from graphopt.train.optimizers.modern import AdaBelief as AdaBelief
from graphopt.train.optimizers.modern import Adafactor as Adafactor
from graphopt.train.optimizers.modern import AdamW as AdamW
from graphopt.train.optimizers.modern import Adan as Adan
from graphopt.train.optimizers.modern import AdEMAMix as AdEMAMix
from graphopt.train.optimizers.modern import DoG as DoG
from graphopt.train.optimizers.modern import Fromage as Fromage
from graphopt.train.optimizers.modern import Lion as Lion
from graphopt.train.optimizers.modern import Muon as Muon
from graphopt.train.optimizers.modern import NAdamW as NAdamW
from graphopt.train.optimizers.modern import NovoGrad as NovoGrad
from graphopt.train.optimizers.modern import Prodigy as Prodigy
from graphopt.train.optimizers.modern import RAdam as RAdam
from graphopt.train.optimizers.modern import Rprop as Rprop
from graphopt.train.optimizers.modern import ScheduleFreeAdamW as ScheduleFreeAdamW
from graphopt.train.optimizers.modern import ScheduleFreeSGD as ScheduleFreeSGD
from graphopt.train.optimizers.modern import SignSGD as SignSGD
from graphopt.train.optimizers.modern import Signum as Signum
from graphopt.train.optimizers.modern import Yogi as Yogi
