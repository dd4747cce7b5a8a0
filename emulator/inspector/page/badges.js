// Faults as badges on the rows that they struck. Pure.
//
// A row may carry `faults`, a list of `{spec, detail}`. A fault that struck no row, such as a
// ghost, keeps a row of its own.

/** Return the specs of the faults that struck a row, each with its number of strikes. */
export function specsOf(row) {
  // A fault that struck no row has its spec in its label.
  if (row.kind === "fault") return [];
  const counts = new Map();
  for (const { spec } of row.faults ?? []) counts.set(spec, (counts.get(spec) ?? 0) + 1);
  return [...counts].map(([spec, count]) => (count > 1 ? `${spec} ×${count}` : spec));
}
