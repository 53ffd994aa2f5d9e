// The server: signing in, asking, and the live socket that comes back by itself.

export class SignedOut extends Error {}

const answered = (path, options) => fetch(path, { credentials: "same-origin", ...options })
  .catch(() => { throw new Error("The page's server does not answer."); });

export async function ask(path, options = {}) {
  const reply = await answered(path, { cache: "no-store", ...options });
  if (reply.status === 401) throw new SignedOut("signed out");
  const kind = reply.headers.get("content-type") || "";
  const body = kind.startsWith("application/json") ? await reply.json() : { words: (await reply.text()).trim() };
  if (!reply.ok) {
    const error = new Error(body.words || body.error || `The page's server answered ${reply.status}.`);
    Object.assign(error, { status: reply.status, why: body.why || "", next: body.next || "" });
    throw error;
  }
  return body;
}

export const post = (path, body) => ask(path, {
  method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
});

export async function signIn(token) {
  const reply = await fetch("/login", {
    method: "POST", credentials: "same-origin", headers: { "content-type": "application/json" },
    body: JSON.stringify({ token }),
  });
  if (reply.ok) return "";
  const body = await reply.json().catch(() => ({}));
  return body.error || `The page's server answered ${reply.status}.`;
}

// The token stands behind #: it is taken out of the address before anything else is done.
export function tokenOfAddress() {
  const found = /^#token=(.+)$/.exec(location.hash);
  if (!found) return null;
  history.replaceState(null, "", location.pathname);
  try { return decodeURIComponent(found[1]); } catch { return found[1]; }
}

const PAUSES = [300, 600, 1200, 2500, 5000];

// on: {message(object), state("live" | "lost" | "out")}
export class Live {
  constructor(on) { this.on = on; this.tries = 0; this.socket = null; this.timer = 0; this.ended = false; }

  open() {
    clearTimeout(this.timer);
    this.ended = false;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = this.socket = new WebSocket(`${scheme}://${location.host}/live`);
    socket.onmessage = (event) => { this.tries = 0; this.on.message(JSON.parse(event.data)); };
    socket.onclose = (event) => { if (socket === this.socket) this.closed(event.code); };
  }

  async closed(code) {
    if (this.ended) return;
    if (code === 4401) { this.on.state("out"); return; }
    this.on.state("lost");
    // A refused socket says nothing of why: an ordinary question does.
    try { await ask("/api/charts"); } catch (error) {
      if (error instanceof SignedOut) { this.on.state("out"); return; }
    }
    const pause = PAUSES[Math.min(this.tries++, PAUSES.length - 1)];
    this.timer = setTimeout(() => this.open(), pause * (0.75 + Math.random() / 2));
  }

  close() { this.ended = true; clearTimeout(this.timer); this.socket?.close(); }
}
