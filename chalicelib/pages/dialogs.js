// The dialogs of a directory's page, and the dialog that deletes a file.

import { $, announce } from "./dom.js";
import { entryOf, removeRow } from "./entries.js";
import { ask } from "./service.js";
import { call } from "./store.js";
import { addStyle } from "./styles.js";
import { say } from "./words.js";

await addStyle(new URL("./dialogs.css", import.meta.url));

/** Open the dialog that deletes a button's file. */
export function openDeletion(button) {
  const { row, name, url } = entryOf(button);
  const dialog = $("#deletion");
  open(dialog, name, async () => {
    await call(await ask("DELETE", url, { presign: "" }));
    dialog.close();
    removeRow(row);
    announce(say("deleted", { name }));
  });
}

/** The button of a dialog that sends the form. */
export const submitButton = (dialog) => $("button:not([type])", dialog);

/** Open a dialog about a file or a directory; `submit` runs when the visitor sends the form. */
export function open(dialog, name, submit) {
  $("bdi", dialog).textContent = name;
  const error = $(".error", dialog);
  const button = submitButton(dialog);
  error.hidden = true;
  button.disabled = false;
  $("form", dialog).onsubmit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    error.hidden = true;
    try {
      await submit();
    } catch (refusal) {
      error.textContent = refusal.message;
      error.hidden = false;
    }
    button.disabled = false;
  };
  dialog.showModal();
}
