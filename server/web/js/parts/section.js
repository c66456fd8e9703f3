/** A foldable group of charts; nothing is fetched for a folded one. */
import { html } from "../dom.js";
import { param, setParams } from "../router.js";
import { SYSTEM } from "../sections.js";
import { Chart } from "./chart.js";

const UNNAMED = "~";
const foldMarks = () => new Set((param("fold") ?? "").split(",").filter(Boolean));

/** The sections folded by hand and, with a "-", those unfolded although they start folded. */
function isFolded(name, initially) {
  const marks = foldMarks();
  return initially ? !marks.has(`-${name}`) : marks.has(name || UNNAMED);
}

function toggle(name, initially) {
  const marks = foldMarks();
  const mark = initially ? `-${name}` : name || UNNAMED;
  if (!marks.delete(mark)) marks.add(mark);
  setParams({ fold: [...marks].join(",") });
}

export function Section({ store, section, runs, foldSystem = true }) {
  const initially = foldSystem && section.name === SYSTEM;
  const folded = isFolded(section.name, initially);
  return html`
    <section class="section" data-testid="section" data-name=${section.name}>
      <h2>
        <button class="plain" aria-expanded=${String(!folded)} onClick=${() => toggle(section.name, initially)}>
          <span class="fold" aria-hidden="true">›</span>${section.name || "metrics"}
          <span class="soft">${section.charts.length}</span>
        </button>
      </h2>
      ${!folded && html`
        <div class="grid">
          ${section.charts.map(({ metric, title }) => html`
            <${Chart} key=${metric} store=${store} metric=${metric} title=${title} runs=${runs} />`)}
        </div>`}
    </section>`;
}
