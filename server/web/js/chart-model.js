/** What one chart knows: its series, whether it is busy, what went wrong; fetched while it is in sight. */
import { effect, signal, untracked } from "./dom.js";
import { fetchSeries } from "./api.js";
import { appendPoints } from "./chart-data.js";
import { axisOf, smoothing, zoomOf } from "./chart-view.js";
import { isLive } from "./live.js";

const DEBOUNCE_MS = 80;
const REFRESH_MS = 1500;
const SKELETON_MS = 300;
const [LEAST_BUCKETS, MOST_BUCKETS] = [200, 1500];

export class ChartModel {
  /** @param {object} store a ProjectStore @param {string} metric @param {object} runs signal of the runs to draw */
  constructor(store, metric, runs) {
    this.store = store;
    this.metric = metric;
    this.runs = runs;
    this.inSight = signal(false);
    this.series = signal(null);
    this.error = signal(null);
    this.waiting = signal(false);
    this.stale = signal(false);
    this.width = 400;
    this.abort = null;
    this.fetchedAt = 0;
    this.timer = null;
    /** The question that the series answer, as text; null before an answer. */
    this.answered = null;
    /** Whether points came in that the series do not have. */
    this.dirty = false;
  }

  /** Follow everything that the data depends on; returns what stops that. */
  watch() {
    const stops = [effect(() => this.#followView()), effect(() => this.#followTicks())];
    return () => {
      stops.forEach((stop) => stop());
      clearTimeout(this.timer);
      this.abort?.abort();
    };
  }

  /** Ask again now, after an error. */
  retry() {
    this.answered = null;
    this.#schedule(0);
  }

  #followView() {
    // A server that is back is asked again for what it could not answer.
    isLive.value;
    if (!this.inSight.value) return;
    const known = this.answered === JSON.stringify(this.#question()) && !this.dirty;
    if (!known) this.#schedule(this.answered ? DEBOUNCE_MS : 0);
  }

  #followTicks() {
    const points = this.store.points.value;
    untracked(() => {
      if (!this.#isConcerned(points) || this.#append(points)) return;
      this.dirty = true;
      if (zoomOf(this.metric)) this.stale.value = true;
      else if (this.inSight.value) this.#refresh();
    });
  }

  #question() {
    const runs = this.runs.value.map((run) => [run.id, run.attempt]);
    return { runs, x: axisOf(this.metric), weight: smoothing.value, range: zoomOf(this.metric) };
  }

  #isConcerned(points) {
    return this.runs.value.some(({ id }) => {
      const ofRun = Object.hasOwn(points, id) ? points[id] : {};
      return ofRun === null || Object.hasOwn(ofRun, this.metric);
    });
  }

  #append(points) {
    const settled = this.answered !== null && !this.dirty && this.timer === null && this.abort === null;
    if (!settled || zoomOf(this.metric) || axisOf(this.metric) !== "step") return false;
    const ids = this.runs.value.map((run) => run.id);
    const grown = appendPoints(this.series.value, this.metric, points, ids, this.#buckets());
    if (grown === null) return false;
    this.series.value = grown;
    return true;
  }

  /** Ask again, not too often; a refresh that is due anyway is not put off by the next tick. */
  #refresh() {
    if (this.timer === null) this.#schedule(Math.max(DEBOUNCE_MS, this.fetchedAt + REFRESH_MS - Date.now()), true);
  }

  #schedule(delay, patient = false) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = null;
      if (patient && this.abort !== null) this.#schedule(REFRESH_MS, true);
      else this.#fetch();
    }, delay);
  }

  #buckets() {
    return Math.min(MOST_BUCKETS, Math.max(LEAST_BUCKETS, Math.round(this.width)));
  }

  async #fetch() {
    this.abort?.abort();
    const abort = (this.abort = new AbortController());
    const question = untracked(() => this.#question());
    const busy = setTimeout(() => (this.waiting.value = true), SKELETON_MS);
    this.fetchedAt = Date.now();
    this.dirty = false;
    try {
      const series = question.runs.length ? await this.#ask(question, abort.signal) : [];
      this.answered = JSON.stringify(question);
      this.series.value = series.filter((one) => one.n > 0);
      this.error.value = null;
      this.stale.value = false;
    } catch (error) {
      this.answered = null;
      if (error.name !== "AbortError") this.error.value = error;
    } finally {
      clearTimeout(busy);
      if (this.abort === abort) {
        this.abort = null;
        this.waiting.value = false;
      }
    }
  }

  async #ask({ runs, x, weight, range }, abortSignal) {
    const smooth = weight ? { kind: "ema", weight } : null;
    const query = { runs: runs.map(([id]) => id), keys: [this.metric], x, range, buckets: this.#buckets(), smooth };
    return (await fetchSeries(this.store.entity, this.store.project, query, abortSignal)).series;
  }
}
