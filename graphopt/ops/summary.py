"""Summaries: ops that turn tensors into a `Summary`, in Python whatever the backend."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.errors import DTypeError, invalid_argument
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, define_op
from graphopt.ir.samples import case, values
from graphopt.ir.types import TensorType
from graphopt.ops.summary_media import BAD_COLOR, encode_png, encode_wav, to_pixels
from graphopt.ops.summary_proto import HistogramProto, Summary, SummaryAudio, SummaryImage, SummaryValue
from graphopt.ops.summary_tensor import SummaryMetadata, TensorProto

SUMMARY = "https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/summary"
_LARGEST = float(np.finfo(np.float64).max)


def _bucket_limits() -> np.ndarray[Any, Any]:
    """Return the upper limits of TensorFlow's buckets: powers of 1.1 from 1e-12 to 1e20, their negatives, 0, and the largest numbers."""
    positive = []
    limit = 1e-12
    while limit < 1e20:
        positive.append(limit)
        limit *= 1.1
    positive.append(_LARGEST)
    return np.array([-v for v in reversed(positive)] + [0.0] + positive)


BUCKET_LIMITS = _bucket_limits()


def histogram_of(x: np.ndarray[Any, Any]) -> HistogramProto:
    """Return the histogram of the finite elements of an array, in TensorFlow's buckets with each run of empty ones joined.

    >>> h = histogram_of(np.array([1.0, 2.0, 2.0]))
    >>> h.num, h.sum, sum(h.bucket)
    (3.0, 5.0, 3.0)
    """
    return _finite_histogram(x)[0]


def _finite_histogram(x: np.ndarray[Any, Any]) -> tuple[HistogramProto, int]:
    """Return the histogram of the finite elements, and how many are not finite."""
    # Sorting is faster than looking up a bucket for each value, and puts what is not finite at the ends.
    ordered = np.sort(x, axis=None)
    count = ordered.size
    if count and not (np.isfinite(ordered[-1]) and np.isfinite(ordered[0])):
        ordered = ordered[np.isfinite(ordered)]
    left_out = count - ordered.size
    if not ordered.size:
        return HistogramProto(_LARGEST, -_LARGEST, 0.0, 0.0, 0.0, [_LARGEST], [0.0]), left_out
    exact = ordered.astype(np.float64)
    below = np.searchsorted(exact, BUCKET_LIMITS, side="left")
    below[-1] = exact.size
    counts = np.diff(below, prepend=0)
    is_kept = counts > 0
    is_kept[:-1] |= counts[1:] > 0
    is_kept[-1] = True
    with np.errstate(over="ignore"):
        total, squares = float(exact.sum()), float(np.dot(exact, exact))
    limits, kept = BUCKET_LIMITS[is_kept].tolist(), counts[is_kept].astype(np.float64).tolist()
    return HistogramProto(float(exact[0]), float(exact[-1]), float(exact.size), total, squares, limits, kept), left_out


def _scalar_kernel(xp: Any, x: Any, tag: str) -> Any:
    if np.shape(x) != ():
        raise invalid_argument(f"tags and values not the same shape: [] != {list(np.shape(x))} (tag '{tag}')")
    return Summary([SummaryValue(tag, float(x))])


scalar_summary = define_op(
    "scalar_summary(x: num; tag) -> string_scalar()",
    kernel=_scalar_kernel,
    host_only=True,
    fallible=lambda x, tag: x.shape != (),
    vjp=NOT_DIFFERENTIABLE,
    tf_name="ScalarSummary",
    samples=[
        case("f32[]", tag="loss"),
        case(values(3, "i64"), tag="count"),
        case("f64[2]", tag="loss", error="tags and values not the same shape: [] != [2] (tag 'loss')"),
    ],
    doc="Return a summary with one number.",
    ref=f"{SUMMARY}/scalar",
)


def _histogram_kernel(xp: Any, x: Any, tag: str) -> Any:
    histogram, left_out = _finite_histogram(np.asarray(x))
    made = [SummaryValue(tag, histo=histogram)]
    # TensorFlow stops the run here, which loses the step that one wants to look at.
    return Summary([*made, SummaryValue(f"{tag}/non_finite", left_out)] if left_out else made)


_COUNTED = [dtype for dtype in dtypes.ALL if dtype.np.kind in "fiub"]


