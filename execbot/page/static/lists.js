// Events, alarms, confirmations, the queue, other accounts; today's quality and scorecard.

import { $, el, setText } from "./dom.js";
import { brokerNow, day, moment, NONE, number, signed, words } from "./format.js";

const line = (at, text, mood) => el("li", {}, el("time", { datetime: at }, moment(at)), el("span", { class: mood || null }, text));

// A list whose lines stay the same elements: a new one is put before those that are there.
function list(place, items, empty) {
  let lines = $(place).querySelector("ul");
  if (!items.length) { $(place).replaceChildren(el("p", { class: "empty" }, empty)); return; }
  if (!lines) $(place).replaceChildren(lines = el("ul", { class: "lines", tabindex: "0", role: "list" }));
  items.forEach((item, number) => { if (lines.children[number] !== item) lines.insertBefore(item, lines.children[number] ?? null); });
  while (lines.children.length > items.length) lines.lastChild.remove();
}

// The line of a row, drawn once a day: times of another day say it.
const drawn = new Map();
let drawnOn = "";
function lineOf(kind, row, text, mood) {
  const today = day(brokerNow());
  if (today !== drawnOn) { drawn.clear(); drawnOn = today; }
  if (!drawn.has(kind)) drawn.set(kind, new WeakMap());
  const known = drawn.get(kind);
  if (!known.has(row)) known.set(row, line(row.at, text, mood));
  return known.get(row);
}

export function showEvents(board) {
  const rows = [...board.events].reverse().slice(0, 100);
  list("events-body", rows.map((row) => lineOf("event", row, row.text, row.is_alarm ? "bad strong" : "")), "Nothing has happened yet.");
}

export function showAlerts(board) {
  const told = board.events.filter((row) => row.is_alarm);
  const seen = new Set(board.alerts.map((row) => row.text));
  const rows = [...board.alerts, ...told.filter((row) => !seen.has(row.text))].sort((a, b) => (a.at < b.at ? 1 : -1));
  list("alerts-body", rows.map((row) => lineOf("alert", row, row.text, row.is_critical ? "bad strong" : "bad")), "No alarm today.");
  setText($("alerts-count"), rows.length ? String(rows.length) : "");
}

export function showConfirmations(board) {
  const rows = [...board.confirmations].reverse();
  list("confirmations-body", rows.map((row) => lineOf("confirmation", row, row.words, row.verdict === "confirmed" ? "" : "care")), "No execution today.");
}

const DUE = { keep: "waits", release: "goes out", expire: "lapses" };
const waiting = (row) => `${row.words}: ${DUE[row.due] ?? words(row.due)} (${row.waits_for})`
  + (row.expires_at && row.due === "keep" ? `, until ${moment(row.expires_at)} ET` : "");

export function showQueue(board) {
  list("queue-body", board.queue.map((row) => el("li", {}, el("span", {}, row.symbol), el("span", {}, waiting(row)))),
    "Nothing waits for the open.");
  setText($("queue-count"), board.queue.length ? String(board.queue.length) : "");
}

export function showProfiles(board) {
  $("profiles-card").hidden = board.profiles.length === 0;
  $("profiles-body").replaceChildren(el("ul", { class: "lines" }, board.profiles.map((row) => el("li", {},
    row.url ? el("a", { href: row.url }, row.name) : el("span", {}, row.name),
    el("span", { class: row.is_fine ? "" : "bad" }, row.state)))));
}

const figure = (name, value) => el("div", { class: "figure" }, el("dt", {}, name), el("dd", { class: "value" }, value));
const JUDGED = { met: "good", "not met": "bad", not_met: "bad" };

export function showQuality(board) {
  const q = board.quality;
  if (q.trouble) { $("quality-body").replaceChildren(el("p", { class: "care" }, q.trouble)); return; }
  if (!q.day) { $("quality-body").replaceChildren(el("p", { class: "empty" }, "Being read …")); return; }
  const unit = (value) => (value === null ? NONE : `${signed(value)} bps`);
  const figures = el("dl", { class: "figures" }, figure("Orders sent", number(q.sent)), figure("Taken", number(q.taken)),
    figure("Rejected", number(q.rejected)), figure("Fills", number(q.fills)), figure("Mean cost, by value", unit(q.mean_bps)),
    figure("Median", unit(q.median_bps)), figure("Worst", unit(q.worst_bps)), figure("Cost in USD", signed(q.cost_usd)));
  $("quality-body").replaceChildren(figures,
    el("p", { class: "soft" }, `Cost against the price on arrival, + = worse for us; measured: ${q.measured} orders.`),
    scorecard(q.scorecard), ...q.notes.map((note) => el("p", { class: "soft" }, note)));
}

export function scorecard(lines) {
  if (!lines.length) return el("p", { class: "empty" }, "No scorecard yet.");
  const head = ["Requirement", "Goal", "Figure", "From", "Judged", "Basis"].map((word) => el("th", { scope: "col" }, word));
  const rows = lines.map((row) => el("tr", {}, [
    ["Requirement", words(row.name), "all"], ["Goal", row.goal], ["Figure", row.figure === null ? NONE : `${number(row.figure)} ${row.unit ?? ""}`.trim()],
    ["From", `n ${number(row.n)}`], ["Judged", words(row.judged), JUDGED[row.judged]], ["Basis", row.basis, "words"],
  ].map(([name, value, kind]) => el("td", { class: kind || null, data: { name } }, value))));
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Scorecard" },
    el("table", { class: "rows" }, el("caption", { class: "skip" }, "Scorecard"), el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows)));
}
