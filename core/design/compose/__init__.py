"""Acts of the hand as edits of a design: pure functions, whose every result is one step of the history."""
