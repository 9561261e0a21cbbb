// The table of files and directories: sort, filter and refresh.

import { $, $$ } from "./dom.js";
import { CLOCK, DAY } from "./format.js";
import { byLink } from "./service.js";

const REFRESH_PAUSE = 800; // milliseconds: several small uploads that end together cause one refresh

const NAMES = new Intl.Collator(undefined, { numeric: true });
const COLUMNS = {
  name: (row) => $("bdi", row).textContent,
  size: (row) => Number($("data", row)?.value ?? -1),
  modified: (row) => $("time", row)?.dateTime ?? "",
};
let order = { column: "name", ascending: true };
let wasSorted = false; // by the visitor; until then the rows keep the order of the service
let refreshTimer = 0;

const rows = () => $$("#listing tbody tr");

/** The names of the listed files and directories. */
export const listedNames = () => new Set(rows().map(COLUMNS.name));

/** Show the elements that need a script, and dates in the visitor's own time zone. */
export function enhance(root) {
  for (const element of $$("[data-script]", root)) element.hidden = false;
  for (const time of $$("time:not([title])", root)) {
    const date = new Date(time.dateTime);
    time.title = time.textContent;
    time.firstChild.data = DAY.format(date);
    time.lastChild.textContent = `, ${CLOCK.format(date)}`;
  }
  for (const heading of $$("th[data-column]", root)) {
    const button = document.createElement("button");
    button.dataset.do = "sort";
    button.append(...heading.childNodes);
    heading.append(button);
  }
  $("#tools").hidden = rows().length === 0;
  showOrder();
}

/** Sort by the column of a heading; a second click on the same heading reverses the order. */
export function sortBy(heading) {
  const { column } = heading.dataset;
  order = { column, ascending: column !== order.column || !order.ascending };
  wasSorted = true;
  sort();
}

/** Show only the rows whose names contain the text of the filter. */
export function filter() {
  const wanted = $("#filter").value.normalize().toLowerCase();
  const all = rows();
  for (const row of all) row.hidden = !COLUMNS.name(row).normalize().toLowerCase().includes(wanted);
  const shown = all.filter((row) => !row.hidden).length;
  $("#shown").textContent = wanted ? `${shown} of ${all.length} on this page` : "";
}

/** Remove a row, and move the focus to the row beside it. */
export function removeRow(row) {
  const neighbour = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  filter();
  if (neighbour) $("a", neighbour).focus();
  else refresh();
}

/** Load the listing again soon. The order, the filter and the focus stay. */
export function refresh() {
  clearTimeout(refreshTimer);
  if (!byLink) refreshTimer = setTimeout(reload, REFRESH_PAUSE); // each view would take one use of the link
}

async function reload() {
  if ($("dialog[open]")) return refresh(); // a dialog that closes gives the focus back to a button of this listing
  const response = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" }).catch(() => null);
  if (!response?.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = $("#listing", page);
  if (!fresh) return;
  const focused = $("#listing").contains(document.activeElement) ? document.activeElement.ariaLabel : null;
  $("#listing").replaceChildren(...fresh.childNodes);
  enhance($("#listing"));
  if (wasSorted) sort();
  filter();
  if (focused) $$("#listing [aria-label]").find((element) => element.ariaLabel === focused)?.focus();
}

function sort() {
  const value = COLUMNS[order.column];
  const compare = order.column === "name" ? NAMES.compare : (a, b) => (a < b ? -1 : Number(a > b));
  const sorted = rows().sort((a, b) => compare(value(a), value(b)) || NAMES.compare(COLUMNS.name(a), COLUMNS.name(b)));
  $("#listing tbody")?.append(...(order.ascending ? sorted : sorted.reverse()));
  showOrder();
}

function showOrder() {
  for (const heading of $$("th[data-column]")) {
    if (heading.dataset.column !== order.column) heading.removeAttribute("aria-sort");
    else heading.setAttribute("aria-sort", order.ascending ? "ascending" : "descending");
  }
}
