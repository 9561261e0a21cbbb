// The service worker that makes a zip of files. The browser writes the zip to the disk while the worker
// reads the files from the store, so neither the page nor the worker ever holds more than a few chunks.

importScripts("./vendor/client-zip.js"); // defines downloadZip

const RETRY_PAUSES = [1, 2, 4, 8]; // seconds
const REPORT_PAUSE = 250; // milliseconds between two reports of the progress

const requested = new Map(); // by id: the zips that a page has asked for and the browser has not fetched yet

addEventListener("install", () => skipWaiting());
addEventListener("message", ({ data, ports: [port] }) => {
  requested.set(data.id, { ...data, port });
  port.onmessage = () => {}; // the page sends messages, because a browser stops a worker that gets no events
  port.postMessage({ state: "ready" });
});
addEventListener("fetch", (event) => {
  const id = new URL(event.request.url).pathname.split("/").at(-2);
  const zip = requested.get(id);
  if (!zip) return;
  requested.delete(id);
  event.respondWith(answer(zip));
});

/** The response with a zip. After the last byte, the page gets the list of the files that are not in the zip. */
function answer({ name, entries, port }) {
  const report = reporter(port);
  const { body } = downloadZip(files(entries, report));
  const disposition = `attachment; filename*=UTF-8''${encodeURIComponent(name).replace(/['()*]/g, hexCode)}`;
  const headers = { "Content-Type": "application/zip", "Content-Disposition": disposition };
  return new Response(body.pipeThrough(new TransformStream({ flush: report.done })), { headers });
}

const hexCode = (character) => `%${character.charCodeAt(0).toString(16)}`; // RFC 8187, "attr-char"

function reporter(port) {
  const progress = { files: 0, bytes: 0, leftOut: [] };
  let last = 0;
  let isOver = false; // the first message of the end holds, because a failure also ends what the visitor could cancel
  const end = (message) => {
    if (!isOver) port.postMessage({ ...message, ...progress });
    isOver = true;
  };
  return {
    progress,
    bytes(count) {
      progress.bytes += count;
      if (Date.now() - last < REPORT_PAUSE) return;
      last = Date.now();
      port.postMessage({ state: "reading", ...progress });
    },
    done: () => end({ state: "done" }),
    failed: (path, fault) => end({ state: "failed", path, fault }),
    cancelled: () => end({ state: "cancelled" }),
  };
}

/** The files for the zip. A file that cannot be opened is left out, and named at the end. */
async function* files(entries, report) {
  let isComplete = false;
  try {
    for (const { path, url, modified } of entries) {
      const reading = new Reading(url);
      try {
        await reading.open();
      } catch (error) {
        report.progress.leftOut.push({ path, fault: faultOf(error) });
        continue;
      }
      yield { name: path, lastModified: new Date(modified), size: reading.size, input: content(path, reading, report) };
      report.progress.files++;
    }
    isComplete = true; // the last byte reports the end
  } finally {
    if (!isComplete) report.cancelled(); // the visitor cancelled the download in the browser, or `content` failed
  }
}

/** The content of a file. The browser shows the download as failed if the reading fails for good. */
async function* content(path, reading, report) {
  try {
    yield* reading.chunks(report);
  } catch (error) {
    report.failed(path, faultOf(error));
    throw error;
  }
}

/** The content of one file. When the connection fails, the reading goes on at the byte where it failed. */
class Reading {
  #url;
  #response = null;
  #offset = 0;

  constructor(url) {
    this.#url = url;
  }

  /** The size in bytes; undefined if the store does not tell the size, or the browser decodes the content. */
  get size() {
    const length = this.#response.headers.get("Content-Length");
    return this.#isEncoded || length === null ? undefined : Number(length);
  }

  get #isEncoded() {
    return this.#response.headers.has("Content-Encoding");
  }

  async open() {
    this.#response = await withRetries(() => this.#request());
  }

  async *chunks(report) {
    while (true) {
      const reader = this.#response.body.getReader();
      try {
        for (let result; !(result = await reader.read()).done; ) {
          this.#offset += result.value.length;
          report.bytes(result.value.length);
          yield result.value;
        }
        return;
      } catch (error) {
        if (this.#isEncoded) throw error; // bytes of the decoded content have other places
        this.#response = await withRetries(() => this.#request());
      } finally {
        reader.cancel().catch(() => {});
      }
    }
  }

  /**
   * Each request gets a new URL, because a URL ends before a long zip does. The browser keeps no copy, because
   * a long zip would fill its cache, and because a deleted file must be missing in the zip.
   */
  async #request() {
    const target = await ask(this.#url, { presign: "" });
    const headers = new Headers(target.headers);
    headers.delete("Host");
    if (this.#offset) {
      headers.set("Range", `bytes=${this.#offset}-`);
      headers.set("If-Match", this.#response.headers.get("ETag") ?? "*"); // the rest of another version is refused
    }
    const options = { cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer" };
    const response = await fetch(target.url, { headers, ...options });
    if (response.status === (this.#offset ? 206 : 200)) return response;
    throw new Failure({ by: "store", status: response.status });
  }
}

/** An answer with a fault, `{by, status, code, detail}`, which the page says in its language. */
class Failure extends Error {
  constructor(fault) {
    super();
    this.fault = fault;
    this.isTransient = fault.status === 408 || fault.status === 429 || fault.status >= 500;
  }
}

/** The fault of an error. Without an answer, the connection failed. */
const faultOf = (error) => error.fault ?? { by: "connection" };

/** Ask the service; returns the JSON of the answer. */
async function ask(url, parameters) {
  const address = new URL(url); // has the token of the visitor's link
  for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value);
  const response = await fetch(address, { headers: { Accept: "application/json" } });
  if (response.ok) return response.json();
  const { code, detail } = await response.json().catch(() => ({}));
  throw new Failure({ by: "service", status: response.status, code, detail });
}

/** Run `act`; after a failure that may be transient, run it again a few times. */
async function withRetries(act) {
  for (const seconds of RETRY_PAUSES) {
    try {
      return await act();
    } catch (error) {
      if (error.isTransient === false) throw error; // an error of `fetch` itself is transient
    }
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
  return act();
}
