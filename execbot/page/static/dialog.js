// One dialog for histories and confirmations. Esc closes it; the focus goes back where it was.

import { $, el } from "./dom.js";

let opener = null;

export function open(title, body, buttons = []) {
  const dialog = $("dialog");
  if (!dialog.open) opener = document.activeElement;
  $("dialog-title").textContent = title;
  $("dialog-body").replaceChildren(...[body].flat());
  const closing = el("button", { type: "button", on: { click: close } }, buttons.length ? "Cancel" : "Close");
  $("dialog-buttons").replaceChildren(closing, ...buttons);
  if (!dialog.open) dialog.showModal();
  closing.focus();
  return dialog;
}

export function close() { $("dialog").close(); }

export function start() {
  $("dialog").addEventListener("close", () => { opener?.isConnected && opener.focus(); opener = null; });
  $("dialog-form").addEventListener("submit", (event) => event.preventDefault());
}
