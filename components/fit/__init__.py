"""A table of devices and number formats: does it fit, and how fast is it."""
