/** Starts the page: log in, open the view that the address names, keep the project's store while one stays in it. */
import { computed, effect, html, render, signal } from "./dom.js";
import { get } from "./api.js";
import { KeySheet, listenToKeys } from "./keyboard.js";
import { interceptLinks, navigate, route } from "./router.js";
import { ProjectStore } from "./store.js";
import { LoginView, useLoginLink } from "./views/login.js";
import { ProjectView } from "./views/project.js";
import { ProjectsView } from "./views/projects.js";
import { RunView } from "./views/run.js";

const account = signal(null);
const failure = signal(null);
const store = signal(null);
let linkFailure = null;

async function start() {
  interceptLinks();
  listenToKeys(() => store.value);
  // A login link pasted over an open page changes the fragment only.
  addEventListener("hashchange", () => location.hash.startsWith("#login=") && location.reload());
  linkFailure = await useLoginLink();
  await logIn();
  effect(keepStore);
  effect(nameThePage);
  render(html`<${App} />`, document.getElementById("app"));
}

async function logIn() {
  try {
    account.value = await get("me");
    failure.value = null;
  } catch (error) {
    if (error.status === 401) account.value = null;
    else failure.value = error;
  }
}

const place = computed(() => {
  const { view, entity, project } = route.value;
  if (!account.value || (view !== "project" && view !== "run")) return null;
  return JSON.stringify([entity === "me" ? account.value.entity : entity, project]);
});

/** One store for as long as one stays in a project, so that runs and project share what is loaded. */
function keepStore() {
  const wanted = place.value;
  if (wanted === null) {
    store.value = null;
    return undefined;
  }
  const opened = new ProjectStore(...JSON.parse(wanted));
  store.value = opened;
  opened.open();
  return () => opened.close();
}

function nameThePage() {
  const { view, project, run } = route.value;
  const name = run ? (store.value?.runs.value.get(run)?.name ?? run) : null;
  document.title = [name, view === "nowhere" ? null : project, "trialog"].filter(Boolean).join(" · ");
}

function App() {
  return html`<${View} /><${KeySheet} />`;
}

function View() {
  const { view, run } = route.value;
  if (failure.value) {
    return html`<main class="login"><p class="wrong" role="alert">${failure.value.message}</p>
      <button onClick=${() => location.reload()}>try again</button></main>`;
  }
  if (!account.value || view === "login") return html`<${LoginView} failed=${linkFailure} onDone=${() => logIn().then(() => view === "login" && navigate("/"))} />`;
  if (view === "projects") return html`<${ProjectsView} account=${account.value} />`;
  if (view === "nowhere" || !store.value) return html`<main class="narrow"><p>There is no such page. <a href="/">All projects</a></p></main>`;
  if (view === "run") return html`<${RunView} store=${store.value} id=${run} account=${account.value} />`;
  return html`<${ProjectView} key=${place.value} store=${store.value} account=${account.value} />`;
}

start();
