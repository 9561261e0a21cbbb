"""Lambda event to message and back: one module a kind of event, a symmetric pair."""
