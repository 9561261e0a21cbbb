// Images, videos and sounds of the page of a file, which the browser loads by itself.

import { $ } from "./dom.js";

const RELOAD_PAUSE = 5_000; // milliseconds: a failure so soon after a new URL has another cause

/** Show the file itself where the service has no smaller image of the file. */
export function watchImage(file, onfail) {
  const image = $("img", file);
  const failed = () => {
    if (image.getAttribute("src") === file.dataset.url) onfail();
    else image.src = file.dataset.url;
  };
  image.addEventListener("error", failed);
  if (image.complete && !image.naturalWidth) failed(); // before this script ran
}

/**
 * Go on playing after the presigned URL ended. The browser asks the ended URL for the next bytes, and gets none, so the
 * page loads the URL of the service again, and goes on at the same time.
 */
export function watchMedia(file, onfail) {
  const media = $("video, audio", file);
  let reloaded = -Infinity;
  const reload = () => {
    const { currentTime, paused } = media;
    reloaded = performance.now();
    media.load();
    media.currentTime = currentTime;
    if (!paused) media.play().catch(() => {}); // the next error tells the reason
  };
  const failed = () => {
    const isNew = media.error.code === MediaError.MEDIA_ERR_NETWORK && performance.now() - reloaded > RELOAD_PAUSE;
    if (isNew) reload();
    else onfail();
  };
  media.addEventListener("stalled", () => {
    if (media.readyState >= media.HAVE_METADATA && media.readyState < media.HAVE_FUTURE_DATA) reload();
  });
  media.addEventListener("error", failed);
  if (media.error) failed(); // before this script ran
}
