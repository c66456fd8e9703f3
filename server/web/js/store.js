/** One project as the page knows it: its runs, its metrics, which runs are shown, and what changed. */
import { batch, computed, signal } from "./dom.js";
import { eachRunPage, get, pathOf } from "./api.js";
import { follow } from "./live.js";
import { param, setParams } from "./router.js";
import { compareRuns, matchesSearch, parseSort } from "./run-order.js";

/** How many runs have their curves drawn until the reader chooses. */
const SHOWN_AT_FIRST = 20;
const KEYS_EVERY_MS = 3000;
/** A project that is not there may be made at any moment. */
const REOPEN_MS = 3000;

export class ProjectStore {
  /** @param {string} entity @param {string} project */
  constructor(entity, project) {
    this.entity = entity;
    this.project = project;
    this.runs = signal(new Map());
    this.keys = signal([]);
    this.loaded = signal(false);
    this.error = signal(null);
    /** The points of the last tick that brought some, as the stream has them. */
    this.points = signal({});
    this.hovered = signal(null);
    this.selected = signal(new Set());
    this.listed = computed(() => this.#list());
    this.shown = computed(() => this.#show());
    this.colored = computed(() => this.listed.value.filter((run) => this.shown.value.has(run.id)));
    this.stop = () => {};
    this.closed = false;
    this.keysAt = 0;
    this.keysTimer = null;
    this.openTimer = null;
  }

  /** Load everything, then follow what changes. */
  async open() {
    try {
      let version = 0;
      await eachRunPage(this.entity, this.project, (page) => {
        version ||= page.version;
        this.#merge(page.runs);
      });
      await this.#loadKeys();
      if (this.closed) return;
      this.error.value = null;
      this.loaded.value = true;
      this.stop = follow(this.entity, this.project, version, (tick) => this.#take(tick));
    } catch (error) {
      this.error.value = error;
      if (error.status === 404 && !this.closed) this.openTimer = setTimeout(() => this.open(), REOPEN_MS);
    }
  }

  close() {
    this.closed = true;
    clearTimeout(this.keysTimer);
    clearTimeout(this.openTimer);
    this.stop();
  }

  /** Hide or show the curves of runs; kept in the address. @param {string[]} ids @param {boolean} wanted */
  setShown(ids, wanted) {
    const hide = idsOf("hide");
    const show = idsOf("show");
    for (const id of ids) {
      (wanted ? hide : show).delete(id);
      (wanted ? show : hide).add(id);
    }
    setParams({ hide: [...hide].join(","), show: [...show].join(",") });
  }

  /** Show the curves of these runs and of no others. @param {Iterable<string>} ids */
  showOnly(ids) {
    const wanted = new Set(ids);
    const others = this.listed.value.filter((run) => !wanted.has(run.id)).map((run) => run.id);
    setParams({ hide: others.join(","), show: [...wanted].join(",") });
  }

  toggleSelected(id) {
    const next = new Set(this.selected.value);
    if (!next.delete(id)) next.add(id);
    this.selected.value = next;
  }

  #list() {
    const search = param("q") ?? "";
    const order = compareRuns(parseSort(param("sort")));
    return [...this.runs.value.values()].filter((run) => matchesSearch(run, search)).sort(order);
  }

  #show() {
    const hide = idsOf("hide");
    const show = idsOf("show");
    const newest = [...this.runs.value.values()].sort((a, b) => b.created_at - a.created_at).slice(0, SHOWN_AT_FIRST);
    const shown = new Set(newest.map((run) => run.id).filter((id) => !hide.has(id)));
    for (const id of show) shown.add(id);
    return shown;
  }

  #merge(rows) {
    if (!rows.length) return;
    const next = new Map(this.runs.value);
    for (const row of rows) next.set(row.id, row);
    this.runs.value = next;
  }

  async #loadKeys() {
    this.keysAt = Date.now();
    const { keys } = await get(pathOf("projects", this.entity, this.project, "keys"));
    const known = this.keys.value;
    if (keys.length !== known.length || keys.some((key, index) => key.key !== known[index].key)) this.keys.value = keys;
  }

  #take(tick) {
    batch(() => {
      this.#merge(tick.runs);
      if (tick.deleted.length) {
        const next = new Map(this.runs.value);
        for (const id of tick.deleted) next.delete(id);
        this.runs.value = next;
      }
      const ofRuns = Object.values(tick.points);
      if (!ofRuns.length) return;
      this.points.value = tick.points;
      const known = new Set(this.keys.value.map((key) => key.key));
      if (ofRuns.some((points) => points === null || Object.keys(points).some((key) => !known.has(key)))) this.#wantKeys();
    });
  }

  /** Load the keys anew, soon, and not more often than every three seconds. */
  #wantKeys() {
    if (this.keysTimer !== null) return;
    this.keysTimer = setTimeout(() => {
      this.keysTimer = null;
      // What goes wrong here shows as the bar of a lost connection; the next unknown key asks again.
      this.#loadKeys().catch(() => {});
    }, Math.max(0, this.keysAt + KEYS_EVERY_MS - Date.now()));
  }
}

const idsOf = (name) => new Set((param(name) ?? "").split(",").filter(Boolean));
