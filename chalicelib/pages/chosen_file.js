// A file that a visitor chose: its media type, and its name at the store.

const RANDOM_BYTES = 5; // 40 bits; the store refuses a name that is taken, and then the page chooses another name

/** Whether a rule allows a media type. The rule lists types, and families such as `image/*`. */
export function isAllowed(type, allowed) {
  const [essence] = type.split(";");
  const family = `${essence.split("/")[0]}/*`;
  return allowed.some((pattern) => [essence, family].includes(pattern.toLowerCase()));
}

/**
 * The media type to store a file with. A text in UTF-8 gets `charset=utf-8`, because browsers guess the charset of a
 * text without one. The file is read as a stream, so a large file takes no memory.
 */
export async function mediaTypeOf(file, signal) {
  const { type } = file;
  const lacksCharset = type.startsWith("text/") && !/;\s*charset\s*=/.test(type);
  return lacksCharset && (await isUtf8(file, signal)) ? `${type}; charset=utf-8` : type;
}

async function isUtf8(file, signal) {
  const decoder = new TextDecoderStream("utf-8", { fatal: true });
  try {
    await file.stream().pipeThrough(decoder).pipeTo(new WritableStream(), { signal });
  } catch (error) {
    if (error instanceof TypeError) return false; // Encoding Standard, "decode and enqueue a chunk"
    throw error;
  }
  return true;
}

/** A path that no other file has: with random digits before the extension. */
export function uniqueName(path) {
  const digits = Array.from(crypto.getRandomValues(new Uint8Array(RANDOM_BYTES)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
  const [stem, extension] = split(path);
  return `${stem}-${digits}${extension}`;
}

/** The path of a copy beside another file: `a (2).txt`. */
export function copyName(path, number) {
  const [stem, extension] = split(path);
  return `${stem} (${number})${extension}`;
}

function split(path) {
  const [, stem, extension] = path.match(/^((?:.*\/)?[^/]+?)(\.[^./]*)?$/s);
  return [stem, extension ?? ""];
}
