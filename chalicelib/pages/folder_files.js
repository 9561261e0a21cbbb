// The files of the selected folders, as the service lists them.

import { ask } from "./service.js";

/** The files among entries, and all files of the folders: `[{path, url, modified}]`. The path of a folder ends in a slash. */
export async function filesOf(entries) {
  const files = [];
  for (const entry of entries) {
    if (entry.path.endsWith("/")) files.push(...(await filesBelow(entry)));
    else files.push(entry);
  }
  return files.map(({ path, ...rest }) => ({ path: fileName(path), ...rest }));
}

/** A path for a file on the visitor's machine: below the directory of the downloads, as in the service's own manifests. */
const fileName = (path) =>
  path
    .replace(/(?<=^|\/)\//g, "%2F")
    .replaceAll("\\", "%5C")
    .replace(/^([A-Za-z]):/, "$1%3A");

async function filesBelow(folder) {
  const files = [];
  for (let cursor = ""; cursor !== null; ) {
    const part = await ask("GET", folder.url, cursor ? { recursive: "", cursor } : { recursive: "" });
    files.push(...part.entries.map(({ name, url, modified }) => ({ path: folder.path + name, url, modified })));
    cursor = part.next;
  }
  return files;
}
