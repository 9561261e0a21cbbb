// The queue of uploads: which files wait, the bar for all files, and the choices for all files.

import { $, announce } from "./dom.js";
import { filesOf } from "./dropped_files.js";
import { listedNames } from "./entries.js";
import { refresh } from "./fresh_listing.js";
import { paced } from "./paced.js";
import { addStyle } from "./styles.js";
import { TransferProgress } from "./transfer_progress.js";
import { Upload } from "./upload.js";
import { showUnfinished } from "./unfinished_list.js";
import { usesLeft } from "./upload_limits.js";
import { say, visible } from "./words.js";

await addStyle(new URL("./uploads.css", import.meta.url));

// Each small file costs two round trips, so many go at once. A large file fills the connection alone.
const LANES = { small: 8, large: 1 };

const uploads = [];
const changed = new Set(); // the uploads that changed since the queue was last idle
let progress = new TransferProgress();
let choiceForAll = "";
let isScheduled = false;
let listed = new Set(); // the names in the listing when the visitor gave the latest files

const inState = (...states) => uploads.filter((upload) => states.includes(upload.state));
const counted = () => uploads.filter((upload) => !["refused", "cancelled"].includes(upload.state));
const isSending = () => inState("sending", "waiting").length > 0;
const isBusy = () => uploads.some((upload) => upload.isUnfinished);

/** The view of the queue that an upload has. */
const queue = {
  get choiceForAll() {
    return choiceForAll;
  },
  get waiting() {
    return inState("waiting").filter((upload) => !upload.isLarge);
  },
  isListed: (path) => listed.has(visible(path)),
  refusalOf(upload) {
    if (uploads.some((other) => other.path === upload.path && other.isUnfinished)) return say("upload.same-name");
    return counted().length < usesLeft ? "" : say("upload.uses", { count: usesLeft });
  },
  showProgress: () => showQueue(),
  changed(upload) {
    changed.add(upload);
    if (isScheduled) return;
    isScheduled = true; // many changes at once need one look at the queue
    queueMicrotask(startWaiting);
  },
};

/** Upload the files of given items; see `filesOf`. */
export async function upload(items) {
  const files = await filesOf(items);
  listed = listedNames();
  for (const { file, path } of files) uploads.push(new Upload(file, path, queue));
  if (files.length > 1) announce(say("uploads.started", { count: files.length }));
  showUnfinishedOthers();
  startWaiting();
}

/** Show the uploads from last time whose files the visitor has not chosen again. */
function showUnfinishedOthers() {
  showUnfinished((path) => uploads.some((upload) => upload.path === path));
}

/** Remove the uploads that have ended from the page. */
export function clearFinished() {
  for (const upload of uploads.splice(0)) {
    if (upload.isUnfinished) uploads.push(upload);
    else upload.remove();
  }
  showUnfinishedOthers();
  startWaiting();
  $("[data-do=choose]").focus();
}

export function cancelAll() {
  for (const upload of uploads) if (upload.isUnfinished) upload.cancel();
  $("[data-do=choose]").focus();
}

/** Replace, keep both or skip: for all files whose names exist, until the queue is idle. */
export function chooseForAll(button) {
  choiceForAll = button.dataset.choice;
  for (const upload of inState("exists")) upload[choiceForAll]();
  $("[data-do=choose]").focus();
}

/** Start as many waiting uploads as may run. */
function startWaiting() {
  isScheduled = false;
  for (const lane of ["small", "large"]) {
    const inLane = (state) => inState(state).filter((upload) => upload.isLarge === (lane === "large"));
    const free = LANES[lane] - inLane("sending").length;
    for (const upload of inLane("waiting").slice(0, Math.max(0, free))) upload.run();
  }
  showQueue();
  tellWhenIdle();
}

/** Show how far the queue is, and the choices for all files. */
const showQueue = paced(() => {
  const questions = inState("exists").length;
  $("#queue-question").hidden = questions < 2;
  $("#queue-question span").textContent = say("uploads.exist", { count: questions });
  $("#queue-summary").hidden = uploads.length === 0;
  $("[data-do=cancel-all]").hidden = !isBusy();
  $("[data-do=clear]").hidden = uploads.every((upload) => upload.isUnfinished);
  $("#queue-progress").hidden = !isSending();
  const sum = (field) => counted().reduce((total, upload) => total + upload[field], 0);
  const [loaded, total] = [sum("loaded"), sum("size")];
  $("#queue-progress").value = total ? loaded / total : 0;
  const done = say("uploads.done", { done: inState("done").length, count: uploads.length });
  $("#queue-state").textContent = isSending() && loaded < total ? `${done}. ${progress.text(loaded, total)}` : done;
});

/** Give a screen reader one summary when nothing is sent any more, and bring the listing up to date. */
function tellWhenIdle() {
  if (!changed.size || isSending()) return;
  const questions = inState("exists").length;
  const count = (...states) => [...changed].filter((upload) => states.includes(upload.state)).length;
  const [first] = changed;
  if (changed.size === 1) announce(say("upload.state", { name: first.path, state: first.text }));
  else announce(say("uploads.summary", { done: count("done"), failed: count("failed", "refused"), questions }));
  if (count("done")) refresh();
  if (!questions) choiceForAll = "";
  changed.clear();
  progress = new TransferProgress();
}

// Warn before the page is closed with unfinished uploads.
addEventListener("beforeunload", (event) => {
  if (isBusy()) event.preventDefault();
});
showUnfinishedOthers();
