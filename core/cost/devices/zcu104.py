"""AMD ZCU104 evaluation board: Zynq UltraScale+ ZU7EV."""

from core.cost.devices.fabric import Fabric

DEVICE = Fabric(
    name="zcu104",
    title="ZCU104",
    # M3ViT's "504K LUTs" are system logic cells.
    lut=230_400,
    dsp=1728,
    bram36=312,
    uram=96,
    dram=2e9,
    # The processors share this memory, so a quarter of its peak is taken to be theirs.
    bandwidth=19.2e9,
    share=0.75,
    clock=(200e6, 300e6, 333e6),
    source="DSP, BRAM and URAM: AMD's part table of Zynq UltraScale+. DDR4, 2 GB at 19.2 GB/s of which a"
    " quarter is the processors': recalled from the board's guide, not checked against it; look there before"
    " you rely on times.",
)
