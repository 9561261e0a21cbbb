// The presigned requests of uploads: the service presigns the requests of many small files at once.

import { ask, refusalOfAnswer, urlOf } from "./service.js";
import { usesLeft } from "./upload_limits.js";

// Each presigned request takes a use of a link with a number of uses, so no request is presigned early.
const MAX_AT_ONCE = usesLeft === Infinity ? 50 : 1;
const MAX_EARLY_BYTES = 1_000_000; // larger files take so long that the next requests would expire
const EARLY_MILLISECONDS = 60_000; // how long a presigned request waits for its upload

const base = new URL("../..", import.meta.url).href; // of the service
const early = new Map(); // by upload: a request that was presigned together with another, and when to forget it

/**
 * The presigned request of an upload; rejects with the refusal of the service. The requests of the uploads that come
 * next are presigned together with it.
 *
 * @param {Upload} upload - whose `request` tells what to presign.
 * @param {Upload[]} next - the uploads that wait.
 */
export function presigned(upload, next) {
  const known = early.get(upload);
  early.delete(upload);
  if (known && performance.now() < known.end) return known.target;
  const others = next.filter((other) => other !== upload && other.size <= MAX_EARLY_BYTES && !early.has(other));
  const together = [upload, ...others].slice(0, MAX_AT_ONCE);
  const [target, ...targets] = presign(together.map((each) => each.request()));
  const end = performance.now() + EARLY_MILLISECONDS;
  targets.forEach((each, index) => early.set(others[index], { target: each, end }));
  return target;
}

/** The presigned requests, each as a promise, for the promises of requests. A request that fails leaves the others. */
function presign(requests) {
  const answers = answersTo(requests);
  return requests.map((request) => {
    const target = request.then(async (value) => targetOf(value, (await answers).get(value)));
    target.catch(() => {}); // an upload that was cancelled never asks for its request
    return target;
  });
}

async function answersTo(promises) {
  const settled = await Promise.allSettled(promises);
  const requests = settled.filter(({ status }) => status === "fulfilled").map(({ value }) => value);
  const uploads = requests.map(({ path, ...rest }) => ({ path: urlOf(path).slice(base.length - 1), ...rest }));
  const answers = await ask("POST", `${base}-/uploads`, {}, { body: JSON.stringify(uploads) });
  return new Map(requests.map((request, index) => [request, answers[index]]));
}

/** The request to send, with the media type, which is presigned only where the rule demands a type. */
function targetOf({ headers }, answer) {
  if (answer.status !== 200) throw refusalOfAnswer(answer, answer.status);
  return { ...answer, type: headers["Content-Type"] };
}
