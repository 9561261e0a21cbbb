// The elements of the page.

/** The language of the page, for the formats of numbers and dates. */
export const LANGUAGE = document.documentElement.lang;

/** The first element for a CSS selector. */
export const $ = (selector, root = document) => root.querySelector(selector);

/** All elements for a CSS selector, as an array. */
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/** Let a screen reader read a text aloud. */
export function announce(text) {
  $("#announcement").textContent = text;
}
