"""Functions by TensorFlow's names against NumPy, in eager mode and inside tf.function."""

from __future__ import annotations

import numpy as np
import pytest

A = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]], np.float32)
B = np.array([[2.0, 0.5, 1.0], [1.0, 2.0, 3.0]], np.float32)
V = np.array([3, 1, 2, 1], np.int32)
IMAGE = np.arange(2 * 4 * 5 * 3, dtype=np.float32).reshape(2, 4, 5, 3)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


CASES = {
    "add": (lambda tf: tf.add(A, B, name="sum"), A + B),
    "lists": (lambda tf: tf.add([1, 2], [3, 4]), [4, 6]),
    "tensors in a list": (lambda tf: tf.reduce_sum([tf.constant(1.0), 2.0]), 3.0),
    "pow": (lambda tf: tf.pow(B, 2.0), B**2),
    "mixed dtypes": (lambda tf: tf.constant(1) + tf.constant([0.5]), [1.5]),
    "matmul": (lambda tf: tf.matmul(A, B, transpose_b=True), A @ B.T),
    "matvec": (lambda tf: tf.linalg.matvec(A, B[0]), A @ B[0]),
    "einsum": (lambda tf: tf.einsum("ij,kj->ik", A, B), A @ B.T),
    "reduce_sum": (lambda tf: tf.reduce_sum(A, axis=0), A.sum(0)),
    "reduce_sum int": (lambda tf: tf.reduce_sum(V), 7),
    "reduce_mean": (
        lambda tf: tf.reduce_mean(A, axis=-1, keepdims=True),
        A.mean(-1, keepdims=True),
    ),
    "reduce_max": (lambda tf: tf.math.reduce_max(A, 1), A.max(1)),
    "reduce_std": (lambda tf: tf.math.reduce_std(A), A.std()),
    "reduce_any": (lambda tf: tf.reduce_any(tf.constant([False, True])), True),
    "logsumexp": (lambda tf: tf.math.reduce_logsumexp(A), np.log(np.exp(A).sum())),
    "argmax": (lambda tf: tf.argmax(A, axis=1), A.argmax(1)),
    "argmax of rows": (lambda tf: tf.argmax(A), A.argmax(0)),
    "cumsum": (lambda tf: tf.cumsum(A), A.cumsum(0)),
    "argsort": (lambda tf: tf.argsort(V, direction="DESCENDING"), np.argsort(-V, kind="stable")),
    "sort": (lambda tf: tf.sort(V), np.sort(V)),
    "top_k": (lambda tf: tf.math.top_k(V, 2)[0], [3, 2]),
    "in_top_k": (lambda tf: tf.math.in_top_k([2, 0], A, 2), [True, True]),
    "where": (lambda tf: tf.where(A > 0, A, 0.0), np.where(A > 0, A, 0)),
    "gather": (lambda tf: tf.gather(A, [1, 0, 1]), A[[1, 0, 1]]),
    "gather axis": (lambda tf: tf.gather(A, [2, 0], axis=1), A[:, [2, 0]]),
    "gather batch": (lambda tf: tf.gather(A, [[0], [2]], batch_dims=1), [[1.0], [-1.0]]),
    "gather_nd": (lambda tf: tf.gather_nd(A, [[0, 2], [1, 1]]), [3.0, 4.0]),
    "one_hot": (lambda tf: tf.one_hot([0, 2], 3), np.eye(3)[[0, 2]]),
    "one_hot values": (
        lambda tf: tf.one_hot([1], 2, on_value=5, off_value=-1, dtype=tf.int32),
        [[-1, 5]],
    ),
    "one_hot axis": (lambda tf: tf.one_hot([0, 2], 3, axis=0), np.eye(3)[[0, 2]].T),
    "reshape": (lambda tf: tf.reshape(A, [3, -1]), A.reshape(3, 2)),
    "transpose": (lambda tf: tf.transpose(IMAGE, perm=[0, 3, 1, 2]), IMAGE.transpose(0, 3, 1, 2)),
    "expand_dims": (lambda tf: tf.expand_dims(A, axis=-1), A[..., None]),
    "squeeze": (lambda tf: tf.squeeze(A[:, None]), A),
    "concat": (lambda tf: tf.concat([A, B], axis=1), np.concatenate([A, B], 1)),
    "stack": (lambda tf: tf.stack([A, B], axis=1), np.stack([A, B], 1)),
    "unstack": (lambda tf: tf.unstack(A)[1], A[1]),
    "split sizes": (lambda tf: tf.split(A, [1, 2], axis=1)[1], A[:, 1:]),
    "split": (lambda tf: tf.split(V, 2)[1], V[2:]),
    "pad": (
        lambda tf: tf.pad(A, [[0, 1], [2, 0]], constant_values=7),
        np.pad(A, [(0, 1), (2, 0)], constant_values=7),
    ),
    "pad reflect": (
        lambda tf: tf.pad(A, [[0, 0], [2, 1]], "REFLECT"),
        np.pad(A, [(0, 0), (2, 1)], "reflect"),
    ),
    "pad symmetric": (
        lambda tf: tf.pad(A, [[1, 0], [1, 1]], "SYMMETRIC"),
        np.pad(A, [(1, 0), (1, 1)], "symmetric"),
    ),
    "slice": (lambda tf: tf.slice(A, [0, 1], [2, -1]), A[:, 1:]),
    "tile": (lambda tf: tf.tile(V, [2]), np.tile(V, 2)),
    "reverse": (lambda tf: tf.reverse(A, [1]), A[:, ::-1]),
    "range": (lambda tf: tf.range(1, 7, 2), [1, 3, 5]),
    "linspace": (lambda tf: tf.linspace(0.0, 1.0, 3), [0, 0.5, 1]),
    "fill": (lambda tf: tf.fill([2, 2], 3.0), [[3, 3], [3, 3]]),
    "zeros_like": (lambda tf: tf.zeros_like(A), A * 0),
    "eye": (lambda tf: tf.eye(2), np.eye(2)),
    "cast": (lambda tf: tf.cast([1.7, -1.7], tf.int32), [1, -1]),
    "shape": (lambda tf: tf.shape(A), [2, 3]),
    "rank and size": (lambda tf: tf.stack([tf.rank(A), tf.size(A)]), [2, 6]),
    "clip": (lambda tf: tf.clip_by_value(A, -1.0, 1.0), A.clip(-1, 1)),
    "clip norm": (lambda tf: tf.clip_by_norm([3.0, 4.0], 1.0), [0.6, 0.8]),
    "global norm": (lambda tf: tf.clip_by_global_norm([[3.0], [4.0]], 1.0)[0][1], [0.8]),
    "norm": (lambda tf: tf.norm(A), np.linalg.norm(A)),
    "norm 1": (lambda tf: tf.norm(A, ord=1, axis=1), np.abs(A).sum(1)),
    "trace": (lambda tf: tf.linalg.trace(A[:, :2]), 5.0),
    "divide_no_nan": (
        lambda tf: tf.math.divide_no_nan(A, [1.0, 0.0, 2.0]),
        [[1, 0, 1.5], [0.5, 0, -0.5]],
    ),
    "confusion": (lambda tf: tf.math.confusion_matrix([0, 1, 1], [0, 0, 1]), [[1, 0], [1, 1]]),
    "add_n": (lambda tf: tf.add_n([A, B, A]), 2 * A + B),
    "map_fn": (lambda tf: tf.map_fn(lambda row: row * 2.0, A), 2 * A),
    "while_loop": (
        lambda tf: tf.while_loop(lambda i, s: i < 4, lambda i, s: [i + 1, s + i], [0, 0])[1],
        6,
    ),
    "cond": (
        lambda tf: tf.cond(tf.constant(1) > 0, lambda: tf.constant(1.0), lambda: tf.constant(2.0)),
        1,
    ),
    "relu": (lambda tf: tf.nn.relu(A), A.clip(0)),
    "leaky": (lambda tf: tf.nn.leaky_relu(A, alpha=0.1), np.where(A > 0, A, 0.1 * A)),
    "softmax": (lambda tf: tf.nn.softmax(A), softmax(A)),
    "cross-entropy": (
        lambda tf: tf.nn.softmax_cross_entropy_with_logits(labels=np.eye(3)[[0, 2]], logits=A),
        -np.log(softmax(A))[[0, 1], [0, 2]],
    ),
    "sparse": (
        lambda tf: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[0, 2], logits=A),
        -np.log(softmax(A))[[0, 1], [0, 2]],
    ),
    "binary": (
        lambda tf: tf.nn.sigmoid_cross_entropy_with_logits(labels=[1.0], logits=[2.0]),
        [np.log1p(np.exp(-2.0))],
    ),
    "l2_loss": (lambda tf: tf.nn.l2_loss(A), (A**2).sum() / 2),
    "moments": (lambda tf: tf.nn.moments(A, axes=[0])[1], A.var(0)),
    "batch norm": (
        lambda tf: tf.nn.batch_normalization(A, A.mean(0), A.var(0), 1.0, 2.0, 1e-3),
        2 * (A - A.mean(0)) / np.sqrt(A.var(0) + 1e-3) + 1,
    ),
    "conv2d": (
        lambda tf: tf.nn.conv2d(
            IMAGE, np.ones((2, 2, 3, 1), np.float32), strides=[1, 2, 2, 1], padding="VALID"
        )[0, 0, 0],
        [IMAGE[0, :2, :2].sum()],
    ),
    "conv1d": (
        lambda tf: tf.nn.conv1d(
            IMAGE[0], np.ones((3, 3, 1), np.float32), stride_of(1), "SAME"
        ).shape[1],
        5,
    ),
    "max_pool2d": (lambda tf: tf.nn.max_pool2d(IMAGE, 2, 2, "VALID"), IMAGE[:, 1::2, 1:4:2]),
    "avg_pool": (
        lambda tf: tf.nn.avg_pool(IMAGE, [1, 4, 5, 1], 1, "VALID")[:, 0, 0],
        IMAGE.mean((1, 2)),
    ),
    "bias_add": (lambda tf: tf.nn.bias_add(IMAGE, [1.0, 2.0, 3.0]), np.add(IMAGE, [1, 2, 3])),
    "embedding": (lambda tf: tf.nn.embedding_lookup(A, [1, 1]), A[[1, 1]]),
    "image resize": (lambda tf: tf.image.resize(IMAGE, [2, 5], method="nearest"), IMAGE[:, 1::2]),
    "flip": (lambda tf: tf.image.flip_left_right(IMAGE[0]), IMAGE[0, :, ::-1]),
    "central_crop": (lambda tf: tf.image.central_crop(IMAGE, 0.5), IMAGE[:, 1:3, 1:4]),
    "crop or pad": (
        lambda tf: tf.image.resize_with_crop_or_pad(IMAGE, 2, 7),
        np.pad(IMAGE[:, 1:3], [(0, 0), (0, 0), (1, 1), (0, 0)]),
    ),
    "to grey": (
        lambda tf: tf.image.rgb_to_grayscale(IMAGE)[..., 0],
        IMAGE @ [0.2989, 0.587, 0.114],
    ),
    "to float": (lambda tf: tf.image.convert_image_dtype(np.uint8([0, 255]), tf.float32), [0, 1]),
    "to bytes": (lambda tf: tf.image.convert_image_dtype([0.0, 1.0], tf.uint8), [0, 255]),
    "standardized": (
        lambda tf: tf.image.per_image_standardization(IMAGE)[0],
        (IMAGE[0] - IMAGE[0].mean()) / IMAGE[0].std(),
    ),
}


