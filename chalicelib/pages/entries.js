// The files and directories of the listing, for the scripts that act on them.

import { $ } from "./dom.js";
import { refresh } from "./fresh_listing.js";
import { nameIn, rows } from "./listing.js";
import { showSelection } from "./selected_rows.js";

/** The names of the listed files and directories. */
export const listedNames = () => new Set(rows().map(nameIn));

/** The file or directory of a button: that of its row, or the directory of the page. */
export function entryOf(button) {
  const row = button.closest("tr");
  if (!row) {
    const isWritable = $("#uploads") !== null;
    return { name: $("h1 bdi").textContent, url: $("main").dataset.url, isDirectory: true, isWritable };
  }
  const link = $("th a", row);
  const isDirectory = link.classList.contains("directory");
  return { row, name: nameIn(row), url: withoutView(link.href), isDirectory, isWritable: isDirectory };
}

/** The URL of a file or a directory, without the parameters of a page. */
function withoutView(href) {
  const url = new URL(href);
  const token = url.searchParams.get("token");
  url.search = token ? new URLSearchParams({ token }) : "";
  return url.href;
}

/** Remove a row, and move the focus to the row beside it. */
export function removeRow(row) {
  const neighbour = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  showSelection();
  if (neighbour) $("a", neighbour).focus();
  else refresh();
}
