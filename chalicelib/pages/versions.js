// The script of a page of versions: brings a deleted file back, and shows dates and sizes as the visitor reads them.

import { $, $$ } from "./dom.js";
import { localize } from "./format.js";
import { ask } from "./service.js";
import { call } from "./store.js";

/** Erase the delete marker of a button: the version before the marker is the file again. */
async function undelete(button) {
  const error = $(".error", button.closest("section"));
  error.hidden = true;
  button.disabled = true;
  try {
    await call(await ask("DELETE", button.dataset.marker, { presign: "" }));
    location.reload();
  } catch (refusal) {
    error.textContent = refusal.message;
    error.hidden = false;
    button.disabled = false;
  }
}

for (const button of $$("[data-marker]")) {
  button.hidden = false;
  button.onclick = () => undelete(button);
}
localize(document);
