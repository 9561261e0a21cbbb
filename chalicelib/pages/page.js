// The script of a directory's page: connects buttons and fields with the modules that do the work.
// Listeners are on the document, so the buttons of a refreshed listing work too.

import { copyLink, openDeletion, openSharing } from "./dialogs.js";
import { $ } from "./dom.js";
import { enhance, filter, sortBy } from "./listing.js";
import { acceptFiles, clearFinished } from "./upload_queue.js";

const ACTIONS = {
  sort: (button) => sortBy(button.closest("th")),
  share: openSharing,
  delete: openDeletion,
  close: (button) => button.closest("dialog").close(),
  copy: copyLink,
  choose: () => $("#files").click(),
  clear: clearFinished,
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) ACTIONS[button.dataset.do](button);
});
$("#filter").addEventListener("input", filter);
enhance(document);
if ($("#uploads")) acceptFiles();
