// The account's line, the session, and what is wrong now.

import { $, el, setClass, setText } from "./dom.js";
import { age, clock, money, nowClock, number, secondsSince, signed, tone, until } from "./format.js";

const SESSIONS = { regular: "regular hours", pre: "pre-market", after: "after hours",
  overnight: "overnight", closed: "closed" };

export function showAccount(board) {
  const line = board.account_line, halt = board.halt;
  const figures = [
    ["Equity", money(line.equity), ""],
    ["Day P&L", signed(line.day_pl) + (line.day_pl_pct === null ? "" : ` (${signed(line.day_pl_pct)} %)`), tone(line.day_pl)],
    ["Open P&L", signed(line.open_pl), tone(line.open_pl)],
    ["Exposure", money(line.exposure), ""],
    ...(Number(line.contracts ?? 0) ? [["Contracts", `${number(line.contracts)}, ${line.contracts_max_loss === null ? "loss without end, or not known" : `at most ${money(line.contracts_max_loss)} to lose`}`, line.contracts_max_loss === null ? "bad" : ""]] : []),
    ["Buying power", money(line.buying_power), ""],
    ["Entries", halt.stops_entries ? halt.level.replaceAll("_", " ").toUpperCase() : "allowed", halt.stops_entries ? "bad" : ""],
  ];
  const parts = figures.map(([name, value, mood]) => el("div", { class: "figure" },
    el("span", { class: "name" }, name), el("span", { class: `value ${mood}`, data: { figure: name } }, value)));
  const bars = el("div", { class: "bars" }, line.bars.map(bar));
  $("account-line").replaceChildren(...parts, bars);
}

function bar(item) {
  const words = item.limit === null ? (item.used === null ? "no limit" : `${number(item.used)}${item.unit && " "}${item.unit}, no limit`)
    : `${number(item.used)} of ${number(item.limit)}${item.unit && " "}${item.unit}`;
  const limit = Number(item.limit ?? 0), used = Number(item.used ?? 0);
  const meter = item.limit === null || item.used === null ? null
    : el("meter", { min: 0, max: limit || 1, value: Math.max(Math.min(used, limit), 0), low: limit * 0.8, high: limit * 0.999, optimum: 0, "aria-label": `${item.name}: ${words}` });
  return el("div", { class: "bar" }, el("div", { class: "name" }, el("span", {}, item.name), el("span", {}, words)), meter);
}

export function showSession(board) {
  const market = board.market;
  let words = SESSIONS[market.session] ?? market.session;
  if (market.never_closes) words = "always open";
  else if (market.changes_at) words += `, ${market.changes_to} ${clock(market.changes_at)} ET (in ${until(market.changes_at)})`;
  setText($("session"), words || "session not known");
  setClass($("session"), `chip ${market.is_open ? "good" : ""}`);
  setText($("clock"), nowClock());
}

// What stands above everything: [words, tone], the worst first; null where all is well.
export function trouble(board, link) {
  if (link === "lost") return ["The page's server does not answer: what is shown is old. Trying again.", "bad"];
  if (!board) return null;
  const bare = Object.values(board.positions).filter((row) => row.guard_tone === "bad" && row.is_promised);
  const isDown = board.source.kind === "watch" && board.watch && !board.watch.stream_up;
  const isBlind = isDown && board.account_line.trouble !== "";
  const parts = [];
  if (bare.length) parts.push(`Not protected as promised: ${bare.map((row) => row.symbol).join(", ")}.`);
  if (board.source.kind !== "watch") parts.push(board.source.words);
  else if (isBlind) parts.push("The broker's stream is down and the account cannot be read: what is shown is what was known last.");
  else if (isDown) parts.push("The broker's stream is down: orders are asked for meanwhile.");
  if (board.halt.stops_entries) parts.push(`New entries are stopped: ${board.halt.reason || board.halt.level}.`);
  if (board.watch?.differing.length) parts.push(`The broker holds another quantity: ${board.watch.differing.join(", ")}; see execbot reconcile.`);
  if (board.account_line.trouble) parts.push(`The account could not be read: ${board.account_line.trouble}`);
  if (board.market.halts.length) parts.push(`Halted: ${board.market.halts.join(", ")}.`);
  if (!parts.length) return null;
  return [parts.join(" "), bare.length || isBlind ? "bad" : "care"];
}

export function showLink(board, link) {
  const chip = $("link-state");
  const states = { connecting: ["connecting", ""], lost: ["no connection", "bad"], out: ["signed out", "care"] };
  let [words, mood] = states[link] ?? ["live", "good"];
  if (link === "live" && board && board.source.kind !== "watch") [words, mood] = ["without watch", "care"];
  setText(chip, words);
  setClass(chip, `chip ${mood}`);
}

export function showFoot(board) {
  const watch = board.watch, parts = [`execbot ${board.version}`];
  if (board.account_line.at) parts.push(`account as of ${age(secondsSince(board.account_line.at))} ago`);
  if (watch) {
    parts.push(`decision lag ${watch.lag_ms} ms`);
    if (watch.requests_left !== null) parts.push(`requests left ${watch.requests_left} of ${watch.requests_per_minute} a minute`);
    if (watch.guarded_at) parts.push(`guard looked ${age(secondsSince(watch.guarded_at))} ago`);
  }
  setText($("foot"), `${parts.join(" · ")} · times are New York's (ET)`);
}
