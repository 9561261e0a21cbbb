// The multipart uploads that have not ended, in the browser's storage: if the visitor chooses a file again after a
// reload, the script resumes the upload.

const STORAGE_KEY = "uploads";
const KEPT_MILLISECONDS = 7 * 86_400_000; // after 7 days our bucket deletes an upload that has not ended

/** The id of the unfinished upload to a URL, "" if there is none or the file has another fingerprint. */
export function recall(url, fingerprint) {
  const upload = load()[url];
  return upload?.fingerprint === fingerprint ? upload.id : "";
}

/** Store the id of a new upload. */
export function remember(url, fingerprint, id) {
  save({ ...load(), [url]: { id, fingerprint, since: Date.now() } });
}

/** Forget an upload, unless another tab has started a new upload to the same URL. */
export function forget(url, id) {
  const { [url]: upload, ...others } = load();
  if (upload?.id === id) save(others);
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
