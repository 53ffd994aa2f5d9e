// Trades that were, and the report of a day: asked for when their view is opened.

import { $, el } from "./dom.js";
import { ask, SignedOut } from "./net.js";
import { age, brokerNow, day, moment, money, NONE, number, price, signed, signedMoney, tone, words } from "./format.js";
import { scorecard } from "./lists.js";

let onSignedOut = () => {};
export function start(signedOut) {
  onSignedOut = signedOut;
  $("report-form").addEventListener("submit", (event) => { event.preventDefault(); report(); });
}

async function fill(place, path, draw) {
  $(place).replaceChildren(el("p", { class: "soft", role: "status" }, "Reading …"));
  try {
    $(place).replaceChildren(...[draw(await ask(path))].flat().filter(Boolean));
  } catch (error) {
    if (error instanceof SignedOut) return onSignedOut();
    $(place).replaceChildren(el("p", { class: "bad", role: "alert" }, error.message), el("p", {}, error.why || ""), el("p", { class: "mono" }, error.next || ""));
  }
}

// head: [name, is a number, has a line of its own on a phone]
function table(caption, head, rows, empty) {
  if (!rows.length) return el("p", { class: "empty" }, empty);
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, el("table", { class: "rows" },
    el("caption", { class: "skip" }, caption), el("thead", {}, el("tr", {}, head.map(([name, num]) => el("th", { scope: "col", class: num ? "num" : null }, name)))),
    el("tbody", {}, rows.map((cells) => el("tr", {}, cells.map((cell, at) => {
      const [text, mood] = Array.isArray(cell) ? cell : [cell, ""], [name, num, all] = head[at];
      return el("td", { class: `${num ? "num" : ""} ${all ? "all" : ""} ${mood || ""}`.replace(/ +/g, " ").trim() || null, "data-none": text === NONE ? "" : null, data: { name } }, text);
    }))))));
}

const warnings = (list) => list.map((line) => el("p", { class: "care" }, line));

export const trades = () => fill("trades-body", "/api/trades?days=30", (found) => [
  ...warnings(found.warnings),
  table("Trades of the last 30 days", [["Symbol", false, true], ["Side"], ["Opened (ET)", true, true], ["Closed (ET)", true, true], ["Held", true], ["Qty", true], ["Entry", true], ["Exit", true], ["Net P&L", true], ["R", true], ["Ended by"], ["Strategy"]],
    found.trades.map((t) => [t.symbol, t.side, moment(t.opened_at), t.closed_at ? moment(t.closed_at) : "open", age(t.held_seconds), number(t.peak_qty), price(t.entry_price), price(t.exit_price),
      [t.closed_at ? signedMoney(t.net_pl) : NONE, tone(t.closed_at ? t.net_pl : null)], [signed(t.r), tone(t.r)], words(t.reason) || NONE, t.strategy_id ?? NONE]),
    "No trade in the last 30 days."),
]);

export function openReport() {
  if (!$("report-day").value) $("report-day").value = day(brokerNow());
  report();
}

const figure = (name, value, mood) => el("div", { class: "figure" }, el("dt", {}, name), el("dd", { class: `value ${mood || ""}` }, value));

const report = () => fill("report-body", `/api/report?date=${encodeURIComponent($("report-day").value)}`, ({ report: r, warnings: said }) => [
  ...warnings(said),
  el("dl", { class: "figures" }, figure("Realized P&L", signedMoney(r.realized_pl), tone(r.realized_pl)), figure("Fees", money(r.fees)), figure("Net P&L", signedMoney(r.net_pl), tone(r.net_pl)),
    figure("Open P&L", signedMoney(r.unrealized_pl), tone(r.unrealized_pl)), figure("Bought", money(r.bought)), figure("Sold", money(r.sold)),
    figure("Orders", number(r.orders.length)), figure("Fills", number(r.fills.length)), figure("Slippage", r.slippage_bps === null ? NONE : `${signed(r.slippage_bps)} bps`),
    figure("Fill rate", r.fill_rate_pct === null ? NONE : `${number(r.fill_rate_pct)} %`)),
  r.in_doubt.length ? el("p", { class: "bad strong" }, `In doubt: ${r.in_doubt.join(", ")}: execbot reconcile.`) : null,
  el("h3", {}, "Scorecard"), scorecard(r.scorecard),
  el("h3", {}, "Fills"),
  table("Fills of the day", [["Time (ET)", false, true], ["Symbol", false, true], ["Side"], ["Qty", true], ["Price", true], ["Fee", true], ["Order", false, true]],
    r.fills.map((f) => [moment(f.at), f.symbol, f.side, number(f.qty), price(f.price), f.fee === null ? NONE : `${f.fee_estimated ? "~" : ""}${number(f.fee)}`, [f.client_order_id, "mono"]]), "No fills."),
  ...r.notes.map((note) => el("p", { class: "soft" }, note)),
]);
