"""Events: written with their change, sequenced and fanned out after it."""
