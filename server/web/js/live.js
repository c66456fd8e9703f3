/** The stream of what changes in a project, and the state of the connection to the server. */
import { signal } from "./dom.js";
import { get, pathOf } from "./api.js";

const FIRST_RETRY_S = 2;
const LONGEST_RETRY_S = 30;
/** So many streams in a row that end before their first tick mean that something on the way does not let them pass. */
const POLL_AFTER = 3;
const POLL_MS = 5000;

/** null while connected or connecting for the first time; else the seconds until the next attempt. */
export const retryIn = signal(null);
/** Whether ticks are coming in. */
export const isLive = signal(false);

/**
 * Follow a project until the returned function is called.
 * @param {string} entity @param {string} project
 * @param {number} since version of what the page already shows
 * @param {(tick: object) => void} onTick
 */
export function follow(entity, project, since, onTick) {
  let version = since;
  let failures = 0;
  let endedStreams = 0;
  let source = null;
  let timer = null;
  let closed = false;

  function connect() {
    source = new EventSource(`/api/v1/${pathOf("projects", entity, project, "events")}?since=${version}`);
    source.addEventListener("tick", (event) => {
      const tick = JSON.parse(event.data);
      version = tick.version;
      failures = endedStreams = 0;
      isLive.value = true;
      retryIn.value = null;
      onTick(tick);
    });
    source.onerror = () => {
      source.close();
      isLive.value = false;
      failures += 1;
      countDown(Math.min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** (failures - 1)));
    };
  }

  function countDown(seconds) {
    if (closed) return;
    retryIn.value = seconds;
    timer = setTimeout(() => (seconds > 1 ? countDown(seconds - 1) : check()), 1000);
  }

  /** A login that has ended looks to an EventSource like a dead server: ask properly first. */
  function check() {
    get("me").then(() => {
      if (closed) return;
      endedStreams += 1;
      if (endedStreams > POLL_AFTER) poll();
      else connect();
    }, fail);
  }

  function fail(error) {
    if (closed) return;
    isLive.value = false;
    endedStreams = 0;
    // Loaded anew, the page asks for a login and then shows the same place.
    if (error.status === 401) location.reload();
    else countDown(Math.min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** failures++));
  }

  /** Without a stream: ask for the newest runs again and again, with the same cursor. */
  function poll() {
    get(`${pathOf("projects", entity, project, "runs")}?limit=1000`).then((page) => {
      if (closed) return;
      const changed = page.runs.filter((run) => run.version > version);
      version = page.version;
      isLive.value = true;
      retryIn.value = null;
      onTick({ version, runs: changed, deleted: [], points: Object.fromEntries(changed.map((run) => [run.id, null])) });
      timer = setTimeout(poll, POLL_MS);
    }, fail);
  }

  connect();
  return () => {
    closed = true;
    clearTimeout(timer);
    source?.close();
    isLive.value = false;
    retryIn.value = null;
  };
}
