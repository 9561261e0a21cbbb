"""Page assets: the stylesheets, the scripts and the words of the scripts, under names that hold their hashes."""

import hashlib
import json
import os.path
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from chalicelib.core.web.page_views import Asset

from .page_words import Words

# A script comes after the scripts that it imports, because a name holds the hash of the content.
_FILES: Final = (
    "page.css",
    "card.css",
    "directory.css",
    "dialogs.css",
    "selection.css",
    "tiles.css",
    "uploads.css",
    "preview.css",
    "dom.js",
    "styles.js",
    "format.js",
    "local_times.js",
    "words.js",
    "service.js",
    "store.js",
    "vendor/js-sha256.js",
    "checksum.js",
    "chosen_file.js",
    "given_files.js",
    "dropped_files.js",
    "upload_limits.js",
    "upload_signatures.js",
    "unfinished_uploads.js",
    "multipart_upload.js",
    "versions.js",
    "listing.js",
    "selected_rows.js",
    "fresh_listing.js",
    "entries.js",
    "dialogs.js",
    "vendor/client-zip.js",
    "zip_worker.js",
    "zip_download.js",
    "folder_files.js",
    "url_lists.js",
    "selection.js",
    "vendor/lean-qr.js",
    "sharing.js",
    "transfer_progress.js",
    "paced.js",
    "upload_row.js",
    "upload.js",
    "unfinished_list.js",
    "upload_queue.js",
    "page.js",
    "neighbours.js",
    "vendor/markdown-it.js",
    "markdown.js",
    "preview_text.js",
    "preview_media.js",
    "preview.js",
)
_FIRST: Final = "page.js"
_STATIC_IMPORT: Final = re.compile(r'from "\./([^"]+)"')
_COMMENTS: Final = re.compile(rb"^\s*(?://[^\n]*|/\*.*?\*/)\n", re.MULTILINE | re.DOTALL)  # of whole lines
_LIBRARIES: Final = "vendor/"  # their comments name their licences
_MEDIA_TYPES: Final = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}


class PageAssets(NamedTuple):
    """The files that pages load.

    Attributes:
        names: the hashed name of each file, by the name in `pages/`; `words.de.js` holds the German words of scripts.
        files: the file of each hashed name.
        first: the names in `pages/` of the scripts that run with a page: `page.js`, and all that it imports. A browser
            that is told all names at once fetches them at once, and not one after another.
    """

    names: dict[str, str]
    files: dict[str, Asset]
    first: list[str]


def assets_in(folder: str, languages: Iterable[Words]) -> PageAssets:
    """Return the assets in a folder, and the words of the scripts in each language."""
    assets = PageAssets({}, {}, [])
    imports: dict[str, list[str]] = {}
    for file_name in _FILES:
        with open(os.path.join(folder, file_name), "rb") as file:
            body = file.read()
        if not file_name.startswith(_LIBRARIES):
            body = _COMMENTS.sub(b"", body)  # a fifth of what a browser would fetch
        imports[file_name] = _STATIC_IMPORT.findall(body.decode())
        for imported, hashed_name in assets.names.items():
            body = body.replace(f'"./{imported}"'.encode(), f'"./{hashed_name}"'.encode())
        _add(assets, file_name, body)
    for words in languages:
        script = json.dumps(words.script, ensure_ascii=False, separators=(",", ":"))
        _add(assets, f"words.{words.language}.js", f"export default {script};\n".encode())
    assets.first.append(_FIRST)
    for file_name in assets.first:  # grows while it is read
        assets.first.extend(name for name in imports[file_name] if name not in assets.first)
    return assets


def _add(assets: PageAssets, file_name: str, body: bytes) -> None:
    stem, _, extension = file_name.rpartition(".")
    name = f"{stem}.{hashlib.sha256(body).hexdigest()[:16]}.{extension}"
    assets.names[file_name] = name
    assets.files[name] = Asset(_MEDIA_TYPES[extension], body)
