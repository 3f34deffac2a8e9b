"""Our operators in ONNX's own. The functions are traced, so the number of experts is a plain number here.

Ties are decided as ours are: the ONNX specification lets TopK put the lower index first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from onnx import TensorProto
from onnxscript import opset20 as op

from core.export.onnx.private import split
from core.model.execute import bracket as bracket  # registers dispatch and combine
from core.model.routing import capacity as capacity  # registers first_in_line
from core.model.routing.select import expert_choice as expert_choice  # registers experts_choose

#: A symbolic ONNX value while torch exports.
Value = Any


def table() -> dict[Callable[..., Any], Callable[..., Any]]:
    """`custom_translation_table` for torch.onnx.export."""
    ours = torch.ops.moe_studio
    return {
        ours.dispatch.default: dispatch,
        ours.combine.default: combine,
        ours.top_k.default: top_k,
        ours.first_in_line.default: first_in_line,
        ours.experts_choose.default: experts_choose,
        torch.ops.aten.sort.stable: sort_stable,
    }


def dispatch(x_TD: Value, expert_TK: Value, experts: int) -> list[Value]:
    """Sort slots by expert, gather their tokens' rows, split by counts known at run time."""
    flat_S = op.Reshape(expert_TK, _ints(-1))
    slots = op.Shape(flat_S)
    # Slots of none sort behind all experts; what is split off for them is used by nobody.
    key_S = op.Where(op.Less(flat_S, _int(0)), _int(experts), flat_S)
    order_S = _order(key_S, slots)
    sizes = _counts(key_S, experts + 1)
    token_S = op.Div(order_S, op.Shape(expert_TK, start=1, end=2))
    *parts, _ = split(op.Gather(x_TD, token_S, axis=0), sizes, experts + 1)
    taken = op.Sub(slots, op.Gather(sizes, _ints(experts)))
    return [*parts, op.Min(_inverse(order_S, slots), taken)]


def combine(parts: list[Value], row_S: Value, weight_TK: Value) -> Value:
    """Put the rows below each other, a zero row last, gather each slot's row, weigh, sum over choices."""
    zero = op.Expand(
        op.CastLike(_float(0.0), parts[0]), op.Concat(_ints(1), op.Shape(parts[0], start=1), axis=0)
    )
    slot_SD = op.Gather(op.Concat(*parts, zero, axis=0), row_S, axis=0)
    shape = op.Concat(op.Shape(weight_TK), op.Shape(slot_SD, start=1), axis=0)
    weighed_TKD = op.Mul(op.Reshape(slot_SD, shape), op.Unsqueeze(weight_TK, _ints(-1)))
    return op.ReduceSum(weighed_TKD, _ints(1), keepdims=0)


def top_k(scores_TE: Value, k: int) -> Value:
    """Indices of the k largest, ties to the lower index."""
    _, index_TK = op.TopK(scores_TE, _ints(k), axis=1, largest=1, sorted=1)
    return index_TK


def first_in_line(selected_TK: Value, turn_T: Value, over: int, under: int, experts: int) -> Value:
    """True where a slot's place among the slots of its expert is below ceil(over * T / under).

    The place is the position after a stable sort by expert, less where the expert's slots begin there.
    """
    tokens = op.Shape(turn_T)
    inner = op.Transpose(op.Gather(selected_TK, turn_T, axis=0), perm=[1, 0])
    expert_S = op.Reshape(inner, _ints(-1))
    slots = op.Shape(expert_S)
    key_S = op.Where(op.Less(expert_S, _int(0)), _int(experts), expert_S)
    start = op.CumSum(_counts(key_S, experts + 1), _int(0), exclusive=1)
    place_S = op.Sub(_inverse(_order(key_S, slots), slots), op.Gather(start, key_S, axis=0))
    # Rounded up by hand: ONNX divides whole numbers towards zero.
    room = op.Div(op.Add(op.Mul(tokens, _int(over)), _int(under - 1)), _int(under))
    accepted_S = op.And(op.Less(place_S, room), op.Less(key_S, _int(experts)))
    turned_TK = op.Transpose(op.Reshape(accepted_S, op.Shape(inner)), perm=[1, 0])
    return op.Gather(turned_TK, _inverse(turn_T, tokens), axis=0)


def experts_choose(ranking_TE: Value, over: int, under: int) -> Value:
    """True where a token is among the best round(over / under * T) of an expert, of which there is one."""
    tokens = op.Shape(ranking_TE, start=0, end=1)
    wanted = op.Div(op.Add(op.Mul(tokens, _int(2 * over)), _int(under)), _int(2 * under))
    room = op.Min(op.Max(wanted, _ints(1)), tokens)
    _, best_CE = op.TopK(ranking_TE, room, axis=0, largest=1, sorted=1)
    none, one = (op.Expand(_int(n), op.Shape(like)) for n, like in ((0, ranking_TE), (1, best_CE)))
    return op.Cast(op.ScatterElements(none, best_CE, one, axis=0), to=TensorProto.BOOL)


def sort_stable(
    self: Value, stable: bool = True, dim: int = -1, descending: bool = False
) -> tuple[Value, Value]:
    """torch.sort that keeps the order of equals; torch.onnx has no translation of it."""
    size = op.Gather(op.Shape(self), _ints(dim), axis=0)
    values, indices = op.TopK(self, size, axis=dim, largest=int(descending), sorted=1)
    return values, indices


def _order(key_S: Value, slots: Value) -> Value:
    """The stable order of integer keys."""
    _, order_S = op.TopK(key_S, slots, axis=0, largest=0, sorted=1)
    return order_S


def _inverse(order_S: Value, slots: Value) -> Value:
    """Where each slot went."""
    range_S = op.Range(_int(0), op.Squeeze(slots), _int(1))
    return op.ScatterElements(range_S, order_S, range_S, axis=0)


def _counts(key_S: Value, bins: int) -> Value:
    """How often each of 0 .. bins - 1 stands in key_S."""
    hit = op.Equal(op.Unsqueeze(key_S, _ints(1)), _ints(*range(bins)))
    ones: Value = op.Cast(hit, to=TensorProto.INT64)
    return op.ReduceSum(ones, _ints(0), keepdims=0)


def _int(value: int) -> Value:
    return op.Constant(value_int=value)


def _ints(*values: int) -> Value:
    return op.Constant(value_ints=list(values))


def _float(value: float) -> Value:
    return op.Constant(value_float=value)
