// The text of a file, which the browser reads from the store. A text becomes text nodes, so nothing of it runs.

import { $ } from "./dom.js";
import { ask, request } from "./service.js";

const MAX_BYTES = 1_000_000; // the service shows no text that is longer, but the file may have been replaced since

/** Show the text in the page of a file; throws an error where the store does not send the text. */
export async function showText(file) {
  const text = $("data", file).value === "0" ? "" : decoded(await bytesOf(file.dataset.url));
  if (file.dataset.kind === "text") return $("pre", file).append(text);
  const { nodesOf } = await import("./markdown.js");
  $(".markdown", file).append(...nodesOf(text));
}

async function bytesOf(url) {
  const target = await ask("GET", url, { presign: "" });
  const headers = { Range: `bytes=0-${MAX_BYTES - 1}` };
  const response = await request(target.url, { headers, credentials: "omit", referrerPolicy: "no-referrer" });
  if (!response.ok) throw new Error(`The store answered ${response.status}.`);
  return response.arrayBuffer();
}

/** The text of bytes: UTF-8, or for older files the encoding that browsers take for the West (Encoding Standard). */
function decoded(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}
