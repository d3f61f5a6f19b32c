"""Activities: what people have done, calls and visits and notes; they count as contacts."""
