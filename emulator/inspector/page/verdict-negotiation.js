// Rules about offer, answer and candidates. Pure.
//
// Each rule takes (attempt, facts, world) and returns {severity, code, text, hint} or nothing.

import { CLIENT, HOST } from "./handshake.js";
import { many, quoted, seconds } from "./words.js";

const bad = (code, text, hint = "") => ({ severity: "bad", code, text, hint });
const warn = (code, text, hint = "") => ({ severity: "warn", code, text, hint });
const note = (code, text, hint = "") => ({ severity: "note", code, text, hint });

/** Milliseconds that a side may be silent before a rule reports it. */
const PATIENCE_MS = 2000;

function joinMissing(attempt, facts, world) {
  const { connection } = attempt;
  if (attempt.join || attempt.offer || !connection || connection.refused) return null;
  if (connection.openedAt === null || attempt.host !== HOST) return null;
  if (attempt.game.isHostless || (!attempt.game.wasHere(HOST) && !attempt.game.hasSignals)) return null;
  const openingMs = connection.openedAt - connection.connectAt;
  if (openingMs > CLIENT.joinDelayMs) {
    return bad(
      "SLOW_CONNECT",
      `$connect took ${seconds(openingMs)}, longer than the client waits (1.0 s): its join was lost.`,
      "The client sends its join once, 1 s after it starts to connect, and drops it if the socket is not open.",
    );
  }
  const idleMs = (connection.closed?.at ?? world.now) - connection.openedAt;
  if (idleMs <= CLIENT.joinDelayMs + PATIENCE_MS) return null;
  return bad(
    "NO_JOIN",
    `${quoted(attempt.player)} has been connected for ${seconds(idleMs)} and has sent no join.`,
    "The client sends its join once, 1 s after connecting.",
  );
}

function noOffer(attempt, facts) {
  if (!attempt.join || attempt.offer || !facts.gaveUp || attempt.errors.length > 0) return null;
  if (attempt.join.deliveredAt === null) {
    return bad(
      "JOIN_LOST",
      `The join of ${quoted(attempt.player)} was never delivered to a host.`,
      "Open the join: the handler returned without posting it to a connection.",
    );
  }
  const previous = attempt.before?.offer;
  const hint =
    previous && attempt.join.at - previous.at < 12_000
      ? "The host may still have the RTCPeerConnection of the previous attempt, and ignore joins until it closes it."
      : "The host's page may have thrown an exception: look at its console.";
  return bad(
    "NO_OFFER",
    `HOST got the join after ${seconds(attempt.join.deliveredAt - attempt.join.at)} and sent no offer within ${seconds(CLIENT.giveUpMs)}.`,
    hint,
  );
}

function offerLost(attempt, facts) {
  const { offer } = attempt;
  if (!offer || !facts.gaveUp || attempt.offers.some((each) => each.deliveredAt !== null)) return null;
  return bad("OFFER_LOST", `The offer of ${quoted(offer.from)} never reached ${quoted(offer.to)}.`);
}

function noAnswer(attempt, facts) {
  const offer = attempt.offers.find((each) => each.deliveredAt !== null);
  if (!offer || attempt.answer || !facts.gaveUp) return null;
  const gaveUp = attempt.host === HOST ? ` before the host gave up at ${seconds(CLIENT.giveUpMs)}` : "";
  return bad(
    "NO_ANSWER",
    `The offer was delivered after ${seconds(facts.since(offer.deliveredAt))}. No answer came${gaveUp}.`,
    `${quoted(attempt.answerer)} got the offer: its setRemoteDescription or createAnswer failed, or its page was closed.`,
  );
}

function lateAnswer(attempt, facts) {
  const { answer } = attempt;
  if (!answer || attempt.host !== HOST) return null;
  if (answer.deliveredAt === null) {
    return facts.gaveUp
      ? bad("ANSWER_LOST", `The answer of ${quoted(answer.from)} never reached ${quoted(answer.to)}.`)
      : null;
  }
  const afterMs = facts.since(answer.deliveredAt);
  if (afterMs <= CLIENT.giveUpMs) return null;
  return bad(
    "LATE_ANSWER",
    `The answer came ${seconds(afterMs)} after the join; the host had given up at ${seconds(CLIENT.giveUpMs)} and discards it.`,
  );
}

function earlyCandidates(attempt) {
  const offerAt = attempt.offers.find((each) => each.deliveredAt !== null)?.deliveredAt;
  const early = attempt.candidates.filter(
    (each) =>
      each.to === attempt.answerer &&
      each.deliveredAt !== null &&
      !each.isEnd &&
      isBefore(each.row, attempt.offer?.row, each.deliveredAt, offerAt),
  );
  if (early.length === 0 || (!attempt.offer && attempt.candidates.length === 0)) return null;
  return warn(
    "EARLY_CANDIDATES",
    `${many(early.length, "candidate")} arrived before the offer; this client discards them.`,
    "Keep candidates until setRemoteDescription has been called.",
  );
}

// Within the same millisecond the order of the entries decides.
function isBefore(row, offerRow, at, offerAt) {
  if (offerAt === undefined) return true;
  if (at !== offerAt) return at < offerAt;
  return deliveryOf(row) < deliveryOf(offerRow);
}

const deliveryOf = (row) => row.deliveryN ?? row.n;

