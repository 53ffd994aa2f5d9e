// The page: sign in, follow, show. Nothing here decides anything.

import { $, el, setClass, setText } from "./dom.js";
import { heardTime, nowClock } from "./format.js";
import { Live, post, signIn, tokenOfAddress } from "./net.js";
import { Store } from "./store.js";
import * as account from "./account.js";
import * as actions from "./actions.js";
import * as chart from "./chart.js";
import * as dialog from "./dialog.js";
import * as lists from "./lists.js";
import * as orders from "./orders.js";
import * as past from "./past.js";
import * as positions from "./positions.js";
import * as theme from "./theme.js";

const SILENT_MS = 6000; // the server tells the time every second
const store = new Store();
let link = "connecting", hasBegun = false, wasIn = false;

const live = new Live({
  message(message) {
    const now = message.type === "snapshot" ? message.board.now : message.now;
    heardTime(now);
    link = "live";
    wasIn = true;
    if (!hasBegun && message.type === "snapshot") begin(message.board);
    if (store.take(message)) { live.close(); live.open(); return; }
    showState();
  },
  state(state) {
    if (state === "out") return signedOut();
    link = state;
    showState();
  },
});

function begin(board) {
  hasBegun = true;
  $("gate").hidden = true;
  $("live").hidden = false;
  $("sign-out").hidden = false;
  setText($("mode"), board.mode);
  setClass($("mode"), `chip ${board.mode === "live" ? "bad" : ""}`);
  setText($("account"), board.account);
  document.title = `execbot ${board.mode} ${board.account}`;
  positions.start(board, chart.open);
  orders.start(board, signedOut);
  if (board.actions) haltButtons();
  route();
}

function haltButtons() {
  const halt = el("button", { type: "button", id: "halt", class: "danger", on: { click: () => actions.act(
    { kind: store.board.halt.stops_entries ? "resume" : "halt" }) } }, "Halt entries");
  $("theme").before(halt);
}

store.listen(["positions", "market", "watch"], (board) => positions.show(board));
store.listen(["orders"], (board) => orders.show(board));
store.listen(["account_line", "halt"], account.showAccount);
store.listen(["market", "now"], account.showSession);
store.listen(["now"], account.showFoot);
store.listen(["events"], lists.showEvents);
store.listen(["alerts", "events"], lists.showAlerts);
store.listen(["confirmations"], lists.showConfirmations);
store.listen(["halt"], (board) => { if ($("halt")) setText($("halt"), board.halt.stops_entries ? "Resume entries" : "Halt entries"); });
store.listen(["queue"], lists.showQueue);
store.listen(["quality"], lists.showQuality);
store.listen(["profiles"], lists.showProfiles);

function showState() {
  account.showLink(store.board, link);
  const found = link === "out" ? null : account.trouble(store.board, link);
  $("banner").hidden = found === null;
  if (found) { setText($("banner"), found[0]); setClass($("banner"), found[1]); }
  document.body.classList.toggle("is-stale", link !== "live");
}

function signedOut() {
  live.close();
  link = "out";
  chart.close();
  forget();
  $("live").hidden = true;
  $("sign-out").hidden = true;
  $("gate").hidden = false;
  if ($("dialog").open) dialog.close();
  setText($("gate-title"), wasIn ? "The session has ended" : "Sign in");
  setText($("gate-words"), wasIn ? "Your session has ended, or the page was started anew. Nothing was changed by that." : "The link that execbot prints signs you in by itself.");
  showState();
  $("token").focus();
}

// What was shown is taken out of the page, not only hidden.
function forget() {
  store.board = null;
  hasBegun = false;
  for (const node of document.querySelectorAll("[id$=-body], #account-line, #foot, #mode, #account, #session, #clock, .count")) node.replaceChildren();
  $("mode").className = $("session").className = "chip";
  $("halt")?.remove();
  document.title = "execbot";
}

async function enter(token) {
  const wrong = await signIn(token).catch(() => "The page's server does not answer.");
  if (wrong) { signedOut(); setText($("gate-error"), wrong); return; }
  setText($("gate-error"), "");
  $("token").value = "";
  live.open();
}

const VIEWS = { now: () => {}, past: past.trades, report: past.openReport };

function route() {
  const wanted = location.hash.slice(1);
  const view = wanted in VIEWS ? wanted : "now";
  for (const name of Object.keys(VIEWS)) $(`view-${name}`).hidden = name !== view;
  for (const tab of document.querySelectorAll("#tabs a")) {
    if (tab.dataset.view === view) tab.setAttribute("aria-current", "page"); else tab.removeAttribute("aria-current");
  }
  if (hasBegun) VIEWS[view]();
}

function everySecond() {
  if (store.board) {
    setText($("clock"), nowClock());
    account.showSession(store.board);
    account.showFoot(store.board);
    positions.tick();
    orders.tick();
    if (link === "live" && Date.now() - store.heardAt > SILENT_MS) { link = "lost"; showState(); live.close(); live.open(); }
  }
}

const KEYS = { 1: "now", 2: "past", 3: "report" };
function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || /INPUT|TEXTAREA/.test(event.target.tagName) || $("dialog").open) return;
  if (event.key in KEYS) location.hash = KEYS[event.key];
  if (event.key === "p") { location.hash = "now"; $("positions").focus(); }
  if (event.key === "o") { location.hash = "now"; $("orders").focus(); }
}

theme.start();
dialog.start();
actions.start(signedOut);
chart.start(signedOut);
past.start(signedOut);
$("sign-in").addEventListener("submit", (event) => { event.preventDefault(); enter($("token").value.trim()); });
$("sign-out").addEventListener("click", async () => { await post("/logout", {}).catch(() => {}); signedOut(); });
addEventListener("hashchange", () => { const token = tokenOfAddress(); if (token) enter(token); else route(); });
addEventListener("keydown", key);
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
setInterval(everySecond, 1000);
const token = tokenOfAddress();
if (token) enter(token); else live.open();
