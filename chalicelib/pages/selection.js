// What the visitor does with the selected files and folders: delete the files, or download everything.

import { open } from "./dialogs.js";
import { $, announce } from "./dom.js";
import { entryOf } from "./entries.js";
import { filesOf } from "./folder_files.js";
import { readableSize } from "./format.js";
import { refresh } from "./fresh_listing.js";
import { clearSelection, selectedRows } from "./selected_rows.js";
import { ask } from "./service.js";
import { call } from "./store.js";
import { lists } from "./url_lists.js";
import { say } from "./words.js";
import { canZip, downloadZip, reasonOf } from "./zip_download.js";

const MAX_PARALLEL_DELETIONS = 8;

/** Ask once, then delete the selected files. A file that cannot be deleted stays, and shows the reason. */
export function deleteSelected() {
  const rows = selectedRows().filter((row) => $(".delete", row));
  const dialog = $("#deletions");
  const progress = $("progress", dialog);
  Object.assign(progress, { hidden: true, value: 0, max: rows.length });
  open(dialog, say("selection.delete", { count: rows.length }), async () => {
    progress.hidden = false;
    const waiting = [...rows];
    const deleteSome = async () => {
      for (let row; (row = waiting.shift()); progress.value++) await deleteRow(row);
    };
    await Promise.all(Array.from({ length: MAX_PARALLEL_DELETIONS }, deleteSome));
    dialog.close();
    const failed = rows.filter((row) => row.isConnected).length;
    announce(say("selection.deleted", { deleted: rows.length - failed, failed }));
    clearSelection();
    if (!failed) refresh();
  });
}

async function deleteRow(row) {
  try {
    await call(await ask("DELETE", entryOf(row).url, { presign: "" }));
    row.remove();
  } catch (refusal) {
    $(".fault", row)?.remove();
    const fault = Object.assign(document.createElement("p"), { className: "fault error", textContent: refusal.message });
    $("th", row).append(fault);
  }
}

/** Download the selected files and folders as one zip. */
export async function downloadSelected() {
  if (!canZip) return tell(say("zip.needs-https"));
  const entries = selectedEntries();
  const [only] = entries;
  const name = entries.length === 1 ? only.path.replace(/\/$/, "") : $("h1 bdi").textContent;
  try {
    await downloadZip(`${name}.zip`, await filesOf(entries), tellState);
  } catch (error) {
    tell(error.message);
  }
}

/** Save the list of the URLs of the selected files, in the format of a button's program. */
export async function saveList(button) {
  try {
    const { program } = button.dataset;
    const lines = lists[program](await filesOf(selectedEntries()));
    const file = URL.createObjectURL(new Blob([`${lines.join("\n")}\n`], { type: "text/plain" }));
    Object.assign(document.createElement("a"), { href: file, download: `urls-for-${program}.txt` }).click();
    URL.revokeObjectURL(file);
  } catch (refusal) {
    tell(refusal.message);
  }
}

function selectedEntries() {
  return selectedRows().map((row) => {
    const { name, url } = entryOf(row);
    return { path: name, url, modified: $("time", row)?.dateTime };
  });
}

function tellState({ state, files, bytes, leftOut = [], path, fault }) {
  if (state === "ready") return tell(say("zip.started"));
  const values = { files, size: readableSize(bytes) };
  if (state === "reading") return ($("#selection-state").textContent = say("zip.reading", values));
  const missing = leftOut.map(({ path, fault }) => say("zip.left-out", { path, reason: reasonOf(fault) })).join(" ");
  if (state === "done") return tell(`${say("zip.done", values)} ${missing}`.trim());
  tell(state === "failed" ? say("zip.failed", { path, reason: reasonOf(fault) }) : say("zip.cancelled"));
}

function tell(text) {
  $("#selection-state").textContent = text;
  announce(text);
}
