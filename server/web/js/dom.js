/** What every module that draws needs of the vendored libraries, in one place. */
import { h, render } from "../vendor/preact/preact.mjs";
import { useEffect, useMemo, useRef, useState } from "../vendor/preact/hooks.mjs";
import { batch, computed, effect, signal, untracked } from "../vendor/signals/signals.mjs";
import htm from "../vendor/htm/htm.mjs";

export const html = htm.bind(h);
export { batch, computed, effect, render, signal, untracked, useEffect, useMemo, useRef, useState };

/** Join the class names that are not empty. @param {...(string|false|null|undefined)} names */
export const classes = (...names) => names.filter(Boolean).join(" ");

/**
 * A ref that sets the colour of a run on its element; style attributes are not allowed by the page's policy.
 * @param {string} color
 */
export const runColor = (color) => (element) => element?.style.setProperty("--run-color", color);
