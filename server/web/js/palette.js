/** The colours of runs: the server says which of the ten a run has, so that it never changes. */
const PALETTE = ["#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#ff8ab7", "#a463f2", "#97bbf5", "#9c6b4e", "#9498a0"];

/** @param {{color: number}} run */
export const colorOf = (run) => PALETTE[run.color % PALETTE.length];