def stride_of(n):
    return n


@pytest.mark.parametrize("name", CASES)
def test_value(tf, name):
    call, expected = CASES[name]
    assert np.asarray(call(tf)) == pytest.approx(np.asarray(expected), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    "name", ["matmul", "gather batch", "conv2d", "sparse", "pad reflect", "top_k"]
)
def test_value_inside_of_a_function(tf, name):
    call, expected = CASES[name]
    result = tf.function(lambda: call(tf))()
    assert np.asarray(result) == pytest.approx(np.asarray(expected), rel=1e-5, abs=1e-6)


def test_derivatives_flow_through_lists_and_indices(tf):
    x = tf.Variable([1.0, 2.0, 3.0])
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(tf.stack([x[0], 2.0 * x[2]])) + tf.reduce_max(tf.gather(x, [1, 0]))
    assert tape.gradient(y, x).numpy().tolist() == [1.0, 1.0, 2.0]


def test_random_numbers(tf):
    tf.random.set_seed(1)
    first, second = tf.random.normal((1000,)), tf.random.normal((1000,))
    tf.random.set_seed(1)
    assert (tf.random.normal((1000,)).numpy() == first.numpy()).all()
    assert (first.numpy() != second.numpy()).any()
    assert float(tf.reduce_mean(first)) == pytest.approx(0, abs=0.15)
    whole = tf.random.uniform((1000,), 2, 5, dtype=tf.int32).numpy()
    assert set(whole) == {2, 3, 4}
    assert sorted(tf.random.shuffle(tf.range(7)).numpy()) == list(range(7))
    drawn = tf.random.categorical([[0.0, 20.0, 0.0]], 50).numpy()
    assert drawn.shape == (1, 50)
    assert (drawn == 1).all()
    assert np.abs(tf.random.truncated_normal((500,)).numpy()).max() <= 2
    crop = tf.image.random_crop(IMAGE, (2, 2, 2, 3))
    assert crop.shape == (2, 2, 2, 3)


