// Markdown as elements of the page. Nothing of the Markdown runs, and nothing loads.
//
// There are three walls: the library turns HTML in the Markdown into text, only the elements and attributes that are
// named here get into the page, and the Content-Security-Policy of the page lets no other script run.

import { $$ } from "./dom.js";
import MarkdownIt from "./vendor/markdown-it.js";

const LINK = /^(https?|mailto):/i;
const ELEMENTS = new Set(
  "a blockquote br code em h2 h3 h4 h5 h6 hr li ol p pre s strong table tbody td th thead tr ul".split(" "),
);
const ATTRIBUTES = new Set(["class", "href", "start"]);

const markdown = new MarkdownIt({ linkify: true });
markdown.validateLink = (url) => LINK.test(url);
markdown.core.ruler.push("page", ({ tokens }) => tokens.forEach(adapt));

/** Adapt a token to the page: its `h1` is the name of the file, and its policy allows no `style`. */
function adapt(token) {
  if (token.type.startsWith("heading_")) token.tag = `h${Math.min(6, Number(token.tag[1]) + 1)}`;
  const style = token.attrGet("style");
  if (style) token.attrs = [["class", style.replace("text-align:", "")]];
}

/** The nodes that show a Markdown text. */
export function nodesOf(text) {
  const { body } = new DOMParser().parseFromString(markdown.render(text), "text/html"); // loads and runs nothing
  for (const image of $$("img", body)) image.replaceWith(linkTo(image));
  for (const element of $$("*", body)) {
    if (!ELEMENTS.has(element.localName)) element.remove();
    for (const name of element.getAttributeNames()) if (!ATTRIBUTES.has(name)) element.removeAttribute(name);
  }
  for (const link of $$("a", body)) {
    if (LINK.test(link.getAttribute("href"))) Object.assign(link, { rel: "noopener noreferrer", target: "_blank" });
    else link.removeAttribute("href");
  }
  return body.childNodes;
}

/** A link in place of an image, because an image of another site would tell that site who reads the file. */
function linkTo(image) {
  const text = image.alt || image.getAttribute("src");
  return image.closest("a") ? text : Object.assign(document.createElement("a"), { href: image.src, textContent: text });
}
