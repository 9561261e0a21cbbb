// The files beside a file, in the order of the listing that the visitor came from.

import { NAMES } from "./format.js";
import { ask } from "./service.js";

const MAX_FILES = 20_000; // that the page looks through for the file
const MAX_SORTED = 200; // entries: the page of a longer listing has the order of the service

/** The files of a directory. The parts of the listing are read when they are needed. */
export class Files {
  #listing;
  #entries = [];
  #cursor = ""; // of the next part; null after the last part

  /** @param {string} listing - the URL of the listing. */
  constructor(listing) {
    this.#listing = listing;
  }

  /** The URLs `prev` and `next` of the files beside the file of a URL, its number, and the count where it is known. */
  async beside(url) {
    let index = this.#indexOf(url);
    while (this.#cursor !== null && this.#entries.length < MAX_FILES && !this.#isBeforeLast(index)) {
      await this.#readPart();
      index = this.#indexOf(url);
    }
    if (index < 0) return {};
    const count = this.#cursor === null ? this.#entries.length : null;
    return { prev: this.#entries[index - 1]?.url, next: this.#entries[index + 1]?.url, number: index + 1, count };
  }

  #isBeforeLast(index) {
    return index >= 0 && index < this.#entries.length - 1;
  }

  #indexOf(url) {
    const path = pathOf(url);
    return this.#entries.findIndex((entry) => pathOf(entry.url) === path);
  }

  async #readPart() {
    const isFirst = this.#cursor === "";
    const part = await ask("GET", this.#listing, isFirst ? {} : { cursor: this.#cursor });
    this.#entries.push(...part.entries.filter(({ type }) => type === "file"));
    this.#cursor = part.next;
    const sort = new URL(this.#listing).searchParams.get("sort");
    if (!isFirst || part.next !== null || part.entries.length > MAX_SORTED || !/^-?name$/.test(sort)) return;
    const direction = sort === "name" ? 1 : -1;
    this.#entries.sort((a, b) => direction * NAMES.compare(a.name, b.name));
  }
}

/** The decoded path of a URL: the visitor can write the same path with other escapes. */
const pathOf = (url) => decodeURIComponent(new URL(url).pathname);
