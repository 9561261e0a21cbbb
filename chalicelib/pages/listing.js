// The table of files and directories as it is at first: what needs scripts is visible, names are in the order of the
// visitor's own language, and each row has a checkbox.

import { $, $$ } from "./dom.js";
import { NAMES, localize } from "./format.js";

export const rows = () => $$("#listing tbody tr");
export const nameIn = (row) => $("bdi", row).textContent;

/** Show the elements that need a script, sizes in the visitor's language, and dates in the visitor's time zone. */
export function enhance(root) {
  for (const element of $$("[data-script]", root)) element.hidden = false;
  setTimeout(localize, 0, root); // a task of its own: between two short tasks, a phone answers a tap
  sortNames();
  addCheckboxes();
}

/** Sort by name as the visitor's language does, which the service does not know. A page with other parts stays as is. */
function sortNames() {
  const heading = $("th.name[aria-sort]");
  if (!heading || $(".pages")) return;
  const direction = heading.ariaSort === "descending" ? -1 : 1;
  const named = rows().map((row) => ({ row, name: nameIn(row).replace(/\/$/, "") }));
  const sorted = named.toSorted((a, b) => direction * NAMES.compare(a.name, b.name));
  if (sorted.some((each, index) => each !== named[index])) $("#listing tbody").append(...sorted.map(({ row }) => row));
}

/** Add a checkbox to each row, and one for all rows. */
function addCheckboxes() {
  $("#listing table")?.classList.add("selectable"); // quicker for a browser than `:has(.select)` in each row
  $("#listing thead tr")?.prepend(cell("th", "columnheader", "label-select-all"));
  for (const row of rows()) row.prepend(cell("td", "cell", `label-select ${$("bdi", row).id}`));
}

function cell(tag, role, labels) {
  const element = document.createElement(tag);
  const box = Object.assign(document.createElement("input"), { type: "checkbox" });
  element.className = "select";
  element.setAttribute("role", role);
  box.setAttribute("aria-labelledby", labels);
  element.append(box);
  return element;
}
