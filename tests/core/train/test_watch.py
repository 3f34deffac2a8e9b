"""Events worth a word, and figures that survive a checkpoint."""

import json

from core.design.facts import LayerRouting
from core.train.watch import MEMORY, Watch
from core.train.window import Window


def routing(*load: float) -> LayerRouting:
    """A layer with this load."""
    return LayerRouting(path="decoder.0.1", load=load, cv=0, max_violation=0, dead=0, drop_rate=0)


def test_a_loss_that_jumps_is_told_once_there_is_something_to_compare_with() -> None:
    watch = Watch()
    assert not [event for step in range(MEMORY) for event in watch.look(step, 1.0, ())]
    (event,) = watch.look(9, 1.6, ())
    assert (event.step, event.kind, event.text) == (9, "loss_spike", "Loss jumped from about 1.00 to 1.60.")
    assert not list(watch.look(10, 1.4, ()))


def test_an_expert_that_comes_back() -> None:
    watch = Watch()
    assert not list(watch.look(1, 1.0, [routing(1, 0, 0)]))
    watch = Watch.from_json(json.loads(json.dumps(watch.to_json())))
    (event,) = watch.look(2, 1.0, [routing(1, 2, 0)])
    assert (event.kind, event.text) == ("revived", "Expert 1 of decoder.0.1 gets tokens again.")
    assert not list(watch.look(3, 1.0, [routing(1, 2, 0)]))


def test_an_empty_window_survives_json() -> None:
    assert Window.from_json(json.loads(json.dumps(Window().to_json()))) == Window()
