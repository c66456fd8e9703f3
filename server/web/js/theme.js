/** Light and dark: as the system says, unless the reader chose. */
import { signal } from "./dom.js";

const KEY = "trialog-theme";
const stored = localStorage.getItem(KEY);

/** "light", "dark" or null for the system's. */
export const chosenTheme = signal(stored === "light" || stored === "dark" ? stored : null);
/** Grows with every change of the look, so that canvases draw themselves anew. */
export const themeVersion = signal(0);

const dark = matchMedia("(prefers-color-scheme: dark)");
dark.addEventListener("change", () => (themeVersion.value += 1));

export const isDark = () => (chosenTheme.value ? chosenTheme.value === "dark" : dark.matches);

function apply() {
  if (chosenTheme.value) document.documentElement.dataset.theme = chosenTheme.value;
  else delete document.documentElement.dataset.theme;
}
apply();

/** Change to the other theme; the system's own needs no memory. */
export function toggleTheme() {
  const wanted = isDark() ? "light" : "dark";
  chosenTheme.value = (wanted === "dark") === dark.matches ? null : wanted;
  if (chosenTheme.value) localStorage.setItem(KEY, chosenTheme.value);
  else localStorage.removeItem(KEY);
  apply();
  themeVersion.value += 1;
}

/** The value of a colour token now. @param {string} name without the dashes */
export const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
