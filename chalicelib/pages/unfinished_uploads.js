// The multipart uploads into this directory that have not ended, in the browser's storage: if the visitor chooses a
// file again after a reload, the script resumes the upload.

import { $ } from "./dom.js";
import { STORAGE_KEY } from "./given_files.js";

const KEPT_MILLISECONDS = 7 * 86_400_000; // after 7 days our bucket deletes an upload that has not ended

const keyOf = (path) => $("main").dataset.url + path;

/** The unfinished upload of a file, `{id, storedPath}`; null if there is none or the file has another fingerprint. */
export function recall(path, fingerprint) {
  const upload = load()[keyOf(path)];
  return upload?.fingerprint === fingerprint ? upload : null;
}

/** Store a new upload, `{id, storedPath, size}`. */
export function remember(path, fingerprint, upload) {
  save({ ...load(), [keyOf(path)]: { ...upload, fingerprint, since: Date.now() } });
}

/** Forget an upload, unless another tab has started a new upload of the same path. */
export function forget(path, id) {
  const { [keyOf(path)]: upload, ...others } = load();
  if (upload?.id === id) save(others);
}

/** The unfinished uploads into this directory: `[{path, id, storedPath, size, since}]`. */
export function unfinished() {
  const directory = keyOf("");
  const here = Object.entries(load()).filter(([key]) => key.startsWith(directory));
  return here.map(([key, upload]) => ({ ...upload, path: key.slice(directory.length) }));
}

function load() {
  try {
    const all = Object.entries(JSON.parse(localStorage.getItem(STORAGE_KEY)) ?? {});
    return Object.fromEntries(all.filter(([, { since }]) => since > Date.now() - KEPT_MILLISECONDS));
  } catch {
    return {}; // a browser may refuse access to its storage
  }
}

function save(uploads) {
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(uploads));
  } catch {
    // Without the storage, an upload cannot be resumed after a reload.
  }
}
