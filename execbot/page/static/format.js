// Numbers and times as text. Times are New York's, whatever the browser's zone is.

const zone = (options) => new Intl.DateTimeFormat("en-CA",
  { timeZone: "America/New_York", hourCycle: "h23", ...options });
const CLOCK = zone({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const MINUTE = zone({ hour: "2-digit", minute: "2-digit" });
const DAY = zone({ year: "numeric", month: "2-digit", day: "2-digit" });

export const NONE = "–";
let ahead = 0; // milliseconds that the broker's clock is before this browser's

export function heardTime(iso) { ahead = Date.parse(iso) - Date.now(); }
export const brokerNow = () => Date.now() + ahead;
export const clock = (iso) => (iso ? CLOCK.format(new Date(iso)) : NONE);
export const day = (at) => DAY.format(new Date(at));
export const nowClock = () => `${CLOCK.format(new Date(brokerNow()))} ET`;

export function moment(iso) { // with the day where it is not today's
  if (!iso) return NONE;
  const today = day(brokerNow()), on = day(iso);
  return on === today ? CLOCK.format(new Date(iso)) : `${on} ${MINUTE.format(new Date(iso))}`;
}

export function until(iso) {
  const seconds = Math.max((Date.parse(iso) - brokerNow()) / 1000, 0);
  return seconds < 90 ? `${Math.round(seconds)} s` : age(seconds);
}

export const secondsSince = (iso) => (iso ? Math.max((brokerNow() - Date.parse(iso)) / 1000, 0) : null);

export function age(seconds) {
  if (seconds === null) return NONE;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 1440)} d`;
}

// "1234567.5" -> "1,234,567.5": the digits are the server's, only grouped here.
export function number(text) {
  if (text === null || text === undefined || text === "") return NONE;
  const [whole, part] = String(text).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  return part === undefined ? grouped : `${grouped}.${part}`;
}

// At least two decimals, as prices are read.
export function price(text) {
  if (text === null || text === undefined) return NONE;
  const [whole, part = ""] = String(text).split(".");
  return number(`${whole}.${part.padEnd(2, "0")}`);
}

export function signed(text) {
  if (text === null || text === undefined) return NONE;
  return `${Number(text) > 0 ? "+" : ""}${price(text)}`;
}

// Sums in USD to the cent: fees of coins have eight decimals.
const cents = (text) => (text === null || text === undefined ? null : (Math.round(Number(text) * 100) / 100).toFixed(2));
export const money = (text) => price(cents(text));
export const signedMoney = (text) => signed(cents(text));

export const tone = (text) => (text === null || text === undefined || Number(text) === 0 ? ""
  : Number(text) > 0 ? "good" : "bad");

export const words = (slug) => String(slug ?? "").replaceAll("_", " ");
