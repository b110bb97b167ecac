"""Export the digits training op as a Python file that needs NumPy alone, run it without graphopt, and compare the numbers.

A session trains the classifier of `train_digits.py`. Its step and its held-out accuracy are written as two files before that, and another
process, in which graphopt can't be imported, trains with them on the same batches. With the numpy backend every loss and the accuracy
are the same numbers, bit for bit; the native backend rounds in another order.

    python examples/export_digits.py [--steps 300] [--backend numpy] [--folder DIR]
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from train_digits import BATCH, build, load_digits

import graphopt as tf

# What the other process does: nothing but NumPy and the two files.
RUNNER = """
import runpy, sys
import numpy as np
sys.modules["graphopt"] = None  # from here on an import of it fails
data = np.load("batches.npz")
train, evaluate = runpy.run_path("digits_step.py"), runpy.run_path("digits_accuracy.py")
state = train["initial_state"]()
losses = [train["step"](state, {"images:0": data["images"][rows], "labels:0": data["labels"][rows]}) for rows in data["order"]]
accuracy = evaluate["step"](state, {"images:0": data["test_images"], "labels:0": data["test_labels"]})
np.savez("found.npz", losses=losses, accuracy=accuracy)
"""


def batches(steps):
    """Return the rows of each step's batch: i64[steps,BATCH]."""
    (images, _), _ = load_digits()
    shuffle = np.random.RandomState(0)
    return np.stack([shuffle.permutation(len(images))[:BATCH] for _ in range(steps)])


def train_in_session(handles, order, folder, backend):
    """Export the step and the accuracy to `folder`, then train; return the losses and the accuracy."""
    (images, labels), (test_images, test_labels) = load_digits()
    feeds = [{handles["images"]: images[rows], handles["labels"]: labels[rows]} for rows in order]
    test = {handles["images"]: test_images, handles["labels"]: test_labels}
    with tf.Session(backend=backend) as session:
        session.run(tf.global_variables_initializer())
        tf.export(handles["train_op"], folder / "digits_step.py", feed_dict=feeds[0])
        tf.export(handles["accuracy"], folder / "digits_accuracy.py", feed_dict=test)
        losses = [session.run(handles["train_op"], feed) for feed in feeds]
        return np.array(losses), session.run(handles["accuracy"], test)


def train_in_file(order, folder):
    """Train with the exported files in a process of their own; return the losses and the accuracy."""
    (images, labels), (test_images, test_labels) = load_digits()
    np.savez(folder / "batches.npz", images=images, labels=labels, test_images=test_images, test_labels=test_labels, order=order)
    subprocess.run([sys.executable, "-I", "-c", RUNNER], cwd=folder, check=True)
    with np.load(folder / "found.npz") as found:
        return found["losses"], found["accuracy"][()]


def main():
    """Train both ways and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--backend", default="numpy", help="of the session: numpy or native")
    parser.add_argument("--folder", default=None, help="where the files are written (a temporary folder by default)")
    arguments = parser.parse_args()
    order = batches(arguments.steps)
    with tempfile.TemporaryDirectory(prefix="digits-") as temporary:
        folder = Path(arguments.folder or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        own, own_accuracy = train_in_session(build(), order, folder, arguments.backend)
        found, accuracy = train_in_file(order, folder)
        size = (folder / "digits_step.py").stat().st_size
    same = int(np.sum(own == found))
    print(f"exported step: {size:,} bytes of Python")
    print(f"{same} of {arguments.steps} losses are the same numbers; the last are {own[-1]!s} and {found[-1]!s}")
    print(f"held-out accuracy: {100 * own_accuracy:.2f} % in the session, {100 * accuracy:.2f} % in the file")
    if arguments.backend == "numpy":
        assert own.tobytes() == found.tobytes() and own_accuracy == accuracy, "the exported step must give the session's numbers"


if __name__ == "__main__":
    main()
