"""The rewrite rules, by family."""

from graphopt.compiler.rules import algebra as algebra
