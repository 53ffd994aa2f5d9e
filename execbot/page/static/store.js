// The board as the server has told it. Whoever shows a part is called when that part has changed.

export class Store {
  constructor() { this.board = null; this.seq = -1; this.heardAt = 0; this.listeners = []; }

  listen(parts, show) { this.listeners.push([new Set(parts), show]); }

  // True where something is missing: the socket is opened anew.
  take(message) {
    this.heardAt = Date.now();
    if (message.type === "snapshot") {
      this.board = message.board;
      this.seq = message.seq;
      this.tell(null);
      return false;
    }
    if (!this.board || message.seq !== this.seq + 1) return true;
    this.seq = message.seq;
    this.board.now = message.now;
    const changed = new Set(["now"]);
    for (const part of ["positions", "orders"]) {
      for (const [key, row] of Object.entries(message[part])) {
        changed.add(part);
        if (row === null) delete this.board[part][key];
        else this.board[part][key] = row;
      }
    }
    if (message.events.length) {
      this.board.events = [...this.board.events, ...message.events].slice(-200);
      changed.add("events");
    }
    for (const [name, value] of Object.entries(message.sections)) {
      this.board[name] = value;
      changed.add(name);
    }
    this.tell(changed);
    return false;
  }

  tell(changed) {
    for (const [parts, show] of this.listeners) {
      if (changed === null || [...parts].some((part) => changed.has(part))) show(this.board);
    }
  }
}
