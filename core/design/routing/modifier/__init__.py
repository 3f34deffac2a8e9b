"""Axis modifiers: what happens to scores before selection, in training or always."""
