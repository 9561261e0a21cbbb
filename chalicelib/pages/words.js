// The words of the scripts, in the language of the page. The words are a script of their own, for each language.

import { LANGUAGE } from "./dom.js";

const { default: words } = await import(document.querySelector("[data-words]").dataset.words);

const NUMBERS = new Intl.NumberFormat(LANGUAGE);
const PLURALS = new Intl.PluralRules(LANGUAGE);

// The same characters as in `visible_text.py`.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** A text with `[U+202E]` in place of each control character, so that no name looks like another name. */
export function visible(text) {
  return text.replace(UNSEEN, (unseen) => `[U+${unseen.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}]`);
}

/** Whether there is a text of a name. */
export const isSaid = (name) => Object.hasOwn(words, name);

/** A text with its values. `count` chooses the plural form. */
export function say(name, values = {}) {
  const word = words[name];
  const text = typeof word === "string" ? word : (word[PLURALS.select(values.count)] ?? word.other);
  return text.replace(/\{(\w+)\}/g, (_, key) => {
    const value = values[key];
    return typeof value === "number" ? NUMBERS.format(value) : visible(value);
  });
}
