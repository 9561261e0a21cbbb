// The stylesheets that a page does not need at first.

/** Add a stylesheet to the page; the promise ends when the stylesheet applies, or when the browser cannot load it. */
export function addStyle(url) {
  return new Promise((resolve) => {
    const properties = { rel: "stylesheet", href: url, onload: resolve, onerror: resolve };
    document.head.append(Object.assign(document.createElement("link"), properties));
  });
}