function earlyForOfferer(attempt) {
  const answerAt = attempt.answers.find((each) => each.deliveredAt !== null)?.deliveredAt;
  if (answerAt === undefined) return null;
  const early = attempt.candidates.filter(
    (each) =>
      each.to === attempt.offerer &&
      each.deliveredAt !== null &&
      !each.isEnd &&
      isBefore(each.row, attempt.answer.row, each.deliveredAt, answerAt),
  );
  if (early.length === 0) return null;
  return note(
    "CANDIDATES_BEFORE_ANSWER",
    `${many(early.length, "candidate")} reached ${quoted(attempt.offerer)} before the answer.`,
    "addIceCandidate throws without a remote description: keep candidates until it is set.",
  );
}

function foreignUfrags(attempt) {
  for (const who of [attempt.host, attempt.player]) {
    const known = attempt.descriptionsOf(who).flatMap((each) => each.sdp?.ufrags ?? []);
    if (known.length === 0) continue;
    const foreign = attempt
      .candidatesOf(who)
      .filter((each) => each.candidate.ufrag && !known.includes(each.candidate.ufrag));
    if (foreign.length === 0) continue;
    const finding = foreign.length === attempt.candidatesOf(who).length ? bad : warn;
    return finding(
      "FOREIGN_UFRAG",
      `${many(foreign.length, "candidate")} of ${quoted(who)} belong${foreign.length === 1 ? "s" : ""} to another ICE session: ` +
        `ufrag ${foreign[0].candidate.ufrag.slice(0, 20)}, its description has ${known.at(-1).slice(0, 20)}.`,
      "They are from an earlier connection or an ICE restart; the other side drops them.",
    );
  }
  return null;
}

function noCandidates(attempt, facts, world) {
  const description = facts.complete ? attempt.completeAt : null;
  if (description === null || world.now - description < PATIENCE_MS) return null;
  const silent = [attempt.host, attempt.player].filter(
    (who) => attempt.addressesOf(who).length === 0,
  );
  if (silent.length === 0) return null;
  const who = silent.length === 2 ? "Neither side" : quoted(silent[0]);
  return bad(
    "NO_CANDIDATES",
    `${who} sent ${silent.length === 2 ? "any" : "no"} candidate: there is no address to connect to.`,
    "Is onicecandidate set before setLocalDescription? Does the device have a network?",
  );
}

function onlyMdns(attempt, facts) {
  if (!facts.complete) return null;
  const hidden = [attempt.host, attempt.player].filter((who) => {
    const addresses = attempt.addressesOf(who);
    return addresses.length > 0 && addresses.every((each) => each.scope === "mdns");
  });
  if (hidden.length === 0) return null;
  // Two browsers on one network always do this, and connect.
  if (hidden.length === 2) {
    return note("BOTH_MDNS", "Both sides sent only mDNS names (….local): this works within one network.");
  }
  return warn(
    "ONLY_MDNS",
    `${quoted(hidden[0])} sent only mDNS names (….local): they resolve only on the same network, and not in every WebRTC stack.`,
    "Browsers hide their addresses until a page may use microphone or camera. A STUN server adds a public candidate.",
  );
}

function onlyLoopback(attempt, facts) {
  if (!facts.complete) return null;
  const who = [attempt.host, attempt.player].find((each) => {
    const addresses = attempt.addressesOf(each);
    return addresses.length > 0 && addresses.every((address) => address.scope === "loopback");
  });
  if (!who) return null;
  return note("ONLY_LOOPBACK", `${quoted(who)} sent only loopback addresses: other devices cannot reach it.`);
}

function descriptions(attempt) {
  const [offer, answer] = [attempt.offer, attempt.answer];
  const broken = [offer, answer].find((each) => each && (!each.sdp || each.sdp.lines.length === 0));
  if (broken) {
    return warn("NO_SDP", `The ${broken.type} of ${quoted(broken.from)} holds no session description.`, "Its payload should be {type, sdp}.");
  }
  if (!offer || !answer) return null;
  const setups = answer.sdp.setups;
  if (setups.includes("actpass")) {
    return bad("SETUP", "The answer says a=setup:actpass, so neither side starts DTLS.", "An answer must choose active or passive (RFC 5763).");
  }
  const same = offer.sdp.fingerprints.find((each) => answer.sdp.fingerprints.includes(each));
  if (same) {
    return warn("SAME_FINGERPRINT", "Offer and answer have the same DTLS fingerprint: both come from one certificate.");
  }
  const without = [offer, answer].find((each) => each.sdp.sections.length > 0 && each.sdp.fingerprints.length === 0);
  if (without) {
    return bad("NO_FINGERPRINT", `The ${without.type} of ${quoted(without.from)} has no DTLS fingerprint: no peer accepts it.`);
  }
  return null;
}

function glare(attempt) {
  const sides = new Set(attempt.offers.map((each) => each.from));
  if (sides.size < 2) return null;
  return warn("GLARE", "Both sides sent an offer: each side refuses the other's unless one rolls back.", "Only one side should offer.");
}

export const NEGOTIATION_RULES = [
  joinMissing,
  noOffer,
  offerLost,
  foreignUfrags,
  noAnswer,
  lateAnswer,
  descriptions,
  earlyCandidates,
  noCandidates,
  glare,
  onlyMdns,
  earlyForOfferer,
  onlyLoopback,
];
