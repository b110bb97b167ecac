"""The rules of the doctor: each looks at one training op and finds one kind of fault."""

from graphopt.inspection.doctoring import counting as counting
from graphopt.inspection.doctoring import measured as measured
from graphopt.inspection.doctoring import rates as rates
from graphopt.inspection.doctoring import recorded as recorded
from graphopt.inspection.doctoring import running as running
from graphopt.inspection.doctoring import summaries as summaries
from graphopt.inspection.doctoring.case import RULES as RULES
from graphopt.inspection.doctoring.case import Case as Case
from graphopt.inspection.doctoring.case import Finding as Finding
from graphopt.inspection.doctoring.case import NotLooked as NotLooked
from graphopt.inspection.doctoring.checkpoint import CheckpointValues as CheckpointValues
from graphopt.inspection.doctoring.checkpoint import checkpoint_values as checkpoint_values
from graphopt.inspection.doctoring.checkpoint import numbers_of as numbers_of
