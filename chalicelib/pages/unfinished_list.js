// The list of the uploads that are unfinished from last time: the visitor chooses the file again, or discards the parts.

import { $, $$ } from "./dom.js";
import { readableSize, readableTime } from "./format.js";
import { ask, urlOf } from "./service.js";
import { call } from "./store.js";
import { forget, unfinished } from "./unfinished_uploads.js";
import { say, visible } from "./words.js";

/** Show the unfinished uploads, except for the paths that the visitor has chosen again. */
export function showUnfinished(isChosen) {
  const items = unfinished().filter(({ path }) => !isChosen(path)).map(itemOf);
  $("#unfinished ul").replaceChildren(...items);
  $("#unfinished").hidden = items.length === 0;
}

function itemOf({ path, size, since }) {
  const item = $("#unfinished-upload").content.firstElementChild.cloneNode(true);
  item.dataset.path = path;
  $("bdi", item).textContent = visible(path);
  const values = { size: readableSize(size), time: readableTime(new Date(since)) };
  $(".state", item).textContent = say("unfinished.since", values);
  for (const button of $$("button", item)) button.setAttribute("aria-label", `${button.textContent} ${path}`);
  return item;
}

/** Delete the parts that arrived of a button's upload. If that fails, the store deletes the parts later. */
export function discardUnfinished(button) {
  const item = button.closest("li");
  const { path, id, storedPath } = unfinished().find((upload) => upload.path === item.dataset.path);
  forget(path, id);
  item.remove();
  $("#unfinished").hidden = $("#unfinished li") === null;
  $("[data-do=choose]").focus();
  ask("DELETE", urlOf(storedPath), { uploadId: id, presign: "" }).then(call).catch(() => {});
}
