/** The address of the page: which view, and the state that is kept in the query string. */
import { computed, signal } from "./dom.js";

const here = () => ({ path: location.pathname, query: new URLSearchParams(location.search) });
const address = signal(here());

addEventListener("popstate", () => {
  address.value = here();
});

function partsOf(path) {
  try {
    return path.split("/").filter(Boolean).map(decodeURIComponent);
  } catch {
    return ["a path that is not encoded as one"];
  }
}

/** The view that the path means. */
export const route = computed(() => {
  const parts = partsOf(address.value.path);
  if (parts.length === 0) return { view: "projects" };
  if (parts.length === 1 && parts[0] === "login") return { view: "login" };
  if (parts.length === 2) return { view: "project", entity: parts[0], project: parts[1] };
  if (parts.length === 4 && parts[2] === "runs") {
    return { view: "run", entity: parts[0], project: parts[1], run: parts[3] };
  }
  return { view: "nowhere" };
});

/** One value of the query string; null without it. @param {string} name */
export const param = (name) => address.value.query.get(name);

/**
 * Change values of the query string; null or "" removes one. Tabs make a step to go back to, sliders do not.
 * @param {Record<string, string|null>} changes @param {{push?: boolean}} [how]
 */
export function setParams(changes, { push = false } = {}) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  const url = location.pathname + (text ? `?${text}` : "");
  history[push ? "pushState" : "replaceState"](null, "", url);
  address.value = here();
}

/** Go to another view. @param {string} url */
export function navigate(url) {
  history.pushState(null, "", url);
  address.value = here();
}

export const projectUrl = (entity, project) => `/${encodeURIComponent(entity)}/${encodeURIComponent(project)}`;
export const runUrl = (run) => `${projectUrl(run.entity, run.project)}/runs/${encodeURIComponent(run.id)}`;

/** Let plain clicks on links of this page change the view without loading it anew. */
export function interceptLinks() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    if (link.target || link.origin !== location.origin) return;
    event.preventDefault();
    navigate(link.pathname + link.search);
  });
}
