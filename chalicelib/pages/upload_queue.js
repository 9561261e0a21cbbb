// The queue of uploads: which files wait, and how files enter the queue.

import { $ } from "./dom.js";
import { Upload } from "./upload.js";

const MAX_PARALLEL_UPLOADS = 3;

const uploads = [];

/** Listen for files that the visitor chooses or drops, and warn before the page is closed with unfinished uploads. */
export function acceptFiles() {
  const input = $("#files");
  input.onchange = () => {
    add([...input.files].map((file) => ({ file, isDirectory: false })));
    input.value = ""; // otherwise the same file cannot be chosen again
  };
  acceptDrops();
  addEventListener("beforeunload", (event) => {
    if (uploads.some((upload) => upload.isUnfinished)) event.preventDefault();
  });
}

/** Remove the uploads that have ended from the page. */
export function clearFinished() {
  for (const upload of uploads.splice(0)) {
    if (upload.isUnfinished) uploads.push(upload);
    else upload.remove();
  }
  startWaiting();
  $("[data-do=choose]").focus();
}

function acceptDrops() {
  const drop = $("#drop");
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  let depth = 0; // browsers send dragenter and dragleave for every element under the pointer
  addEventListener("dragenter", (event) => (drop.hidden = !(hasFiles(event) && ++depth)));
  addEventListener("dragleave", (event) => (drop.hidden = !(hasFiles(event) ? --depth : depth)));
  addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    drop.hidden = true;
    const items = [...event.dataTransfer.items].filter((item) => item.kind === "file");
    add(items.map((item) => ({ file: item.getAsFile(), isDirectory: item.webkitGetAsEntry()?.isDirectory ?? false })));
  });
}

function add(files) {
  const isUnderWay = (name) => uploads.some((upload) => upload.name === name && upload.isUnfinished);
  const added = files.map(
    ({ file, isDirectory }) => new Upload(file, { isDirectory, isUnderWay, onchange: startWaiting }),
  );
  uploads.push(...added);
  startWaiting();
}

/** Start as many waiting uploads as may run, and show how many are done. */
function startWaiting() {
  const inState = (state) => uploads.filter((upload) => upload.state === state);
  const free = MAX_PARALLEL_UPLOADS - inState("sending").length;
  for (const upload of inState("waiting").slice(0, Math.max(0, free))) upload.run();
  $("#queue-summary").hidden = uploads.every((upload) => upload.isUnfinished);
  $("#queue-summary span").textContent = `${inState("done").length} of ${uploads.length} uploaded`;
}
