// Follows a running emulator by long polling, and says when it goes away and comes back.

const RETRY_MS = 1000;
const WAIT_S = 20;
/** A request that takes longer than the gateway may hold it has been lost on the way. */
const PATIENCE_MS = (WAIT_S + 10) * 1000;

/** What state-changing requests carry: a header that no form of another site can send. */
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
    // Whoever starts again has been told nothing yet.
    this._isGone = false;
    this._follow(this._stopped.signal);
  }

  stop() {
    this._stopped?.abort();
    this._stopped = null;
  }

  async _follow(stopped) {
    while (!stopped.aborted) {
      try {
        const timeout = AbortSignal.any([stopped, AbortSignal.timeout(PATIENCE_MS)]);
        // At first it is asked what there is, and whether anybody answers at all.
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
      // Numbers start anew with every run; what is asked for next is its beginning.
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

// The oldest entries are not kept for ever: who has been silent since then is in none of them.
async function openBefore(entry) {
  if (!entry?.n) return [];
  const { connections } = await call("GET", "connections");
  return connections.filter(({ connectedAt }) => connectedAt <= entry.at);
}

/** Call the API; throws an Error with a sentence that can be shown. */
export async function call(method, path, body) {
  const headers = body === undefined ? OWN : { ...OWN, "Content-Type": "application/json" };
  const answer = await fetch(`api/${path}`, {
    method,
    headers: method === "GET" ? {} : headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    cache: "no-store",
  });
  const value = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(value.message ?? `The emulator answered ${answer.status}.`);
  return value;
}
