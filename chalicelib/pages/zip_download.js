// The download of many files as one zip, which the service worker makes.

import { messageOf, noConnection } from "./service.js";
import { say } from "./words.js";

const PING_PAUSE = 10_000; // milliseconds: a browser stops a worker that gets no events for half a minute

/** Whether this browser can make a zip: service workers exist over HTTPS, and on the visitor's own machine. */
export const canZip = "serviceWorker" in navigator;

/**
 * Start the download of a zip. `onreport` is called with the state: `ready`, `reading`, `done`, `failed` or
 * `cancelled`, with the numbers of files and bytes, and with the files that were left out.
 *
 * @param {string} name - of the zip.
 * @param {{path: string, url: string, modified: string}[]} entries - the files, with their paths in the zip.
 */
export async function downloadZip(name, entries, onreport) {
  const registration = await navigator.serviceWorker.register(new URL("./zip_worker.js", import.meta.url));
  const worker = await activated(registration);
  const id = crypto.randomUUID();
  const { port1: port, port2 } = new MessageChannel();
  const ping = setInterval(() => port.postMessage("ping"), PING_PAUSE);
  port.onmessage = ({ data }) => {
    // The browser asks the worker for this address, sees a file to download, and stays on the page.
    if (data.state === "ready") location.assign(new URL(`zip/${id}/${encodeURIComponent(name)}`, registration.scope));
    if (["done", "failed", "cancelled"].includes(data.state)) clearInterval(ping);
    onreport(data);
  };
  worker.postMessage({ id, name, entries }, [port2]);
}

/** The fault of the reading of a file, in words. */
export function reasonOf({ by, status, ...problem }) {
  if (by === "connection") return noConnection().message;
  return by === "store" ? say("fault.store", { status: `${status}` }) : messageOf(problem, status);
}

/** The worker of a registration, as soon as the worker is active. */
function activated({ active, waiting, installing }) {
  const newest = installing ?? waiting ?? active;
  if (newest.state === "activated") return newest;
  return new Promise((resolve, reject) => {
    newest.addEventListener("statechange", () => {
      if (newest.state === "activated") resolve(newest);
      if (newest.state === "redundant") reject(new Error(say("zip.no-worker")));
    });
  });
}
