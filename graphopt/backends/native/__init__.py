"""The native backend: the whole training op as one LLVM function, compiled for this machine."""
