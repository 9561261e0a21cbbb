// The files that a visitor drops on the page, alone or in folders.

import { announce } from "./dom.js";
import { say } from "./words.js";

/** The files of given items, `[{file, path}]`: an item is a file with its path, or has an entry of the browser. */
export async function filesOf(items) {
  const files = items.map(({ entry, file, path = file.name }) => (entry ? filesBelow(entry) : [{ file, path }]));
  return (await Promise.all(files)).flat();
}

/** The files of an entry, with all files of a folder (File and Directory Entries API). */
async function filesBelow(entry) {
  const path = entry.fullPath.slice(1);
  try {
    if (entry.isFile) return [{ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), path }];
    const reader = entry.createReader();
    const files = [];
    for (let entries; (entries = await readSome(reader)).length; ) {
      for (const inner of entries) files.push(...(await filesBelow(inner)));
    }
    return files;
  } catch {
    announce(say("uploads.unreadable", { path }));
    return [];
  }
}

const readSome = (reader) => new Promise((resolve, reject) => reader.readEntries(resolve, reject));
