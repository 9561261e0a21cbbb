// A large file that is sent in parts. A part that fails is sent again; a part that arrived is not, even after a reload.
// Source: S3 User Guide, "Uploading and copying objects using multipart upload".

import { checksumOf } from "./checksum.js";
import { mediaTypeOf } from "./chosen_file.js";
import { Refusal, ask } from "./service.js";
import { call, send, textOf } from "./store.js";
import { forget, recall, remember } from "./unfinished_uploads.js";
import { fixedPartBytes, hasChecksum } from "./upload_limits.js";
import { say } from "./words.js";

const MAX_PARTS = 10_000;
const MIN_PART_BYTES = 16 * 1024 ** 2;
const MAX_PARALLEL_PARTS = 4; // of all files: a URL could expire while a part waits in the browser for a connection
const RETRY_PAUSES = [1, 2, 4, 8]; // seconds
const UNKNOWN_UPLOAD = new Set(["NoSuchUpload", "NoSuchKey"]); // Ceph's gateway answers NoSuchKey for the list of parts

let freeSlots = MAX_PARALLEL_PARTS;
const waiting = [];

/** Run `act` in the next free slot. All files share the slots. */
async function inSlot(act) {
  if (freeSlots > 0) freeSlots--;
  else await new Promise((resolve) => waiting.push(resolve));
  try {
    return await act();
  } finally {
    if (waiting.length) waiting.shift()();
    else freeSlots++;
  }
}

/** The path under which the store has the parts of a file; "" if no upload of the file is unfinished. */
export const storedPathOf = (file, path) => recall(path, fingerprintOf(file))?.storedPath ?? "";

const partBytesOf = (file) => fixedPartBytes || Math.max(MIN_PART_BYTES, Math.ceil(file.size / MAX_PARTS));

/** After a reload, an upload is resumed only if the file that is chosen again has the same fingerprint. */
const fingerprintOf = (file) => [file.size, file.lastModified, partBytesOf(file), hasChecksum].join();

/** The multipart upload of one file. The object survives failures, so no part is sent twice. */
export class MultipartUpload {
  #file;
  #path; // of the file that the visitor chose
  #storedPath;
  #url;
  #partBytes;
  #id = "";
  #arrived = new Map(); // by part number: the ETag, the size and the checksum
  #underWay = new Map(); // by part number: how many bytes were sent
  #ended = Promise.resolve();

  constructor(file, path, storedPath, url) {
    this.#file = file;
    this.#path = path;
    this.#storedPath = storedPath;
    this.#url = url;
    this.#partBytes = partBytesOf(file);
  }

  /** Send the missing parts and complete the file. `onresume` and `onprogress` are called with `{loaded, total}`. */
  async send(options) {
    const sent = this.#send(options);
    this.#ended = sent.catch(() => {});
    return sent;
  }

  /** Delete the parts that arrived. */
  async discard() {
    await this.#ended; // otherwise a part could arrive after the deletion
    const id = this.#id;
    this.#forget();
    if (id) await this.#call("DELETE", { uploadId: id });
  }

