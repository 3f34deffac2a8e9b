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
    source="LUT, DSP, BRAM, URAM: part table of UltraScale+. DDR4 figures: from memory of the board's guide.",
)
