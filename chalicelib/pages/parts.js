// A big file on its way in parts: what fails is sent again, and what has arrived is not, even after a reload.
// Source: S3 User Guide, "Uploading and copying objects using multipart upload".

import { mediaTypeOf } from "./chosen_file.js";
import { Refusal, ask, call, checksumOf, send, textOf } from "./store.js";

const MOST_PARTS = 10_000;
const USUAL_BYTES = 16 * 1024 ** 2;
const LANES = 4; // parts under way, of all files: what waits in the browser for a connection finds its URL ended
const PAUSES = [1, 2, 4, 8]; // seconds before something is tried again
const FORGOTTEN = new Set(["NoSuchUpload", "NoSuchKey"]); // the latter where Ceph's gateway is asked for its parts
const KEPT = "uploads"; // in the browser's storage, for a visit to come
const KEPT_FOR = 7 * 86_400_000; // milliseconds: our bucket forgets an upload then that nobody finished

let freeLanes = LANES;
const queue = [];

/** Do something in a lane, when it is its turn: files that are sent together take turns. */
async function inLane(act) {
  if (freeLanes > 0) freeLanes--;
  else await new Promise((resolve) => queue.push(resolve));
  try {
    return await act();
  } finally {
    if (queue.length) queue.shift()();
    else freeLanes++;
  }
}

/** What is known to be at the store of one file. It outlives failures, so nothing is sent twice. */
export class Parts {
  #file;
  #url;
  #bytes;
  #checksum;
  #id = "";
  #arrived = new Map(); // by number: the ETag, the size and the checksum
  #underWay = new Map(); // by number: how many bytes were sent
  #ended = Promise.resolve();

  /** `partBytes` is how large all but the last must be, 0 for as we like; `checksum`, whether each carries one. */
  constructor(file, url, { partBytes, checksum }) {
    this.#file = file;
    this.#url = url;
    this.#bytes = partBytes || Math.max(USUAL_BYTES, Math.ceil(file.size / MOST_PARTS));
    this.#checksum = checksum;
  }

  /** Send what is missing, and put it together; `onresume` and `onprogress` get `{loaded, total}`. */
  async send(options) {
    const sent = this.#send(options);
    this.#ended = sent.catch(() => {});
    return sent;
  }

  /** Take back what arrived. */
  async discard() {
    await this.#ended; // or a part could still arrive
    const id = this.#id;
    this.#forget();
    if (id) await this.#call("DELETE", { uploadId: id });
  }

