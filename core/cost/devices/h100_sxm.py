"""NVIDIA H100 SXM5 80 GB."""

from core.cost.devices.base import Processor

DEVICE = Processor(
    name="h100-sxm",
    title="H100 SXM",
    memory=80e9,
    bandwidth=3350e9,
    # 1979 TFLOPS of the data sheet count structured sparsity.
    peak={"fp32": 67e12, "bf16": 989.4e12, "fp16": 989.4e12, "fp8": 1978.9e12, "int8": 1978.9e12},
    compute="bf16",
    efficiency=0.42,
    half_rows=32,
    half_width=64,
    stream=0.9,
    launch=8e-6,
    routed_launch=30e-6,
    step=100e-6,
    reserved=1.5e9,
    band=(0.75, 1.5),
    grade="fitted",
    source="Expert kernels: 123 published vLLM timings (ai-dynamo/aiconfigurator), mean error 9 %."
    " Launches: seven published gpt-oss-120b steps on an H200.",
)
