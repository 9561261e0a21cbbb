// One file that the visitor uploads: its state, its row on the page, and the requests that send it.

import { isAllowed, mediaTypeOf, uniqueName } from "./chosen_file.js";
import { $, $$, announce } from "./dom.js";
import { readableDuration, readableSize } from "./format.js";
import { listedNames, refresh } from "./listing.js";
import { MultipartUpload } from "./multipart_upload.js";
import { address, ask, byLink } from "./service.js";
import { checksumOf, send } from "./store.js";

const MIN_MULTIPART_BYTES = 64 * 1000 ** 2; // a larger file goes in parts: a failure repeats one part only
const MAX_BYTES = 5 * 1024 ** 3; // S3 API Reference, PutObject: the body of one request
const MAX_MULTIPART_BYTES = 5 * 1024 ** 4;

const CHOICES = {
  waiting: ["cancel"],
  sending: ["cancel"],
  exists: ["replace", "skip"],
  failed: ["retry"],
  cancelled: ["retry"],
  refused: [],
  done: [],
};
const UNFINISHED = ["waiting", "sending", "exists"];
const ANNOUNCED = ["exists", "failed", "refused", "done"];

/**
 * The upload of one file.
 * The script asks the service for a presigned URL, then sends the file to the store. Through a redirect the browser
 * would send the file twice, and report no progress.
 */
export class Upload {
  #file;
  #name; // at the store
  #url;
  #rule = $("#uploads").dataset;
  #row;
  #onchange;
  #multipart = null;
  #replaces = false;
  #abort = new AbortController();

