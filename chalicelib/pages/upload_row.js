// The row of one upload on the page: the name, the state in words, a bar, and the choices of the visitor.

import { $, $$ } from "./dom.js";
import { paced } from "./paced.js";
import { say, visible } from "./words.js";

const NEEDS_VISITOR = ["exists", "failed", "refused"];
const SINK_MILLISECONDS = 1000;

const sinking = []; // the rows that are done and will move to the end

/** Move a row to the end of the queue, with the rows of the same second: each move lays out the whole queue again. */
function sink(row) {
  if (sinking.push(row) > 1) return;
  setTimeout(() => $("#queue").append(...sinking.splice(0).filter((each) => each.isConnected)), SINK_MILLISECONDS);
}

const changed = new Set(); // the rows that show something new soon
const renderChanged = paced(() => {
  for (const row of changed) row.render();
  changed.clear();
});

export class UploadRow {
  #element = $("#upload").content.firstElementChild.cloneNode(true);
  #news = {}; // what the row does not show yet

  /** `upload` has a method for each choice. */
  constructor(path, upload) {
    $("bdi", this.#element).textContent = visible(path);
    $("progress", this.#element).ariaLabel = say("upload.of", { name: path });
    for (const button of $$("[data-choice]", this.#element)) button.onclick = () => upload[button.dataset.choice]();
    $("#queue").append(this.#element);
  }

  /** Show a state, and the choices that the visitor has. The rows that need the visitor are first. */
  show(state, text, choices) {
    this.#change({ state, text, choices, value: 0 });
  }

  showText(text) {
    this.#change({ text });
  }

  showProgress(value, text) {
    this.#change({ value, text });
  }

  /** Make the name a link to the uploaded file. */
  linkTo(url) {
    this.#change({ url });
  }

  #change(news) {
    Object.assign(this.#news, news);
    changed.add(this);
    renderChanged();
  }

  /** Show the news of this row. */
  render() {
    const { state, choices, text, value, url } = this.#news;
    this.#news = {};
    if (state) this.#renderState(state, choices);
    if (text !== undefined) $(".state", this.#element).textContent = text;
    if (value !== undefined) $("progress", this.#element).value = value;
    if (url) this.#renderLink(url);
  }

  #renderState(state, choices) {
    const focused = this.#element.contains(document.activeElement);
    if (NEEDS_VISITOR.includes(state)) $("#queue").prepend(this.#element);
    else if (state === "done") sink(this.#element);
    this.#element.dataset.state = state;
    $("progress", this.#element).hidden = state !== "sending";
    for (const button of $$("[data-choice]", this.#element)) button.hidden = !choices.includes(button.dataset.choice);
    if (focused) ($("[data-choice]:not([hidden])", this.#element) ?? $("[data-do=choose]")).focus();
  }

  #renderLink(url) {
    const link = document.createElement("a");
    const name = $("bdi", this.#element);
    link.href = url;
    name.replaceWith(link);
    link.append(name);
  }

  remove() {
    changed.delete(this);
    this.#element.remove();
  }
}
