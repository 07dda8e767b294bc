// Questions to the server, and the stream that says when something has changed.

export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

async function taken(answer) {
  if (!answer.ok) throw new Refused(answer.status, (await answer.text()).slice(0, 500));
  return answer.json();
}

export async function ask(what, parts = {}, signal = undefined) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parts)) if (value !== undefined && value !== null) query.set(name, value);
  let answer;
  try {
    answer = await fetch(`/api/${what}?${query}`, { signal, credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "The server does not answer: start ikura serve again, and open the address that it prints.");
  }
  return taken(answer);
}

export async function send(what, form) {
  const answer = await fetch(`/api/${what}`, {
    method: "POST",
    credentials: "same-origin",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(form),
  });
  return taken(answer);
}

// Runs `does` one at a time: what is asked for meanwhile is done once, anew, when the one before has ended. So nothing
// that was read earlier is shown over what was read later.
export function inTurn(does) {
  let [now, next] = [null, null];
  const begin = () => {
    now = does().finally(() => (now = null));
    return now;
  };
  return () => {
    if (now === null && next === null) return begin();
    next ??= now.catch(() => {}).then(() => {
      next = null;
      return begin();
    });
    return next;
  };
}

const CALM = 700;

// Calls `does` when what is looked at has changed, not more often than every `CALM` ms and not while nobody looks.
export class Watch {
  constructor(run, does, told) {
    this.does = does;
    this.last = 0;
    this.busy = false;
    this.again = false;
    this.source = new EventSource(`/api/changes${run === null ? "" : `?run=${encodeURIComponent(run)}`}`);
    this.source.addEventListener("changed", () => {
      told(true);
      this.wake();
    });
    this.source.addEventListener("lost", (event) => told(false, JSON.parse(event.data)));
    this.source.addEventListener("error", () => told(false));
    this.seen = () => !document.hidden && this.again && this.wake();
    document.addEventListener("visibilitychange", this.seen);
  }

  async wake() {
    if (this.busy || document.hidden) {
      this.again = true;
      return;
    }
    this.busy = true;
    this.again = false;
    await new Promise((done) => setTimeout(done, Math.max(0, this.last + CALM - performance.now())));
    this.last = performance.now();
    try {
      // What the server has not read yet, because it spares the disk, is asked for again.
      if (this.source !== null && (await this.does())) this.again = true;
    } finally {
      this.busy = false;
    }
    if (this.again) this.wake();
  }

  close() {
    this.source?.close();
    this.source = null;
    document.removeEventListener("visibilitychange", this.seen);
  }
}
