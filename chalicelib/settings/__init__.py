"""The settings: signpost.toml, read into values, with every mistake reported at its place."""
