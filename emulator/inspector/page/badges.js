// Faults as badges on the rows that they struck. Pure.
//
// A row may carry `faults`, a list of `{spec, detail}`. A fault that struck no row, such as a
// ghost, keeps a row of its own.

const badges = new WeakSet();
const seen = new WeakMap();

/** Attach the game's new rows of faults to the rows that they struck. */
export function attachFaults(game) {
  const { rows } = game;
  for (let at = seen.get(game) ?? 0; at < rows.length; at += 1) {
    if (rows[at].kind !== "fault") continue;
    const { fault, detail } = rows[at].entries[0];
    const row = struck(game, rows[at], String(detail ?? ""), at);
    if (!row) continue;
    (row.faults ??= []).push({ spec: String(fault ?? ""), detail: String(detail ?? "") });
    badges.add(rows[at]);
  }
  seen.set(game, rows.length);
}

/** Return true for a row of a fault that another row shows as a badge. */
export const isBadge = (row) => badges.has(row);

/** Return the specs of the faults that struck a row, each with its number of strikes. */
export function specsOf(row) {
  const counts = new Map();
  for (const { spec } of row.faults ?? []) counts.set(spec, (counts.get(spec) ?? 0) + 1);
  return [...counts].map(([spec, count]) => (count > 1 ? `${spec} ×${count}` : spec));
}

// The trace has a message before the faults of its invocation. A fault of a connection's
// @connections requests struck the message that was on its way to that connection.
function struck({ rows }, fault, detail, end) {
  const isTo = detail.startsWith("@connections");
  const type = detail.split(",", 1)[0];
  const isReserved = { $connect: "connect", $disconnect: "disconnect" }[type];
  if (detail === "" || (!isTo && !fault.connection)) return null;
  // A fault follows its message soon: do not search a long game.
  for (let at = end - 1; at >= Math.max(0, end - 500); at -= 1) {
    const row = rows[at];
    if (isTo) {
      if (row.kind === "message" && row.target === fault.player && row.outcome === "pending") return row;
    } else if (row.connection === fault.connection && (isReserved ? row.kind === isReserved : row.kind === "message" && row.type === type)) {
      return row;
    }
  }
  return null;
}
