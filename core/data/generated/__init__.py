"""Data sets drawn from known rules, so that what a router should find is known too. One file each."""
