// Asks the server. The page uses nothing but the public API, so a script can do all that it can.
// Rules: an answer of 401 asks for a token and then asks again; a server that does not answer is an
// `ApiError` of status 0, and `reached` says each time whether it did.

import { signal } from "./listeners.js";

/** Given with true for each answer, with false where none came. */
export const reached = signal();

let signIn = async () => false;

/** Says how a token is asked for: a function that resolves with true once there is one. */
export function onUnauthorized(ask) {
  signIn = ask;
}

/** Why a request did not succeed. */
export class ApiError extends Error {
  constructor(status, detail, body, headers) {
    super(detail);
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

/** The address of a path of the API, below whatever path a proxy offers the page at. */
export function address(...steps) {
  const path = steps.map(encodeURIComponent).join("/");
  return new URL(`./${path}`, document.baseURI).href;
}

/** Sends a request; resolves with the `Response` where it is a success. */
export async function send(method, url, { body, headers, type, signal: abort } = {}) {
  for (;;) {
    const answer = await attempt(url, {
      method,
      body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
      headers: {
        accept: "application/json, application/problem+json",
        ...(body === undefined && method !== "POST" ? {} : { "content-type": type ?? "application/json" }),
        ...headers,
      },
      signal: abort,
      credentials: "same-origin",
      // A response from the browser's cache would show an old state.
      cache: "no-store",
    });
    if (answer.ok) return answer;
    if (answer.status === 401 && (await signIn())) continue;
    throw await failure(answer);
  }
}

async function attempt(url, options) {
  try {
    const answer = await fetch(url, options);
    reached.give(isOurs(answer));
    if (isOurs(answer)) return answer;
  } catch (error) {
    // An aborted request says nothing about the server.
    if (error.name === "AbortError") throw error;
    reached.give(false);
  }
  throw new ApiError(0, "the server does not answer");
}

// Where docket is away a proxy answers in its place.
function isOurs({ status, headers }) {
  const isProblem = headers.get("content-type")?.startsWith("application/problem+json");
  return ![502, 503, 504].includes(status) || isProblem;
}

/** What the server says of its refusal, in words. */
export async function failure(answer) {
  const text = await answer.text().catch(() => "");
  let body = null;
  try {
    body = JSON.parse(text);
  } catch {
    // A proxy in between may answer with a page of its own.
  }
  const message = body?.detail ?? body?.Reason ?? refused(body) ?? `the server answered ${answer.status}`;
  return new ApiError(answer.status, message, body, answer.headers);
}

// The body that the original has for a refused push.
function refused(body) {
  if (!body?.fields && !body?.overall) return null;
  const each = [...Object.values(body.overall ?? {}), ...Object.entries(body.fields ?? {}).map((f) => f.join(": "))];
  return each.join("; ") || null;
}

/** The URL of the page after a response, or null after the last. */
export function nextPage(response) {
  const path = /<\/?([^>]*)>;\s*rel="next"/.exec(response.headers.get("link") ?? "");
  return path && new URL(`./${path[1]}`, document.baseURI);
}

const AS_YAML = { accept: "application/yaml, application/problem+json" };

/** The specification of an allocation as YAML, without what the server adds to it. */
export async function getYaml(name) {
  const response = await send("GET", address(name), { headers: AS_YAML });
  // What is inside of a value is indented, so these keys are the server's own.
  return (await response.text()).split(/^(?:Logs|Status):/m, 1)[0];
}

/** A specification as YAML. It need not be valid. */
export async function toYaml(specification) {
  const response = await send("POST", address("-", "yaml"), { body: JSON.stringify(specification), headers: AS_YAML });
  return response.text();
}

/** Sends a request and reads the JSON of its answer. */
export async function ask(method, url, options) {
  const answer = await send(method, url, options);
  return answer.status === 204 ? null : answer.json();
}

export const get = (url, options) => ask("GET", url, options);
export const post = (url, body, options) => ask("POST", url, { ...options, body: body ?? {} });
