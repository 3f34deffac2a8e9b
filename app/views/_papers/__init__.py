"""The parts of the Papers page: the catalogue, the board, one paper, and their words."""
