"""Images: the renderer, the parsers of image files that stand before it, and images of other sites."""
