/**
 * The one shape of all that goes wrong: what promises reject with, what the event "problem" carries,
 * and what `seat.problem` and `table.problem` hold.
 */
export class Problem extends Error {
  /**
   * @param {string} code stable name, for programs
   * @param {string} message sentence, for people
   * @param {boolean} [retry] true: the client goes on by itself. False: it is over
   * @param {unknown} [cause] exception, frame or event behind it
   */
  constructor(code, message, retry = false, cause = undefined) {
    super(message);
    this.name = "Problem";
    this.code = code;
    this.retry = retry;
    this.cause = cause;
  }
}

/**
 * Listeners by event.
 * @template {Record<string, any>} Events
 */
export class Emitter {
  /** @type {Map<keyof Events, Set<(value: any) => void>>} */
  #listeners = new Map();
  /** True: the next problem is told in another way. @protected */ isTold = false;

  /**
   * Call a listener at each event; the returned function removes it.
   * @template {keyof Events} Type
   * @param {Type} type
   * @param {(value: Events[Type]) => void} listener
   * @returns {() => void}
   */
  on(type, listener) {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  /**
   * @template {keyof Events} Type
   * @param {Type} type
   * @param {Events[Type]} value
   * @protected
   */
  emit(type, value) {
    const listeners = [...(this.#listeners.get(type) ?? [])];
    // Without a listener a problem would be swallowed.
    if (type === "problem" && listeners.length === 0 && !this.isTold) console.warn(value);
    for (const listener of listeners) {
      try {
        listener(value);
      } catch (error) {
        // An exception of the app must not stop a handshake, and must be seen.
        setTimeout(() => {
          throw error;
        }, 0);
      }
    }
  }
}

/**
 * Random text of an alphabet without similar characters; its first 31 letters.
 * @param {number} length
 */
export function random(length) {
  const alphabet = "ABCDEFGHJKMNPQRSTUVWXYZ23456789";
  let text = "";
  while (text.length < length) {
    // React Native may have no crypto. A byte beyond 8 × 31 would favour the first letters.
    const byte =
      "crypto" in globalThis ? crypto.getRandomValues(new Uint8Array(1))[0] : Math.floor(Math.random() * 248);
    if (byte < 248) text += alphabet[byte % 31];
  }
  return text;
}
