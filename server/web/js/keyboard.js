/** Keys that work everywhere but in a field. */
import { html, signal, useEffect, useRef } from "./dom.js";
import { drawerOpen } from "./parts/run-list.js";
import { navigate, route, runUrl, setParams } from "./router.js";
import { hideTooltip } from "./tooltip.js";
import { PROJECT_TABS } from "./views/project.js";
import { RUN_TABS } from "./views/run.js";

const sheetOpen = signal(false);
const SHEET = [
  ["/", "search"],
  ["j k", "next and previous run"],
  ["space", "hide or show the run"],
  ["x", "select the run"],
  ["Enter", "open the run"],
  ["1 2 3", "tabs"],
  ["?", "this sheet"],
  ["Esc", "close what is on top"],
];

/** @param {() => object|null} currentStore */
export function listenToKeys(currentStore) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") return closeTop(event);
    // What lies under the sheet is not meant.
    if (sheetOpen.value) return;
    const { tagName, type } = event.target;
    if ((tagName === "INPUT" && type !== "range" && type !== "checkbox") || tagName === "SELECT" || tagName === "TEXTAREA") return;
    if (act(event.key, currentStore(), event)) event.preventDefault();
  });
}

function closeTop(event) {
  if (sheetOpen.value) sheetOpen.value = false;
  else if (drawerOpen.value) drawerOpen.value = false;
  else event.target.blur?.();
  hideTooltip();
}

function act(key, store, event) {
  if (key === "?") return (sheetOpen.value = true);
  if (key === "/") return focusSearch();
  const tabs = route.value.view === "run" ? RUN_TABS : PROJECT_TABS;
  if (store && Number(key) >= 1 && Number(key) <= tabs.length) {
    setParams({ tab: key === "1" ? null : tabs[Number(key) - 1] }, { push: true });
    return true;
  }
  return store ? actOnRuns(key, store, event) : false;
}

function focusSearch() {
  const field = document.querySelector("input[type=search]");
  field?.focus();
  return Boolean(field);
}

function actOnRuns(key, store, event) {
  const runs = store.listed.value;
  const at = runs.findIndex((run) => run.id === store.hovered.value);
  if ((key === "j" || key === "k") && runs.length) {
    const next = at < 0 ? 0 : Math.min(runs.length - 1, Math.max(0, at + (key === "j" ? 1 : -1)));
    store.hovered.value = runs[next].id;
    document.querySelector(`[data-run-id="${CSS.escape(runs[next].id)}"]`)?.scrollIntoView({ block: "nearest" });
    return true;
  }
  if (at < 0 || event.target.tagName === "BUTTON" || event.target.tagName === "A") return false;
  const run = runs[at];
  if (key === " ") store.setShown([run.id], !store.shown.value.has(run.id));
  else if (key === "x") store.toggleSelected(run.id);
  else if (key === "Enter") navigate(runUrl(run));
  else return false;
  return true;
}

export function KeySheet() {
  const box = useRef(null);
  const open = sheetOpen.value;
  useEffect(() => {
    if (open) box.current.showModal();
    else box.current.close();
  }, [open]);
  return html`
    <dialog ref=${box} onClose=${() => (sheetOpen.value = false)} aria-label="keys" data-testid="key-sheet">
      <table><tbody>${SHEET.map(([keys, words]) => html`<tr key=${keys}><td><kbd>${keys}</kbd></td><td>${words}</td></tr>`)}</tbody></table>
    </dialog>`;
}
