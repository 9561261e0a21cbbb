// One file that the visitor uploads: its state, and the requests that send it.

import { checksumOf } from "./checksum.js";
import { copyName, mediaTypeOf, uniqueName } from "./chosen_file.js";
import { announce } from "./dom.js";
import { readableSize } from "./format.js";
import { MultipartUpload, storedPathOf } from "./multipart_upload.js";
import { address, byLink, urlOf } from "./service.js";
import { send } from "./store.js";
import { TransferProgress } from "./transfer_progress.js";
import { goesInParts, hasChecksum, isInbox, mayReplace, refusalOf } from "./upload_limits.js";
import { UploadRow } from "./upload_row.js";
import { presigned } from "./upload_signatures.js";
import { say } from "./words.js";

const UNFINISHED = ["waiting", "sending", "exists"];
const CHOICES = {
  waiting: ["cancel"],
  sending: ["cancel"],
  exists: mayReplace ? ["replace", "keepBoth", "skip"] : ["keepBoth", "skip"],
  failed: ["retry"],
  cancelled: ["retry"],
  refused: [],
  done: [],
};

/**
 * The upload of one file.
 * The script asks the service for a presigned URL, then sends the file to the store. Through a redirect the browser
 * would send the file twice, and report no progress.
 */
export class Upload {
  path; // of the file that the visitor chose, with its folders
  size;
  loaded = 0; // bytes that arrived
  state = "";
  text = ""; // the state in words
  #file;
  #storedPath;
  #row;
  #queue;
  #multipart = null;
  #replaces = false;
  #copies = 0; // how many names were tried so that both files stay; 0: the file has its own name
  #abort = new AbortController();

  /** `queue` knows the names in use and the visitor's choice for all files, and is told about each change. */
  constructor(file, path, queue) {
    this.#file = file;
    this.path = path;
    this.size = file.size;
    this.#queue = queue;
    this.#row = new UploadRow(path, this);
    this.#chooseName();
    const refusal = refusalOf(file) || queue.refusalOf(this);
    if (refusal) this.#become("refused", refusal);
    else if (!isInbox && queue.isListed(path)) this.#nameIsTaken();
    else this.retry();
  }

  get isUnfinished() {
    return UNFINISHED.includes(this.state);
  }

  get isLarge() {
    return goesInParts(this.#file);
  }

  cancel() {
    this.#abort.abort();
    this.#discard();
    this.#become("cancelled", say("upload.cancelled"));
  }

  skip() {
    this.#discard();
    this.#become("cancelled", say("upload.skipped"));
  }

  retry() {
    this.#become("waiting", say("upload.waiting"));
  }

  replace() {
    this.#replaces = true;
    this.retry();
  }

  keepBoth() {
    this.#copies++;
    this.#discard();
    this.#chooseName();
    this.retry();
  }

  /** Remove the upload's row from the page. */
  remove() {
    this.#row.remove();
  }

  /** Send the file; the upload ends in another state than `sending`. */
  async run() {
    const { signal } = (this.#abort = new AbortController());
    this.loaded = 0;
    this.#become("sending", say("upload.starting"));
    try {
      await (this.isLarge ? this.#sendParts(signal) : this.#sendWhole(signal));
      this.#finish();
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 412 || error.code === "PreconditionFailed") this.#nameIsTaken();
      else this.#become("failed", error.message);
    }
  }

  /** The request that sends the file whole, for the service to presign. */
  async request() {
    const headers = this.#replaces ? {} : { "If-None-Match": "*" };
    const type = await mediaTypeOf(this.#file);
    if (type) headers["Content-Type"] = type;
    if (hasChecksum) headers["x-amz-checksum-sha256"] = await checksumOf(this.#file);
    return { path: this.#storedPath, size: this.size, headers };
  }

  #chooseName() {
    if (isInbox) this.#storedPath = storedPathOf(this.#file, this.path) || uniqueName(this.path);
    else this.#storedPath = this.#copies ? copyName(this.path, this.#copies + 1) : this.path;
  }

  get #url() {
    return urlOf(this.#storedPath);
  }

  /** A file of the same name exists. */
  #nameIsTaken() {
    if (this.#copies) return this.keepBoth(); // with the next number
    if (isInbox) {
      this.#discard();
      this.#chooseName();
      return this.#become("failed", say("upload.name-taken"));
    }
    if (this.#queue.choiceForAll) return this[this.#queue.choiceForAll]();
    this.#become("exists", say(mayReplace ? "upload.exists" : "upload.exists-kept"));
  }

  async #sendWhole(signal) {
    const target = await presigned(this, this.#queue.waiting);
    await send(target, this.#file, { type: target.type, signal, onprogress: this.#progressListener() });
  }

  async #sendParts(signal) {
    this.#multipart ??= new MultipartUpload(this.#file, this.path, this.#storedPath, this.#url);
    const onresume = ({ loaded, total }) => {
      const text = say("upload.resuming", { loaded: readableSize(loaded), total: readableSize(total) });
      this.#row.showText(text);
      announce(say("upload.state", { name: this.path, state: text }));
    };
    await this.#multipart.send({ replaces: this.#replaces, signal, onresume, onprogress: this.#progressListener() });
  }

  /** Delete the parts that arrived. If that fails, the store deletes the parts later. */
  #discard() {
    this.#multipart?.discard().catch(() => {});
    this.#multipart = null;
  }

  #progressListener() {
    const progress = new TransferProgress();
    return ({ loaded, total }) => {
      this.loaded = loaded;
      this.#row.showProgress(total ? loaded / total : 1, progress.text(loaded, total));
      this.#queue.showProgress();
    };
  }

  #finish() {
    this.loaded = this.size;
    if (!byLink) this.#row.linkTo(address(this.#url, {})); // a link to upload cannot open the uploaded file
    const values = { name: this.#storedPath, size: readableSize(this.size) };
    this.#become("done", say(this.#storedPath === this.path ? "upload.done" : "upload.done-as", values));
  }

  #become(state, text) {
    this.state = state;
    this.text = text;
    this.#row.show(state, text, CHOICES[state]);
    this.#queue.changed(this);
  }
}
