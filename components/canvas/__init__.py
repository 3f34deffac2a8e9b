"""The model as a drawing: layers as a column, experts to scale, problems on the part they concern."""
