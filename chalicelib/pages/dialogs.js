// The dialogs: delete a file, and make a link to a file or a directory.

import { $, announce } from "./dom.js";
import { CLOCK, DAY } from "./format.js";
import { removeRow } from "./listing.js";
import { ask } from "./service.js";
import { call } from "./store.js";

const COPIED_PAUSE = 2000; // milliseconds that the button says "Copied"

/** Open the dialog that deletes a button's file. */
export function openDeletion(button) {
  const dialog = $("#deletion");
  open(dialog, button.dataset.name, async () => {
    await call(await ask("DELETE", button.dataset.url, { presign: "" }));
    dialog.close();
    removeRow(button.closest("tr"));
    announce(`${button.dataset.name} is deleted.`);
  });
}

/** Open the dialog that makes a link to a button's file or directory. */
export function openSharing(button) {
  const { url, name, directory, writable } = button.dataset;
  const dialog = $("#sharing");
  const form = $("form", dialog);
  form.reset();
  $("fieldset", dialog).hidden = directory === undefined || writable === undefined;
  $("#counted").hidden = directory === undefined;
  showResult(dialog, false);
  open(dialog, name, async () => {
    const { action, uses, expires } = Object.fromEntries(new FormData(form));
    const body = JSON.stringify({ action, expires_in: Number(expires), uses: uses ? Number(uses) : null });
    const link = await ask("POST", url, { link: "" }, { body, headers: { "Content-Type": "application/json" } });
    showResult(dialog, true);
    $("#link").value = link.url;
    $(".result p", dialog).textContent = `The link works ${validity(link)}, for anyone who has it.`;
    $("#link").focus();
    $("#link").select();
    $("#link").scrollLeft = 0;
  });
}

/** Copy the new link to the clipboard. */
export async function copyLink(button) {
  const field = $("#link");
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    document.execCommand("copy"); // over plain HTTP browsers have no `navigator.clipboard`
  }
  button.textContent = "Copied";
  announce("The link is copied.");
  setTimeout(() => (button.textContent = "Copy"), COPIED_PAUSE);
}

/** Open a dialog about a file or a directory; `submit` runs when the visitor sends the form. */
function open(dialog, name, submit) {
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

const submitButton = (dialog) => $("button:not([type])", dialog);

/** Show the new link in place of the questions, or the questions again. */
function showResult(dialog, isMade) {
  $(".ask", dialog).hidden = isMade;
  $(".result", dialog).hidden = !isMade;
  submitButton(dialog).hidden = isMade;
}

function validity({ uses, expires_at }) {
  const end = new Date(expires_at);
  const until = `until ${DAY.format(end)}, ${CLOCK.format(end)}`;
  if (!uses) return until;
  return `${uses === 1 ? "once" : `${uses} times`}, ${until}`;
}
