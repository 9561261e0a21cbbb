// What a directory's page can do beyond its links: sort, filter, share, delete and upload.
// Everything it starts from stands in the page, and everything works on after the listing was read anew.

import { isAllowed, mediaTypeOf, uniqueName } from "./chosen_file.js";
import { Parts } from "./parts.js";
import { address, ask, byLink, call, checksumOf, send } from "./store.js";

const PARALLEL = 3;
const IN_PARTS = 64 * 1000 ** 2; // bytes; what is bigger goes in parts, for a part that fails costs less than all
const LARGEST = 5 * 1024 ** 3; // bytes; S3 API Reference, PutObject: what one request may carry
const LARGEST_IN_PARTS = 5 * 1024 ** 4;
const REFRESH_PAUSE = 800; // milliseconds: many small uploads that end together cause one reading

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const here = $("main").dataset.url;

/** Tell people who cannot see what happened. */
function say(text) {
  $("#said").textContent = text;
}

// Words

/** A number of bytes as a person reads it, as the service writes it. */
function readableSize(bytes) {
  if (bytes < 1000) return bytes === 1 ? "1 byte" : `${Math.round(bytes)} bytes`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = bytes / 1000;
  while (value >= 999.5 && units.length > 1) {
    value /= 1000;
    units.shift();
  }
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[0]}`;
}

function readableTime(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

const DAYS = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });

// The listing

const NAMES = new Intl.Collator(undefined, { numeric: true });
const COLUMNS = {
  name: (row) => $("bdi", row).textContent,
  size: (row) => Number($("data", row)?.value ?? -1),
  modified: (row) => $("time", row)?.dateTime ?? "",
};
let order = { column: "name", ascending: true };

const rows = () => $$("#listing tbody tr");
const fileNames = () => new Set(rows().map(COLUMNS.name));

/** Show what only a script can do, and dates in the visitor's own time. */
function enhance(root) {
  for (const element of $$("[data-script]", root)) element.hidden = false;
  for (const time of $$("time:not([title])", root)) {
    const date = new Date(time.dateTime);
    time.title = time.textContent;
    time.firstChild.data = DAYS.format(date);
    time.lastChild.textContent = `, ${CLOCK.format(date)}`;
  }
  for (const heading of $$("th[data-column]", root)) {
    const button = document.createElement("button");
    button.dataset.do = "sort";
    button.append(...heading.childNodes);
    heading.append(button);
  }
  $("#tools").hidden = rows().length === 0;
  showOrder();
}

function showOrder() {
  for (const heading of $$("th[data-column]")) {
    if (heading.dataset.column !== order.column) heading.removeAttribute("aria-sort");
    else heading.setAttribute("aria-sort", order.ascending ? "ascending" : "descending");
  }
}

function sort() {
  const value = COLUMNS[order.column];
  const compare = order.column === "name" ? NAMES.compare : (a, b) => (a < b ? -1 : Number(a > b));
  const sorted = rows().sort((a, b) => compare(value(a), value(b)) || NAMES.compare(COLUMNS.name(a), COLUMNS.name(b)));
  $("#listing tbody")?.append(...(order.ascending ? sorted : sorted.reverse()));
  showOrder();
}

function filter() {
  const wanted = $("#filter").value.normalize().toLowerCase();
  const all = rows();
  for (const row of all) row.hidden = !COLUMNS.name(row).normalize().toLowerCase().includes(wanted);
  const shown = all.filter((row) => !row.hidden).length;
  $("#shown").textContent = wanted ? `${shown} of ${all.length} on this page` : "";
}

let refreshing = 0;
let sorted = false;

/** Read the listing anew, soon: with its order, its filter and the focus as they are. */
function refresh() {
  clearTimeout(refreshing);
  if (!byLink) refreshing = setTimeout(readListing, REFRESH_PAUSE); // to read by a link could use it up
}

async function readListing() {
  if ($("dialog[open]")) return refresh(); // it gives the focus back to a button of this listing
  const response = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" }).catch(() => null);
  if (!response?.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = $("#listing", page);
  if (!fresh) return;
  const focused = $("#listing").contains(document.activeElement) ? document.activeElement.ariaLabel : null;
  $("#listing").replaceChildren(...fresh.childNodes);
  enhance($("#listing"));
  if (sorted) sort();
  filter();
  if (focused) $$("#listing [aria-label]").find((element) => element.ariaLabel === focused)?.focus();
}

// Dialogs

/** Open a dialog about a row or the directory: what its form does when it is sent. */
function open(dialog, name, submit) {
  $("bdi", dialog).textContent = name;
  const error = $(".error", dialog);
  const button = $("button:not([type])", dialog);
  error.hidden = true;
  button.disabled = false;
  $("form", dialog).onsubmit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    error.hidden = true;
    try {
      await submit();
    } catch (refusal) {
      error.textContent = refusal.message;
      error.hidden = false;
    }
    button.disabled = false;
  };
  dialog.showModal();
}

function openDeletion(button) {
  const dialog = $("#deletion");
  open(dialog, button.dataset.name, async () => {
    await call(await ask("DELETE", button.dataset.url, { presign: "" }));
    dialog.close();
    remove(button.closest("tr"));
    say(`${button.dataset.name} is deleted.`);
  });
}

/** Take a row away, and leave the focus beside it. */
function remove(row) {
  const neighbour = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  filter();
  if (neighbour) $("a", neighbour).focus();
  else refresh();
}

function openSharing(button) {
  const { url, name, directory, writable } = button.dataset;
  const dialog = $("#sharing");
  const form = $("form", dialog);
  form.reset();
  $("fieldset", dialog).hidden = directory === undefined || writable === undefined;
  $("#counted").hidden = directory === undefined;
  $(".ask", dialog).hidden = false;
  $(".result", dialog).hidden = true;
  $("button:not([type])", dialog).hidden = false;
  open(dialog, name, async () => {
    const { action, uses, expires } = Object.fromEntries(new FormData(form));
    const body = JSON.stringify({ action, expires_in: Number(expires), uses: uses ? Number(uses) : null });
    const link = await ask("POST", url, { link: "" }, { body, headers: { "Content-Type": "application/json" } });
    $(".ask", dialog).hidden = true;
    $(".result", dialog).hidden = false;
    $("button:not([type])", dialog).hidden = true;
    $("#link").value = link.url;
    const end = new Date(link.expires_at);
    const until = `${DAYS.format(end)}, ${CLOCK.format(end)}`;
    const often = link.uses ? `${link.uses === 1 ? "once" : `${link.uses} times`}, until ${until}` : `until ${until}`;
    $(".result p", dialog).textContent = `It works ${often}, for anyone who has it.`;
    $("#link").focus();
    $("#link").select();
    $("#link").scrollLeft = 0;
  });
}

async function copy(button) {
  const field = $("#link");
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    document.execCommand("copy"); // over plain HTTP there is no clipboard to write to
  }
  button.textContent = "Copied";
  say("The link is copied.");
  setTimeout(() => (button.textContent = "Copy"), 2000);
}

// Uploads

const uploads = [];
const CHOICES = {
  waiting: ["cancel"],
  sending: ["cancel"],
  exists: ["replace", "skip"],
  failed: ["retry"],
  cancelled: ["retry"],
  refused: [],
  done: [],
};
const UNFINISHED = ["waiting", "sending", "exists"];

/** A file on its way: two steps, for a browser would send it twice through a redirect, and show no progress. */
class Upload {
  #file;
  #name; // at the store
  #url;
  #rule = $("#uploads").dataset;
  #item;
  #parts = null;
  #replace = false;
  #abort = new AbortController();

  constructor(file, isDirectory) {
    this.#file = file;
    this.#rename();
    this.#item = $("#upload").content.firstElementChild.cloneNode(true);
    $("bdi", this.#item).textContent = file.name;
    $("progress", this.#item).ariaLabel = `Upload of ${file.name}`;
    for (const button of $$("[data-choice]", this.#item)) button.onclick = () => this[button.dataset.choice]();
    $("#queue").append(this.#item);
    this.#begin(isDirectory);
  }

  get state() {
    return this.#item.dataset.state;
  }

  get name() {
    return this.#file.name;
  }

  cancel() {
    this.#abort.abort();
    this.#discard();
    this.#become("cancelled", "Cancelled.");
  }

  skip() {
    this.#discard();
    this.#become("cancelled", "Not uploaded: the old one stays.");
  }

  retry() {
    this.#become("waiting", "Waiting…");
  }

  replace() {
    this.#replace = true;
    this.retry();
  }

  forget() {
    this.#item.remove();
  }

  /** Upload it, to whatever end. */
  async run() {
    const { signal } = (this.#abort = new AbortController());
    this.#become("sending", "Starting…");
    try {
      await (this.#isInParts ? this.#sendParts(signal) : this.#sendWhole(signal));
      this.#finish();
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 412 || error.code === "PreconditionFailed") this.#meet();
      else this.#become("failed", error.message);
    }
  }

  /** In an inbox, whose files the visitor may not read: no file may be replaced there, and no 412 tells that one is there. */
  get #isInbox() {
    return this.#rule.inbox === "yes";
  }

  #rename() {
    this.#name = this.#isInbox ? uniqueName(this.#file.name) : this.#file.name;
    this.#url = here + encodeURIComponent(this.#name);
  }

  get #isInParts() {
    return this.#file.size > IN_PARTS && !byLink; // a link that counts takes one request a file
  }

  /** Refuse here what would be refused there, and ask before anything is replaced. */
  #begin(isDirectory) {
    const { maxBytes } = this.#rule;
    const types = this.#rule.types.split(",").filter(Boolean);
    const { name, size, type } = this.#file;
    const most = Math.min(maxBytes || Infinity, this.#isInParts ? LARGEST_IN_PARTS : LARGEST);
    if (isDirectory) this.#become("refused", "This is a folder. Drop the files that are in it.");
    else if (size > most)
      this.#become("refused", `Too big: it has ${readableSize(size)}, and may have ${readableSize(most)}.`);
    else if (types.length && !isAllowed(type, types))
      this.#become("refused", `The wrong kind: it is ${type || "of an unknown type"}, and must be ${types.join(" or ")}.`);
    else if (this.#isInbox) this.retry();
    else if (uploads.some((upload) => upload.name === name && UNFINISHED.includes(upload.state)))
      this.#become("refused", "One of that name is under way.");
    else if (fileNames().has(name)) this.#meet();
    else this.retry();
  }

  /** There is a file of that name. */
  #meet() {
    if (this.#isInbox) {
      this.#discard();
      this.#rename();
      return this.#become("failed", "That name is taken. Retry sends the file under another name.");
    }
    if (this.#rule.overwrite === "yes") return this.#become("exists", "There is one of that name. Replace it?");
    this.#discard();
    this.#become("refused", "There is one of that name, and it cannot be replaced here. Rename yours.");
  }

  async #sendWhole(signal) {
    const { size } = this.#file;
    const type = await mediaTypeOf(this.#file, signal);
    const headers = this.#replace ? {} : { "If-None-Match": "*" };
    if (type) headers["Content-Type"] = type;
    if (this.#rule.checksum === "yes") headers["x-amz-checksum-sha256"] = await checksumOf(this.#file);
    const target = await ask("PUT", this.#url, { presign: "", size }, { headers, signal });
    await send(target, this.#file, { type, signal, onprogress: this.#progress() });
  }

  async #sendParts(signal) {
    const { partBytes, checksum } = this.#rule;
    const how = { partBytes: Number(partBytes), checksum: checksum === "yes" };
    this.#parts ??= new Parts(this.#file, this.#url, how);
    const onresume = ({ loaded, total }) => {
      const text = `Resuming: ${readableSize(loaded)} of ${readableSize(total)} are there.`;
      $(".state", this.#item).textContent = text;
      say(`${this.#file.name}: ${text}`);
    };
    await this.#parts.send({ replace: this.#replace, signal, onresume, onprogress: this.#progress() });
  }

  /** Take back what arrived of a file that is not wanted any more; else the store forgets it, later. */
  #discard() {
    this.#parts?.discard().catch(() => {});
    this.#parts = null;
  }

  /** Show how far it is, how fast, and how long it will take: by the speed of the last seconds. */
  #progress() {
    let before = null;
    let speed = 0;
    return ({ loaded, total }) => {
      const time = performance.now();
      before ??= { time, loaded }; // what was there before was not sent now
      const seconds = (time - before.time) / 1000;
      if (seconds > 0.5 || (speed === 0 && seconds > 0.1)) {
        const now = Math.max(0, loaded - before.loaded) / seconds; // less where a part is sent again
        speed = speed ? 0.7 * speed + 0.3 * now : now;
        before = { time, loaded };
      }
      $("progress", this.#item).value = total ? loaded / total : 1;
      const left = speed ? `, ${readableSize(speed)}/s, ${readableTime((total - loaded) / speed)} left` : "";
      const text = loaded < total ? `${readableSize(loaded)} of ${readableSize(total)}${left}` : "Finishing…";
      $(".state", this.#item).textContent = text;
    };
  }

  #finish() {
    const link = document.createElement("a");
    link.href = address(this.#url, {});
    const name = $("bdi", this.#item);
    if (!byLink) name.replaceWith(link), link.append(name); // a link to upload does not open what it uploaded
    this.#become("done", `Uploaded${this.#isInbox ? ` as ${this.#name}` : ""}, ${readableSize(this.#file.size)}.`);
    refresh();
  }

  #become(state, text) {
    const focused = this.#item.contains(document.activeElement);
    this.#item.dataset.state = state;
    $(".state", this.#item).textContent = text;
    $("progress", this.#item).hidden = state !== "sending";
    $("progress", this.#item).value = 0;
    for (const button of $$("[data-choice]", this.#item)) button.hidden = !CHOICES[state].includes(button.dataset.choice);
    if (focused) ($("[data-choice]:not([hidden])", this.#item) ?? $("[data-do=choose]")).focus();
    if (["exists", "failed", "refused", "done"].includes(state)) say(`${this.#file.name}: ${text}`);
    queueMicrotask(work);
  }
}

/** Start what can start, and sum up. */
function work() {
  const of = (state) => uploads.filter((upload) => upload.state === state);
  const free = PARALLEL - of("sending").length;
  for (const upload of of("waiting").slice(0, Math.max(0, free))) upload.run();
  $("#queue-summary").hidden = uploads.every((upload) => UNFINISHED.includes(upload.state));
  $("#queue-summary span").textContent = `${of("done").length} of ${uploads.length} uploaded`;
}

function add(files) {
  uploads.push(...files.map(({ file, isDirectory }) => new Upload(file, isDirectory)));
  work();
}

function clearFinished() {
  for (const upload of uploads.splice(0)) {
    if (UNFINISHED.includes(upload.state)) uploads.push(upload);
    else upload.forget();
  }
  work();
  $("[data-do=choose]").focus();
}

function acceptFiles() {
  const input = $("#files");
  const drop = $("#drop");
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  input.onchange = () => {
    add([...input.files].map((file) => ({ file, isDirectory: false })));
    input.value = ""; // so that the same file can be chosen again
  };
  let depth = 0; // every element under the pointer is entered and left
  addEventListener("dragenter", (event) => (drop.hidden = !(hasFiles(event) && ++depth)));
  addEventListener("dragleave", (event) => (drop.hidden = !(hasFiles(event) ? --depth : depth)));
  addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    drop.hidden = true;
    const items = [...event.dataTransfer.items].filter((item) => item.kind === "file");
    add(items.map((item) => ({ file: item.getAsFile(), isDirectory: item.webkitGetAsEntry()?.isDirectory ?? false })));
  });
  addEventListener("beforeunload", (event) => {
    if (uploads.some((upload) => UNFINISHED.includes(upload.state))) event.preventDefault();
  });
}

// The page

const ACTIONS = {
  sort(button) {
    const { column } = button.closest("th").dataset;
    order = { column, ascending: column !== order.column || !order.ascending };
    sorted = true;
    sort();
  },
  share: openSharing,
  delete: openDeletion,
  close: (button) => button.closest("dialog").close(),
  copy,
  choose: () => $("#files").click(),
  clear: clearFinished,
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) ACTIONS[button.dataset.do](button);
});
$("#filter").addEventListener("input", filter);
enhance(document);
if ($("#uploads")) acceptFiles();
