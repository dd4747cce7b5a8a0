// The details of a row: its entries, decoded SDP and candidates, and actions.

import { byId, copy, h, shown } from "./dom.js";
import { bugReport, eventFile, mermaid, payloadOf, pytestTest } from "./export.js";
import { candidateOf, parseSdp, sdpOf } from "./sdp.js";
import { specsOf } from "./badges.js";
import { bytes, clock, closeMeaning, delta, saidOf } from "./words.js";

/** Characters of a text that are shown: a page with a million characters scrolls too slowly. */
const MAX_SHOWN = 200_000;

export class Details {
  /** `actions`: `{close(), isLive(), resend(row), hangUp(connection), frame(connection), about(), gameOf(row), showInGame(row)}`. */
  constructor(actions) {
    this._actions = actions;
    this._host = byId("details");
    this._row = null;
  }

  get row() {
    return this._row;
  }

  show(row) {
    this._row = row;
    this._entries = row.entries.length;
    this._host.hidden = false;
    this._host.replaceChildren(
      this._head(row),
      this._verdict(row),
      this._facts(row),
      this._buttons(row),
      ...decoded(row),
      ...raw(row),
    );
  }

  /** Draw again if the row has a new entry, such as the response, or its connection ended. */
  refresh() {
    if (!this._row) return;
    if (this._row.entries.length !== this._entries) this.show(this._row);
    else if (this._isOpen(this._row) !== this._wasOpen) this._redrawButtons();
  }

  // Only the buttons, so that open sections stay open.
  _redrawButtons() {
    const buttons = this._host.querySelector(".buttons");
    if (buttons.contains(document.activeElement)) this.focus();
    buttons.replaceWith(this._buttons(this._row));
  }

  _isOpen(row) {
    return this._actions.isLive() && row.connection?.isOpen === true;
  }

  hide() {
    this._row = null;
    this._host.hidden = true;
    this._host.replaceChildren();
  }

  focus() {
    this._host.focus({ preventScroll: true });
  }

  _head(row) {
    return h(
      "header",
      {},
      h("h2", { class: `title ${row.outcome}` }, shown(row.type)),
      h("button", { type: "button", "aria-label": "Close details", "aria-keyshortcuts": "Escape", onclick: () => this._actions.close() }, "✕"),
    );
  }

  // The verdict of the attempt, where the details cover the card.
  _verdict(row) {
    if (!row.attempt) return "";
    const { state, headline } = row.attempt;
    return h("p", { class: `verdict ${state}` }, shown(headline));
  }

  _facts(row) {
    const response = row.entries.find((entry) => entry.kind === "return");
    const { connection } = row;
    const game = this._actions.gameOf(row);
    const facts = [
      ["game", game === null ? "" : shown(game.id || "no game")],
      ["from", shown(row.from ?? "gateway")],
      ["to", shown(row.to ?? "gateway")],
      ["outcome", shown(saidOf(row))],
      ["struck by", shown(specsOf(row).join(", "))],
      ["time", [clock(row.at), row.delta === null ? "" : `(${delta(row.delta)})`].join(" ")],
      ["size", bytes(row.size)],
      ["delivered", row.deliveredAt === null || row.sender !== undefined ? "" : `after ${delta(row.deliveredAt - row.at).slice(1)}`],
      ["handler took", response?.ms === undefined ? "" : `${Number(response.ms).toFixed(1)} ms`],
      ["connection", shown(connection?.id ?? "")],
      ["code means", row.kind === "disconnect" ? closeMeaning(Number(row.type.split(" ")[1])) : ""],
      ["error", shown(response?.error ?? "")],
    ];
    const list = h("dl", { class: "facts" });
    for (const [name, value] of facts) {
      if (String(value).trim()) list.append(h("dt", {}, name), h("dd", {}, value));
    }
    return list;
  }

  _buttons(row) {
    const { attempt, connection } = row;
    const open = this._isOpen(row);
    this._wasOpen = open;
    const event = eventFile(row);
    const rows = attempt ? attempt.rows : [row];
    const button = (label, act, attributes = {}) => h("button", { type: "button", onclick: act, ...attributes }, label);
    const copying = (label, text) => button(label, (click) => copy(text(), click.currentTarget));
    return h(
      "div",
      { class: "buttons" },
      event ? copying("Copy event file", () => event) : null,
      copying("Mermaid", () => mermaid(rows)),
      attempt ? copying("pytest", () => pytestTest(attempt, rows, this._actions.about())) : null,
      attempt ? copying("Copy report", () => bugReport(attempt, rows, this._actions.about())) : null,
      open && row.kind === "message" ? button("Resend", () => this._actions.resend(row)) : null,
      open ? button("Send a frame…", () => this._actions.frame(connection)) : null,
      this._actions.gameOf(row) ? button("Show in its game", () => this._actions.showInGame(row)) : null,
      open ? button("Close connection…", () => this._actions.hangUp(connection), { class: "danger" }) : null,
    );
  }
}

