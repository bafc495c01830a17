"""The gradients of torch's operations by the names of their nodes, as ``derivatives.yaml`` of torch gives them.

``s`` has what the node saved, ``g`` the gradients of its outputs, ``needs`` tells which inputs want one, ``shape`` gives
the shape of an input. Where an input was broadcast the engine sums its gradient itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

Gradient = Callable[[Any, Any, Any, Any], Any]


def _aten() -> Any:
    import torch

    return torch.ops.aten


def _by(name: str, *arguments: str) -> Gradient:
    """A kernel of torch that takes the gradient, then these saved values."""
    return lambda s, g, _n, _s: getattr(_aten(), name)(g[0], *(s.values[a] for a in arguments))


def _times(value: Any, factor: Any) -> Any:
    return value if factor == 1 else value * factor


def _left(g: Any, mat2: Any, sizes: Any, strides: Any) -> Any:
    is_column_major = strides[0] == 1 and strides[1] == sizes[0]
    return mat2.mm(g.t()).t() if is_column_major else g.mm(mat2.t())


def _right(g: Any, mat1: Any, sizes: Any, strides: Any) -> Any:
    is_column_major = strides[0] == 1 and strides[1] == sizes[0]
    return g.t().mm(mat1).t() if is_column_major else mat1.t().mm(g)


def _product(s: Any, g: Any, needs: Any, mat1: str, beta: Any = None) -> Any:
    g, at = g[0], 0 if beta is None else 1
    found = [] if beta is None else [_times(g, beta) if needs[0] else None]
    alpha = s.values.get("alpha", 1)
    sizes, strides = f"{mat1}_sym_sizes", f"{mat1}_sym_strides"
    left = _left(g, s.mat2, s.values[sizes], s.values[strides]) if needs[at] else None
    right = None
    if needs[at + 1]:
        right = _right(g, s.values[mat1], s.mat2_sym_sizes, s.mat2_sym_strides)
    return [*found, *(None if one is None else _times(one, alpha) for one in (left, right))]


def _unsqueezed(g: Any, dims: Any, keepdim: bool, sizes: Any) -> Any:
    if not keepdim and sizes:
        dims = dims or range(len(sizes))
        for dim in sorted(d % len(sizes) for d in dims):
            g = g.unsqueeze(dim)
    return g.expand(sizes)


def _mean_of(s: Any, g: Any, *_: Any) -> Any:
    sizes = s.self_sym_sizes
    dims = s.dim or range(len(sizes))
    count = math.prod(sizes[d] for d in dims)
    return _unsqueezed(g[0], s.dim, s.keepdim, sizes) / count


def _pow(s: Any, g: Any, *_: Any) -> Any:
    if s.exponent == 0:
        return s.self.new_zeros(s.self.shape)
    return g[0] * (s.exponent * s.self.pow(s.exponent - 1))


def _logits(s: Any, g: Any, *_: Any) -> Any:
    if s.pos_weight is None:
        found = (s.self.sigmoid() - s.target) * g[0]
    else:
        positive = s.pos_weight * s.target
        found = ((positive + 1 - s.target) * s.self.sigmoid() - positive) * g[0]
    if s.weight is not None:
        found = found * s.weight
    return found / s.self.numel() if s.reduction == 1 else found


def _convolution(s: Any, g: Any, needs: Any, _: Any) -> Any:
    bias = s.bias_sym_sizes_opt
    mask = [*needs[:2], len(needs) > 2 and needs[2]]
    rest = (s.stride, s.padding, s.dilation, s.transposed, s.output_padding, s.groups)
    return _aten().convolution_backward(g[0], s.input, s.weight, bias, *rest, mask)


def _batch_norm(s: Any, g: Any, needs: Any, _: Any) -> Any:
    rest = (s.running_mean, s.running_var, s.result1, s.result2, s.training, s.eps)
    mask = [*needs, False, False, False][:3]
    return _aten().native_batch_norm_backward(g[0], s.input, s.weight, *rest, mask)


def _layer_norm(s: Any, g: Any, needs: Any, _: Any) -> Any:
    rest = (s.normalized_shape, s.result1, s.result2, s.weight, s.bias)
    mask = [*needs, False, False, False][:3]
    return _aten().native_layer_norm_backward(g[0], s.input, *rest, mask)


def _mse(s: Any, g: Any, needs: Any, _: Any) -> Any:
    kernel = _aten().mse_loss_backward
    target = kernel(g[0], s.target, s.self, s.reduction) if needs[1:2] == (True,) else None
    return kernel(g[0], s.self, s.target, s.reduction), target


def _index(s: Any, g: Any, *_: Any) -> Any:
    return _aten().index_put(g[0].new_zeros(s.self_sym_sizes), list(s.indices), g[0], True)


def _cat(s: Any, g: Any, needs: Any, shape: Any) -> Any:
    """The size of an input that needs no gradient is what the others leave."""
    sizes = [shape(number)[s.dim] if needed else 0 for number, needed in enumerate(needs)]
    if False in needs:
        sizes[list(needs).index(False)] = g[0].shape[s.dim] - sum(sizes)
    return g[0].split(sizes, s.dim)


def _norm(s: Any, g: Any, *_: Any) -> Any:
    return g[0] * (s.self / s.result).masked_fill_(s.result == 0, 0)


def _as_input(_s: Any, g: Any, _n: Any, shape: Any) -> Any:
    return g[0].reshape(shape(0))


def _inverse(s: Any, g: Any, *_: Any) -> Any:
    order = [d % len(s.dims) for d in s.dims]
    return g[0].permute([order.index(dim) for dim in range(len(order))])


def _softmax(name: str) -> Gradient:
    return lambda s, g, _n, _s: getattr(_aten(), name)(g[0], s.result, s.dim, s.result.dtype)


def _clamp(s: Any, g: Any, *_: Any) -> Any:
    is_inside = (s.self >= s.min) if s.min is not None else s.self == s.self
    if s.max is not None:
        is_inside = is_inside & (s.self <= s.max)
    return g[0].where(is_inside, g[0].new_zeros(()))


def _variance(s: Any, g: Any) -> Any:
    sizes = s.self.shape
    dims = s.dim or range(len(sizes))
    count = math.prod(sizes[d] for d in dims) - (1 if s.correction is None else s.correction)
    mean = s.self.mean(s.dim, True) if s.dim else s.self.mean()
    return (2.0 / count) * _unsqueezed(g, s.dim, s.keepdim, sizes) * (s.self - mean)


def _std(s: Any, g: Any, *_: Any) -> Any:
    return _variance(s, (g[0] / (s.result * 2)).masked_fill_(s.result == 0, 0))


def _greatest(s: Any, g: Any, *_: Any) -> Any:
    mask = s.self == s.result
    return mask * (g[0] / mask.sum())


def _lstm(s: Any, g: Any, *_: Any) -> Any:
    weights = (s.weight0, s.weight1, s.weight2, s.weight3)
    outputs = (s.result0, s.result1, s.result2)
    how = (s.reverse, s.mode, s.hidden_size, s.num_layers, s.has_biases, s.train, s.bidirectional)
    rest = (s.batch_sizes, s.batch_first, s.result3)
    return _aten().mkldnn_rnn_layer_backward(
        s.input, *weights, s.hx_, s.cx_, *outputs, *g, *how, *rest
    )


def _selected(s: Any, g: Any, *_: Any) -> Any:
    return _aten().value_selecting_reduction_backward(
        g[0], s.dim, s.indices, s.self_sym_sizes, s.keepdim
    )


def _ranked(s: Any, g: Any, *_: Any) -> Any:
    return _aten().value_selecting_reduction_backward(
        g[0], s.dim, s.indices, s.self_sym_sizes, True
    )


def _same(_s: Any, g: Any, *_: Any) -> Any:
    return g[0]


GRADIENTS: dict[str, Gradient] = {
    "AddBackward0": lambda s, g, *_: (g[0], _times(g[0], s.alpha)),
    "SubBackward0": lambda s, g, *_: (g[0], _times(-g[0], s.alpha)),
    "RsubBackward1": lambda s, g, *_: _times(-g[0], s.alpha),
    "MulBackward0": lambda s, g, n, _: (
        g[0] * s.other if n[0] else None,
        g[0] * s.self if n[1:2] == (True,) else None,
    ),
    "DivBackward0": lambda s, g, n, _: (
        g[0] / s.other if n[0] else None,
        -g[0] * ((s.self / s.other) / s.other) if n[1:2] == (True,) else None,
    ),
    "NegBackward0": lambda _, g, *__: -g[0],
    "PowBackward0": _pow,
    "ExpBackward0": lambda s, g, *_: g[0] * s.result,
    "LogBackward0": lambda s, g, *_: g[0].div(s.self),
    "SqrtBackward0": lambda s, g, *_: g[0] / (2 * s.result),
    "AbsBackward0": lambda s, g, *_: g[0] * s.self.sgn(),
    "SinBackward0": lambda s, g, *_: g[0] * s.self.cos(),
    "CosBackward0": lambda s, g, *_: g[0] * -s.self.sin(),
    "TanhBackward0": _by("tanh_backward", "result"),
    "SigmoidBackward0": _by("sigmoid_backward", "result"),
    "ReluBackward0": lambda s, g, *_: _aten().threshold_backward(g[0], s.result, 0),
    "LeakyReluBackward0": lambda s, g, *_: _aten().leaky_relu_backward(
        g[0], s.self, s.negative_slope, False
    ),
    "GeluBackward0": lambda s, g, *_: _aten().gelu_backward(
        g[0], s.self, approximate=s.approximate
    ),
    "SiluBackward0": _by("silu_backward", "self"),
    "SoftplusBackward0": _by("softplus_backward", "self", "beta", "threshold"),
    "SoftmaxBackward0": _softmax("_softmax_backward_data"),
    "SafeSoftmaxBackward0": _softmax("_softmax_backward_data"),
    "LogSoftmaxBackward0": _softmax("_log_softmax_backward_data"),
    "SumBackward0": lambda s, g, *_: g[0].expand(s.self_sym_sizes),
    "SumBackward1": lambda s, g, *_: _unsqueezed(g[0], s.dim, s.keepdim, s.self_sym_sizes),
    "MeanBackward0": lambda s, g, *_: g[0].expand(s.self_sym_sizes) / s.self_sym_numel,
    "MeanBackward1": _mean_of,
    "ProdBackward0": lambda s, g, *_: g[0] * (s.result / s.self),
    "MaxBackward0": _selected,
    "MaxBackward1": _greatest,
    "MinBackward1": _greatest,
    "ClampBackward1": _clamp,
    "ClampMinBackward0": lambda s, g, *_: g[0].where(s.self >= s.min, g[0].new_zeros(())),
    "ClampMaxBackward0": lambda s, g, *_: g[0].where(s.self <= s.max, g[0].new_zeros(())),
    "VarBackward0": lambda s, g, *_: _variance(s, g[0]),
    "StdBackward0": _std,
    "WhereBackward0": lambda s, g, *_: (
        g[0].where(s.condition, g[0].new_zeros(())),
        g[0].new_zeros(()).where(s.condition, g[0]),
    ),
    "MaskedFillBackward0": lambda s, g, *_: g[0].masked_fill(s.mask, 0),
    "ToCopyBackward0": _same,
    "SqueezeBackward4": _as_input,
    "CumsumBackward0": lambda s, g, *_: g[0].flip(s.dim).cumsum(s.dim).flip(s.dim),
    "ReciprocalBackward0": lambda s, g, *_: -g[0] * (s.result * s.result),
    "RsqrtBackward0": lambda s, g, *_: -0.5 * g[0] * s.result.pow(3),
    "LogsumexpBackward0": lambda s, g, *_: (
        _unsqueezed(g[0], s.dim, s.keepdim, s.self.shape)
        * (s.self - _unsqueezed(s.result, s.dim, s.keepdim, s.self.shape)).exp()
    ),
    "EluBackward0": lambda s, g, *_: _aten().elu_backward(
        g[0], s.alpha, s.scale, s.input_scale, False, s.self
    ),
    "HardtanhBackward0": _by("hardtanh_backward", "self", "min_val", "max_val"),
    "LogSigmoidBackward0": _by("log_sigmoid_backward", "self", "buffer"),
    "Log1PBackward0": lambda s, g, *_: g[0] / (s.self + 1),
    "Log2Backward0": lambda s, g, *_: g[0] / (s.self * math.log(2)),
    "Expm1Backward0": lambda s, g, *_: g[0] * (s.result + 1),
    "AtanBackward0": lambda s, g, *_: g[0] / (s.self * s.self + 1),
    "TanBackward0": lambda s, g, *_: g[0] * (1 + s.result.pow(2)),
    "TrilBackward0": lambda s, g, *_: g[0].tril(s.diagonal),
    "TriuBackward0": lambda s, g, *_: g[0].triu(s.diagonal),
    "FlipBackward0": lambda s, g, *_: g[0].flip(s.dims),
    "RollBackward0": lambda s, g, *_: g[0].roll([-n for n in s.shifts], s.dims),
    "ConstantPadNdBackward0": lambda s, g, *_: _aten().constant_pad_nd(g[0], [-n for n in s.pad]),
    "UpsampleNearest2DBackward0": _by(
        "upsample_nearest2d_backward", "output_size", "self_sym_sizes", "scales_h", "scales_w"
    ),
    "GatherBackward0": lambda s, g, *_: (
        g[0].new_zeros(s.self.shape).scatter_add_(s.dim, s.index, g[0])
    ),
    "IndexSelectBackward0": lambda s, g, *_: (
        g[0].new_zeros(s.self_sym_sizes).index_add(s.dim, s.index, g[0])
    ),
    "SortBackward0": _ranked,
    "TopkBackward0": _ranked,
    "MaximumBackward0": lambda s, g, *_: (
        (g[0] / 2).where(s.self == s.other, g[0]).masked_fill_(s.self < s.other, 0),
        (g[0] / 2).where(s.self == s.other, g[0]).masked_fill_(s.self > s.other, 0),
    ),
    "BaddbmmBackward0": lambda s, g, *_: (
        _times(g[0], s.beta),
        _times(g[0].bmm(s.batch2.transpose(1, 2)), s.alpha),
        _times(s.batch1.transpose(1, 2).bmm(g[0]), s.alpha),
    ),
    "AddBackward1": _same,
    "SubBackward1": _same,
    "MulBackward1": lambda s, g, *_: g[0] * s.other,
    "DivBackward1": lambda s, g, *_: g[0] / s.other,
    "UnbindBackward0": lambda s, g, *_: _aten().stack(g, s.dim),
    "SplitBackward0": lambda s, g, *_: _aten().cat(g, s.dim),
    "UnsafeSplitBackward0": lambda s, g, *_: _aten().cat(g, s.dim),
    "MkldnnRnnLayerBackward0": _lstm,
    "MinBackward0": _selected,
    "MmBackward0": lambda s, g, n, _: _product(s, g, n, "self"),
    "AddmmBackward0": lambda s, g, n, _: _product(s, g, n, "mat1", s.beta),
    "MvBackward0": lambda s, g, n, _: (
        g[0].ger(s.vec) if n[0] else None,
        s.self.t().mv(g[0]) if n[1] else None,
    ),
    "DotBackward0": lambda s, g, n, _: (
        g[0] * s.tensor if n[0] else None,
        g[0] * s.self if n[1] else None,
    ),
    "BmmBackward0": lambda s, g, n, _: (
        g[0].bmm(s.mat2.transpose(1, 2)) if n[0] else None,
        s.self.transpose(1, 2).bmm(g[0]) if n[1] else None,
    ),
    "TBackward0": lambda _, g, *__: g[0].t(),
    "TransposeBackward0": lambda s, g, *_: g[0].transpose(s.dim0, s.dim1),
    "NumpyTBackward0": lambda _, g, *__: g[0].mT if g[0].ndim == 2 else g[0],
    "PermuteBackward0": _inverse,
    "ViewBackward0": lambda s, g, *_: g[0].reshape(s.self_sym_sizes),
    "UnsafeViewBackward0": lambda s, g, *_: g[0].reshape(s.self_sym_sizes),
    "ReshapeAliasBackward0": lambda s, g, *_: g[0].reshape(s.self_sym_sizes),
    "SqueezeBackward0": _as_input,
    "SqueezeBackward1": _as_input,
    "SqueezeBackward2": _as_input,
    "UnsqueezeBackward0": lambda s, g, *_: g[0].squeeze(s.dim),
    "ExpandBackward0": lambda s, g, *_: g[0].sum_to_size(s.self_sym_sizes),
    "SelectBackward0": _by("select_backward", "self_sym_sizes", "dim", "index"),
    "SliceBackward0": _by("slice_backward", "self_sym_sizes", "dim", "start", "end", "step"),
    "IndexBackward0": _index,
    "CatBackward0": _cat,
    "StackBackward0": lambda s, g, *_: g[0].unbind(s.dim),
    "CloneBackward0": _same,
    "MseLossBackward0": _mse,
    "SmoothL1LossBackward0": _by("smooth_l1_loss_backward", "self", "target", "reduction", "beta"),
    "HuberLossBackward0": _by("huber_loss_backward", "self", "target", "reduction", "delta"),
    "BinaryCrossEntropyBackward0": _by(
        "binary_cross_entropy_backward", "self", "target", "weight", "reduction"
    ),
    "BinaryCrossEntropyWithLogitsBackward0": _logits,
    "NllLossBackward0": _by(
        "nll_loss_backward",
        *("self", "target", "weight", "reduction", "ignore_index", "total_weight"),
    ),
    "NllLoss2DBackward0": _by(
        "nll_loss2d_backward",
        *("self", "target", "weight", "reduction", "ignore_index", "total_weight"),
    ),
    "ConvolutionBackward0": _convolution,
    "MaxPool2DWithIndicesBackward0": _by(
        "max_pool2d_with_indices_backward",
        *("self", "kernel_size", "stride", "padding", "dilation", "ceil_mode", "result1"),
    ),
    "AvgPool2DBackward0": _by(
        "avg_pool2d_backward",
        *("self", "kernel_size", "stride", "padding"),
        *("ceil_mode", "count_include_pad", "divisor_override"),
    ),
    "AdaptiveAvgPool2DBackward0": _by("_adaptive_avg_pool2d_backward", "self"),
    "NativeBatchNormBackward0": _batch_norm,
    "NativeLayerNormBackward0": _layer_norm,
    "NativeDropoutBackward0": lambda s, g, *_: _aten().native_dropout_backward(
        g[0], s.result1, 1.0 if s.p in (0, 1) else 1.0 / (1.0 - s.p)
    ),
    "EmbeddingBackward0": _by(
        "embedding_backward",
        *("indices", "weight_sym_argsize_0", "padding_idx", "scale_grad_by_freq", "sparse"),
    ),
    "LinalgVectorNormBackward0": _norm,
}
