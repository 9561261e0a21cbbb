// The script of a directory's page: connects buttons and fields with the modules that do the work. It imports what the
// first view needs, and loads each other module when the visitor needs the module.
// Listeners are on the document, so the buttons of a refreshed listing work too.

import { $ } from "./dom.js";
import { acceptFiles } from "./given_files.js";
import { enhance } from "./listing.js";

const loadDialogs = () => import("./dialogs.js");
const loadSharing = () => import("./sharing.js");
const loadSelection = () => import("./selection.js");
const loadSelectedRows = () => import("./selected_rows.js");
const loadFreshListing = () => import("./fresh_listing.js");
const loadQueue = () => import("./upload_queue.js");
const loadUnfinished = () => import("./unfinished_list.js");

/** A function of the module that `load` loads. All calls wait for one import, because two imports can end in any order. */
const late = (load, name) => {
  let module = null;
  const loaded = () => (module ??= load().catch((fault) => ((module = null), Promise.reject(fault))));
  return async (...values) => (await loaded())[name](...values);
};

const ACTIONS = {
  share: late(loadSharing, "openSharing"),
  delete: late(loadDialogs, "openDeletion"),
  close: (button) => button.closest("dialog").close(),
  copy: late(loadSharing, "copyField"),
  qr: late(loadSharing, "showQrCode"),
  "take-back": late(loadSharing, "takeBack"),
  choose: () => $("#files").click(),
  resume: () => $("#files").click(),
  "choose-folder": () => $("#folder").click(),
  "choose-for-all": late(loadQueue, "chooseForAll"),
  "cancel-all": late(loadQueue, "cancelAll"),
  clear: late(loadQueue, "clearFinished"),
  discard: late(loadUnfinished, "discardUnfinished"),
  "delete-selected": late(loadSelection, "deleteSelected"),
  "download-selected": late(loadSelection, "downloadSelected"),
  "save-list": late(loadSelection, "saveList"),
  "select-none": late(loadSelectedRows, "clearSelection"),
};

const select = late(loadSelectedRows, "select");

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) ACTIONS[button.dataset.do](button);
  if (event.target.matches(".select input")) select(event.target, event);
});
$("#filter")?.addEventListener("focus", loadFreshListing);
$("#filter")?.addEventListener("input", late(loadFreshListing, "search"));
enhance(document);
if ($("#filter")?.value) late(loadFreshListing, "showCount")();
if ($("#uploads")) acceptFiles(loadQueue);
