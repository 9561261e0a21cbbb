// The progress of a transfer: the bytes that arrived, the speed of the last seconds, and the time that is left.

import { readableDuration, readableSize } from "./format.js";
import { say } from "./words.js";

export class TransferProgress {
  #last = null;
  #speed = 0; // bytes per second

  /** The text for a number of bytes that have arrived. */
  text(loaded, total) {
    this.#measure(loaded);
    if (loaded >= total) return say("upload.finishing");
    const values = { loaded: readableSize(loaded), total: readableSize(total) };
    if (!this.#speed) return say("upload.progress", values);
    const duration = readableDuration((total - loaded) / this.#speed);
    return say("upload.progress-speed", { ...values, speed: readableSize(this.#speed), duration });
  }

  #measure(loaded) {
    const time = performance.now();
    this.#last ??= { time, loaded }; // bytes that arrived before a resume do not count for the speed
    const seconds = (time - this.#last.time) / 1000;
    if (seconds > 0.5 || (this.#speed === 0 && seconds > 0.1)) {
      const now = Math.max(0, loaded - this.#last.loaded) / seconds; // `loaded` shrinks when a part is sent again
      this.#speed = this.#speed ? 0.7 * this.#speed + 0.3 * now : now;
      this.#last = { time, loaded };
    }
  }
}
