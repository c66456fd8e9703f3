/** The bar of every page: where one is, search, connection, theme, account. */
import { classes, html } from "../dom.js";
import { request } from "../api.js";
import { isLive, retryIn } from "../live.js";
import { projectUrl } from "../router.js";
import { isDark, themeVersion, toggleTheme } from "../theme.js";
import { drawerOpen } from "./run-list.js";

/** @param {{place?: object, search?: object, account: object|null, drawer?: boolean}} props */
export function TopBar({ place, search, account, drawer }) {
  themeVersion.value;
  const themeWords = isDark() ? "change to light" : "change to dark";
  return html`
    <header class="bar">
      ${drawer && html`<button class="drawer-button" aria-expanded=${String(drawerOpen.value)}
        onClick=${() => (drawerOpen.value = !drawerOpen.value)}>runs</button>`}
      <div class="path">
        <a class="brand" href="/"><${Mark} />trialog</a>
        ${place && html`<span class="soft wide">/</span><span class="soft wide">${place.entity}</span><span class="soft">/</span>
          <a class="ellipsis" href=${projectUrl(place.entity, place.project)}>${place.project}</a>`}
        ${place?.run && html`<span class="soft wide">/</span><span class="ellipsis wide">${place.run}</span>`}
      </div>
      <div class=${classes("grow", search && "search")}>${search}</div>
      ${place && html`<span class=${`live ${isLive.value ? "on" : ""}`} data-testid="live">${isLive.value ? "live" : "not live"}</span>`}
      <button class="plain icon" data-testid="theme" onClick=${toggleTheme} title=${themeWords} aria-label=${themeWords}><${HalfMoon} /></button>
      ${account && html`<button class="plain ellipsis" title=${`${account.user}: log out`} onClick=${logOut}>${account.user}</button>`}
    </header>
    ${retryIn.value !== null && html`
      <div class="offline" role="status" data-testid="offline">server unreachable, retrying in ${retryIn.value} s</div>`}`;
}

function Mark() {
  return html`
    <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
      <path d="M2 4c1 6 3 8 12 8.5" fill="none" stroke="#4269d0" stroke-width="2" stroke-linecap="round" />
      <path d="M2 11c3 0 4-6 12-6.5" fill="none" stroke="#efb118" stroke-width="2" stroke-linecap="round" />
    </svg>`;
}

function HalfMoon() {
  return html`
    <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">
      <circle cx="7" cy="7" r="6" fill="none" stroke="currentColor" stroke-width="1.5" />
      <path d="M7 1a6 6 0 0 1 0 12z" fill="currentColor" />
    </svg>`;
}

async function logOut() {
  await request("DELETE", "session").catch(() => null);
  location.assign("/login");
}
