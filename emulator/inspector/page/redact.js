// Masks what a bug report must not hold: addresses, fingerprints, passwords. Pure.

import { scopeOf } from "./sdp.js";

const IPV4 = /\b\d{1,3}(?:\.\d{1,3}){3}\b/g;
const IPV6 = /(?:[0-9a-f]{1,4}:(?:[0-9a-f]{0,4}:){1,7}|::(?:[0-9a-f]{0,4}:){0,6})[0-9a-f]{0,4}(?:%\w+)?(?![\w:])/gi;
const MDNS = /\b[\w-]+\.local\b/gi;

/** Replace every address in a text by what kind it is. */
export function maskAddresses(text) {
  return String(text)
    .replace(IPV4, (address) => `[${scopeOf(address)} IPv4]`)
    .replace(MDNS, "[mDNS name]")
    .replace(IPV6, maskIpv6);
}

// The end of a word and its colon are no part of the address, as in "id:2001:db8::1".
function maskIpv6(found, offset, text) {
  const isWord = /\w/.test(text.charAt(offset - 1));
  const address = isWord ? found.slice(found.indexOf(":") + 1) : found;
  if (!isAddress(address)) return found;
  return `${found.slice(0, -address.length)}[${scopeOf(address)} IPv6]`;
}

// A time of day has colons too.
const isAddress = (text) =>
  /[0-9a-f]/i.test(text) && (text.includes("::") || text.split(":").length === 8);

/** Mask addresses, and escape what Markdown would take for markup. */
export const escapeMarkdown = (text) => escapeMarkup(maskAddresses(text));

/** Escape what Markdown would take for markup; for what holds no address, but versions like one. */
export const escapeMarkup = (text) =>
  String(text)
    .replace(/[\r\n]+/g, " ")
    .replace(/[\\`*_{}[\]<>()#+!|~]/g, "\\$&");
