// Follows a running emulator by long polling; reports when it stops and starts answering.

const RETRY_MS = 1000;
const WAIT_S = 20;
/** Time-out of a request: longer than the emulator holds it. */
const PATIENCE_MS = (WAIT_S + 10) * 1000;

/** Header of state-changing requests, which no form of another site can send. */
const OWN = { "X-Poker-Signal-Inspector": "1" };

export class Live {
  /** `listener`: `{started(first, before), entries(list, now, left), gone(), back()}`. */
  constructor(listener) {
    this._listener = listener;
    this._run = null;
    this._next = 0;
    this._isGone = false;
    this._stopped = null;
  }

  start() {
    this._stopped = new AbortController();
    this._run = null;
    this._next = 0;
    // After a restart, report again if the emulator does not answer.
    this._isGone = false;
    this._follow(this._stopped.signal);
  }

  /** Id of the run that the emulator answered with last. */
  get run() {
    return this._run;
  }

  stop() {
    this._stopped?.abort();
    this._stopped = null;
  }

  async _follow(stopped) {
    while (!stopped.aborted) {
      try {
        const timeout = AbortSignal.any([stopped, AbortSignal.timeout(PATIENCE_MS)]);
        // The first request, and one after a failure, must not wait.
        const wait = this._isGone || this._run === null ? 0 : WAIT_S;
        const url = `api/entries?since=${this._next}&wait=${wait}${this._run ? `&run=${this._run}` : ""}`;
        const answer = await fetch(url, { signal: timeout, cache: "no-store" });
        if (!answer.ok) throw new Error(`the emulator answered ${answer.status}`);
        await this._take(await answer.json(), stopped);
      } catch (error) {
        if (stopped.aborted) return;
        if (!this._isGone) this._listener.gone(String(error.message ?? error));
        this._isGone = true;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  async _take(chunk, stopped) {
    if (chunk.run !== this._run) {
      const before = await openBefore(chunk.entries[0]);
      if (stopped.aborted) return;
      // Numbers start at 0 in every run; the answer begins with the run's first entries.
      const first = this._run === null;
      this._run = chunk.run;
      this._listener.started(first, before);
    }
    if (stopped.aborted) return;
    if (this._isGone) {
      this._isGone = false;
      this._listener.back();
    }
    this._next = chunk.next;
    this._listener.entries(chunk.entries, chunk.now, chunk.end - chunk.next);
  }
}

// Connections that were opened before the oldest kept entry may be in no entry: ask the API.
async function openBefore(entry) {
  if (!entry?.n) return [];
  const { connections } = await call("GET", "connections");
  return connections.filter(({ connectedAt }) => connectedAt <= entry.at);
}

/** Call the API; throws an Error with a message for the user. */
export async function call(method, path, body) {
  const headers = body === undefined ? OWN : { ...OWN, "Content-Type": "application/json" };
  const answer = await fetch(`api/${path}`, {
    method,
    headers: method === "GET" ? {} : headers,
    body: body === undefined || typeof body === "string" ? body : JSON.stringify(body),
    cache: "no-store",
  });
  const value = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(value.message ?? `The emulator answered ${answer.status}.`);
  return value;
}
