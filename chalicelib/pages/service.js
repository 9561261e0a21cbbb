// Requests to the service, which signs URLs and makes links.

import { $ } from "./dom.js";
import { isSaid, say } from "./words.js";

// The token of the link that the visitor uses: in the path, else in the query. This file is at `/-/assets/` of the service.
const tokenPaths = new URL("../t/", import.meta.url).pathname;
const inPath = location.pathname.startsWith(tokenPaths) ? location.pathname.slice(tokenPaths.length).split("/")[0] : null;
const token = inPath ?? new URLSearchParams(location.search).get("token");

/** Whether the visitor uses a link. */
export const byLink = token !== null;

/**
 * A failure, with a message for the visitor.
 * `status` and `code` come from the answer: 0 and "" without an answer. `isTransient`: a retry may succeed.
 */
export class Refusal extends Error {
  constructor(message, { status = 0, code = "", isTransient = false } = {}) {
    super(message);
    Object.assign(this, { status, code, isTransient });
  }
}

/** Whether a retry may succeed after an answer with this status. */
export const isTransientStatus = (status) => status === 408 || status === 429 || status >= 500;

/** A URL with parameters, and with the token of the visitor's link. */
export function address(url, parameters) {
  const result = new URL(url);
  const all = byLink ? { token, ...parameters } : parameters;
  for (const [name, value] of Object.entries(all)) result.searchParams.set(name, value);
  return result;
}

/** The URL of a path below this directory. */
export const urlOf = (path) => $("main").dataset.url + path.split("/").map(encodeURIComponent).join("/");

/** Send a request to the service; returns the JSON of the answer, null for an answer without content. */
export async function ask(method, url, parameters, options = {}) {
  const response = await request(address(url, parameters), { method, ...options });
  if (response.ok) return response.status === 204 ? null : response.json();
  throw refusalOfAnswer(await response.json().catch(() => ({})), response.status);
}

/** The Refusal for a problem that the service answers. */
export function refusalOfAnswer(problem, status) {
  return new Refusal(messageOf(problem, status), { status, code: problem.code, isTransient: isTransientStatus(status) });
}

/** The page's own words for a problem, or the detail of the service, which is in English. */
export function messageOf({ code, detail }, status) {
  if (status === 401) return say("fault.signed-out");
  const name = `problem.${code}`;
  return isSaid(name) ? say(name) : (detail ?? say("fault.service", { status: `${status}` }));
}

/** Call `fetch`; throws a Refusal if there is no answer. */
export async function request(url, options) {
  try {
    return await fetch(url, options);
  } catch (error) {
    throw error.name === "AbortError" ? error : noConnection();
  }
}

/** The Refusal for a request without an answer. */
export const noConnection = () => new Refusal(say("fault.connection"), { isTransient: true });
