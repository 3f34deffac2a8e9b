"""Matrix products of a run: each row with its expert's matrix, and the gradients of those matrices.

Three ways behind one interface: torch one expert at a time, torch's grouped_mm, NumPy one expert at a time.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types
from torch import Tensor
from torch.nn import functional as F

from core.model.execute.runs import Run


class Products:
    """A stack of matrices [E, in, out], multiplied by torch, one expert at a time."""

    def __init__(self, stack_Eio: Tensor, bias_Eo: Tensor | None = None) -> None:
        self.each = stack_Eio.unbind(0)
        self.bias = None if bias_Eo is None else bias_Eo.unbind(0)

    def rows(self, rows: Tensor, run: Run, out: Tensor) -> Tensor:
        """The products [R, out], in `out` unless the run is grouped: grouped_mm makes its own memory."""
        for e, (row, target) in zip(run.experts, run.pieces(rows, out), strict=True):
            if self.bias is None:
                torch.mm(row, self.each[e], out=target)
            else:
                torch.addmm(self.bias[e], row, self.each[e], out=target)
        return out

    @staticmethod
    def dots(left: Tensor, right: Tensor, out_R: Tensor) -> None:
        """Stores the dot product of every two rows in `out_R`."""
        torch.sum(left * right, 1, out=out_R)

    @staticmethod
    def outer(left: Tensor, right: Tensor, run: Run, grad: Tensor) -> Tensor:
        """grad[e] = left.T @ right over the rows of each expert, added up over the parts of a large one;
        returns it, in `grad` unless the run is grouped.
        """
        if not run.fresh:
            grad[run.experts[0]].addmm_(left.t(), right)
            return grad
        for e, (a, b) in zip(run.experts, run.pieces(left, right), strict=True):
            torch.mm(a.t(), b, out=grad[e])
        return grad


class Grouped(Products):
    """All experts of a run at once, by torch's grouped_mm."""

    def __init__(self, stack_Eio: Tensor, bias_Eo: Tensor | None = None) -> None:
        self.stack, self.bias_Eo = stack_Eio, bias_Eo

    def rows(self, rows: Tensor, run: Run, out: Tensor) -> Tensor:
        made = F.grouped_mm(rows, self.stack, offs=run.ends)
        if self.bias_Eo is not None:
            for part, bias in zip(made.split(run.sizes), self.bias_Eo.unbind(0), strict=True):
                part.add_(bias)
        return made

    @staticmethod
    def outer(left: Tensor, right: Tensor, run: Run, grad: Tensor) -> Tensor:
        return F.grouped_mm(left.t(), right, offs=run.ends)


class ByNumpy(Products):
    """One expert at a time by NumPy, on one thread: a call and a slice cost a quarter of what they cost in
    torch, which is most of the time of a product of a few rows.
    """

    def __init__(self, stack_Eio: Tensor, bias_Eo: Tensor | None = None) -> None:
        one_thread()
        self.stack = stack_Eio.detach().numpy()
        self.added = None if bias_Eo is None else bias_Eo.detach().numpy()

    def rows(self, rows: Tensor, run: Run, out: Tensor) -> Tensor:
        x, y = rows.numpy(), out.numpy()
        for e, low, high in run.spans():
            np.dot(x[low:high], self.stack[e], out=y[low:high])
            if self.added is not None:
                y[low:high] += self.added[e]
        return out

    @staticmethod
    def dots(left: Tensor, right: Tensor, out_R: Tensor) -> None:
        np.vecdot(left.numpy(), right.numpy(), out=out_R.numpy())

    @staticmethod
    def outer(left: Tensor, right: Tensor, run: Run, grad: Tensor) -> Tensor:
        a, b, into = left.numpy(), right.numpy(), grad.numpy()
        if not run.fresh:
            into[run.experts[0]] += np.dot(a.T, b)
            return grad
        for e, low, high in run.spans():
            np.dot(a[low:high].T, b[low:high], out=into[e])
        return grad


def reaches(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether NumPy has the type and reaches the memory."""
    return device.type == "cpu" and dtype in (torch.float32, torch.float64)


@cache
def one_thread() -> None:
    """For the whole process: torch's number of threads says nothing to NumPy, which would take all cores."""
    threadpool_limits(limits=1, user_api="blas")
