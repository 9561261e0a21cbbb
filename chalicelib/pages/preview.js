// The script of the page of a file: completes what the page shows, and goes to the files beside it.
// The page stays: a step replaces the file and the address, so Back leads to where the visitor came from.

import { $, $$, announce } from "./dom.js";
import { localize } from "./format.js";
import { Files } from "./neighbours.js";
import { watchImage, watchMedia } from "./preview_media.js";
import { say } from "./words.js";

const SWIPE = 50; // pixels
const OWN_KEYS = "video, audio, input, select, textarea";
const OWN_SWIPES = "video, audio, .markdown pre, .markdown table";

const nav = $("#neighbours");
const isRightToLeft = document.documentElement.dir === "rtl";
const files = nav.dataset.listing ? new Files(nav.dataset.listing) : null;
const completed = new WeakSet();
let file = $("#file");
let ready = new Map(); // by URL: promises of the files beside the shown file
let steps = Promise.resolve(); // one after another, and after the files beside the file are known

/** Complete what the page shows of a file. */
function complete(shown) {
  if (completed.has(shown)) return;
  completed.add(shown);
  localize(shown);
  const failed = () => Object.assign($("[role=alert]", shown), { hidden: false, textContent: say("preview.failed") });
  const { kind } = shown.dataset;
  if (kind === "image") watchImage(shown, failed);
  if (kind === "video" || kind === "audio") watchMedia(shown, failed);
  if (kind === "text" || kind === "markdown") {
    import("./preview_text.js").then(({ showText }) => showText(shown)).catch(failed);
  }
}

/** Show the links to the files beside the shown file. */
async function showNeighbours() {
  const beside = await files.beside(file.dataset.url).catch(() => ({}));
  for (const rel of ["prev", "next"]) {
    const link = $(`a[rel=${rel}]`, nav);
    link.hidden = !beside[rel];
    if (beside[rel]) link.href = addressOf(beside[rel]);
    else link.removeAttribute("href");
  }
  $("#position").textContent = beside.count ? say("preview.position", beside) : "";
  if (file.dataset.kind === "image") loadImages();
}

/** The address of the page of a file beside this page: with the same order, filter and link, also in the path. */
const addressOf = (url) => new URL(`./${new URL(url).pathname.split("/").at(-1)}${location.search}`, location).href;

/** Load the images beside the shown image, before the visitor goes there. */
function loadImages() {
  const addresses = $$("a[href][rel]", nav).map(({ href }) => href);
  ready = new Map(addresses.map((address) => [address, ready.get(address) ?? fetchFile(address)]));
}

/**
 * The file of another page; null where the browser must load the page itself: the page says that the file is gone, or
 * its Content-Security-Policy allows another kind of file.
 */
async function fetchFile(address) {
  const response = await fetch(address, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!response?.ok) return null;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const other = $("#file", page);
  const isAlike = ["kind", "store"].every((name) => other?.dataset[name] === file.dataset[name]);
  return isAlike ? document.adoptNode(other) : null; // an adopted image begins to load
}

async function step(rel) {
  const { href } = $(`a[rel=${rel}]`, nav);
  if (!href) return;
  const other = await (ready.get(href) ?? fetchFile(href));
  if (!other) return location.replace(href);
  const focused = document.activeElement;
  ready.set(location.href, Promise.resolve(file));
  file.replaceWith(other);
  file = other;
  history.replaceState(null, "", href);
  document.title = $("h1", file).textContent;
  announce(document.title);
  complete(file);
  await showNeighbours();
  if (!focused.isConnected || focused.hidden) $("h1", file).focus(); // what had the focus is gone
}

function go(rel) {
  steps = steps.then(() => step(rel));
}

nav.addEventListener("click", (event) => {
  const link = event.target.closest("a[rel]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  go(link.rel);
});

document.addEventListener("keydown", (event) => {
  if (!["ArrowLeft", "ArrowRight"].includes(event.key) || event.target.closest(OWN_KEYS)) return;
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  go((event.key === "ArrowRight") === isRightToLeft ? "prev" : "next");
});

let touch = null; // where a swipe began

document.addEventListener("touchstart", ({ touches, target }) => {
  const isSwipe = touches.length === 1 && visualViewport.scale < 1.05 && !target.closest(OWN_SWIPES);
  touch = isSwipe ? touches[0] : null;
});

document.addEventListener("touchend", ({ changedTouches: [end] }) => {
  if (!touch) return;
  const [x, y] = [end.clientX - touch.clientX, end.clientY - touch.clientY];
  touch = null;
  if (Math.abs(x) > SWIPE && Math.abs(x) > 2 * Math.abs(y)) go(x > 0 === isRightToLeft ? "next" : "prev");
});

// The listing that the visitor came from may be another part than the first part, which the link has.
const back = $("#all-files");
const directory = new URL(".", location).pathname;
if (back && document.referrer && new URL(document.referrer).pathname === directory) back.href = document.referrer;

complete(file);
if (files) steps = showNeighbours();
