// The elements of the page.

/** The first element for a CSS selector. */
export const $ = (selector, root = document) => root.querySelector(selector);

/** All elements for a CSS selector, as an array. */
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/** Have a screen reader say a text. */
export function announce(text) {
  $("#announcement").textContent = text;
}
