// Sizes, durations and dates as a person reads them, in the language of the page.

import { $$, LANGUAGE } from "./dom.js";

/** The order of names in the visitor's own language, with numbers compared as numbers. */
export const NAMES = new Intl.Collator(navigator.language, { numeric: true });

const SIZE_UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];

/** A number of bytes, in the units of the service: a kB has 1,000 bytes. */
export function readableSize(bytes) {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < SIZE_UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit && value < 9.95 ? 1 : 0;
  return measure(value, SIZE_UNITS[unit], digits, unit ? "short" : "long");
}

/** A number of seconds. */
export function readableDuration(seconds) {
  if (seconds < 60) return measure(Math.max(1, seconds), "second", 0);
  if (seconds < 3600) return measure(seconds / 60, "minute", 0);
  return measure(seconds / 3600, "hour", 1);
}

const DAY = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium" });
const CLOCK = new Intl.DateTimeFormat(LANGUAGE, { hour: "numeric", minute: "2-digit", timeZoneName: "short" });

/** A date and a time of day in a sentence. */
export const readableTime = (date) => `${DAY.format(date)}, ${CLOCK.format(date)}`;

/** Show sizes and dates in the language and the time zone of the visitor; the service writes dates in UTC. */
export function localize(root) {
  for (const time of $$("time:not([title])", root)) {
    const date = new Date(time.dateTime);
    time.title = time.textContent;
    time.firstChild.data = DAY.format(date);
    time.lastChild.textContent = `, ${CLOCK.format(date)}`;
  }
  for (const size of $$("data:not([title])", root)) {
    size.title = measure(size.value, "byte", 0, "long");
    size.textContent = readableSize(size.value);
  }
}

const MEASURES = new Map(); // a new format takes longer than the format of a number

function measure(value, unit, digits, unitDisplay = "short") {
  const options = { style: "unit", unit, unitDisplay, minimumFractionDigits: digits, maximumFractionDigits: digits };
  const key = `${unit} ${digits} ${unitDisplay}`;
  if (!MEASURES.has(key)) MEASURES.set(key, new Intl.NumberFormat(LANGUAGE, options));
  return MEASURES.get(key).format(value);
}
