"""Optimizers of the time after TensorFlow 1, as optax defines them."""

from graphopt.train.optimizers.modern.adaptive import ADOPT as ADOPT
from graphopt.train.optimizers.modern.adaptive import AdaBelief as AdaBelief
from graphopt.train.optimizers.modern.adaptive import AdamW as AdamW
from graphopt.train.optimizers.modern.adaptive import Adan as Adan
from graphopt.train.optimizers.modern.adaptive import AdEMAMix as AdEMAMix
from graphopt.train.optimizers.modern.adaptive import NAdamW as NAdamW
from graphopt.train.optimizers.modern.adaptive import RAdam as RAdam
from graphopt.train.optimizers.modern.adaptive import Yogi as Yogi
from graphopt.train.optimizers.modern.global_estimates import DoG as DoG
from graphopt.train.optimizers.modern.global_estimates import Prodigy as Prodigy
from graphopt.train.optimizers.modern.matrices import SM3 as SM3
from graphopt.train.optimizers.modern.matrices import Adafactor as Adafactor
from graphopt.train.optimizers.modern.matrices import Muon as Muon
from graphopt.train.optimizers.modern.sam import SAM as SAM
from graphopt.train.optimizers.modern.schedule_free import ScheduleFreeAdamW as ScheduleFreeAdamW
from graphopt.train.optimizers.modern.schedule_free import ScheduleFreeSGD as ScheduleFreeSGD
from graphopt.train.optimizers.modern.signs import Lion as Lion
from graphopt.train.optimizers.modern.signs import Rprop as Rprop
from graphopt.train.optimizers.modern.signs import SignSGD as SignSGD
from graphopt.train.optimizers.modern.signs import Signum as Signum
from graphopt.train.optimizers.modern.trust import LAMB as LAMB
from graphopt.train.optimizers.modern.trust import LARS as LARS
from graphopt.train.optimizers.modern.trust import Fromage as Fromage
from graphopt.train.optimizers.modern.trust import NovoGrad as NovoGrad
