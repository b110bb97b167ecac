"""How a compiled step becomes a Python file of its own."""
