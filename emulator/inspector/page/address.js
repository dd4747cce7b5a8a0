// The part of the URL after “#”: the game, attempt and row that the page shows. Pure.

/**
 * Read `#game=AB12CD&attempt=2&row=57`.
 *
 * Returns `{game, isAll, attempt, row}`: `game` is null if the address names none, `isAll` is true
 * for `#games=all`; `attempt` counts the attempts of the game from 1, `row` is the number of the
 * trace entry with which the row began. Both are null if absent.
 */
export function readAddress(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  return {
    game: given.get("game"),
    isAll: given.get("games") === "all",
    attempt: wholeNumber(given.get("attempt")),
    row: wholeNumber(given.get("row")),
  };
}

/** Return the address of a game, attempt and row: the reverse of `readAddress`. */
export function writeAddress({ game = null, isAll = false, attempt = null, row = null }) {
  if (game === null && !isAll) return "";
  const parts = [isAll ? "games=all" : `game=${encodeURIComponent(game)}`];
  if (attempt !== null) parts.push(`attempt=${attempt}`);
  if (row !== null) parts.push(`row=${row}`);
  return `#${parts.join("&")}`;
}

function wholeNumber(text) {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