def _histogram_type(x: TensorType, **attributes: Any) -> TensorType:
    if x.dtype not in _COUNTED:
        allowed = ", ".join([dtype.name for dtype in _COUNTED])
        raise DTypeError(f"Value passed to parameter 'values' has DataType {x.dtype.name} not in list of allowed values: {allowed}")
    return TensorType(dtypes.string, ())


histogram_summary = define_op(
    "histogram_summary(x: any; tag)",
    infer=_histogram_type,
    kernel=_histogram_kernel,
    host_only=True,
    vjp=NOT_DIFFERENTIABLE,
    tf_name="HistogramSummary",
    samples=[
        case("f32[3,4]", tag="w"),
        case("i32[5]", tag="n"),
        case("bool[5]", tag="dead"),
        case("f64[0]", tag="none"),
        case(values([1.0, float("nan")]), tag="w"),
        case(values([float("-inf"), float("inf")], "f64"), tag="w"),
    ],
    doc="Return a summary with the histogram of all finite elements, and a number with how many are not finite if there are any.",
    ref=f"{SUMMARY}/histogram",
)


def _numbered(tag: str, kind: str, items: Any, limit: int) -> list[tuple[str, Any]]:
    """Return the first items, each with its tag."""
    return [(f"{tag}/{kind}" if limit == 1 else f"{tag}/{kind}/{i}", item) for i, item in enumerate(items[:limit])]


def _to_image(image: Any, bad_color: tuple[int, ...]) -> SummaryImage:
    height, width, channels = image.shape
    return SummaryImage(height, width, channels, encode_png(to_pixels(image, bad_color)))


def _image_kernel(xp: Any, x: Any, tag: str, max_images: int, bad_color: tuple[int, ...]) -> Any:
    x = np.asarray(x)
    if x.ndim != 4 or x.shape[3] not in (1, 3, 4):
        sizes = ",".join(map(str, x.shape))
        raise invalid_argument(f"Tensor must be 4-D with last dim 1, 3, or 4, not [{sizes}]")
    if 0 in x.shape[1:]:
        raise invalid_argument(f"input tensor must have non-zero dims. Found: [{', '.join(map(str, x.shape))}].")
    return Summary([SummaryValue(name, image=_to_image(image, bad_color)) for name, image in _numbered(tag, "image", x, max_images)])


_PIXELS = (dtypes.uint8, dtypes.float32, dtypes.float16, dtypes.float64)


def _image_type(x: TensorType, **attributes: Any) -> TensorType:
    if x.dtype not in _PIXELS:
        allowed = ", ".join([dtype.name for dtype in _PIXELS])
        raise DTypeError(f"Value passed to parameter 'tensor' has DataType {x.dtype.name} not in list of allowed values: {allowed}")
    return TensorType(dtypes.string, ())


image_summary = define_op(
    f"image_summary(x: any; tag, max_images = 3, bad_color = {BAD_COLOR})",
    infer=_image_type,
    kernel=_image_kernel,
    host_only=True,
    fallible=True,
    vjp=NOT_DIFFERENTIABLE,
    tf_name="ImageSummary",
    samples=[
        case("f32[2,3,4,1]", tag="input"),
        case("u8[1,2,2,3]", tag="input", max_images=1),
        case(values(np.full([1, 1, 2, 4], [[0.0, 1.0, 2.0, 3.0], [float("nan"), 0.0, 0.0, 0.0]]).tolist(), "f64"), tag="input"),
        case("f32[2,3,4]", tag="input", error="Tensor must be 4-D with last dim 1, 3, or 4, not [2,3,4]"),
        case("f32[2,0,4,1]", tag="input", error="input tensor must have non-zero dims. Found: [2, 0, 4, 1]."),
        case("f32[2,3,4,2]", tag="input", error="Tensor must be 4-D with last dim 1, 3, or 4, not [2,3,4,2]"),
    ],
    doc="Return a summary with the first pictures of a batch.",
    ref=f"{SUMMARY}/image",
)


