/** Only those rows of a long table that can be seen are in the document. */
import { html, useEffect, useRef, useState } from "../dom.js";

const SPARE = 20;

/**
 * @param {number} count rows in all @param {number} height of one, in pixels
 * @returns {{frame: object, from: number, to: number}} a ref for the element that scrolls, and which rows to make
 */
export function useWindow(count, height) {
  const frame = useRef(null);
  const [seen, setSeen] = useState({ top: 0, rows: 60 });
  useEffect(() => {
    const box = frame.current;
    const look = () => setSeen((old) => {
      const next = { top: Math.floor(box.scrollTop / height / SPARE) * SPARE, rows: Math.ceil(box.clientHeight / height) };
      return next.top === old.top && next.rows === old.rows ? old : next;
    });
    const sizes = new ResizeObserver(look);
    sizes.observe(box);
    box.addEventListener("scroll", look, { passive: true });
    return () => {
      sizes.disconnect();
      box.removeEventListener("scroll", look);
    };
  }, [height]);
  const from = Math.max(0, Math.min(seen.top, count - seen.rows) - SPARE);
  return { frame, from, to: Math.min(count, seen.top + seen.rows + 2 * SPARE) };
}

/** The room that rows which are not made would take. @param {{rows: number, height: number}} props */
export function Gap({ rows, height }) {
  const size = (element) => element?.style.setProperty("height", `${rows * height}px`);
  return rows > 0 && html`<tr aria-hidden="true" ref=${size}></tr>`;
}
