// Orders of today: what works first, then what has ended, the newest first. A click tells the story.

import { $, el, Rows, setText } from "./dom.js";
import { open } from "./dialog.js";
import { ask, SignedOut } from "./net.js";
import { brokerNow, day, moment, NONE, number, price, until, words } from "./format.js";
import { act } from "./actions.js";

const BAD = new Set(["rejected", "never_sent", "in_doubt", "suspended"]);
const GOOD = new Set(["filled"]);
let table = null, board = null, onSignedOut = () => {}, drawnOn = "";

const size = (row) => (row.qty !== null ? number(row.qty) : `${number(row.notional)} USD`);

function prices(row) {
  if (row.trail_percent !== null) return `trail ${number(row.trail_percent)} %`;
  if (row.trail_price !== null) return `trail ${price(row.trail_price)}`;
  const found = [row.stop_price, row.limit_price].filter((x) => x !== null).map(price);
  return found.join(" / ") || NONE;
}

const tone = (row) => (BAD.has(row.status) ? "bad" : GOOD.has(row.status) ? "good" : row.is_open ? "care" : "");

function status(row, td) {
  const text = words(row.status);
  if (td.dataset.drawn === text) return;
  td.dataset.drawn = text;
  td.replaceChildren(el("span", { class: `chip ${tone(row)} fresh` }, text));
}

// An order of several legs has no symbol of its own.
const called = (row) => `${row.side} ${size(row)} ${row.symbol || "spread"}`;

function name(row, td) {
  td.wanted = row;
  const text = called(row);
  if (!td.firstChild) {
    td.replaceChildren(el("button", { type: "button", class: "quiet", on: { click: () => history(td.wanted) } }, text));
  } else setText(td.firstChild, text);
}

function buttons(row, td) {
  td.wanted = row;
  if (!td.firstChild) {
    td.replaceChildren(el("div", { class: "acts" }, el("button", { type: "button", class: "danger",
      "aria-label": `Cancel ${called(row)}`,
      on: { click: () => act({ kind: "cancel", subject: td.wanted.client_order_id }) } }, "Cancel")));
  }
  td.firstChild.hidden = !row.is_open;
  td.toggleAttribute("data-none", !row.is_open);
}

export function start(first, signedOut) {
  onSignedOut = signedOut;
  const columns = [
    { name: "Order", node: name, all: true },
    { name: "Type", cell: (r) => `${words(r.type)}${r.role && r.role !== "entry" && r.role !== r.type ? `, ${words(r.role)}` : ""}` },
    { name: "Price", num: true, cell: prices },
    { name: "Filled", num: true, cell: (r) => `${number(r.filled_qty)}${r.filled_avg_price === null ? "" : ` at ${price(r.filled_avg_price)}`}` },
    { name: "Status", node: status },
    { name: "Given", num: true, cell: (r) => moment(r.at) },
    { name: "Changed", num: true, cell: (r) => moment(r.changed_at) },
    { name: "Canceled in", num: true, cell: (r) => (r.ends_at && r.is_open ? until(r.ends_at) : NONE), ticks: true },
    { name: "By", cell: (r) => [r.strategy ?? r.origin, "soft"] },
  ];
  if (first.actions) columns.push({ name: "Act", node: buttons, all: true });
  table = new Rows($("orders-body"), "Orders", columns, "No orders today.");
}

// The server's times are all of one form, so they sort as text.
const time = (row) => row.changed_at ?? row.at ?? "";
const newestFirst = (a, b) => Number(b.is_open) - Number(a.is_open)
  || (time(a) < time(b) ? 1 : time(a) > time(b) ? -1 : a.client_order_id < b.client_order_id ? -1 : 1);

export function show(now) {
  board = now;
  const rows = Object.values(board.orders).sort(newestFirst);
  const today = day(brokerNow());
  table.show(rows.map((row) => [row.client_order_id, row]), today !== drawnOn); // times of another day say it
  drawnOn = today;
  const working = rows.filter((row) => row.is_open).length;
  setText($("orders-count"), rows.length ? `${working} working, ${rows.length - working} ended` : "");
}

export function tick() {
  if (!board) return;
  if (day(brokerNow()) === drawnOn) table.tick();
  else show(board);
}

async function history(row) {
  const title = called(row);
  open(title, el("p", { class: "soft", role: "status" }, "Reading …"));
  try {
    const found = await ask(`/api/order?id=${encodeURIComponent(row.client_order_id)}`);
    open(title, story(found));
  } catch (error) {
    if (error instanceof SignedOut) return onSignedOut();
    open(title, [el("p", { class: "bad" }, error.message), el("p", {}, error.why || "")]);
  }
}

function pairs(list) {
  return el("dl", { class: "pairs" }, list.filter(([, value]) => value !== null && value !== "").flatMap(
    ([key, value]) => [el("dt", {}, key), el("dd", {}, value)]));
}

function story(order) {
  const facts = pairs([
    ["Status", words(order.status)], ["Type", `${words(order.type)}, ${order.time_in_force}`],
    ["Filled", `${number(order.filled_qty)}${order.filled_avg_price ? ` at ${price(order.filled_avg_price)}` : ""}`],
    ["Reason", order.reason], ["Note", order.note], ["Alarm", order.alarm], ["Strategy", order.strategy_id],
    ["client_order_id", order.client_order_id], ["Broker's id", order.id], ["Replaced by", order.replaced_by],
  ]);
  const steps = [
    ...order.history.map((e) => [e.at, words(e.kind), [e.status && words(e.status), e.qty && `${number(e.qty)}${e.price ? ` at ${price(e.price)}` : ""}`, e.note].filter(Boolean).join(", "), e.source]),
    ...order.decisions.map((d) => [d.at, words(d.kind), d.result, d.rule]),
  ].sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
  const head = ["Time (ET)", "What", "Detail", "By"].map((word) => el("th", { scope: "col" }, word));
  const lines = steps.map(([at, what, detail, by]) => el("tr", {}, el("td", {}, moment(at)), el("td", {}, what),
    el("td", { class: "words" }, detail || NONE), el("td", { class: "soft" }, by || "")));
  return [facts, el("h3", {}, "History"), el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "History" },
    el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, lines)))];
}
