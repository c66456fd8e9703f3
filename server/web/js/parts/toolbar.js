/** How the charts look at their data. */
import { html } from "../dom.js";
import { AXES, axisOf, logY, setAxis, setLogY, setSmoothing, setZoom, smoothing, xAxis, zoom } from "../chart-view.js";

const MOST = 0.999;

/** @param {{system?: boolean}} props whether only system statistics are drawn, which have no steps */
export function Toolbar({ system = false }) {
  const axis = system ? axisOf("system/") : xAxis.value;
  const axes = Object.entries(AXES).filter(([name]) => !system || name !== "step");
  return html`
    <div class="toolbar" role="toolbar" aria-label="charts">
      <label>x
        <select data-testid="x-axis" value=${axis} onChange=${(event) => setAxis(event.target.value)}>
          ${axes.map(([name, words]) => html`<option key=${name} value=${name} selected=${axis === name}>${words}</option>`)}
        </select>
      </label>
      <label title="TensorBoard's debiased exponential moving average, over all points">smooth
        <input type="range" min="0" max=${MOST} step="0.001" data-testid="smoothing" value=${smoothing.value}
          onInput=${(event) => setSmoothing(Number(event.target.value))} />
        <output>${smoothing.value ? smoothing.value.toFixed(3) : "off"}</output>
      </label>
      <button class="toggle" data-testid="log-y" aria-pressed=${String(logY.value)} onClick=${() => setLogY(!logY.value)}>log y</button>
      ${zoom.value && html`<button data-testid="reset-zoom" onClick=${() => setZoom(null)}>reset zoom</button>`}
    </div>`;
}
