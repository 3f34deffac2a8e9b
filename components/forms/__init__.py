"""Forms drawn from the JSON Schema of the vocabulary: a new value gets its form without a line here."""