def test_variables(tf):
    v = tf.Variable([1.0, 2.0], name="v", dtype=tf.float64)
    assert (v.dtype, v.shape, v.trainable) == (tf.float64, (2,), True)
    v.assign_sub([1.0, 1.0])
    v.assign_add(tf.ones((2,)))
    assert (v.assign(2 * v).numpy() == [2, 4]).all()
    assert isinstance(v, tf.Variable)
    assert not isinstance(tf.constant(1.0), tf.Variable)
    assert float(tf.Variable(lambda: 3.0) + tf.Variable(1)) == 4.0


def test_backend(tf):
    K = tf.keras.backend
    assert K.sum(A, axis=1).numpy() == pytest.approx(A.sum(1))
    assert K.batch_flatten(IMAGE).shape == (2, 60)
    assert K.int_shape(tf.keras.Input((3,))) == (None, 3)
    assert K.get_value(K.variable([1.0])).tolist() == [1.0]
    assert K.dot(A, B.T).numpy() == pytest.approx(A @ B.T)
    assert (K.epsilon(), K.floatx(), K.image_data_format()) == (1e-7, "float32", "channels_last")


@pytest.mark.parametrize(
    ("network", "formula"),
    [
        ("nasnet", lambda x: x / 127.5 - 1),
        ("vgg16", lambda x: x[..., ::-1] - [103.939, 116.779, 123.68]),
        ("densenet", lambda x: (x / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]),
    ],
)
def test_preprocess_input(tf, network, formula):
    function = vars(tf.keras.applications)[network].preprocess_input
    assert function(IMAGE).numpy() == pytest.approx(formula(IMAGE.astype(np.float64)), abs=1e-4)
