// Stop, entry, price and targets of a position, to scale. A short is drawn the other way round: the
// stop is always at the left.

import { svg } from "./dom.js";
import { price } from "./format.js";

const WIDE = 200, HIGH = 26, EDGE = 6;

export function levelsText(row) {
  const parts = [];
  if (row.stop !== null) parts.push(`stop ${price(row.stop)}`);
  if (row.entry !== null) parts.push(`entry ${price(row.entry)}`);
  if (row.price !== null) parts.push(`price ${price(row.price)}`);
  row.targets.forEach((target, number) => parts.push(`target ${row.targets.length > 1 ? `${number + 1} ` : ""}${price(target)}`));
  return parts.join(", ") || "no levels";
}

export function drawLevels(row, td) {
  const key = [row.stop, row.entry, row.price, row.targets.join()].join("|");
  if (td.dataset.drawn === key) return;
  td.dataset.drawn = key;
  const known = [row.stop, row.entry, row.price, ...row.targets].filter((x) => x !== null).map(Number);
  if (row.price === null || row.stop === null || known.length < 2) {
    td.replaceChildren(document.createTextNode(row.stop === null ? "no stop" : "no price"));
    return;
  }
  const at = Number(row.price), entry = Number(row.entry ?? row.price);
  const turn = row.side === "short" ? -1 : 1;
  const low = Math.min(...known.map((x) => x * turn)), high = Math.max(...known.map((x) => x * turn),
    row.targets.length ? -Infinity : Math.max(at, entry) * turn + Math.abs(entry - Number(row.stop)));
  const x = (value) => EDGE + (WIDE - 2 * EDGE) * (value * turn - low) / ((high - low) || 1);
  const line = (name, value, from, to) => svg("line", { class: name, x1: x(value), x2: x(value), y1: from, y2: to });
  const name = levelsText(row);
  const drawing = svg("svg", { class: "levels", viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": name, preserveAspectRatio: "none" },
    svg("line", { class: "track", x1: EDGE, x2: WIDE - EDGE, y1: 13, y2: 13 }),
    svg("line", { class: (at - entry) * turn >= 0 ? "gain" : "loss", x1: x(entry), x2: x(at), y1: 13, y2: 13 }),
    line("entry", entry, 3, 23), line("stop", Number(row.stop), 3, 23),
    ...row.targets.map((target) => line("target", Number(target), 3, 23)),
    line("at", at, 8, 18));
  const title = svg("title");
  title.textContent = name;
  drawing.prepend(title);
  td.replaceChildren(drawing);
}
