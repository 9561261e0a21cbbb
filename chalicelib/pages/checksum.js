// The SHA-256 of a file or a part, which the store compares with the bytes that arrive.

const MAX_WHOLE_BYTES = 64 * 1024 ** 2; // in memory at once; a larger file is read piece by piece

/** The SHA-256 as S3 writes it. */
export async function checksumOf(body, signal) {
  return btoa(String.fromCharCode(...(await digestOf(body, signal))));
}

async function digestOf(body, signal) {
  // Browsers compute hashes over HTTPS only, and only of a whole text in memory.
  if (crypto.subtle && body.size <= MAX_WHOLE_BYTES) {
    return new Uint8Array(await crypto.subtle.digest("SHA-256", await body.arrayBuffer()));
  }
  const { sha256 } = await import("./vendor/js-sha256.js");
  const hash = sha256.create();
  await body.stream().pipeTo(new WritableStream({ write: (chunk) => hash.update(chunk) }), { signal });
  return new Uint8Array(hash.arrayBuffer());
}
