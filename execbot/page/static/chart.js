// The chart of a position: TradingView's lightweight-charts, and the same as a table beside it, for a
// canvas says nothing to who cannot see it.

import { $, el } from "./dom.js";
import { ask, SignedOut } from "./net.js";
import { moment, number, price } from "./format.js";
import { onTheme } from "./theme.js";

const AGAIN_SECONDS = 30;
let library = null, drawing = null, symbol = null, timer = 0, onSignedOut = () => {};

export function start(signedOut) { onSignedOut = signedOut; onTheme(() => drawing?.paint()); }

function load() { // once; resolves to why it cannot be used, or ""
  library ??= ask("/api/charts").then((state) => (state.why_not ? state.why_not : new Promise((done) => {
    const script = el("script", { src: "/static/lightweight-charts.js" });
    script.onload = () => done("");
    script.onerror = () => done("The chart library could not be loaded.");
    document.head.append(script);
  })));
  return library;
}

export async function open(wanted) {
  symbol = wanted;
  $("chart-card").hidden = false;
  $("chart-title").textContent = `Chart of ${symbol}`;
  $("chart-body").replaceChildren(el("p", { class: "soft", role: "status" }, "Reading …"));
  $("chart-title").focus();
  await read(true);
}

export function close() {
  clearTimeout(timer);
  drawing?.chart?.remove();
  drawing = symbol = null;
  $("chart-card").hidden = true;
}

async function read(isFirst) {
  clearTimeout(timer);
  const asked = symbol;
  try {
    const [found, whyNot] = await Promise.all([ask(`/api/chart?symbol=${encodeURIComponent(asked)}`), load()]);
    if (asked !== symbol) return;
    show(found, whyNot, isFirst);
  } catch (error) {
    if (error instanceof SignedOut) return onSignedOut();
    if (asked === symbol && isFirst) $("chart-body").replaceChildren(el("p", { class: "bad", role: "alert" }, error.message), closing());
  }
  if (symbol) timer = setTimeout(() => read(false), AGAIN_SECONDS * 1000);
}

const closing = () => el("button", { type: "button", on: { click: () => { close(); $("positions").focus(); } } }, "Close the chart");

function show(found, whyNot, isFirst) {
  const box = el("div", { id: "chart", role: "img", "aria-label": `Bars of ${found.symbol}, ${found.frame}, with executions, stop and targets; the tables below say the same` });
  const isDrawn = !whyNot && found.bars.length > 0;
  const wasFocused = $("chart-body").contains(document.activeElement);
  drawing?.chart?.remove();
  drawing = null;
  $("chart-body").replaceChildren(
    el("p", { class: "soft" }, `Bars of ${found.frame}, ${moment(found.since)} to ${moment(found.until)} ET.`),
    el("p", { class: "legend" }, el("span", { class: "key-entry" }, "▲▼ entry"), el("span", { class: "key-exit" }, "▲▼ exit"), el("span", { class: "key-stop" }, "– – stop"), el("span", { class: "key-target" }, "· · target")),
    ...(isDrawn ? [box] : [el("p", { class: "care" }, whyNot || "There are no bars to draw.")]),
    ...found.warnings.map((line) => el("p", { class: "care" }, line)),
    rows("Executions", found.rows, true), rows("Stop and targets", found.stands, false), closing(),
    ...(isDrawn ? [el("p", { class: "soft" }, "TradingView Lightweight Charts™, Copyright (с) 2025 TradingView, Inc., ",
      el("a", { href: "https://www.tradingview.com/", rel: "noreferrer noopener", target: "_blank" }, "tradingview.com"), " (Apache License 2.0)")] : []));
  if (isDrawn) drawing = draw(box, found);
  if (!isFirst && wasFocused) $("chart-title").focus();
}

function rows(title, list, isExecution) {
  if (!list.length) return el("p", { class: "empty" }, `${title}: none.`);
  const head = isExecution ? ["Time (ET)", "What", "Side", "Qty", "Price"] : ["From (ET)", "Level", "Price"];
  const body = list.map((row) => el("tr", {}, (isExecution ? [moment(row.at), row.what, row.side, number(row.qty), price(row.price)]
    : [moment(row.at), row.what, row.price === "off" ? "off" : price(row.price)]).map((cell) => el("td", {}, cell))));
  return el("details", { open: true }, el("summary", {}, title), el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title },
    el("table", {}, el("thead", {}, el("tr", {}, head.map((word) => el("th", { scope: "col" }, word)))), el("tbody", {}, body))));
}

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const zone = (options) => new Intl.DateTimeFormat("en-CA", { timeZone: "America/New_York", hourCycle: "h23", ...options });
const DAY = zone({ year: "numeric", month: "2-digit", day: "2-digit" }), MINUTE = zone({ hour: "2-digit", minute: "2-digit" });
const of = (format, time) => format.format(new Date(time * 1000));

function draw(box, data) {
  const L = window.LightweightCharts;
  const chart = L.createChartEx(box, window.newYorkScale(L), { autoSize: true, layout: { attributionLogo: false, fontFamily: "system-ui,sans-serif" },
    localization: { timeFormatter: (time) => of(DAY, time) + (data.daily ? "" : ` ${of(MINUTE, time)} ET`) },
    timeScale: { timeVisible: !data.daily, secondsVisible: false,
      tickMarkFormatter: (time, kind) => (kind < 3 || data.daily ? of(DAY, time).slice(kind < 1 ? 0 : 5) : of(MINUTE, time)) } });
  const priceFormat = { type: "price", precision: data.digits, minMove: 10 ** -data.digits };
  const bars = chart.addSeries(L.CandlestickSeries, { priceFormat, borderVisible: false });
  bars.setData(data.bars);
  const levels = data.levels.map((level) => {
    const line = chart.addSeries(L.LineSeries, { priceFormat, lineType: 1, lineWidth: 2, lineStyle: level.kind === "stop" ? 2 : 1,
      priceLineVisible: false, lastValueVisible: false, crosshairMarkerVisible: false,
      autoscaleInfoProvider: level.near ? undefined : () => null });
    line.setData(level.points);
    return [level.kind, line];
  });
  const marks = L.createSeriesMarkers(bars, []);
  const paint = () => {
    chart.applyOptions({ layout: { background: { type: "solid", color: css("card") }, textColor: css("soft") },
      grid: { vertLines: { color: css("grid") }, horzLines: { color: css("grid") } }, rightPriceScale: { borderColor: css("grid") } });
    bars.applyOptions({ upColor: css("up"), downColor: css("down"), wickUpColor: css("up"), wickDownColor: css("down") });
    levels.forEach(([kind, line]) => line.applyOptions({ color: css(kind) }));
    marks.setMarkers(data.marks.map((mark) => ({ time: mark.time, text: mark.text, size: 1.4, position: mark.buy ? "belowBar" : "aboveBar",
      shape: mark.buy ? "arrowUp" : "arrowDown", color: css(mark.entry ? "entry" : "exit") })));
  };
  paint();
  // The words below the first bar and beside a mark of the last one have room.
  const perPixel = data.bars.length / Math.max(box.clientWidth, 300);
  chart.timeScale().setVisibleLogicalRange({ from: -1 - 15 * perPixel, to: data.bars.length + 40 * perPixel + 1 });
  return { chart, paint };
}