def _audio_kernel(xp: Any, x: Any, sample_rate: Any, tag: str, max_outputs: int) -> Any:
    x, rate = np.asarray(x), np.asarray(sample_rate)
    if x.ndim not in (2, 3):
        raise invalid_argument(f"Tensor must be 3-D or 2-D, got: [{','.join(map(str, x.shape))}]")
    if rate.size != 1:
        raise invalid_argument("sample_rate must be rank-0 or contain a single value")
    hertz = float(rate.reshape(-1)[0])
    if not hertz > 0:
        raise invalid_argument("sample_rate must be > 0")
    sounds = x if x.ndim == 3 else x[:, :, None]
    return Summary([SummaryValue(name, audio=_to_audio(sound, hertz)) for name, sound in _numbered(tag, "audio", sounds, max_outputs)])


def _to_audio(sound: Any, hertz: float) -> SummaryAudio:
    frames, channels = sound.shape
    return SummaryAudio(hertz, channels, frames, encode_wav(sound, hertz), "audio/wav")


audio_summary = define_op(
    "audio_summary(x: f32, sample_rate: f32; tag, max_outputs = 3) -> string_scalar()",
    kernel=_audio_kernel,
    host_only=True,
    fallible=True,
    vjp=NOT_DIFFERENTIABLE,
    tf_name="AudioSummaryV2",
    samples=[
        case("f32[2,5]", values(8000.0), tag="sound"),
        case("f32[1,5,2]", values([0.5]), tag="sound", max_outputs=1),
        case("f32[5]", values(8000.0), tag="sound", error="Tensor must be 3-D or 2-D, got: [5]"),
        case("f32[2,5]", values([1.0, 2.0]), tag="sound", error="sample_rate must be rank-0 or contain a single value"),
        case("f32[2,5]", values(0.0), tag="sound", error="sample_rate must be > 0"),
    ],
    doc="Return a summary with the first sounds of a batch.",
    ref=f"{SUMMARY}/audio",
)


def _tensor_kernel(xp: Any, x: Any, tag: str, metadata: bytes) -> Any:
    return Summary([SummaryValue(tag, tensor=TensorProto.of(x), metadata=SummaryMetadata.FromString(metadata))])


tensor_summary = define_op(
    "tensor_summary(x: any; tag, metadata = b'') -> string_scalar()",
    kernel=_tensor_kernel,
    host_only=True,
    vjp=NOT_DIFFERENTIABLE,
    tf_name="TensorSummaryV2",
    samples=[case("f32[2,3]", tag="t"), case(values([b"a", b"bc"], "str"), tag="t"), case("i64[]", tag="t"), case("bool[0,2]", tag="t")],
    doc="Return a summary with a whole tensor.",
    ref=f"{SUMMARY}/tensor_summary",
)


def to_summary(item: Any) -> Summary:
    """Return a summary op's result, or the bytes of a summary, as a `Summary`.

    Raises:
      InvalidArgumentError: when the bytes are no summary.
    """
    if isinstance(item, np.ndarray) and item.shape == ():
        item = item[()]
    if isinstance(item, Summary):
        return item
    try:
        return Summary.FromString(item)
    except (ValueError, TypeError):
        raise invalid_argument("Could not parse one of the summary inputs") from None


def _merge_kernel(xp: Any, *inputs: Any) -> Any:
    values: list[SummaryValue] = []
    seen: set[str] = set()
    for array in inputs:
        for item in array.reshape(-1) if isinstance(array, np.ndarray) else (array,):
            for value in to_summary(item).value:
                if value.tag in seen:
                    raise invalid_argument(f"Duplicate tag {value.tag} found in summary inputs")
                seen.add(value.tag)
                values.append(value)
    return Summary(values)


_ONE, _TWO = [Summary([SummaryValue(tag, simple_value=1.0)]).SerializeToString() for tag in "ab"]

merge_summary = define_op(
    "merge_summary(*inputs: string)",
    infer=lambda *inputs: TensorType(dtypes.string, ()),
    kernel=_merge_kernel,
    host_only=True,
    fallible=True,
    vjp=NOT_DIFFERENTIABLE,
    tf_name="MergeSummary",
    samples=[
        case(values(_ONE, "str"), values([_TWO], "str")),
        case(values(_ONE, "str"), values(_ONE, "str"), error="Duplicate tag a found in summary inputs"),
        case(values(b"\xff", "str"), error="Could not parse one of the summary inputs"),
    ],
    doc="Return one summary with the values of all; raise when two have one tag.",
    ref=f"{SUMMARY}/merge",
)
