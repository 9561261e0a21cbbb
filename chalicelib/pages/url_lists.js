// Lists of URLs, with which aria2 and curl download many files and whole folders.

/** The lines of a list for each program, from files `[{url, path}]`. A line with `#` is a comment in both. */
export const lists = {
  aria2: (files) => [
    "# aria2c -i urls-for-aria2.txt (the id and the secret are in ~/.netrc)",
    ...files.flatMap(({ url, path }) => [url, `  out=${path}`]),
  ],
  curl: (files) => [
    "# curl -K urls-for-curl.txt -u ID",
    ...["location", "fail", "create-dirs"],
    ...files.flatMap(({ url, path }) => [`url = ${quoted(url)}`, `output = ${quoted(path)}`]),
  ],
};

/** A text in a configuration file of curl (curl.1, "--config"). */
const quoted = (text) => `"${text.replace(/[\\"]/g, "\\$&").replace(/\n/g, "\\n").replace(/\t/g, "\\t")}"`;
