// The service, which says where things are sent, and the store, where they go.

const token = new URLSearchParams(location.search).get("token"); // of the link that the visitor came by

/**
 * What went wrong, in words for the visitor.
 * `status` and `code` are those of the answer, 0 and "" without one; what `passes` may go well the next time.
 */
export class Refusal extends Error {
  constructor(message, { status = 0, code = "", passes = false } = {}) {
    super(message);
    Object.assign(this, { status, code, passes });
  }
}

const unreachable = () => new Refusal("The connection failed. Check it, then retry.", { passes: true });
const PASSING = new Set(["InternalError", "RequestTimeout", "SlowDown"]);
const isPassing = (status) => status === 408 || status === 429 || status >= 500;

/** Whether the visitor came by a link. */
export const byLink = token !== null;

/** A URL with parameters, and with the visitor's own link. */
export function address(url, parameters) {
  const found = new URL(url);
  const all = byLink ? { token, ...parameters } : parameters;
  for (const [name, value] of Object.entries(all)) found.searchParams.set(name, value);
  return found;
}

/** Ask the service for something; returns its JSON. */
export async function ask(method, url, parameters, options = {}) {
  const response = await reach(address(url, parameters), { method, ...options });
  if (response.ok) return response.json();
  const problem = await response.json().catch(() => ({}));
  const { status } = response;
  if (status === 401) throw new Refusal("You are signed out. Sign in again in another tab, then retry.", { status });
  const message = problem.detail ?? `The service answered ${status}.`;
  throw new Refusal(message, { status, code: problem.code, passes: isPassing(status) });
}

/** Do at the store what the service signed; returns the XML of the answer. */
export async function call(target, { type, ...options } = {}) {
  const response = await reach(target.url, {
    method: target.method,
    headers: headersOf(target, type),
    credentials: "omit",
    referrerPolicy: "no-referrer",
    ...options,
  });
  return read(response.status, await response.text());
}

/** Send a file, or a part of one, to where the service signed; returns its ETag. */
export function send(target, body, { type, signal, onprogress }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch tells no progress of what it sends
    const abort = () => request.abort();
    request.open(target.method, target.url);
    for (const [name, value] of headersOf(target, type)) request.setRequestHeader(name, value);
    request.upload.onprogress = onprogress;
    request.onerror = () => reject(unreachable());
    request.onabort = () => reject(signal.reason);
    request.onload = () => {
      try {
        read(request.status, request.responseText);
        resolve(request.getResponseHeader("ETag"));
      } catch (refusal) {
        reject(refusal);
      }
    };
    request.onloadend = () => signal.removeEventListener("abort", abort);
    signal.throwIfAborted();
    signal.addEventListener("abort", abort);
    request.send(body);
  });
}

/** `fetch`, with words for a failure. */
async function reach(url, options) {
  try {
    return await fetch(url, options);
  } catch (error) {
    throw error.name === "AbortError" ? error : unreachable();
  }
}

/** The XML of a store's answer; a Refusal if it is no success, which the body of a 200 can say, too. */
function read(status, body) {
  // What is no XML is not given to the parser: it would show its error in a style that our policy forbids.
  const isXml = /^\s*<(\?xml|Error)/.test(body);
  const answer = isXml ? new DOMParser().parseFromString(body, "application/xml") : new Document();
  const isError = answer.documentElement?.localName === "Error";
  if (status >= 200 && status < 300 && !isError) return answer;
  const code = textOf(answer, "Code");
  if (status === 403) {
    const message = "The permission to do this has ended or was refused. Retry asks for a new one.";
    throw new Refusal(message, { status, code, passes: true });
  }
  const message = textOf(answer, "Message");
  const passes = isPassing(status) || PASSING.has(code);
  throw new Refusal(`The store answered ${status}${message ? `: ${message}` : "."}`, { status, code, passes });
}

/** The text of an element in a store's XML, "" without one. */
export function textOf(element, name) {
  return element.getElementsByTagNameNS("*", name)[0]?.textContent ?? "";
}

/** The headers to send to the store: those that were signed, less what browsers set by themselves. */
function headersOf(target, type) {
  const headers = new Headers(target.headers);
  if (type) headers.set("Content-Type", type);
  headers.delete("Content-Length");
  headers.delete("Host");
  return headers;
}

/** The SHA-256 of a body, as the store wants it. */
export async function checksumOf(body) {
  if (!crypto.subtle) throw new Refusal("Files are sent with a checksum here, which browsers make over HTTPS only.");
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await body.arrayBuffer()));
  return btoa(String.fromCharCode(...digest));
}
