"""Another selection for a while: the model is put back exactly as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from core.model.routing.context import RouteContext
from core.model.routing.router import Router
from core.model.routing.select.base import Ranked, Selector
from core.model.routing.weigh.base import Picked

#: (selected_TK, what was compared, context) -> selected_TK.
Change = Callable[[Tensor, Ranked, RouteContext], Tensor]


class Changed(Selector):
    """The selector that was trained, and a change to what it selects."""

    def __init__(self, inner: Selector, change: Change) -> None:
        super().__init__()
        self.inner, self.change = inner, change

    def forward(self, ranked: Ranked, context: RouteContext) -> Tensor:
        return self.change(self.inner(ranked, context), ranked, context)

    def dispatched(self, picked: Picked, context: RouteContext) -> Tensor | None:
        return self.inner.dispatched(picked, context)


@contextmanager
def selecting(model: nn.Module, change: Change) -> Iterator[None]:
    """All routers of a model select with a change inside the `with`."""
    routers = [module for module in model.modules() if isinstance(module, Router)]
    before = [router.select for router in routers]
    try:
        for router, selector in zip(routers, before, strict=True):
            router.select = Changed(selector, change)
        yield
    finally:
        for router, selector in zip(routers, before, strict=True):
            router.select = selector
