// What may be done from here: asked for, reviewed by the server, agreed to, done.

import { el } from "./dom.js";
import { open } from "./dialog.js";
import { post, SignedOut } from "./net.js";

let onSignedOut = () => {};
export function start(signedOut) { onSignedOut = signedOut; }

export async function act(wanted) {
  let review;
  try {
    review = await post("/api/actions/review", wanted);
  } catch (error) { return failed(error); }
  const agree = el("button", { type: "button", class: "danger", id: "agree",
    on: { click: () => carryOut(review, agree) } }, yes(wanted));
  open("Confirm", [el("p", { class: "strong" }, `${review.words}?`),
    ...review.warnings.map((line) => el("p", { class: "care" }, line))], [agree]);
}

const yes = (wanted) => ({ cancel: "Cancel the order", close: "Close it", halt: "Halt entries",
  resume: "Resume entries", move_stop: "Move the stop" })[wanted.kind];

async function carryOut(review, button) {
  button.disabled = true;
  button.textContent = "Working …";
  let done;
  try {
    done = await post("/api/actions/agree", { ticket: review.ticket });
  } catch (error) { return error.status < 500 || error instanceof SignedOut ? failed(error) : unknown(error); }
  open(done.ok ? "Done" : "Not done", told(done));
}

function told(done) {
  return [el("p", { class: done.ok ? "strong" : "strong bad", role: "status" }, done.words),
    done.why ? el("p", {}, done.why) : null, done.next ? el("p", { class: "mono" }, done.next) : null,
    ...(done.warnings || []).map((line) => el("p", { class: "care" }, line)),
    done.outcome ? el("p", { class: "soft" }, `Outcome: ${done.outcome.replaceAll("_", " ")}`) : null].filter(Boolean);
}

function failed(error) {
  if (error instanceof SignedOut) return onSignedOut();
  open("Not done", told({ ok: false, words: error.message, why: error.why, next: error.next }));
}

// No answer, or one of a server that failed at it: the broker may have been asked for it.
function unknown(error) {
  open("Not known", told({ ok: false, words: "It is not known whether this was done.", why: error.message,
    next: "Look at orders and positions before you ask for it again." }));
}

export function moveStop(row) {
  const input = el("input", { id: "new-stop", inputmode: "decimal", autocomplete: "off", value: row.stop ?? "",
    maxlength: "32", "aria-describedby": "new-stop-words" });
  const go = el("button", { type: "button", on: { click: () => act({ kind: "move_stop", subject: row.symbol, stop: input.value.trim() }) } }, "Review");
  input.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); go.click(); } });
  open(`Move the stop of ${row.symbol}`, [el("label", { for: "new-stop" }, "New stop"), " ", input,
    el("p", { class: "soft", id: "new-stop-words" }, "A price, or a distance from the entry: 182.50, 2%, 1.5ATR.")], [go]);
  input.focus();
  input.select();
}