  /** `isUnderWay` tells whether another upload has the name; `onchange` is called after each change of the state. */
  constructor(file, { isDirectory, isUnderWay, onchange }) {
    this.#file = file;
    this.#onchange = onchange;
    this.#chooseName();
    this.#row = $("#upload").content.firstElementChild.cloneNode(true);
    $("bdi", this.#row).textContent = file.name;
    $("progress", this.#row).ariaLabel = `Upload of ${file.name}`;
    for (const button of $$("[data-choice]", this.#row)) button.onclick = () => this[button.dataset.choice]();
    $("#queue").append(this.#row);
    this.#check(isDirectory, isUnderWay);
  }

  get state() {
    return this.#row.dataset.state;
  }

  get isUnfinished() {
    return UNFINISHED.includes(this.state);
  }

  get name() {
    return this.#file.name;
  }

  cancel() {
    this.#abort.abort();
    this.#discard();
    this.#become("cancelled", "Cancelled.");
  }

  skip() {
    this.#discard();
    this.#become("cancelled", "Not uploaded. The old file stays.");
  }

  retry() {
    this.#become("waiting", "Waiting…");
  }

  replace() {
    this.#replaces = true;
    this.retry();
  }

  /** Remove the upload's row from the page. */
  remove() {
    this.#row.remove();
  }

  /** Send the file; the upload ends in another state than `sending`. */
  async run() {
    const { signal } = (this.#abort = new AbortController());
    this.#become("sending", "Starting…");
    try {
      await (this.#isMultipart ? this.#sendParts(signal) : this.#sendWhole(signal));
      this.#finish();
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 412 || error.code === "PreconditionFailed") this.#nameIsTaken();
      else this.#become("failed", error.message);
    }
  }

  /** Whether the visitor may write but not read: then no file is replaced, and no answer says which files exist. */
  get #isInbox() {
    return this.#rule.inbox === "yes";
  }

  get #isMultipart() {
    return this.#file.size > MIN_MULTIPART_BYTES && !byLink; // a counted link has one request for each file
  }

  #chooseName() {
    this.#name = this.#isInbox ? uniqueName(this.#file.name) : this.#file.name;
    this.#url = $("main").dataset.url + encodeURIComponent(this.#name);
  }

  /** Refuse a file that the service would refuse, and ask before an existing file is replaced. */
  #check(isDirectory, isUnderWay) {
    const { maxBytes } = this.#rule;
    const types = this.#rule.types.split(",").filter(Boolean);
    const { name, size, type } = this.#file;
    const limit = Math.min(maxBytes || Infinity, this.#isMultipart ? MAX_MULTIPART_BYTES : MAX_BYTES);
    if (isDirectory) this.#become("refused", "This is a folder. Drop the files of the folder instead.");
    else if (size > limit)
      this.#become("refused", `Too big: the file has ${readableSize(size)}, and the limit is ${readableSize(limit)}.`);
    else if (types.length && !isAllowed(type, types))
      this.#become("refused", `Wrong type: the file is ${type || "of an unknown type"}, and must be ${types.join(" or ")}.`);
    else if (this.#isInbox) this.retry();
    else if (isUnderWay(name)) this.#become("refused", "Another upload has the same name. Wait until it ends.");
    else if (listedNames().has(name)) this.#nameIsTaken();
    else this.retry();
  }

  /** The directory has a file of the same name. */
  #nameIsTaken() {
    if (this.#isInbox) {
      this.#discard();
      this.#chooseName();
      return this.#become("failed", "That name is taken. Retry sends the file under another name.");
    }
    if (this.#rule.overwrite === "yes") return this.#become("exists", "A file of that name exists. Replace it?");
    this.#discard();
    this.#become("refused", "A file of that name exists, and you may not replace it. Rename your file.");
  }

  async #sendWhole(signal) {
    const { size } = this.#file;
    const type = await mediaTypeOf(this.#file, signal);
    const headers = this.#replaces ? {} : { "If-None-Match": "*" };
    if (type) headers["Content-Type"] = type;
    if (this.#rule.checksum === "yes") headers["x-amz-checksum-sha256"] = await checksumOf(this.#file);
    const target = await ask("PUT", this.#url, { presign: "", size }, { headers, signal });
    await send(target, this.#file, { type, signal, onprogress: this.#progressListener() });
  }

  async #sendParts(signal) {
    const { partBytes, checksum } = this.#rule;
    const rule = { partBytes: Number(partBytes), checksum: checksum === "yes" };
    this.#multipart ??= new MultipartUpload(this.#file, this.#url, rule);
    const onresume = ({ loaded, total }) => {
      const text = `Resuming: ${readableSize(loaded)} of ${readableSize(total)} have arrived.`;
      $(".state", this.#row).textContent = text;
      announce(`${this.#file.name}: ${text}`);
    };
    const onprogress = this.#progressListener();
    await this.#multipart.send({ replaces: this.#replaces, signal, onresume, onprogress });
  }

  /** Delete the parts that arrived. If that fails, the store deletes the parts later. */
  #discard() {
    this.#multipart?.discard().catch(() => {});
    this.#multipart = null;
  }

  /** Return a listener that shows the progress, the speed of the last seconds, and the time that is left. */
  #progressListener() {
    let last = null;
    let speed = 0;
    return ({ loaded, total }) => {
      const time = performance.now();
      last ??= { time, loaded }; // bytes that arrived before a resume do not count for the speed
      const seconds = (time - last.time) / 1000;
      if (seconds > 0.5 || (speed === 0 && seconds > 0.1)) {
        const now = Math.max(0, loaded - last.loaded) / seconds; // `loaded` shrinks when a part is sent again
        speed = speed ? 0.7 * speed + 0.3 * now : now;
        last = { time, loaded };
      }
      $("progress", this.#row).value = total ? loaded / total : 1;
      const left = speed ? `, ${readableSize(speed)}/s, ${readableDuration((total - loaded) / speed)} left` : "";
      const text = loaded < total ? `${readableSize(loaded)} of ${readableSize(total)}${left}` : "Finishing…";
      $(".state", this.#row).textContent = text;
    };
  }

  #finish() {
    const link = document.createElement("a");
    link.href = address(this.#url, {});
    const name = $("bdi", this.#row);
    if (!byLink) name.replaceWith(link), link.append(name); // a link to upload cannot open the uploaded file
    this.#become("done", `Uploaded${this.#isInbox ? ` as ${this.#name}` : ""}, ${readableSize(this.#file.size)}.`);
    refresh();
  }

  #become(state, text) {
    const focused = this.#row.contains(document.activeElement);
    this.#row.dataset.state = state;
    $(".state", this.#row).textContent = text;
    $("progress", this.#row).hidden = state !== "sending";
    $("progress", this.#row).value = 0;
    for (const button of $$("[data-choice]", this.#row)) button.hidden = !CHOICES[state].includes(button.dataset.choice);
    if (focused) ($("[data-choice]:not([hidden])", this.#row) ?? $("[data-do=choose]")).focus();
    if (ANNOUNCED.includes(state)) announce(`${this.#file.name}: ${text}`);
    queueMicrotask(this.#onchange);
  }
}
