// Judges an attempt: its outcome in words. Pure: an attempt and the time in, a verdict out.
//
// A rule returns a finding or nothing. The first finding of the highest severity is the headline;
// the others are shown below it. Rules are ordered by cause: a cause comes before its effects.

import { CLIENT, HOST } from "./handshake.js";
import { CONNECTION_RULES, faultsOf } from "./verdict-connection.js";
import { NEGOTIATION_RULES } from "./verdict-negotiation.js";
import { many, quoted, seconds } from "./words.js";

const GRAVITY = { bad: 3, warn: 2, note: 1 };

/**
 * Judge an attempt.
 *
 * `world` is `{now, games, game, ended}`: the time in epoch ms, all games by id, the attempt's
 * game, and true if the trace is a recording, which ends with its last entry. Returns
 * `{state, code, headline, hint, findings}`; `state` is "ok", "warn", "bad", "waiting", or
 * "neutral": nothing is expected and nothing is wrong.
 */
export function judge(attempt, givenWorld) {
  // After the next attempt has begun, this one waits for nothing.
  const now = Math.min(givenWorld.now, attempt.endAt);
  const world = { ...givenWorld, now };
  const facts = factsOf(attempt, world);
  const findings = [...CONNECTION_RULES, ...NEGOTIATION_RULES]
    .map((rule) => rule(attempt, facts, world))
    .filter(Boolean);
  findings.sort((one, other) => GRAVITY[other.severity] - GRAVITY[one.severity]);
  const gravest = findings[0];
  const isGrave = gravest && gravest.severity !== "note";
  if (attempt.gap && (isGrave || !facts.complete)) return unknown(attempt);
  if (isGrave) {
    return {
      state: gravest.severity,
      code: gravest.code,
      headline: gravest.text,
      hint: [aboutFaults(attempt), gravest.hint].filter(Boolean).join(" "),
      findings: findings.slice(1),
    };
  }
  return { ...settled(attempt, facts, world), hint: "", findings };
}

function settled(attempt, facts, world) {
  if (facts.complete) return complete(attempt, facts);
  if (attempt.game.isHostless && attempt.host === HOST && startOf(attempt) === "connect") return hostless(attempt);
  return attempt.endAt < Infinity ? superseded(attempt, facts) : waiting(attempt, facts, world);
}

// Names injected faults, so that a developer does not search for their cause. A fault need not be
// the cause of the verdict.
function aboutFaults(attempt) {
  const specs = [...new Set(faultsOf(attempt).map((each) => each.spec.slice(0, 100)))];
  return specs.length > 0 ? `An injected fault struck: ${specs.slice(0, 5).join(", ")}.` : "";
}

function factsOf(attempt, world) {
  const began = attempt.beganAt;
  const completeAt = attempt.completeAt;
  const elapsed = world.now - began;
  return {
    began,
    elapsed,
    complete: completeAt !== null,
    completeAfter: completeAt === null ? null : completeAt - began,
    gaveUp: elapsed > CLIENT.giveUpMs,
    /** Milliseconds from the start of the attempt to a time. */
    since: (at) => at - began,
  };
}

function complete(attempt, facts) {
  const count = (who) => attempt.addressesOf(who).length;
  return {
    state: "ok",
    code: "COMPLETE",
    headline:
      `Signaling is complete ${seconds(facts.completeAfter)} after the ` +
      `${attempt.join ? "join" : "offer"}: offer, answer, ` +
      `${count(attempt.host)} + ${count(attempt.player)} candidates.`,
  };
}

// The steps that the attempt lacks may be among the entries that are missing.
function unknown(attempt) {
  const { at, dropped } = attempt.gap;
  const isWithin = at >= attempt.beganAt;
  const when = isWithin ? `${seconds(at - attempt.beganAt)} after the ${startOf(attempt)}` : "before this attempt";
  return {
    state: "neutral",
    code: "UNKNOWN",
    headline: `The outcome is unknown: ${many(dropped, "entry is", "entries are")} missing ${when}.`,
    hint: "",
    findings: [],
  };
}

function hostless(attempt) {
  return {
    state: "neutral",
    code: "NO_HOST",
    headline: `${quoted(attempt.player)} has sent no join and needs none: players in this game connect to each other, without a host.`,
  };
}

function superseded(attempt, facts) {
  const { number } = attempt.next;
  return {
    state: "neutral",
    code: "SUPERSEDED",
    headline: `Superseded by attempt ${number}, ${seconds(Math.max(facts.elapsed, 0))} after the ${startOf(attempt)}.`,
  };
}

function waiting(attempt, facts, world) {
  const missing = missingOf(attempt);
  const clock = seconds(Math.max(facts.elapsed, 0));
  return {
    state: "waiting",
    code: "WAITING",
    headline: world.ended
      ? `The recording ends ${clock} after the ${startOf(attempt)}: ${missing} yet.`
      : `Waiting, ${clock} after the ${startOf(attempt)}: ${missing} yet.`,
  };
}

function startOf(attempt) {
  if (attempt.join) return "join";
  return attempt.offer ? "offer" : "connect";
}

function missingOf(attempt) {
  if (attempt.host === HOST && !attempt.join && !attempt.offer) return "no join";
  if (!attempt.offer) return "no offer";
  return "no answer";
}
