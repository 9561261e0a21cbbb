// The selected rows of the table: the visitor selects rows, all rows, or with Shift the rows between two clicks.

import { $, $$ } from "./dom.js";
import { addStyle } from "./styles.js";
import { say } from "./words.js";

await addStyle(new URL("./selection.css", import.meta.url));

const selected = new Set(); // the URLs of the selected rows, which a refresh of the listing keeps
let last = null; // the checkbox that was clicked last

const boxes = () => $$("#listing tbody .select input");
const hrefIn = (row) => $("th a", row).href;

/** The selected rows, from top to bottom. */
export const selectedRows = () =>
  boxes()
    .filter((box) => box.checked)
    .map((box) => box.closest("tr"));

/** Select the rows of a new listing that were selected before. */
export function restoreSelection() {
  for (const box of boxes()) box.checked = selected.has(hrefIn(box.closest("tr")));
  last = null;
  showSelection();
}

/** Take a click on a checkbox into account. */
export function select(box, { shiftKey }) {
  const all = boxes();
  const isForAll = box.closest("thead") !== null;
  const start = shiftKey && last?.isConnected ? last : box;
  const [from, to] = [all.indexOf(start), all.indexOf(box)].toSorted((a, b) => a - b);
  for (const each of isForAll ? all : all.slice(from, to + 1)) each.checked = box.checked;
  if (!isForAll) last = box;
  showSelection();
}

/** Select nothing. */
export function clearSelection() {
  for (const box of boxes()) box.checked = false;
  showSelection();
}

/** Show how many rows are selected, and the buttons for the selection. */
export function showSelection() {
  const rows = selectedRows();
  selected.clear();
  for (const row of rows) selected.add(hrefIn(row));
  const everything = $("#listing thead .select input");
  if (!everything) return;
  everything.checked = rows.length > 0 && rows.length === boxes().length;
  everything.indeterminate = rows.length > 0 && !everything.checked;
  $("#selection").hidden = rows.length === 0;
  $("#selection-count").textContent = say("select.count", { count: rows.length });
  $("[data-do=delete-selected]").hidden = !rows.some((row) => $(".delete", row));
}
