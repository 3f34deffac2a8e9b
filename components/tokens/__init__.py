"""A text as cells to walk through: a token above, the number of its expert below, told by hue and by line."""
