"""NVIDIA GeForce RTX 4090."""

from core.cost.devices.base import Processor

DEVICE = Processor(
    name="rtx4090",
    title="RTX 4090",
    memory=24e9,
    bandwidth=1008e9,
    # GeForce halves 16-bit products that accumulate in float32.
    peak={"fp32": 82.6e12, "bf16": 165.2e12, "fp16": 165.2e12, "fp8": 330.3e12, "int8": 660.6e12},
    compute="bf16",
    efficiency=0.5,
    half_rows=32,
    half_width=64,
    stream=0.85,
    launch=8e-6,
    routed_launch=25e-6,
    step=200e-6,
    reserved=1e9,
    band=(0.6, 1.9),
    grade="prior",
    source="Efficiencies carried over from data-centre cards; nothing measured on this one.",
)
