// How files enter the page: the visitor chooses files or a folder, or drops both anywhere on the page. The modules that
// upload files are large, so only a page that gets files loads these modules.

import { $ } from "./dom.js";

/** The key of the browser's storage under which the uploads are that have not ended. */
export const STORAGE_KEY = "uploads";

/**
 * Give the queue each group of files that the visitor gives to the page. `loadQueue` loads `upload_queue.js`, which also
 * shows the uploads that are unfinished from last time.
 */
export function acceptFiles(loadQueue) {
  const give = async (items) => (await loadQueue()).upload(items);
  for (const input of [$("#files"), $("#folder")]) {
    input.onchange = () => {
      give([...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
      input.value = ""; // otherwise the same file cannot be chosen again
    };
  }
  acceptDrops(loadQueue, give);
  if (hasUnfinished()) loadQueue();
}

function acceptDrops(loadQueue, give) {
  const drop = $("#drop");
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  let depth = 0; // browsers send dragenter and dragleave for every element under the pointer
  addEventListener("dragenter", (event) => {
    drop.hidden = !(hasFiles(event) && ++depth);
    if (depth) loadQueue(); // before the files are dropped
  });
  addEventListener("dragleave", (event) => (drop.hidden = !(hasFiles(event) ? --depth : depth)));
  addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    drop.hidden = true;
    const items = [...event.dataTransfer.items].filter((item) => item.kind === "file");
    // Before the first await, because then the items are gone. An item that is not from a disk has no entry.
    give(items.map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() })));
  });
}

/** Whether an upload into this directory may be unfinished. */
function hasUnfinished() {
  try {
    return localStorage.getItem(STORAGE_KEY)?.includes($("main").dataset.url);
  } catch {
    return false; // a browser may refuse access to its storage
  }
}
