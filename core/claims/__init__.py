"""The experiments that papers declare: their arms as designs and plans, what is measured, the verdict."""
