"""NVIDIA H200 SXM 141 GB."""

from core.cost.devices.base import Processor

DEVICE = Processor(
    name="h200-sxm",
    title="H200 SXM",
    memory=141e9,
    bandwidth=4800e9,
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
    source="Expert kernels: 125 published vLLM timings (ai-dynamo/aiconfigurator), mean error 10 %."
    " Launches: seven published gpt-oss-120b steps.",
)
