/** `useTable`: a game in a React component, of the host or, with a name, of a player. */
import { useCallback, useEffect, useReducer, useRef } from "react";
import { Seat, Table } from "./poker-signal.js";

/**
 * @typedef {import("./poker-signal.js").Options} Options
 * @typedef {Options & {
 *   onMessage?: (data: any, from: string) => void,
 * }} UseTableOptions
 *   Another `url`, `code`, `name` or `session` ends the game and begins the next; the rest is read when a
 *   game begins. `onMessage` may be a new function in each render.
 */

/**
 * Host or join a game for as long as the component is mounted.
 * @param {UseTableOptions} options
 */
export function useTable(options) {
  const { url, code, name, session } = options;
  const latest = useRef(options);
  latest.current = options;
  const client = useRef(/** @type {Table | Seat | undefined} */ (undefined));
  const [, render] = useReducer((/** @type {number} */ count) => count + 1, 0);

  useEffect(() => {
    const began = name === undefined ? new Table(latest.current) : new Seat({ ...latest.current, code: code ?? "", name });
    client.current = began;
    const changed = () => {
      if (client.current === began) render();
    };
    /** @param {any} data @param {string} from */
    const heard = (data, from) => latest.current.onMessage?.(data, from);
    if (began instanceof Seat) {
      began.on("status", changed);
      began.on("problem", changed);
      began.on("message", (data) => heard(data, "HOST"));
    } else {
      began.on("status", changed);
      began.on("problem", changed);
      began.on("peer", (peer) => {
        peer.on("status", changed);
        peer.on("message", (data) => heard(data, peer.name));
        changed();
      });
    }
    changed();
    return () => began.close();
  }, [url, code, name, session]);

  const present = client.current;
  return {
    status: /** @type {import("./poker-signal.js").Status} */ (present?.status ?? "connecting"),
    problem: present?.problem,
    /** The code, also one that was minted. */
    code: present?.code ?? code,
    /** Of a host: its players. */
    peers: present instanceof Table ? [...present.peers.values()] : [],
    /** Send to the host; as the host, to all players. */
    send: useCallback((/** @type {any} */ data) => {
      const game = client.current;
      if (game instanceof Table) game.broadcast(data);
      else game?.send(data);
    }, []),
    /** The Table or Seat itself. */
    client: present,
  };
}
