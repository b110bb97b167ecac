"""Schedules beyond Keras's, in the manner of optax: warm-ups, one-cycle schedules, steps by factors, joins."""

from graphopt.train.keras.joined_schedules import JoinedSchedules as JoinedSchedules
from graphopt.train.keras.joined_schedules import SGDRSchedule as SGDRSchedule
from graphopt.train.keras.joined_schedules import WarmUp as WarmUp
from graphopt.train.keras.piecewise_schedules import CosineOneCycle as CosineOneCycle
from graphopt.train.keras.piecewise_schedules import LinearOneCycle as LinearOneCycle
from graphopt.train.keras.piecewise_schedules import PiecewiseInterpolate as PiecewiseInterpolate
from graphopt.train.keras.piecewise_schedules import PiecewiseScale as PiecewiseScale
from graphopt.train.keras.transition_schedules import ConstantSchedule as ConstantSchedule
from graphopt.train.keras.transition_schedules import CosineSchedule as CosineSchedule
from graphopt.train.keras.transition_schedules import ExponentialSchedule as ExponentialSchedule
from graphopt.train.keras.transition_schedules import LinearSchedule as LinearSchedule
from graphopt.train.keras.transition_schedules import PolynomialSchedule as PolynomialSchedule
from graphopt.train.keras.transition_schedules import WarmupConstant as WarmupConstant
from graphopt.train.keras.transition_schedules import WarmupCosineDecay as WarmupCosineDecay
from graphopt.train.keras.transition_schedules import WarmupExponentialDecay as WarmupExponentialDecay
