// Reads session descriptions and ICE candidates. Pure: text in, values out.
//
// RFC 8866 (SDP), RFC 8839 (ICE in SDP), RFC 8122 (fingerprints). Peers may send anything:
// malformed parts are left out or returned unchanged.

const MAX_LINES = 5000;
const MAX_CANDIDATES = 500;

/** Parse a candidate line, with or without "a=" and "candidate:"; null if it is not one. */
export function parseCandidate(line) {
  if (typeof line !== "string") return null;
  const text = line.trim().replace(/^a=/, "").replace(/^candidate:/, "");
  const parts = text.split(/\s+/, 60);
  if (parts.length < 8 || parts[6] !== "typ") return null;
  const [foundation, component, transport, priority, address, port, , type] = parts;
  const more = { __proto__: null };
  for (let i = 8; i + 1 < parts.length; i += 2) more[parts[i]] = parts[i + 1];
  return {
    foundation,
    component: Number(component),
    transport: transport.toLowerCase(),
    priority: Number(priority),
    address,
    port: Number(port),
    type,
    relatedAddress: more.raddr ?? null,
    ufrag: more.ufrag ?? null,
    tcpType: more.tcptype ?? null,
    scope: scopeOf(address),
  };
}

/** Return the scope of an address: "mdns", "loopback", "private", "link", "public" or "name". */
export function scopeOf(address) {
  const text = String(address).toLowerCase();
  if (text.endsWith(".local")) return "mdns";
  const four = /^(?:::ffff:)?(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (four) {
    const [a, b] = [Number(four[1]), Number(four[2])];
    if (a === 127) return "loopback";
    if (a === 169 && b === 254) return "link";
    if (a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168)) return "private";
    // Addresses of carrier-grade NAT (RFC 6598) are not public.
    if (a === 100 && b >= 64 && b < 128) return "private";
    return "public";
  }
  if (text === "::1") return "loopback";
  if (/^fe[89ab][0-9a-f]:/.test(text)) return "link";
  if (/^f[cd][0-9a-f]{2}:/.test(text)) return "private";
  return text.includes(":") ? "public" : "name";
}

/**
 * Parse a session description; null if it is not a string.
 *
 * Returns `{lines, sections, ufrags, fingerprints, setups, candidates, hasDataChannel}`; each
 * section has `{kind, port, protocol, mid, direction, codecs, setup, ufrag, fingerprint,
 * candidates}`.
 */
export function parseSdp(text) {
  if (typeof text !== "string") return null;
  const lines = text.split(/\r\n|\n|\r/, MAX_LINES).filter((line) => line !== "");
  const session = newSection("session");
  const sections = [];
  let section = session;
  let candidates = 0;
  for (const line of lines) {
    if (line.startsWith("m=")) {
      const [kind, port, protocol, ...formats] = line.slice(2).split(" ");
      section = { ...newSection(kind), port: Number(port), protocol, formats };
      sections.push(section);
    } else if (line.startsWith("a=candidate:")) {
      const candidate = parseCandidate(line);
      candidates += 1;
      if (candidate && candidates <= MAX_CANDIDATES) section.candidates.push(candidate);
    } else if (line.startsWith("a=")) {
      readAttribute(section, line.slice(2));
    }
  }
  const all = [session, ...sections];
  const distinct = (key) => [...new Set(all.map((each) => each[key]).filter(Boolean))];
  return {
    lines,
    sections,
    ufrags: distinct("ufrag"),
    fingerprints: distinct("fingerprint"),
    setups: distinct("setup"),
    candidates: all.flatMap((each) => each.candidates),
    hasDataChannel: sections.some((each) => each.kind === "application"),
  };
}

function newSection(kind) {
  return {
    kind,
    mid: null,
    direction: null,
    codecs: [],
    setup: null,
    ufrag: null,
    fingerprint: null,
    sctpPort: null,
    candidates: [],
  };
}

function readAttribute(section, attribute) {
  const colon = attribute.indexOf(":");
  const name = colon < 0 ? attribute : attribute.slice(0, colon);
  const value = colon < 0 ? "" : attribute.slice(colon + 1).trim();
  if (name === "mid") section.mid = value;
  else if (name === "setup") section.setup = value;
  else if (name === "ice-ufrag") section.ufrag = value;
  else if (name === "fingerprint") section.fingerprint = value;
  else if (name === "sctp-port") section.sctpPort = value;
  else if (name === "rtpmap") section.codecs.push(value.split(" ")[1] ?? value);
  else if (["sendrecv", "sendonly", "recvonly", "inactive"].includes(name)) {
    section.direction = name;
  }
}

/** Return the SDP in the payload of an offer or answer; null if there is none. */
export function sdpOf(payload) {
  if (typeof payload === "string") return payload.includes("v=0") ? payload : null;
  if (payload && typeof payload === "object") {
    if (typeof payload.sdp === "string") return payload.sdp;
    // Some clients nest the description once more.
    if (payload.sdp && typeof payload.sdp.sdp === "string") return payload.sdp.sdp;
  }
  return null;
}

/** Return the candidate in the payload of an ice-candidate; null for the end of candidates. */
export function candidateOf(payload) {
  if (typeof payload === "string") return parseCandidate(payload);
  if (!payload || typeof payload !== "object") return null;
  const inner = payload.candidate;
  const line = inner && typeof inner === "object" ? inner.candidate : inner;
  const candidate = parseCandidate(line);
  if (!candidate) return null;
  const fragment = payload.usernameFragment ?? inner?.usernameFragment;
  if (typeof fragment === "string" && fragment) candidate.ufrag ??= fragment;
  return candidate;
}
