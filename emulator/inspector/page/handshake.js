// Names of the wire protocol that the page knows. The judgement of handshakes is the emulator's.

export const HOST = "HOST";

const SIGNALS = new Set(["join", "offer", "answer", "ice-candidate", "player-connected", "report"]);

/** Return true if messages of this type belong to a WebRTC handshake. */
export const isSignal = (type) => SIGNALS.has(type);

/** Parse JSON that a peer sent; undefined if it is not JSON or nested too deeply. */
export function readJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
