"""A classifier of layer objects that training and evaluation share, with tf.metrics, summaries read back, and the graph in a file."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf

tf.logging.set_verbosity(tf.logging.ERROR)
rng = np.random.RandomState(0)
centers = rng.randn(3, 4)


def batch(n):
    classes = rng.randint(0, 3, n)
    return (centers[classes] + 0.7 * rng.randn(n, 4)).astype(np.float32), classes.astype(np.int64)


class Model(object):
    def __init__(self):
        init = tf.truncated_normal_initializer(stddev=0.3, seed=3)
        self.hidden = tf.layers.Dense(16, use_bias=False, kernel_initializer=init, name="hidden")
        self.norm = tf.layers.BatchNormalization(momentum=0.9, name="norm")
        self.out = tf.layers.Dense(3, kernel_initializer=init, name="out")

    def __call__(self, x, training):
        return self.out(tf.nn.relu(self.norm(self.hidden(x), training=training)))


x = tf.placeholder(tf.float32, [None, 4], name="x")
y = tf.placeholder(tf.int64, [None], name="y")
model = Model()
logits, test_logits = model(x, True), model(x, False)
loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
with tf.control_dependencies(updates):
    train_op = tf.train.AdamOptimizer(0.02).minimize(loss, tf.train.get_or_create_global_step())

classes, chances = tf.argmax(test_logits, 1), tf.nn.softmax(test_logits)
metrics = {
    "accuracy": tf.metrics.accuracy(labels=y, predictions=classes),
    "recall": tf.metrics.recall(tf.equal(y, 1), tf.equal(classes, 1)),
    "auc": tf.metrics.auc(tf.equal(y, 2), chances[:, 2]),
    "iou": tf.metrics.mean_iou(y, classes, 3),
    "top": tf.metrics.recall_at_k(y, chances, 2),
}
update_op = tf.group(*[pair[1] for pair in metrics.values()])
values = {name: pair[0] for name, pair in metrics.items()}
confusion = tf.confusion_matrix(y, classes, 3)
tf.summary.scalar("loss", loss)
merged = tf.summary.merge_all()

with tf.Session() as sess:
    sess.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
    writer = tf.summary.FileWriter("logs", sess.graph)
    for step in range(61):
        images, labels = batch(32)
        _, value, summary = sess.run([train_op, loss, merged], {x: images, y: labels})
        writer.add_summary(summary, step)
        if step % 20 == 0:
            print("loss %.7f" % value)
    writer.close()
    total = np.zeros((3, 3), np.int32)
    for _ in range(4):
        images, labels = batch(50)
        total += sess.run([update_op, confusion], {x: images, y: labels})[1]
    for name, value in sorted(sess.run(values).items()):
        print(name)
        print("loss %.7f" % value)
    print("confusion", total.tolist())
    graph = tf.train.write_graph(sess.graph.as_graph_def(), "logs", "graph.pbtxt")
events = tf.train.summary_iterator(os.path.join("logs", [name for name in os.listdir("logs") if "tfevents" in name][0]))
read = [(event.step, len(event.summary.value)) for event in events if event.summary.value]
print("variables", [v.name for v in model.norm.variables], len(updates), len(model.norm.updates))
print("events", len(read), read[-1], os.path.basename(graph))
