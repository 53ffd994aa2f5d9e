// Light, dark, or as the system has it; remembered in this browser alone. Paper is light.

import { $ } from "./dom.js";

const KEY = "execbot-theme", ORDER = ["system", "light", "dark"];
const system = matchMedia("(prefers-color-scheme: dark)"), paper = matchMedia("print");
const painters = [];
let chosen = "system";

export const onTheme = (paint) => painters.push(paint);

function apply() {
  const wanted = chosen === "system" ? (system.matches ? "dark" : "light") : chosen;
  const theme = paper.matches ? "light" : wanted;
  document.documentElement.dataset.theme = theme;
  $("theme").textContent = `Theme: ${chosen}`;
  painters.forEach((paint) => paint());
}

export function start() {
  try { chosen = ORDER.includes(localStorage.getItem(KEY)) ? localStorage.getItem(KEY) : "system"; } catch { /* not kept */ }
  system.addEventListener("change", apply);
  paper.addEventListener("change", apply);
  $("theme").addEventListener("click", () => {
    chosen = ORDER[(ORDER.indexOf(chosen) + 1) % ORDER.length];
    try { localStorage.setItem(KEY, chosen); } catch { /* not kept */ }
    apply();
  });
  apply();
}
