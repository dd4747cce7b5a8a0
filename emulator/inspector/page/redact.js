// Masks what a bug report must not hold: addresses, fingerprints, passwords. Pure.

import { scopeOf } from "./sdp.js";

const IPV4 = /\b\d{1,3}(?:\.\d{1,3}){3}\b/g;
const IPV6 = /(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?:%\w+)?(?![\w:])/gi;
const MDNS = /\b[\w-]+\.local\b/gi;

/** Replace every address in a text by what kind it is. */
export function maskAddresses(text) {
  return String(text)
    .replace(IPV4, (address) => `[${scopeOf(address)} IPv4]`)
    .replace(MDNS, "[mDNS name]")
    .replace(IPV6, (found) => (isAddress(found) ? `[${scopeOf(found)} IPv6]` : found));
}

// A time of day has colons too.
const isAddress = (text) =>
  /[0-9a-f]/i.test(text) && (text.includes("::") || text.split(":").length === 8);

/** Escape what Markdown would take for markup. */
export const escapeMarkdown = (text) =>
  maskAddresses(text)
    .replace(/[\r\n]+/g, " ")
    .replace(/[\\`*_{}[\]<>()#+!|~]/g, "\\$&");