  async #send(options) {
    this.#id ||= this.#recalled();
    const isNew = !this.#id;
    const { replace, signal, onresume, onprogress } = options;
    const tell = (listener) => listener({ loaded: this.#loaded(), total: this.#file.size });
    try {
      if (isNew) await this.#create(signal);
      else await this.#look(signal);
      if (!isNew) tell(onresume);
      await this.#sendMissing(signal, () => tell(onprogress));
      await this.#complete(replace, signal);
    } catch (error) {
      if (isNew || !FORGOTTEN.has(error.code)) throw error;
      this.#forget(); // the store forgot it, too
      return this.#send(options);
    }
    this.#forget();
  }

  async #create(signal) {
    const headers = this.#checksum ? { "x-amz-checksum-algorithm": "SHA256" } : {};
    const type = await mediaTypeOf(this.#file, signal);
    if (type) headers["Content-Type"] = type;
    // Not aborted with the rest: what was begun there could not be taken back.
    const begun = await patiently(() => this.#call("POST", { uploads: "" }, { headers, type }), signal);
    this.#id = textOf(begun, "UploadId");
    this.#remember();
  }

  /** Find out what is at the store, of the size that we would send. */
  async #look(signal) {
    this.#arrived.clear();
    let marker = 0;
    while (marker !== null) {
      const parameters = { uploadId: this.#id, "part-number-marker": marker };
      const page = await patiently(() => this.#call("GET", parameters, { signal }), signal);
      for (const part of page.getElementsByTagNameNS("*", "Part")) {
        const number = Number(textOf(part, "PartNumber"));
        const body = this.#slice(number);
        if (Number(textOf(part, "Size")) === body.size) {
          const checksum = textOf(part, "ChecksumSHA256") || (await this.#proof(body)); // not every store says it
          this.#arrived.set(number, { etag: textOf(part, "ETag"), size: body.size, checksum });
        }
      }
      marker = textOf(page, "IsTruncated") === "true" ? textOf(page, "NextPartNumberMarker") : null;
    }
  }

  async #sendMissing(signal, tell) {
    const missing = this.#numbers().filter((number) => !this.#arrived.has(number));
    const failure = new AbortController();
    const any = AbortSignal.any([signal, failure.signal]);
    const lane = async () => {
      for (let number; (number = missing.shift()); ) {
        await patiently(() => inLane(() => this.#sendPart(number, any, tell)), any);
      }
    };
    try {
      await Promise.all(Array.from({ length: LANES }, lane));
    } catch (error) {
      failure.abort();
      throw error;
    }
  }

  async #sendPart(number, signal, tell) {
    signal.throwIfAborted();
    const body = this.#slice(number);
    const checksum = await this.#proof(body);
    const headers = checksum ? { "x-amz-checksum-sha256": checksum } : {};
    const parameters = { partNumber: number, uploadId: this.#id, presign: "", size: body.size };
    const onprogress = ({ loaded }) => {
      this.#underWay.set(number, loaded);
      tell();
    };
    try {
      const target = await ask("PUT", this.#url, parameters, { headers, signal });
      const etag = await send(target, body, { signal, onprogress });
      if (etag === null) throw new Refusal("The store does not let this page see ETags: a CORS rule must expose them.");
      this.#arrived.set(number, { etag, size: body.size, checksum });
    } finally {
      this.#underWay.delete(number);
    }
  }

  async #complete(replace, signal) {
    const parts = this.#numbers().map((number) => {
      const { etag, checksum } = this.#arrived.get(number);
      const proof = checksum ? `<ChecksumSHA256>${checksum}</ChecksumSHA256>` : "";
      return `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag>${proof}</Part>`;
    });
    const body = `<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`;
    const headers = replace ? {} : { "If-None-Match": "*" };
    const options = { headers, signal, type: "application/xml", body };
    await patiently(() => this.#call("POST", { uploadId: this.#id }, options), signal);
  }

  async #call(method, parameters, { headers, signal, type, body } = {}) {
    const target = await ask(method, this.#url, { ...parameters, presign: "" }, { headers, signal });
    return call(target, { type, signal, body });
  }

  #numbers() {
    return Array.from({ length: Math.ceil(this.#file.size / this.#bytes) }, (_, index) => index + 1);
  }

  #slice(number) {
    return this.#file.slice((number - 1) * this.#bytes, number * this.#bytes);
  }

  async #proof(body) {
    return this.#checksum ? checksumOf(body) : "";
  }

  #loaded() {
    let loaded = 0;
    for (const { size } of this.#arrived.values()) loaded += size;
    for (const bytes of this.#underWay.values()) loaded += bytes;
    return loaded;
  }

  // What a reload does not lose: that the same file, chosen again, goes on in the same upload.

  #likeness() {
    return [this.#file.size, this.#file.lastModified, this.#bytes, this.#checksum].join();
  }

  #recalled() {
    const { id, likeness } = kept()[this.#url] ?? {};
    return likeness === this.#likeness() ? id : "";
  }

  #remember() {
    keep({ ...kept(), [this.#url]: { id: this.#id, likeness: this.#likeness(), since: Date.now() } });
  }

  #forget() {
    const { [this.#url]: own, ...others } = kept();
    if (own?.id === this.#id) keep(others);
    this.#id = "";
    this.#arrived.clear();
  }
}

/** Do something, and what fails and may pass again, a few times. */
async function patiently(act, signal) {
  for (const seconds of PAUSES) {
    try {
      return await act();
    } catch (error) {
      if (signal.aborted || !error.passes) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, seconds * 500 * (1 + Math.random()))); // not all at once
    signal.throwIfAborted();
  }
  return act();
}

function kept() {
  try {
    const all = Object.entries(JSON.parse(localStorage.getItem(KEPT)) ?? {});
    return Object.fromEntries(all.filter(([, { since }]) => since > Date.now() - KEPT_FOR));
  } catch {
    return {}; // a browser may keep nothing for us
  }
}

function keep(uploads) {
  try {
    localStorage.setItem(KEPT, JSON.stringify(uploads));
  } catch {
    // as above
  }
}
