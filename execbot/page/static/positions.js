// Positions, one row each, the worst guarded first.

import { $, el, Rows, setText } from "./dom.js";
import { age, NONE, number, price, secondsSince, signed, tone, words } from "./format.js";
import { drawLevels } from "./levels.js";
import { act, moveStop } from "./actions.js";

const OLD_SECONDS = 30;
const TONES = { bad: 0, care: 1, good: 2, none: 3 };
let table = null, isOpen = true, board = null;

const chip = (row, td) => {
  const text = row.differs ? `${row.guard}, DIFFERS` : row.guard;
  const mood = row.differs ? "bad" : row.guard_tone;
  const title = row.missing || (row.structure ? `with its structure: ${row.structure}` : null);
  if (td.dataset.drawn === text + mood + title) return;
  td.dataset.drawn = text + mood + title;
  td.replaceChildren(el("span", { class: `chip ${mood}`, title }, text));
};

function ageCell(row) {
  const seconds = secondsSince(row.price_at);
  if (seconds === null) return [row.price === null ? "no price" : NONE, row.price === null ? "care" : ""];
  const isOld = isOpen && seconds > OLD_SECONDS;
  return [isOld ? `${age(seconds)} old` : age(seconds), isOld ? "old strong" : "soft"];
}

// A contract's name may be broken where its date and its strike begin.
const named = (name) => {
  const [, ...parts] = name.match(/^(\D+\d?)(\d{6})([CP]\d{8})$/) ?? [null, name];
  return parts.flatMap((part) => [el("wbr"), part]).slice(1);
};

const symbol = (showChart) => (row, td) => {
  if (td.firstChild) return;
  td.replaceChildren(el("button", { type: "button", class: "quiet strong", "aria-label": `Chart of ${row.symbol}`,
    on: { click: () => showChart(row.symbol) } }, named(row.symbol)));
};

function buttons(row, td) {
  td.wanted = row;
  if (td.firstChild) return;
  const button = (name, words, go, kind) => el("button", { type: "button", class: kind, "aria-label": `${words} ${row.symbol}`, on: { click: () => go(td.wanted) } }, name);
  td.replaceChildren(el("div", { class: "acts" },
    button("Stop", "Move the stop of", moveStop), button("Close", "Close", (now) => act({ kind: "close", subject: now.symbol }), "danger")));
}

export function start(first, showChart) {
  const columns = [
    { name: "Symbol", node: symbol(showChart) },
    { name: "State", cell: (r) => words(r.state).toLowerCase() },
    { name: "Qty", num: true, cell: (r) => number(r.qty) },
    { name: "Entry", num: true, cell: (r) => price(r.entry) },
    { name: "Price", num: true, cell: (r) => price(r.price) },
    { name: "Age", num: true, cell: ageCell, ticks: true },
    { name: "P&L", num: true, all: true, cell: (r) => [signed(r.pl) + (r.pl_pct === null ? "" : ` (${signed(r.pl_pct)}\u00a0%)`), tone(r.pl)] },
    { name: "R", num: true, cell: (r) => [signed(r.r), tone(r.r)] },
    { name: "Stop", num: true, cell: (r) => r.structure ?? price(r.stop) },
    { name: "Levels", node: drawLevels, wide: true },
    { name: "Target", num: true, cell: (r) => (r.targets.length ? r.targets.map(price).join(", ") : NONE) },
    { name: "Held", num: true, cell: (r) => (Number(r.qty) === 0 ? NONE : age(secondsSince(r.opened_at))), ticks: true },
    { name: "Guard", node: chip },
  ];
  if (first.actions) columns.push({ name: "Act", node: buttons, all: true });
  table = new Rows($("positions-body"), "Positions", columns, "No positions.");
}

export function show(now) {
  const wasOpen = isOpen;
  board = now;
  isOpen = board.market.is_open || board.market.never_closes;
  const rows = Object.values(board.positions).sort((a, b) => TONES[a.guard_tone] - TONES[b.guard_tone] || (a.symbol < b.symbol ? -1 : 1));
  setText(table.empty, board.positions_known ? "No positions." : "Not known yet what is held.");
  table.show(rows.map((row) => [row.symbol, row]), isOpen !== wasOpen);
  setText($("positions-count"), rows.length ? String(rows.length) : "");
}

export function tick() { if (board) table.tick(); }
