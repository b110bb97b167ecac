"""The command line `graphopt`: one module for each command, and `main`, which finds it."""

from graphopt.cli.main import main as main
