// The limits of uploads into this directory, which the page checks before it sends a file.

import { isAllowed } from "./chosen_file.js";
import { $, LANGUAGE } from "./dom.js";
import { readableSize } from "./format.js";
import { say } from "./words.js";

const MAX_PUT_BYTES = 5 * 1024 ** 3; // S3 API Reference, PutObject: the body of one request
const MAX_MULTIPART_BYTES = 5 * 1024 ** 4;
const MIN_MULTIPART_BYTES = 64 * 1000 ** 2; // a larger file goes in parts: a failure repeats one part only

const { maxBytes, types, typeWords, partBytes, checksum, inbox, overwrite, uses } = $("#uploads")?.dataset ?? {};

/** Whether the visitor may write but not read: then no file is replaced, and no answer says which files exist. */
export const isInbox = inbox === "yes";
export const mayReplace = overwrite === "yes";
export const hasChecksum = checksum === "yes";

/** How many files the visitor's link still takes; Infinity without a limit. */
export const usesLeft = uses === "" ? Infinity : Number(uses);

/** The size of all parts of an upload but the last; 0 for any size. */
export const fixedPartBytes = Number(partBytes);

/** Whether a file goes in parts. A counted link has one request for each file. */
export const goesInParts = (file) => file.size > MIN_MULTIPART_BYTES && usesLeft === Infinity;

/** Why the service would refuse a file, in words; "" if it would not. */
export function refusalOf(file) {
  const limit = Math.min(maxBytes || Infinity, goesInParts(file) ? MAX_MULTIPART_BYTES : MAX_PUT_BYTES);
  if (file.size > limit) return say("upload.too-big", { size: readableSize(file.size), limit: readableSize(limit) });
  const allowed = types.split(",").filter(Boolean);
  if (!allowed.length || isAllowed(file.type, allowed)) return "";
  const alternatives = new Intl.ListFormat(LANGUAGE, { type: "disjunction" }).format(typeWords.split("\n"));
  return say(file.type ? "upload.type" : "upload.type-unknown", { type: file.type, types: alternatives });
}
