// Requests to the store, at the URLs that the service signed.

import { Refusal, isTransientStatus, noConnection, request } from "./service.js";
import { say } from "./words.js";

const TRANSIENT_CODES = new Set(["InternalError", "RequestTimeout", "SlowDown"]);

/** Send the request that the service signed; returns the XML of the answer. */
export async function call(target, { type, ...options } = {}) {
  const response = await request(target.url, {
    method: target.method,
    headers: headersOf(target, type),
    credentials: "omit",
    referrerPolicy: "no-referrer",
    ...options,
  });
  return read(response.status, await response.text());
}

/** Send a file, or a part of a file, to the URL that the service signed; returns the ETag. */
export function send(target, body, { type, signal, onprogress }) {
  return new Promise((resolve, reject) => {
    const upload = new XMLHttpRequest(); // fetch does not report the progress of an upload
    const abort = () => upload.abort();
    upload.open(target.method, target.url);
    for (const [name, value] of headersOf(target, type)) upload.setRequestHeader(name, value);
    upload.upload.onprogress = onprogress;
    upload.onerror = () => reject(noConnection());
    upload.onabort = () => reject(signal.reason);
    upload.onload = () => {
      try {
        read(upload.status, upload.responseText);
        resolve(upload.getResponseHeader("ETag"));
      } catch (refusal) {
        reject(refusal);
      }
    };
    upload.onloadend = () => signal.removeEventListener("abort", abort);
    signal.throwIfAborted();
    signal.addEventListener("abort", abort);
    upload.send(body);
  });
}

/** The XML of a store's answer. Throws a Refusal if the answer is an error; S3 can also answer 200 with an error. */
function read(status, body) {
  // The parser must get XML only: it shows an error with a style that the Content-Security-Policy forbids.
  const isXml = /^\s*<(\?xml|Error)/.test(body);
  const answer = isXml ? new DOMParser().parseFromString(body, "application/xml") : new Document();
  const isError = answer.documentElement?.localName === "Error";
  if (status >= 200 && status < 300 && !isError) return answer;
  const code = textOf(answer, "Code");
  if (status === 403) {
    throw new Refusal(say("fault.permission"), { status, code, isTransient: true });
  }
  const message = textOf(answer, "Message");
  const isTransient = isTransientStatus(status) || TRANSIENT_CODES.has(code);
  const name = message ? "fault.store-message" : "fault.store";
  throw new Refusal(say(name, { status: `${status}`, message }), { status, code, isTransient });
}

/** The text of an element in a store's XML; "" if there is no such element. */
export function textOf(element, name) {
  return element.getElementsByTagNameNS("*", name)[0]?.textContent ?? "";
}

/** The signed headers, without the headers that the browser itself sets. */
function headersOf(target, type) {
  const headers = new Headers(target.headers);
  if (type) headers.set("Content-Type", type);
  headers.delete("Content-Length");
  headers.delete("Host");
  return headers;
}
