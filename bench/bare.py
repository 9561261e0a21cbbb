"""The yardstick: Chalice's own answer to everything, a redirect to nowhere in particular."""

from chalice.app import Chalice, Response

app = Chalice("bare")


@app.route("/{proxy+}")
def constant() -> Response:
    """Redirect."""
    return Response("", {"Location": "https://example.com/"}, 307)
