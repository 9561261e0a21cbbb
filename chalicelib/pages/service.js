// Requests to the service, which signs URLs and makes links.

const token = new URLSearchParams(location.search).get("token"); // of the link that the visitor uses

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

/** Send a request to the service; returns the JSON of the answer. */
export async function ask(method, url, parameters, options = {}) {
  const response = await request(address(url, parameters), { method, ...options });
  if (response.ok) return response.json();
  const problem = await response.json().catch(() => ({}));
  const { status } = response;
  if (status === 401) throw new Refusal("You are signed out. Sign in again in another tab, then retry.", { status });
  const message = problem.detail ?? `The service answered ${status}.`;
  throw new Refusal(message, { status, code: problem.code, isTransient: isTransientStatus(status) });
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
export const noConnection = () =>
  new Refusal("The connection failed. Check your connection, then retry.", { isTransient: true });