function decoded(row) {
  const payload = payloadOf(row);
  const sdp = sdpOf(payload);
  if (sdp && (row.type === "offer" || row.type === "answer")) return [sdpSection(parseSdp(sdp), sdp)];
  const candidate = row.type === "ice-candidate" ? candidateOf(payload) : null;
  return candidate ? [section("Candidate", true, candidateTable([candidate]))] : [];
}

function sdpSection(parsed, text) {
  const parts = parsed.sections.slice(0, 50).map((each) =>
    h("li", {}, h("b", {}, shown(each.kind)), ` mid ${shown(each.mid ?? "–")}, ${shown(each.protocol ?? "")}`,
      each.codecs.length > 0 ? h("p", {}, `codecs: ${shown([...new Set(each.codecs)].slice(0, 40).join(", "))}`) : null,
      each.sctpPort ? h("p", {}, `data channel, SCTP port ${shown(each.sctpPort)}`) : null,
    ),
  );
  const facts = h("dl", { class: "facts" });
  for (const [name, values] of [["setup", parsed.setups], ["ufrag", parsed.ufrags], ["fingerprint", parsed.fingerprints]]) {
    facts.append(h("dt", {}, name), h("dd", {}, values.length > 0 ? h("code", {}, shown(values.join(", "))) : "none"));
  }
  return section(
    "Session description",
    true,
    facts,
    h("ul", { class: "media" }, ...parts),
    parsed.candidates.length > 0 ? candidateTable(parsed.candidates) : h("p", { class: "hint" }, "No candidates in the description: they are trickled."),
    section("SDP text", false, pre(text)),
  );
}

function candidateTable(list) {
  const head = ["type", "address", "port", "protocol", "ufrag"].map((each) => h("th", { scope: "col" }, each));
  const rows = list.slice(0, 100).map((each) =>
    h("tr", {},
      h("td", {}, shown(each.type)),
      h("td", {}, h("code", {}, shown(each.address)), ` ${each.scope}`),
      h("td", {}, String(each.port)),
      h("td", {}, shown(each.transport), each.tcpType ? ` ${shown(each.tcpType)}` : ""),
      h("td", {}, shown(each.ufrag ?? "–")),
    ),
  );
  return h("div", { class: "candidates", tabindex: 0, role: "region", "aria-label": "Candidates" }, h("table", {}, h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...rows)));
}

const TITLES = { __proto__: null, post: "Frame as sent", return: "Response", opened: "Opened", fault: "Fault", management: "@connections" };

function raw(row) {
  return row.entries.flatMap((entry) => {
    if (entry.kind === "opened") return [];
    const parts = [];
    const text = entry.event?.body ?? entry.body ?? entry.frame;
    if (typeof text === "string") {
      parts.push(section(entry.kind === "post" ? TITLES.post : "Message", entry.kind !== "post", pre(pretty(text))));
    }
    if (entry.event) parts.push(section("Event as the function gets it", !text, pre(JSON.stringify(entry.event, null, 2))));
    const { n, at, kind, event, body, frame, connectionId, playerId, gameId, ...rest } = entry;
    if (Object.keys(rest).length > 0 && kind !== "message" && kind !== "connect") {
      parts.push(section(TITLES[kind] ?? "Entry", kind === "return", pre(JSON.stringify(rest, null, 2))));
    }
    return parts;
  });
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function section(title, open, ...children) {
  return h("details", { open }, h("summary", {}, title), ...children);
}

function pre(text) {
  const cut = text.length > MAX_SHOWN;
  const part = cut ? text.slice(0, MAX_SHOWN) : text;
  const block = h("pre", { tabindex: 0 }, lines(part));
  const button = h("button", { type: "button", class: "small", onclick: (event) => copy(text, event.currentTarget) }, "Copy");
  return h("div", { class: "code" }, button, block, cut ? h("p", { class: "hint" }, `The first ${MAX_SHOWN} of ${text.length} characters; “Copy” copies all.`) : null);
}

const lines = (text) => text.split("\n").map(shown).join("\n");
