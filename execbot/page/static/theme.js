// Light, dark, or as the system has it; remembered in this browser alone.

import { $ } from "./dom.js";

const KEY = "execbot-theme", ORDER = ["system", "light", "dark"];
const system = matchMedia("(prefers-color-scheme: dark)");
const painters = [];
let chosen = "system";

export const onTheme = (paint) => painters.push(paint);

function apply() {
  const theme = chosen === "system" ? (system.matches ? "dark" : "light") : chosen;
  document.documentElement.dataset.theme = theme;
  $("theme").textContent = `Theme: ${chosen}`;
  painters.forEach((paint) => paint());
}

export function start() {
  try { chosen = ORDER.includes(localStorage.getItem(KEY)) ? localStorage.getItem(KEY) : "system"; } catch { /* not kept */ }
  system.addEventListener("change", apply);
  $("theme").addEventListener("click", () => {
    chosen = ORDER[(ORDER.indexOf(chosen) + 1) % ORDER.length];
    try { localStorage.setItem(KEY, chosen); } catch { /* not kept */ }
    apply();
  });
  apply();
}
