/** Requests to the server this page came from. */

/** An answer that is no success; `status` 0 means that no answer came. */
export class RequestError extends Error {
  constructor(message, status = 0, code = "") {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/**
 * Send a request and return the decoded JSON.
 * @param {string} method @param {string} path below /api/v1/ @param {object} [body] @param {AbortSignal} [signal]
 */
export async function request(method, path, body, signal) {
  const options = { method, signal, headers: { Accept: "application/json" } };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(`/api/v1/${path}`, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new RequestError("the server cannot be reached");
  }
  const data = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    throw new RequestError(data.error?.message ?? `the server answered ${answer.status}`, answer.status, data.error?.code);
  }
  return data;
}

export const get = (path, signal) => request("GET", path, undefined, signal);
export const post = (path, body, signal) => request("POST", path, body, signal);

/** Join parts into a path, each escaped. @param {...string} parts */
export const pathOf = (...parts) => parts.map(encodeURIComponent).join("/");

/** All runs of a project, newest first, page by page; `take` gets each page as it comes. */
export async function eachRunPage(entity, project, take) {
  let cursor = null;
  do {
    const query = cursor ? `?limit=1000&cursor=${encodeURIComponent(cursor)}` : "?limit=1000";
    const page = await get(pathOf("projects", entity, project, "runs") + query);
    take(page);
    cursor = page.next;
  } while (cursor);
}

const MOST_AT_ONCE = 4;
const queue = [];
let running = 0;

/** Ask for series; at most four such requests are under way, in the order in which they were asked. */
export function fetchSeries(entity, project, query, signal) {
  return new Promise((resolve, reject) => {
    queue.push({ run: () => post(pathOf("projects", entity, project, "series"), query, signal), resolve, reject, signal });
    pump();
  });
}

function pump() {
  while (running < MOST_AT_ONCE && queue.length) {
    const job = queue.shift();
    if (job.signal?.aborted) {
      job.reject(new DOMException("aborted", "AbortError"));
      continue;
    }
    running += 1;
    job.run().then(job.resolve, job.reject).finally(() => {
      running -= 1;
      pump();
    });
  }
}
