// Dialogs: for actions on a connection, and for the list of keys.

import { byId, h, shown } from "./dom.js";

function open(title, ...children) {
  const dialog = byId("dialog");
  dialog.replaceChildren(h("h2", { id: "dialog-title" }, title), ...children);
  dialog.showModal();
  return dialog;
}

/** Show a form; if `act(form)` throws an Error, the form shows its message. */
function ask(title, fields, verb, act, isDanger = false) {
  const error = h("p", { class: "error", role: "alert" });
  const cancel = h("button", { type: "button", onclick: () => byId("dialog").close() }, "Cancel");
  const submit = h("button", { class: isDanger ? "danger" : null }, verb);
  const form = h("form", { method: "dialog" }, ...fields, error, h("div", { class: "ends" }, cancel, submit));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      await act(form);
      byId("dialog").close();
    } catch (problem) {
      error.textContent = problem.message;
    }
    submit.disabled = false;
  });
  open(title, form);
}

export function askClose(connection, act) {
  const code = h("input", { name: "code", type: "number", min: 1000, max: 4999, value: 1001, required: true });
  const reason = h("input", { name: "reason", maxlength: 120, autocomplete: "off" });
  const fields = [
    h("label", {}, "Close code: 1000, 1001, 1003, 1007 to 1014, or 3000 to 4999", code),
    h("label", {}, "Reason (optional)", reason),
  ];
  ask(`Close the connection of ${shown(connection.player)}`, fields, "Close", () => act(Number(code.value), reason.value), true);
}

export function askFrame(connection, act) {
  const text = h("textarea", { name: "frame", spellcheck: "false", required: true });
  text.value = '{"type":"inspector-test","senderId":"HOST","payload":null}';
  const name = shown(connection.player);
  const told = `${name}'s connection gets this text as a frame of the server, unchanged. No rule is applied and no other client is told. Clients ignore a type that they do not know.`;
  ask(`Send a frame to ${name}`, [h("p", { class: "hint" }, told), h("label", {}, "Text of the frame", text)], "Send", () => act(text.value));
}

const KEYS = [
  ["/", "search"],
  ["d", "go to the diagram"],
  ["↑ ↓ j k", "one event up or down"],
  ["Page, Home, End", "move further"],
  ["Enter", "open the details"],
  ["Esc", "close them, or clear the filter"],
  ["f", "follow the newest game, or stop"],
  ["a", "show all games"],
  ["c", "clear: hide all events until now"],
  ["p", "pause or resume"],
  ["?", "show this list"],
];

export function showKeys() {
  const list = h("dl", { class: "keys" });
  for (const [key, what] of KEYS) list.append(h("dt", {}, h("kbd", {}, key)), h("dd", {}, what));
  open("Keys", list, h("div", { class: "ends" }, h("button", { type: "button", onclick: () => byId("dialog").close() }, "Close")));
}
