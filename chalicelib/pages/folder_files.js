// The files of the selected folders, as the service lists them.

import { ask } from "./service.js";

/** The files among entries, and all files of the folders: `[{path, url, modified}]`. The path of a folder ends in a slash. */
export async function filesOf(entries) {
  const files = [];
  for (const entry of entries) {
    if (entry.path.endsWith("/")) files.push(...(await filesBelow(entry)));
    else files.push(entry);
  }
  // A path with a slash at its start would lead curl out of the directory of the downloads.
  return files.map(({ path, ...rest }) => ({ path: path.replace(/^\/+/, ""), ...rest }));
}

async function filesBelow(folder) {
  const files = [];
  for (let cursor = ""; cursor !== null; ) {
    const part = await ask("GET", folder.url, cursor ? { recursive: "", cursor } : { recursive: "" });
    files.push(...part.entries.map(({ name, url, modified }) => ({ path: folder.path + name, url, modified })));
    cursor = part.next;
  }
  return files;
}
