"""Tasks: what people have to do next, made by steps of policies or by hand."""
