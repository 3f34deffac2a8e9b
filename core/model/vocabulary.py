"""Every torch class of the vocabulary, one line each: importing this module registers them."""

from core.model import groups as _groups
from core.model.bodies import attention as _attention
from core.model.bodies import dense as _dense
from core.model.bodies import moe as _moe
from core.model.routing.balance import bias_update as _bias_update
from core.model.routing.balance import importance_load_cv as _importance_load_cv
from core.model.routing.balance import load_balance as _load_balance
from core.model.routing.balance import z_loss as _z_loss
from core.model.routing.combine import output_mix as _output_mix
from core.model.routing.condition import skill_table as _skill_table
from core.model.routing.condition import task_concat as _task_concat
from core.model.routing.condition import task_embedding as _task_embedding
from core.model.routing.condition import task_gate as _task_gate
from core.model.routing.modifier import jitter as _jitter
from core.model.routing.modifier import logit_noise as _logit_noise
from core.model.routing.modifier import temperature as _temperature
from core.model.routing.score import linear as _linear
from core.model.routing.select import top_k as _top_k
from core.model.routing.weigh import ones as _ones
from core.model.routing.weigh import raw as _raw
from core.model.routing.weigh import renormalised as _renormalised
from core.model.tasks import image_classifier as _image_classifier
from core.model.tasks import language_model as _language_model
from core.model.tasks import table as _table
