"""Passes: Program -> Program, and the schedule and memory of a plan."""
