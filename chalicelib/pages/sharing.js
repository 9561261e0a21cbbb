// The dialog that makes a link: what the link will do, the new link, and the way to take the link back.

import { open, submitButton } from "./dialogs.js";
import { $, announce } from "./dom.js";
import { entryOf } from "./entries.js";
import { readableTime } from "./format.js";
import { ask } from "./service.js";
import { say } from "./words.js";

const COPIED_PAUSE = 2000; // milliseconds that a button says "Copied"
const NAME = "\uE000"; // stands for the name in a sentence; no word holds this character
const QR_MARGIN = 4; // modules: ISO/IEC 18004 asks for this quiet zone

/** Open the dialog that makes a link to a button's file or directory. */
export function openSharing(button) {
  const { url, name, isDirectory, isWritable } = entryOf(button);
  const dialog = $("#sharing");
  const form = $("form", dialog);
  form.reset();
  $("fieldset", dialog).hidden = !isWritable;
  if ($("#counted")) $("#counted").hidden = !isDirectory; // without a table, no link has a number of uses
  showResult(dialog, false);
  form.onchange = () => {
    const { action, uses, expires } = choices(form);
    promise(name, { action, uses, end: Date.now() + expires * 1000, isDirectory });
  };
  form.onchange();
  open(dialog, name, async () => {
    const { action, uses, expires } = choices(form);
    const revocable = uses === null && dialog.dataset.revocable !== undefined;
    const body = JSON.stringify({ action, expires_in: expires, uses, ...(revocable && { revocable }) });
    const link = await ask("POST", url, { link: "" }, { body, headers: { "Content-Type": "application/json" } });
    promise(name, { action, uses, end: link.expires_at, isDirectory });
    showResult(dialog, true);
    $(".take-back", dialog).hidden = !uses && !revocable;
    dialog.dataset.link = link.url;
    $("#command").value = command(link.url, name, { action, isDirectory });
    $("#link").value = isDirectory ? link.url : `${link.url}&view`; // the page of the file, with S3 nowhere in sight
    $("#link").focus();
    $("#link").select();
    $("#link").scrollLeft = 0;
  });
}

/** Copy the field beside a button to the clipboard. */
export async function copyField(button) {
  const field = button.previousElementSibling;
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    document.execCommand("copy"); // over plain HTTP browsers have no `navigator.clipboard`
  }
  button.textContent = say("copied");
  announce(say("copied"));
  setTimeout(() => (button.textContent = say("copy")), COPIED_PAUSE);
}

/** Show the QR code of the new link. */
export async function showQrCode() {
  const { generate } = await import("./vendor/lean-qr.js");
  const canvas = $("#qr");
  const options = { on: [0, 0, 0, 255], off: [255, 255, 255, 255], pad: QR_MARGIN, padX: QR_MARGIN, padY: QR_MARGIN };
  generate($("#link").value).toCanvas(canvas, options);
  canvas.hidden = false;
}

/** Take the new link back. */
export async function takeBack(button) {
  const dialog = $("#sharing");
  const error = $(".error", dialog);
  error.hidden = true;
  button.disabled = true;
  try {
    await ask("DELETE", dialog.dataset.link, {});
    $(".result", dialog).hidden = true;
    $("#promise").textContent = say("link.taken-back");
    $("[data-do=close]", dialog).focus();
  } catch (refusal) {
    error.textContent = refusal.message;
    error.hidden = false;
  }
  button.disabled = false;
}

/** The choices of the form. */
function choices(form) {
  const { action, uses, expires } = Object.fromEntries(new FormData(form));
  return { action, uses: uses ? Number(uses) : null, expires: Number(expires) };
}

/** Say in one sentence what a link does. */
function promise(name, { action, uses, end, isDirectory }) {
  const often = uses ? say("link.often", { count: uses }) : say("link.always");
  const kind = !isDirectory ? "link.file" : action === "write" ? "link.upload" : "link.directory";
  const [before, after] = say(kind, { name: NAME, often, end: readableTime(new Date(end)) }).split(NAME);
  const isolated = document.createElement("bdi");
  isolated.textContent = name;
  $("#promise").replaceChildren(before, isolated, after);
}

/** The line for a terminal that uses a link. FILE stands for a file that the receiver chooses. */
function command(url, name, { action, isDirectory }) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  if (!isDirectory) return `curl -L -o ${quoted(name)} ${quoted(url)}`;
  if (action === "read") return `curl ${quoted(url)}`;
  const size = '"&size=$(wc -c < FILE | tr -d " ")"'; // a rule that limits the size asks for the size
  return `curl -L -T FILE -H 'If-None-Match: *' ${quoted(url.replace("?", "FILE?"))}${size}`;
}

/** Show the new link in place of the questions, or the questions again. */
function showResult(dialog, isMade) {
  $(".ask", dialog).hidden = isMade;
  $(".result", dialog).hidden = !isMade;
  $("#qr").hidden = true;
  submitButton(dialog).hidden = isMade;
}
