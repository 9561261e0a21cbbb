"""Images: fetched from other sites, checked by parsers, and rendered by libvips. README.md is the map."""
