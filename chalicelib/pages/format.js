// Sizes, durations and dates as a person reads them.

/** A number of bytes, formatted as the service formats it. */
export function readableSize(bytes) {
  if (bytes < 1000) return bytes === 1 ? "1 byte" : `${Math.round(bytes)} bytes`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = bytes / 1000;
  while (value >= 999.5 && units.length > 1) {
    value /= 1000;
    units.shift();
  }
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[0]}`;
}

/** A number of seconds. */
export function readableDuration(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** A date in the visitor's language and time zone. */
export const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
export const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
