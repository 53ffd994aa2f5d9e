// Elements from values. Whatever comes from outside becomes text, never markup.

export const $ = (id) => document.getElementById(id);

export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") node.className = value;
    else if (name === "on") for (const [event, act] of Object.entries(value)) node.addEventListener(event, act);
    else if (name === "data") Object.assign(node.dataset, value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setClass(node, name) {
  if (node.className !== name) node.className = name;
}

// A table whose rows stay the same elements while their values change: what has the focus keeps it.
// A row is filled again only when it has another value: of hundreds one changes.
export class Rows {
  // columns: {name, num, cell(row) -> [text, tone] | text, node(row, td), wide, ticks}
  // ticks: what it says follows from the time too
  constructor(place, caption, columns, empty) {
    this.columns = columns;
    this.known = new Map();
    this.values = new Map();
    this.body = el("tbody");
    const heads = columns.map((c) => el("th", { scope: "col", class: c.num ? "num" : null, data: { name: c.name } }, c.name));
    this.table = el("table", { class: "rows" }, el("caption", { class: "skip" }, caption),
      el("thead", {}, el("tr", {}, heads)), this.body);
    this.empty = el("p", { class: "empty" }, empty);
    this.place = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, this.table);
    place.replaceChildren(this.empty, this.place);
  }

  show(rows, anew = false) { // rows: [key, value] in order; anew: what all of them rest on has changed
    const wanted = new Set(rows.map(([key]) => key));
    for (const [key, row] of this.known) {
      if (!wanted.has(key)) { row.remove(); this.known.delete(key); this.values.delete(key); }
    }
    let before = null;
    for (const [key, value] of rows) {
      let row = this.known.get(key);
      if (!row) {
        row = el("tr", { data: { key } }, this.columns.map((c) => {
          const base = [c.num && "num", c.wide && "wide-cell", c.all && "all"].filter(Boolean).join(" ");
          return el("td", { class: base || null, data: { name: c.name, base } });
        }));
        this.known.set(key, row);
      }
      const place = before ? before.nextSibling : this.body.firstChild;
      if (place !== row) this.body.insertBefore(row, place);
      before = row;
      if (!anew && this.values.get(key) === value) continue;
      this.values.set(key, value);
      this.columns.forEach((column, number) => this.fill(column, value, row.children[number]));
    }
    this.place.hidden = rows.length === 0;
    this.empty.hidden = rows.length > 0;
  }

  tick() {
    for (const [key, value] of this.values) {
      const row = this.known.get(key);
      this.columns.forEach((column, number) => { if (column.ticks) this.fill(column, value, row.children[number]); });
    }
  }

  fill(column, value, td) {
    if (column.node) { column.node(value, td); return; }
    const cell = column.cell(value);
    const [text, tone] = Array.isArray(cell) ? cell : [cell, ""];
    setText(td, text);
    td.toggleAttribute("data-none", text === "–");
    setClass(td, `${td.dataset.base} ${tone || ""}`.trim());
  }
}
