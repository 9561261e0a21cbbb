// The listing of another search, or the listing as it is now: a part of the page is loaded again.

import { $, $$ } from "./dom.js";
import { enhance, rows } from "./listing.js";
import { restoreSelection } from "./selected_rows.js";
import { byLink } from "./service.js";
import { say } from "./words.js";

const REFRESH_PAUSE = 800; // milliseconds: several small uploads that end together cause one refresh
const SEARCH_PAUSE = 150; // milliseconds after the last key

let refreshTimer = 0;
let searchTimer = 0;
let latest = new AbortController(); // of the latest request for a listing

/** Search for the text of the filter soon, and put the search into the address. */
export function search() {
  clearTimeout(searchTimer);
  if (byLink) return; // each view takes one use of the link, so only the Enter key searches
  searchTimer = setTimeout(() => {
    const address = new URL(location.href);
    const fields = new URLSearchParams(new FormData($("#tools")));
    if (!fields.get("q")) fields.delete("q");
    address.search = fields;
    show(address);
  }, SEARCH_PAUSE);
}

/** Show how many names of the page match the filter. */
export function showCount() {
  if (!$("#filter")) return;
  const count = rows().length;
  $("#shown").textContent = count && $("#filter").value ? say("filter.shown", { count }) : "";
}

/** Load the listing again soon. The address and the focus stay. */
export function refresh() {
  clearTimeout(refreshTimer);
  if (byLink) return; // each view takes one use of the link
  refreshTimer = setTimeout(() => {
    if ($("dialog[open]")) refresh(); // a dialog that closes gives the focus back to a button of this listing
    else show(location);
  }, REFRESH_PAUSE);
}

/** Show the listing of another address of this page. A later call ends an earlier call. */
async function show(address) {
  latest.abort();
  latest = new AbortController();
  const text = await textAt(address, latest.signal).catch(() => null);
  if (text !== null) replaceListing(new DOMParser().parseFromString(text, "text/html"), address);
  // Without an answer, the old listing stays.
}

async function textAt(address, signal) {
  const response = await fetch(address, { headers: { Accept: "text/html" }, cache: "no-store", signal });
  return response.ok ? response.text() : null;
}

function replaceListing(page, address) {
  const fresh = $("#listing", page);
  if (!fresh) return;
  const focused = $("#listing").contains(document.activeElement) ? descriptionOf(document.activeElement) : null;
  $("#listing").replaceChildren(...fresh.childNodes);
  if ($("#tools")) $("#tools").hidden = $("#tools", page).hidden;
  $("#layout")?.replaceWith($("#layout", page));
  if (address.href !== location.href) history.replaceState(null, "", address);
  enhance($("#listing"));
  restoreSelection();
  showCount();
  if (focused) $$("#listing :is(a, button)").find((element) => descriptionOf(element) === focused)?.focus();
}

const descriptionOf = (element) =>
  [element.className, element.textContent, element.closest("tr")?.querySelector("bdi")?.textContent].join("\n");
