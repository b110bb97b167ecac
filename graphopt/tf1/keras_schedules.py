"""`tf.keras.optimizers.schedules`: Keras's learning-rate schedules, and further ones."""

from graphopt.train.keras.more_schedules import ConstantSchedule as ConstantSchedule
from graphopt.train.keras.more_schedules import CosineOneCycle as CosineOneCycle
from graphopt.train.keras.more_schedules import CosineSchedule as CosineSchedule
from graphopt.train.keras.more_schedules import ExponentialSchedule as ExponentialSchedule
from graphopt.train.keras.more_schedules import JoinedSchedules as JoinedSchedules
from graphopt.train.keras.more_schedules import LinearOneCycle as LinearOneCycle
from graphopt.train.keras.more_schedules import LinearSchedule as LinearSchedule
from graphopt.train.keras.more_schedules import PiecewiseInterpolate as PiecewiseInterpolate
from graphopt.train.keras.more_schedules import PiecewiseScale as PiecewiseScale
from graphopt.train.keras.more_schedules import PolynomialSchedule as PolynomialSchedule
from graphopt.train.keras.more_schedules import SGDRSchedule as SGDRSchedule
from graphopt.train.keras.more_schedules import WarmUp as WarmUp
from graphopt.train.keras.more_schedules import WarmupConstant as WarmupConstant
from graphopt.train.keras.more_schedules import WarmupCosineDecay as WarmupCosineDecay
from graphopt.train.keras.more_schedules import WarmupExponentialDecay as WarmupExponentialDecay
from graphopt.train.keras.schedules import CosineDecay as CosineDecay
from graphopt.train.keras.schedules import CosineDecayRestarts as CosineDecayRestarts
from graphopt.train.keras.schedules import ExponentialDecay as ExponentialDecay
from graphopt.train.keras.schedules import InverseTimeDecay as InverseTimeDecay
from graphopt.train.keras.schedules import LearningRateSchedule as LearningRateSchedule
from graphopt.train.keras.schedules import PiecewiseConstantDecay as PiecewiseConstantDecay
from graphopt.train.keras.schedules import PolynomialDecay as PolynomialDecay
from graphopt.train.keras.schedules import deserialize as deserialize
from graphopt.train.keras.schedules import serialize as serialize
