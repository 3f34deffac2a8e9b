"""Every objective, one line each: importing this module registers them."""

from core.train.objectives import per_task_accumulate as _per_task_accumulate
from core.train.objectives import single as _single
from core.train.objectives import two_pass_consistency as _two_pass_consistency
