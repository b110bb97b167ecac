"""The rules of the doctor: each looks at one training op and finds one kind of fault."""

from graphopt.inspection.doctoring import measured as measured
from graphopt.inspection.doctoring import recorded as recorded
from graphopt.inspection.doctoring.case import RULES as RULES
from graphopt.inspection.doctoring.case import Case as Case
from graphopt.inspection.doctoring.case import Finding as Finding