  async #send(options) {
    this.#id ||= recall(this.#path, fingerprintOf(this.#file))?.id ?? "";
    const isNew = !this.#id;
    const { replaces, signal, onresume, onprogress } = options;
    const report = (listener) => listener({ loaded: this.#loaded(), total: this.#file.size });
    try {
      if (isNew) await this.#create(signal);
      else await this.#listArrived(signal);
      if (!isNew) report(onresume);
      await this.#sendMissing(signal, () => report(onprogress));
      await this.#complete(replaces, signal);
    } catch (error) {
      if (isNew || !UNKNOWN_UPLOAD.has(error.code)) throw error;
      this.#forget(); // the store has deleted the upload: start a new one
      return this.#send(options);
    }
    this.#forget();
  }

  async #create(signal) {
    const headers = hasChecksum ? { "x-amz-checksum-algorithm": "SHA256" } : {};
    const type = await mediaTypeOf(this.#file, signal);
    if (type) headers["Content-Type"] = type;
    // Without `signal`: after an abort the page would not know the id of the new upload, and could not delete it.
    const created = await withRetries(() => this.#call("POST", { uploads: "" }, { headers, type }), signal);
    this.#id = textOf(created, "UploadId");
    const upload = { id: this.#id, storedPath: this.#storedPath, size: this.#file.size };
    remember(this.#path, fingerprintOf(this.#file), upload);
  }

  /** Ask the store which parts it has. A part of another size is sent again. */
  async #listArrived(signal) {
    this.#arrived.clear();
    let marker = 0;
    while (marker !== null) {
      const parameters = { uploadId: this.#id, "part-number-marker": marker };
      const page = await withRetries(() => this.#call("GET", parameters, { signal }), signal);
      for (const part of page.getElementsByTagNameNS("*", "Part")) {
        const number = Number(textOf(part, "PartNumber"));
        const body = this.#slice(number);
        if (Number(textOf(part, "Size")) === body.size) {
          const checksum = textOf(part, "ChecksumSHA256") || (await this.#checksumOf(body, signal)); // some stores omit it
          this.#arrived.set(number, { etag: textOf(part, "ETag"), size: body.size, checksum });
        }
      }
      marker = textOf(page, "IsTruncated") === "true" ? textOf(page, "NextPartNumberMarker") : null;
    }
  }

  async #sendMissing(signal, report) {
    const missing = this.#numbers().filter((number) => !this.#arrived.has(number));
    const failure = new AbortController();
    const anySignal = AbortSignal.any([signal, failure.signal]);
    const sendParts = async () => {
      for (let number; (number = missing.shift()); ) {
        await withRetries(() => inSlot(() => this.#sendPart(number, anySignal, report)), anySignal);
      }
    };
    try {
      await Promise.all(Array.from({ length: MAX_PARALLEL_PARTS }, sendParts));
    } catch (error) {
      failure.abort();
      throw error;
    }
  }

  async #sendPart(number, signal, report) {
    signal.throwIfAborted();
    const body = this.#slice(number);
    const checksum = await this.#checksumOf(body, signal);
    const headers = checksum ? { "x-amz-checksum-sha256": checksum } : {};
    const parameters = { partNumber: number, uploadId: this.#id, presign: "", size: body.size };
    const onprogress = ({ loaded }) => {
      this.#underWay.set(number, loaded);
      report();
    };
    try {
      const target = await ask("PUT", this.#url, parameters, { headers, signal });
      const etag = await send(target, body, { signal, onprogress });
      if (etag === null) throw new Refusal(say("fault.hidden-etag"));
      this.#arrived.set(number, { etag, size: body.size, checksum });
    } finally {
      this.#underWay.delete(number);
    }
  }

  async #complete(replaces, signal) {
    const parts = this.#numbers().map((number) => {
      const { etag, checksum } = this.#arrived.get(number);
      const checksumElement = checksum ? `<ChecksumSHA256>${checksum}</ChecksumSHA256>` : "";
      return `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag>${checksumElement}</Part>`;
    });
    const body = `<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`;
    const headers = replaces ? {} : { "If-None-Match": "*" };
    const options = { headers, signal, type: "application/xml", body };
    await withRetries(() => this.#call("POST", { uploadId: this.#id }, options), signal);
  }

  async #call(method, parameters, { headers, signal, type, body } = {}) {
    const target = await ask(method, this.#url, { ...parameters, presign: "" }, { headers, signal });
    return call(target, { type, signal, body });
  }

  #numbers() {
    return Array.from({ length: Math.ceil(this.#file.size / this.#partBytes) }, (_, index) => index + 1);
  }

  #slice(number) {
    return this.#file.slice((number - 1) * this.#partBytes, number * this.#partBytes);
  }

  async #checksumOf(body, signal) {
    return hasChecksum ? checksumOf(body, signal) : "";
  }

  #loaded() {
    let loaded = 0;
    for (const { size } of this.#arrived.values()) loaded += size;
    for (const bytes of this.#underWay.values()) loaded += bytes;
    return loaded;
  }

  #forget() {
    forget(this.#path, this.#id);
    this.#id = "";
    this.#arrived.clear();
  }
}

/** Run `act`; after a failure that may be transient, run it again a few times. */
async function withRetries(act, signal) {
  for (const seconds of RETRY_PAUSES) {
    try {
      return await act();
    } catch (error) {
      if (signal.aborted || !error.isTransient) throw error;
    }
    // The pause has a random length, from half the seconds to all of them, so the parts do not retry at the same time.
    await new Promise((resolve) => setTimeout(resolve, seconds * 500 * (1 + Math.random())));
    signal.throwIfAborted();
  }
  return act();
}
