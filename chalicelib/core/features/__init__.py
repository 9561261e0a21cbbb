"""The features: each gets a request and a grant, and returns a complete reply."""
