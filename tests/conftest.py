"""What all tests need before they are collected."""

import signal

# A shell that starts the tests in the background has Ctrl-C ignored, and so would the tests of it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
